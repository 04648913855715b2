//! Takes the usage out of a stream whose caller did not ask for it, and no other byte.
//!
//! Called by the relay, after the tail has seen a chunk, and only where [`crate::openai::usage_option::ask`] asked. What
//! goes is the whole event that holds `"choices":[]` and a usage. `"usage":null` stays in the other chunks, and so does a
//! usage beside a choice (some providers put it into their last chunk whether or not they are asked): callers skip both,
//! and taking them out would mean to write every chunk anew. Must never keep anything back that cannot be that event.

use super::field;
use crate::json::{is_empty, members};
use bytes::Bytes;
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// The longest event that is kept back, and so the longest that is taken out.
pub const MAX_HELD: usize = 16 << 10;

/// The filter of one stream of chat or completions. A usage that is spread over several `data:` lines is passed on.
#[derive(Debug, Default)]
pub struct UsageFilter {
    /// The beginning of an event that may be the usage.
    held: Vec<u8>,
    /// The names in `held` before here have been looked at.
    looked: usize,
    lines: Lines,
    /// What is being read cannot be the usage.
    passing: bool,
    /// The last event was taken out, so the rest of its last line end must go too.
    taken: bool,
}

/// Where in its lines and events a stream is.
#[derive(Debug, Default)]
struct Lines {
    /// The line has bytes.
    within_line: bool,
    /// The event has lines.
    within_event: bool,
    /// Nothing but a comment line, which is nobody's part.
    comment: bool,
    after_cr: bool,
}

impl UsageFilter {
    /// Before the first byte.
    pub fn new() -> UsageFilter {
        UsageFilter::default()
    }

    /// The next bytes of the provider's; `pass` is given what goes on to the caller, none, one or several parts in their
    /// order. A chunk of whole events without a usage is given as it is.
    pub fn push(&mut self, chunk: Bytes, mut pass: impl FnMut(Bytes)) {
        if self.passes_whole(&chunk) {
            (self.lines, self.passing, self.taken) = (Lines::default(), false, false);
            return pass(chunk);
        }
        let mut pass = |bytes: Bytes| {
            if !bytes.is_empty() {
                pass(bytes);
            }
        };
        let (mut from, mut at) = (0, 0);
        if self.lines.after_cr && chunk.first() == Some(&b'\n') {
            self.lines.after_cr = false;
            at = 1;
            if !self.held.is_empty() {
                self.held.push(b'\n');
            }
            from = usize::from(self.taken || !self.held.is_empty());
        }
        while let Some(end) = self.lines.end(&chunk, at) {
            self.taken = self.ends_as_usage(chunk.get(at..end).unwrap_or_default());
            if self.taken {
                pass(chunk.slice(from..at));
                from = end;
            } else {
                pass(self.release());
            }
            (self.passing, self.looked, at) = (false, 0, end);
            self.held.clear();
        }
        if at < chunk.len() {
            self.begin(&chunk, from, at, &mut pass);
        } else {
            pass(chunk.slice(from..));
        }
    }

    /// The stream's bytes have ended: what was kept back and is no usage. Where the stream broke off, it may be left out.
    pub fn finish(&mut self) -> Option<Bytes> {
        let is_usage = is_usage(&self.held);
        let rest = self.release();
        (!is_usage && !rest.is_empty()).then_some(rest)
    }

    /// Whether a chunk ends between two events and has no list of choices that is empty: nearly every chunk does.
    fn passes_whole(&self, chunk: &[u8]) -> bool {
        let ends = chunk.ends_with(b"\n\n") || chunk.ends_with(b"\r\n\r\n");
        ends && self.held.is_empty()
            && !(self.taken && self.lines.after_cr)
            && choices(chunk, 0).all(|choices| choices == Choices::Some)
    }

    /// An event that goes on behind this chunk.
    fn begin(&mut self, chunk: &Bytes, from: usize, at: usize, pass: &mut impl FnMut(Bytes)) {
        self.taken = false;
        let begun = chunk.get(at..).unwrap_or_default();
        if !self.passing && self.fits(begun) {
            let before = self.held.len();
            self.held.extend_from_slice(begun);
            if self.may_be_usage() {
                return pass(chunk.slice(from..at));
            }
            self.held.truncate(before);
        }
        self.passing = true;
        pass(self.release());
        pass(chunk.slice(from..));
    }

