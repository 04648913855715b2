//! Which protocol a connection speaks, by its first bytes. hyper's own detection runs before any of its timers, so that a
//! silent connection would stay for ever (crates.md 2); here it is under the caller's timeout.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// HTTP/2's first bytes; no HTTP/1 method is `PRI`.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Http1,
    Http2,
}

/// Reads until it is clear.
pub(super) async fn read(mut stream: TcpStream) -> io::Result<(Opening, Prefixed)> {
    let mut first = [0; PREFACE.len()];
    let mut length = 0;
    loop {
        let read = match first.get_mut(length..) {
            Some(rest) => stream.read(rest).await?,
            None => 0,
        };
        length += read;
        let seen = first.get(..length).unwrap_or_default();
        let opening = if !PREFACE.starts_with(seen) || read == 0 {
            Opening::Http1
        } else if length == PREFACE.len() {
            Opening::Http2
        } else {
            continue;
        };
        return Ok((
            opening,
            Prefixed {
                first,
                at: 0,
                length,
                stream,
            },
        ));
    }
}

/// A connection with its first bytes put back.
pub(super) struct Prefixed {
    first: [u8; PREFACE.len()],
    at: usize,
    length: usize,
    stream: TcpStream,
}

impl AsyncRead for Prefixed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.at < self.length {
            let end = self.length.min(self.at + buffer.remaining());
            let at = self.at;
            buffer.put_slice(self.first.get(at..end).unwrap_or_default());
            self.at = end;
            // What follows is most likely here already: one wake-up for both.
            if self.at < self.length || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            return match Pin::new(&mut self.stream).poll_read(context, buffer) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Ready(Ok(())),
            };
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Prefixed {
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
