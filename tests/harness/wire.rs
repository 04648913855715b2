//! HTTP/1.1 by hand, over one socket: heads, bodies in their three framings, and nothing hidden.
//! Owned by the harness's two ends, the fake provider and the clients: a library would repair the very faults that tests make.
//! It must never retry, reconnect or decode content: what stands on the wire is what its callers see.

use std::io;
use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const READ: usize = 16 * 1024;
/// A head that is longer is a fault of the test.
const LONGEST_HEAD: usize = 1 << 20;

/// One connection.
#[derive(Debug)]
pub struct Wire {
    socket: TcpStream,
    buffer: BytesMut,
}

/// A request line or a status line, and the headers below it, as they came.
#[derive(Clone, Debug)]
pub struct Head {
    raw: Bytes,
}

/// What is still to come of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// So many bytes.
    Sized(u64),
    /// A chunk's size line comes next.
    ChunkSize,
    /// So many bytes of this chunk.
    ChunkData(u64),
    /// The empty line that ends a chunk.
    ChunkEnd,
    /// Until the peer closes.
    UntilClose,
    /// Nothing.
    Done,
}

impl Wire {
    /// Dials; small writes leave at once.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::new(TcpStream::connect(address).await?)
    }

    /// Takes a socket that somebody else opened.
    pub fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            buffer: BytesMut::new(),
        })
    }

    /// Writes all of it.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).await
    }

    /// The next head; nothing when the peer closed in good order before its first byte.
    pub async fn head(&mut self) -> io::Result<Option<Head>> {
        let mut seen = 0;
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer[seen..], b"\r\n\r\n") {
                return Ok(Some(Head {
                    raw: self.buffer.split_to(seen + at + 4).freeze(),
                }));
            }
            seen = self.buffer.len().saturating_sub(3);
            if self.buffer.len() > LONGEST_HEAD {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a head without an end",
                ));
            }
            if self.fill().await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(cut("inside a head"))
                };
            }
        }
    }

    /// The next piece of a body as it arrives; nothing at its end.
    pub async fn part(&mut self, rest: &mut Rest) -> io::Result<Option<Bytes>> {
        loop {
            match *rest {
                Rest::Done | Rest::Sized(0) => return Ok(None),
                Rest::Sized(left) => return self.take(left, rest, Rest::Sized).await.map(Some),
                Rest::ChunkData(0) => *rest = Rest::ChunkEnd,
                Rest::ChunkData(left) => {
                    return self.take(left, rest, Rest::ChunkData).await.map(Some);
                }
                Rest::ChunkEnd => {
                    self.line().await?;
                    *rest = Rest::ChunkSize;
                }
                Rest::ChunkSize => *rest = self.chunk_size().await?,
                Rest::UntilClose => {
                    let closed = self.buffer.is_empty() && self.fill().await? == 0;
                    return Ok((!closed).then(|| self.buffer.split().freeze()));
                }
            }
        }
    }

    /// All that is left of a body.
    pub async fn body(&mut self, mut rest: Rest) -> io::Result<Bytes> {
        let Some(first) = self.part(&mut rest).await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.part(&mut rest).await? else {
            return Ok(first);
        };
        let mut whole = BytesMut::from(first);
        whole.extend_from_slice(&second);
        while let Some(piece) = self.part(&mut rest).await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// True when the peer has closed this idle connection, or spoke out of turn: not to be used again.
    pub fn is_stale(&self) -> bool {
        let mut byte = [0];
        !self.buffer.is_empty()
            || !matches!(self.socket.try_read(&mut byte), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
    }

    /// Ends when the peer has left; what it says meanwhile is kept.
    pub async fn peer_left(&mut self) {
        while matches!(self.fill().await, Ok(read) if read > 0) {}
    }

    /// Closes with a reset instead of a farewell, as a killed process or a cut cable does.
    pub fn reset(self) {
        // Where the option is refused the socket still closes, only more politely.
        let _ = self.socket.set_zero_linger();
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(READ);
        self.socket.read_buf(&mut self.buffer).await
    }

    async fn take(
        &mut self,
        left: u64,
        rest: &mut Rest,
        still: fn(u64) -> Rest,
    ) -> io::Result<Bytes> {
        if self.buffer.is_empty() && self.fill().await? == 0 {
            return Err(cut("inside a body"));
        }
        let here = self
            .buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        *rest = still(left - here as u64);
        Ok(self.buffer.split_to(here).freeze())
    }

    async fn chunk_size(&mut self) -> io::Result<Rest> {
        let line = self.line().await?;
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(digits)
            .ok()
            .and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
        let size =
            size.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a chunk size"))?;
        if size > 0 {
            return Ok(Rest::ChunkData(size));
        }
        while !self.line().await?.is_empty() {}
        Ok(Rest::Done)
    }

    async fn line(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, b"\r\n") {
                let line = self.buffer.split_to(at).freeze();
                self.buffer.advance(2);
                return Ok(line);
            }
            if self.fill().await? == 0 {
                return Err(cut("inside a chunk"));
            }
        }
    }
}

impl Head {
    /// The request line or the status line.
    pub fn first_line(&self) -> &str {
        self.lines().next().unwrap_or_default()
    }

    /// An answer's status; 0 where the line has none.
    pub fn status(&self) -> u16 {
        self.first_line()
            .split(' ')
            .nth(1)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }

    /// All headers in their order, names as written.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name, value.trim()))
    }

    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers()
            .find(|(written, _)| written.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// How the body below this head is framed; a request without a length has none, an answer ends with its connection.
    pub fn rest(&self) -> Rest {
        let chunked = self
            .header("transfer-encoding")
            .is_some_and(|value| value.to_ascii_lowercase().contains("chunked"));
        let bodyless = matches!(self.status(), 204 | 304 | 100..=199);
        match self
            .header("content-length")
            .and_then(|value| value.parse().ok())
        {
            _ if bodyless && self.is_answer() => Rest::Done,
            _ if chunked => Rest::ChunkSize,
            Some(length) => Rest::Sized(length),
            None if self.is_answer() => Rest::UntilClose,
            None => Rest::Done,
        }
    }

    /// True when another message may follow on the same connection.
    pub fn keeps_open(&self) -> bool {
        let closes = self
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        !closes && self.rest() != Rest::UntilClose
    }

    fn is_answer(&self) -> bool {
        self.raw.starts_with(b"HTTP/")
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        std::str::from_utf8(&self.raw)
            .unwrap_or_default()
            .split("\r\n")
            .take_while(|line| !line.is_empty())
    }
}

/// One chunk of the chunked framing; `last_chunk` ends the body.
pub fn chunk(data: &[u8]) -> Vec<u8> {
    let mut framed = format!("{:x}\r\n", data.len()).into_bytes();
    framed.extend_from_slice(data);
    framed.extend_from_slice(b"\r\n");
    framed
}

/// The end of a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

fn cut(place: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("the peer closed {place}"),
    )
}
