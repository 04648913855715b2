//! A request's head and body, before anything is done with them: what two readers could understand differently is
//! refused, and the body is read within its bounds. Called by `gateway`.

use crate::clock::within;
use crate::reject::Reject;
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderValue, Method, Version, header};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The longest body, 32 MiB.
pub const LONGEST_BODY: usize = 32 << 20;
/// The longest body that is kept for a second attempt.
const LONGEST_REPLAY: usize = 8 << 20;
/// What all kept bodies may hold together; beyond it calls have a single attempt, and beyond twice of it they wait.
const REPLAY_MEMORY: usize = 128 << 20;
/// How long the next piece of a body may take.
const BODY_SILENCE: Duration = Duration::from_secs(30);
/// How long a whole body may take: who declares 32 MiB and sends a byte now and then holds that memory.
const BODY_WHOLE: Duration = Duration::from_secs(300);

/// How much is read of a body that nobody needs, and for how long.
const LONGEST_PASSED: usize = 256 << 10;
const PASSED_WITHIN: Duration = Duration::from_millis(500);

/// The memory that request bodies hold now.
#[derive(Default)]
pub struct Memory(AtomicUsize);

/// A body, and the memory it is accounted for.
pub struct Intake {
    /// The bytes.
    pub bytes: Bytes,
    /// Whether it may be kept for a second attempt.
    pub replay: bool,
    /// Given back when the call ends.
    pub held: Held,
}

/// Memory that is given back when dropped.
pub struct Held {
    memory: Arc<Memory>,
    bytes: usize,
}