    /// Whether the event that ends with these bytes is the usage.
    fn ends_as_usage(&mut self, end: &[u8]) -> bool {
        if self.passing || !self.fits(end) {
            return false;
        }
        if self.held.is_empty() {
            return is_usage(end);
        }
        let before = self.held.len();
        self.held.extend_from_slice(end);
        let is_usage = is_usage(&self.held);
        self.held.truncate(before);
        is_usage
    }

    /// Whether the event is short enough, its line ends apart: it ends with four bytes of them at most.
    fn fits(&self, more: &[u8]) -> bool {
        self.held.len() + more.len() <= MAX_HELD + 4
    }

    fn release(&mut self) -> Bytes {
        self.looked = 0;
        Bytes::from(std::mem::take(&mut self.held))
    }

    /// Whether what is held can still become the usage.
    fn may_be_usage(&mut self) -> bool {
        may_be_data(&self.held) && {
            let first = choices(&self.held, self.looked).next();
            if first.is_none() {
                self.looked = self.held.len().saturating_sub(CHOICES.needle().len());
            }
            first != Some(Choices::Some)
        }
    }
}

impl Lines {
    /// Where the event that is being read at `at` ends, if it does in this chunk.
    fn end(&mut self, chunk: &[u8], mut at: usize) -> Option<usize> {
        loop {
            let rest = chunk.get(at..).unwrap_or_default();
            if !self.within_line && !rest.is_empty() {
                self.comment = !self.within_event && rest.starts_with(b":");
                self.after_cr = false;
            }
            let Some(length) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.within_line |= !rest.is_empty();
                return None;
            };
            let is_blank = !self.within_line && length == 0;
            at += length + 1;
            if rest.get(length) == Some(&b'\r') {
                match rest.get(length + 1) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            self.within_line = false;
            if is_blank || self.comment {
                (self.within_event, self.comment) = (false, false);
                return Some(at);
            }
            self.within_event = true;
        }
    }
}

/// A list of choices, as far as it is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choices {
    Some,
    /// Empty, or not known yet.
    None,
}

static CHOICES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"choices\""));

/// The lists of that name. In JSON it stands with both quotes only as a name or a whole value: within a text the quotes
/// are escaped.
fn choices(bytes: &[u8], from: usize) -> impl Iterator<Item = Choices> {
    let bytes = bytes.get(from..).unwrap_or_default();
    CHOICES.find_iter(bytes).filter_map(move |found| {
        let rest = bytes.get(found + CHOICES.needle().len()..)?;
        let rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(Choices::None);
        }
        let rest = rest.strip_prefix(b":")?.trim_ascii_start();
        Some(match rest.split_first() {
            None => Choices::None,
            Some((b'[', rest)) if matches!(rest.trim_ascii_start().first(), None | Some(b']')) => {
                Choices::None
            }
            Some(_) => Choices::Some,
        })
    })
}

/// Whether a whole event is the usage: every beginning of such a one [`UsageFilter::may_be_usage`].
fn is_usage(event: &[u8]) -> bool {
    if !may_be_data(event) || choices(event, 0).next() != Some(Choices::None) {
        return false;
    }
    let mut data = event
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .map(field)
        .filter_map(|(name, value)| (name == b"data").then_some(value));
    let (Some(value), None) = (data.next(), data.next()) else {
        return false;
    };
    let text = std::str::from_utf8(value).unwrap_or_default();
    let Some([choices, usage, error]) = members(text, ["choices", "usage", "error"]) else {
        return false;
    };
    let is_list =
        choices.is_some_and(|choices| choices.starts_with('[') && is_empty(Some(choices)));
    is_list && usage.is_some_and(|usage| usage.starts_with('{')) && is_empty(error)
}

/// Whether an event may hold an object and is short enough; what is not known yet may.
fn may_be_data(event: &[u8]) -> bool {
    let line_ends = event.iter().rev();
    let line_ends = line_ends.take_while(|byte| matches!(byte, b'\n' | b'\r'));
    if event.len() - line_ends.count() > MAX_HELD {
        return false;
    }
    let Some(value) = event.strip_prefix(b"data:") else {
        // A comment, or the byte order mark that may begin a stream: what follows it is not worth the trouble.
        return !matches!(event.first(), Some(b':' | 0xef));
    };
    matches!(value.trim_ascii_start().first(), None | Some(b'{'))
}
