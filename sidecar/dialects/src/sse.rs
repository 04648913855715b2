//! Server-sent events, as they arrive: cut anywhere.
//!
//! `Events` splits, `Gate` judges a stream until something of it may be shown, `Tail` watches it afterwards. None of
//! them changes a byte. `UsageFilter` takes one event out, where we asked for it and the caller did not; `Screen` keeps an error whole until
//! what is ours is out of it.

mod alike;
mod array;
mod gate;
mod screen;
mod tail;
mod usage_filter;

pub use array::Array;
pub use gate::{End, Gate, Verdict};
pub(crate) use screen::{Look, speaks};
pub use screen::{MOST, Screen};
pub use tail::Tail;
pub use usage_filter::{MAX_HELD, UsageFilter};

use crate::Dialect;

/// A comment, which every client skips and every proxy counts as life.
pub const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// What says that a stream is alive, before its first content, in the caller's API. Anthropic has an event for it. Google's SDK for
/// Python takes any line that is not empty for JSON, so there it is an empty one; within a JSON array it is space.
pub fn keep_alive(dialect: Dialect) -> &'static [u8] {
    match dialect {
        Dialect::OpenAI => KEEP_ALIVE,
        Dialect::Anthropic => b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
        Dialect::Gemini => b"\n\n",
    }
}
/// The longest line, and the longest event, that is read. 1 MiB.
pub const MAX_LINE: usize = 1 << 20;

/// One event with data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its `event:`; empty when it has none.
    pub name: String,
    /// Its `data:` lines, joined by line feeds.
    pub data: Vec<u8>,
}

/// A line or an event is longer than [`MAX_LINE`]. Nothing more is read of such a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {MAX_LINE} bytes")]
pub struct TooLong;

/// Splits a stream into events by the rules of the HTML standard.
#[derive(Debug, Default)]
pub struct Events {
    lines: Lines,
    name: String,
    data: Option<Vec<u8>>,
    too_long: bool,
}

impl Events {
    /// Before the first byte.
    pub fn new() -> Events {
        Events::default()
    }

    /// The events that `chunk` completes. [`TooLong`] is the last that is ever returned.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<Result<Event, TooLong>> {
        let mut found = Vec::new();
        let Events {
            lines,
            name,
            data,
            too_long,
        } = self;
        if *too_long {
            return found;
        }
        lines.push(chunk, |line, _| {
            if !*too_long {
                match read_line(line, name, data) {
                    Ok(event) => found.extend(event.map(Ok)),
                    Err(error) => {
                        *too_long = true;
                        found.push(Err(error));
                    }
                }
            }
        });
        if lines.is_too_long() && !*too_long {
            *too_long = true;
            found.push(Err(TooLong));
        }
        found
    }

    /// The event that the end of the stream completes. The standard would drop it; providers leave off the last
    /// line feed and mean it.
    pub fn finish(&mut self) -> Option<Event> {
        let rest = self.lines.take();
        if self.too_long {
            return None;
        }
        let _ = read_line(&rest, &mut self.name, &mut self.data).ok()?;
        read_line(b"", &mut self.name, &mut self.data).ok()?
    }
}

/// One line without its end. An empty one completes the event, if it has data.
fn read_line(
    line: &[u8],
    name: &mut String,
    data: &mut Option<Vec<u8>>,
) -> Result<Option<Event>, TooLong> {
    if line.len() > MAX_LINE {
        return Err(TooLong);
    }
    if line.is_empty() {
        let name = std::mem::take(name);
        return Ok(data.take().map(|data| Event { name, data }));
    }
    match field(line) {
        (b"event", value) => *name = String::from_utf8_lossy(value).into_owned(),
        (b"data", value) => {
            if data.as_ref().map_or(0, Vec::len) + value.len() > MAX_LINE {
                return Err(TooLong);
            }
            match data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => *data = Some(value.to_vec()),
            }
        }
        _ => {}
    }
    Ok(None)
}

/// A line's field and value, without the one space that may follow the colon. A comment's field is empty.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line) {
        Some(colon) => {
            let value = line.get(colon + 1..).unwrap_or_default();
            (
                line.get(..colon).unwrap_or_default(),
                value.strip_prefix(b" ").unwrap_or(value),
            )
        }
        None => (line, b""),
    }
}

const MARK: &[u8] = b"\xef\xbb\xbf";

/// Splits a stream into lines: LF, CR LF or CR. Keeps at most one byte more than [`MAX_LINE`] of a line.
#[derive(Debug, Default)]
struct Lines {
    partial: Vec<u8>,
    /// How much of a byte order mark has come; all of it when it is no longer looked for.
    mark: usize,
    after_cr: bool,
}

impl Lines {
    /// Gives each line that ends in the chunk, and how much of the chunk follows it.
    fn push(&mut self, mut chunk: &[u8], mut each: impl FnMut(&[u8], usize)) {
        if self.mark < MARK.len() {
            chunk = self.without_mark(chunk);
        }
        if self.after_cr && !chunk.is_empty() {
            self.after_cr = false;
            chunk = chunk.strip_prefix(b"\n").unwrap_or(chunk);
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', chunk) {
            let (line, rest) = chunk.split_at(end);
            chunk = match rest {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                [_, rest @ ..] => rest,
                [] => &[],
            };
            self.line(line, |line| each(line, chunk.len()));
        }
        self.keep(chunk);
    }

    fn line(&mut self, line: &[u8], mut each: impl FnMut(&[u8])) {
        if self.partial.is_empty() {
            return each(line);
        }
        self.keep(line);
        each(&self.take());
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = (MAX_LINE + 1)
            .saturating_sub(self.partial.len())
            .min(bytes.len());
        self.partial
            .extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    /// What has come of a line that is not finished.
    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.partial)
    }

    /// The byte order mark that may begin a stream is not part of it.
    fn without_mark<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        let expected = MARK.get(self.mark..).unwrap_or_default();
        let same = expected
            .iter()
            .zip(chunk)
            .take_while(|(expected, byte)| expected == byte)
            .count();
        let rest = chunk.get(same..).unwrap_or_default();
        if !rest.is_empty() && same < expected.len() {
            self.keep(MARK.get(..self.mark + same).unwrap_or_default());
            self.mark = MARK.len();
        } else {
            self.mark += same;
        }
        rest
    }

    fn is_too_long(&self) -> bool {
        self.partial.len() > MAX_LINE
    }

    /// Whether the next byte begins a line, whatever it is.
    fn is_between(&self) -> bool {
        self.partial.is_empty() && !self.after_cr && self.mark == MARK.len()
    }

    fn is_within_line(&self) -> bool {
        !self.partial.is_empty() || (1..MARK.len()).contains(&self.mark)
    }
}