impl Held {
    fn grow(&mut self, bytes: usize) -> Result<usize, Reject> {
        let all = self.memory.0.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.bytes += bytes;
        if all > 2 * REPLAY_MEMORY {
            Err(Reject::OutOfMemory)
        } else {
            Ok(all)
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Refuses heads that a second reader could understand differently (reliability.md 6.1).
///
/// # Errors
/// 400 that says what is ambiguous; 405 for methods that open tunnels.
pub fn check(parts: &Parts) -> Result<(), Reject> {
    let told = Told::of(parts);
    if matches!(parts.method, Method::CONNECT | Method::TRACE) || told.upgrades {
        return Err(Reject::Method { allow: "GET, POST" });
    }
    if let Some(what) = ambiguous_target(parts, &told).or_else(|| told.ambiguous()) {
        return Err(Reject::Ambiguous(what));
    }
    if told.encoded {
        return Err(Reject::MediaType {
            expected: "a body without content-encoding",
            found: "an encoded body".into(),
        });
    }
    Ok(())
}

/// What the headers tell of how a request is to be read, in one pass: to look each of them up costs more.
#[derive(Default)]
struct Told<'a> {
    hosts: usize,
    host: Option<&'a HeaderValue>,
    upgrades: bool,
    encoded: bool,
    /// How often the body's framing is named, and whether always as `chunked`.
    codings: usize,
    other_coding: bool,
    beyond_ascii: bool,
}

impl<'a> Told<'a> {
    fn of(parts: &'a Parts) -> Self {
        let mut told = Told::default();
        for (name, value) in &parts.headers {
            told.beyond_ascii |= !value.as_bytes().is_ascii();
            if *name == header::HOST {
                told.hosts += 1;
                told.host = Some(value);
            } else if *name == header::TRANSFER_ENCODING {
                told.codings += 1;
                told.other_coding |= !value.as_bytes().eq_ignore_ascii_case(b"chunked");
            }
            told.upgrades |= *name == header::UPGRADE;
            told.encoded |= *name == header::CONTENT_ENCODING;
        }
        told
    }

    fn ambiguous(&self) -> Option<&'static str> {
        if self.other_coding || self.codings > 1 {
            return Some("its Transfer-Encoding is not just `chunked`");
        }
        self.beyond_ascii
            .then_some("a header's value holds bytes beyond ASCII")
    }
}

fn ambiguous_target(parts: &Parts, told: &Told<'_>) -> Option<&'static str> {
    let mut method = parts.method.as_str().bytes();
    if method.any(|letter| !letter.is_ascii_uppercase()) {
        return Some("its method is not in capital letters");
    }
    let http1 = parts.version < Version::HTTP_2;
    if http1 && parts.uri.authority().is_some() {
        return Some("its target names a host; send the path only");
    }
    if told.hosts > 1 || (told.hosts == 0 && parts.version == Version::HTTP_11) {
        return Some("it does not have exactly one Host header");
    }
    let no_host = |byte: &u8| matches!(byte, b'@' | b'/' | b' ' | b',');
    let host = told.host.map(HeaderValue::as_bytes).unwrap_or_default();
    host.iter()
        .any(no_host)
        .then_some("its Host header is not a host")
}

/// Reads a body to its end.
///
/// # Errors
/// 413 past 32 MiB (at once, when the head says so), 408 when it falls silent, 400 when it is cut off, 503 when bodies
/// fill the memory set aside for them.
pub async fn read(body: &mut Incoming, memory: &Arc<Memory>) -> Result<Intake, Reject> {
    let told = body.size_hint().lower() as usize;
    fits(told)?;
    let mut held = Held {
        memory: Arc::clone(memory),
        bytes: 0,
    };
    let mut all = held.grow(0)?;
    let mut pieces = Pieces {
        told,
        ..Pieces::default()
    };
    let mut latest = None;
    loop {
        let until = || {
            let now = Instant::now();
            let latest: Instant = *latest.get_or_insert(now + BODY_WHOLE);
            latest.min(now + BODY_SILENCE)
        };
        let next = within(until, body.frame()).await;
        let Some(frame) = next.ok_or(Reject::BodyTimeout)? else {
            break;
        };
        let frame =
            frame.map_err(|error| Reject::InvalidJson(format!("it was cut off: {error}")))?;
        let Ok(data) = frame.into_data() else {
            return Err(Reject::Ambiguous("headers follow its body"));
        };
        let length = pieces.length() + data.len();
        fits(length)?;
        if length > held.bytes {
            all = held.grow(length - held.bytes)?;
        }
        pieces.push(data);
    }
    let bytes = pieces.join();
    let replay = bytes.len() <= LONGEST_REPLAY && all <= REPLAY_MEMORY;
    Ok(Intake {
        bytes,
        replay,
        held,
    })
}

/// Reads what is left of the body of a request that is refused, so that its connection can carry the next one; whether it was little
/// enough, and there soon enough.
pub async fn pass_over(body: &mut Incoming) -> bool {
    let read = async {
        let mut left = LONGEST_PASSED;
        while !body.is_end_stream() {
            let told = body.size_hint().lower();
            let next = (told <= left as u64).then(|| body.frame())?.await;
            let Some(frame) = next else { break };
            let data = frame.ok()?.into_data().unwrap_or_default();
            left = left.checked_sub(data.len())?;
        }
        Some(())
    };
    // Callers write a head and its body apart: most bodies are there at once, or soon.
    let read = tokio::time::timeout(PASSED_WITHIN, read);
    read.await.ok().flatten().is_some()
}

fn fits(length: usize) -> Result<(), Reject> {
    let limit = LONGEST_BODY;
    if length > limit {
        return Err(Reject::TooLarge { limit });
    }
    Ok(())
}

/// A body as it comes, of a request or of an answer. Most bodies come in one piece, which is then not copied.
#[derive(Default)]
pub(crate) struct Pieces {
    told: usize,
    first: Option<Bytes>,
    more: BytesMut,
}

impl Pieces {
    pub(crate) fn length(&self) -> usize {
        self.more.len() + self.first.as_ref().map_or(0, Bytes::len)
    }

    pub(crate) fn push(&mut self, data: Bytes) {
        match self.first.take() {
            None if self.more.is_empty() => self.first = Some(data),
            None => self.more.extend_from_slice(&data),
            Some(first) => {
                self.more.reserve(self.told.max(first.len() + data.len()));
                self.more.extend_from_slice(&first);
                self.more.extend_from_slice(&data);
            }
        }
    }

    pub(crate) fn join(self) -> Bytes {
        self.first.unwrap_or_else(|| self.more.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn checked(
        build: impl Fn(http::request::Builder) -> http::request::Builder,
    ) -> Result<(), u16> {
        let request = build(Request::builder().method("POST").uri("/v1/models"))
            .body(())
            .unwrap();
        check(&request.into_parts().0).map_err(|reject| reject.status())
    }

    #[test]
    fn a_head_that_two_readers_could_understand_differently_is_refused() {
        assert_eq!(
            checked(|request| request.header("host", "127.0.0.1:4100")),
            Ok(())
        );
        assert_eq!(checked(|request| request), Err(400), "no host");
        assert_eq!(
            checked(|request| request.header("host", "a").header("host", "b")),
            Err(400)
        );
        assert_eq!(
            checked(|request| request.header("host", "u@evil")),
            Err(400)
        );
        assert_eq!(
            checked(|request| request.uri("http://evil/v1/models").header("host", "a")),
            Err(400)
        );
        assert_eq!(
            checked(|request| request.method("post").header("host", "a")),
            Err(400)
        );
        assert_eq!(
            checked(|request| request.method("CONNECT").header("host", "a")),
            Err(405)
        );
        assert_eq!(
            checked(|request| request.header("host", "a").header("upgrade", "h2c")),
            Err(405)
        );
        assert_eq!(
            checked(|request| request
                .header("host", "a")
                .header("content-encoding", "gzip")),
            Err(415)
        );
    }
}
