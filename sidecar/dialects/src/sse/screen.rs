//! Keeps back an error event that a chunk cuts in two, until it is there whole: a key or an account's name is then taken out of it, which
//! cannot be done to its halves.
//!
//! Called by the relay with every chunk of an untouched stream, after the tail has seen it. Chunks of whole events without an error, which
//! nearly all are, pass at the cost of a look at what the tail knows; so does the beginning of an event that is content. Must never keep more
//! than [`MOST`] bytes, and never keep back what cannot be an error.
//!
//! Not taken: keeping back the end of every cut chunk. It would be simpler, and would cut the frames of a busy stream anew.

use super::Tail;
use crate::upstream_error::{clean_chunk, redact_all};
use bytes::{Bytes, BytesMut};
use memchr::memmem;

/// The most that is kept back: no honest error is longer. What is goes on in parts, each without what is ours.
pub const MOST: usize = 64 << 10;
/// What of a part waits for the next one, because a key may stand across its end.
const SEAM: usize = 512;

/// The screen of one stream.
#[derive(Debug, Default)]
pub struct Screen {
    held: BytesMut,
    /// The event that is held speaks of an error, whatever else comes of it.
    speaks: bool,
    /// Some of the event went on in parts.
    parted: bool,
}

/// What the beginning of an event looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Content,
    Unsure,
    Error,
}

impl Screen {
    /// Before the first byte.
    pub fn new() -> Screen {
        Screen::default()
    }

    /// Whether nothing waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The next bytes, which `tail` has just seen; what of them, and of what waited, may go on.
    pub fn pass(&mut self, chunk: Bytes, tail: &Tail) -> Option<Bytes> {
        if self.is_empty() && tail.is_quiet() {
            return Some(chunk);
        }
        let (length, fresh) = (chunk.len(), tail.open());
        let whole = self.joined(chunk);
        let open = if fresh == length { whole.len() } else { fresh };
        let mut rest = whole.clone();
        let closed = rest.split_to(whole.len() - open);
        let cleans = tail.has_error() || self.parted;
        let closed = self.close(closed, tail.has_error());
        let look = if self.speaks {
            Look::Error
        } else {
            tail.look(fresh)
        };
        let is_content = rest.is_empty() || look == Look::Content;
        match (is_content, cleans) {
            (true, false) => some(whole),
            (true, true) => some(joined(closed, rest)),
            (false, _) => some(joined(closed, self.hold(rest, look))),
        }
    }

    /// Keeps an event's beginning back; what of it may go on.
    fn hold(&mut self, rest: Bytes, look: Look) -> Bytes {
        self.speaks |= look == Look::Error;
        self.held.extend_from_slice(&rest);
        if self.held.len() <= MOST {
            return Bytes::new();
        }
        if look == Look::Unsure {
            return self.held.split().freeze();
        }
        self.parted = true;
        let end = seam(&self.held);
        redact_all(self.held.split_to(end).freeze())
    }

    /// The stream has ended, as `tail` knows: what waited.
    pub fn finish(&mut self, tail: &Tail) -> Option<Bytes> {
        let held = self.held.split().freeze();
        some(self.close(held, tail.has_error()))
    }

    fn joined(&mut self, chunk: Bytes) -> Bytes {
        if self.is_empty() {
            return chunk;
        }
        self.held.extend_from_slice(&chunk);
        self.held.split().freeze()
    }

    /// Events that have ended, the one that was held first.
    fn close(&mut self, closed: Bytes, failed: bool) -> Bytes {
        if closed.is_empty() {
            return closed;
        }
        self.speaks = false;
        if std::mem::take(&mut self.parted) {
            return redact_all(closed);
        }
        if failed { clean_chunk(closed) } else { closed }
    }
}

/// Where the part ends that goes on: between two words, or at least two letters.
fn seam(held: &[u8]) -> usize {
    let most = held.len().saturating_sub(SEAM);
    let part = held.get(..most).unwrap_or_default();
    let between = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b',');
    let within = |byte: &u8| byte & 0xc0 == 0x80;
    match part.iter().rposition(between) {
        Some(end) => end + 1,
        None => most - part.iter().rev().take_while(|byte| within(byte)).count(),
    }
}

fn joined(first: Bytes, then: Bytes) -> Bytes {
    match (first.is_empty(), then.is_empty()) {
        (true, _) => then,
        (_, true) => first,
        _ => [first, then].concat().into(),
    }
}

fn some(bytes: Bytes) -> Option<Bytes> {
    Some(bytes).filter(|bytes| !bytes.is_empty())
}

/// What the content of every API begins with. An error that has such a member first says nothing before it speaks of itself.
const FIRST: [&[u8]; 26] = [
    b"id",
    b"object",
    b"created",
    b"created_at",
    b"model",
    b"choices",
    b"usage",
    b"type",
    b"delta",
    b"index",
    b"item_id",
    b"output_index",
    b"content_index",
    b"summary_index",
    b"sequence_number",
    b"response",
    b"item",
    b"obfuscation",
    b"system_fingerprint",
    b"service_tier",
    b"provider",
    b"candidates",
    b"usageMetadata",
    b"modelVersion",
    b"responseId",
    b"promptFeedback",
];

/// What a line that has not ended begins as, of which the last `fresh` bytes are new.
pub(super) fn look(line: &[u8], fresh: usize) -> Look {
    let Some(data) = line.strip_prefix(b"data:") else {
        return Look::Unsure;
    };
    let from = line.len().saturating_sub(fresh.saturating_add(OVERLAP));
    match speaks(line.get(from..).unwrap_or_default()) {
        Look::Content if !begins_as_content(data) => Look::Unsure,
        look => look,
    }
}

fn begins_as_content(data: &[u8]) -> bool {
    let inner = data.trim_ascii_start().strip_prefix(b"{");
    let name = inner.and_then(|inner| inner.trim_ascii_start().strip_prefix(b"\""));
    let Some(name) = name else { return false };
    let end = memchr::memchr(b'"', name.get(..32.min(name.len())).unwrap_or_default());
    let name = end.and_then(|end| name.get(..end));
    name.is_some_and(|name| FIRST.contains(&name))
}

/// Longer than a marker and what tells what it marks.
const OVERLAP: usize = 48;
/// In JSON these stand with both quotes only as names or whole values.
const MARKERS: [&[u8]; 2] = [b"\"error\"", b"\"response.failed\""];

/// Whether a part of an event speaks of an error.
pub(crate) fn speaks(text: &[u8]) -> Look {
    let [error, failed] = MARKERS;
    if memmem::find(text, failed).is_some() {
        return Look::Error;
    }
    for at in memmem::find_iter(text, error) {
        let rest = text.get(at + error.len()..).unwrap_or_default();
        match is_null(rest) {
            Some(true) => {}
            Some(false) => return Look::Error,
            None => return Look::Unsure,
        }
    }
    let begins = |marker: &[u8]| (1..marker.len()).any(|cut| text.ends_with(&marker[..cut]));
    if MARKERS.into_iter().any(begins) {
        Look::Unsure
    } else {
        Look::Content
    }
}

/// Whether what follows a member's name is `: null`; none: it is not there yet.
fn is_null(rest: &[u8]) -> Option<bool> {
    let rest = rest.trim_ascii_start();
    let Some(value) = rest.strip_prefix(b":") else {
        return (!rest.is_empty()).then_some(false);
    };
    let value = value.trim_ascii_start();
    if b"null".starts_with(value) && value.len() < 4 {
        return None;
    }
    Some(value.starts_with(b"null"))
}
