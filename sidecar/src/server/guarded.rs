//! A connection whose bytes are looked at by `framing` before hyper reads them. What is refused never reaches hyper:
//! in a head, hyper is given a byte that no head may hold, and answers 400 and closes by itself; in a body, an error,
//! which the call that reads it answers with 400. Called by `server`, for HTTP/1 only.

use super::framing::{Fault, Framing};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Wrong wherever in a head it comes. It ends like a head, because hyper reads none that does not look complete.
const POISON: &[u8] = b"\0\r\n\r\n";

/// A connection under guard.
pub(super) struct Guarded<S> {
    stream: S,
    framing: Framing,
    refused: Option<Refused>,
}

/// What hyper is still to be given after a fault; nothing more is read from the peer.
enum Refused {
    Head(&'static [u8]),
    Body(&'static str),
}

impl<S> Guarded<S> {
    pub(super) fn new(stream: S) -> Self {
        Guarded {
            stream,
            framing: Framing::default(),
            refused: None,
        }
    }

    /// Gives out what follows a fault: at the end, the end of the connection.
    fn refuse(&mut self, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        match &mut self.refused {
            Some(Refused::Head(left)) => {
                let (now, later) = left.split_at(left.len().min(buffer.remaining()));
                buffer.put_slice(now);
                *left = later;
                Ok(())
            }
            Some(Refused::Body(why)) => Err(io::Error::new(io::ErrorKind::InvalidData, *why)),
            None => Ok(()),
        }
    }

    /// Takes back what is wrong of what was read from `before` on.
    fn cut(&mut self, fault: Fault, before: usize, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        let Fault { good, in_body, why } = fault;
        tracing::debug!(why, "request refused by its framing");
        buffer.set_filled(before + good);
        let refused = if in_body {
            Refused::Body(why)
        } else {
            Refused::Head(POISON)
        };
        self.refused = Some(refused);
        // An error instead of good bytes would lose the head among them, and with it the answer.
        if in_body && good > 0 {
            return Ok(());
        }
        self.refuse(buffer)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.refused.is_some() {
            return Poll::Ready(self.refuse(buffer));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        Poll::Ready(match self.framing.follow(read) {
            Ok(()) => Ok(()),
            Err(fault) => self.cut(fault, before, buffer),
        })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }
}

#[cfg(test)]
mod tests;
