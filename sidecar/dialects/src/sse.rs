//! Server-sent events, as they arrive: cut anywhere.
//!
//! `Events` splits, `Gate` judges a stream until something of it may be shown, `Tail` watches it afterwards. None of
//! them changes a byte. `UsageFilter` takes one event out, where we asked for it and the caller did not; `Screen` keeps an error whole until
//! what is ours is out of it.

mod alike;
mod array;
mod gate;
mod lines;
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
use lines::Lines;

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

/// The longest line, and the longest event, that is judged. 1 MiB, and most of a picture within it does not count.
pub const MAX_LINE: usize = 1 << 20;

/// One event with data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its `event:`; empty when it has none.
    pub name: String,
    /// Its `data:` lines, joined by line feeds.
    pub data: Vec<u8>,
}

/// A line or an event is longer than is read. Nothing more is read of such a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than is read")]
pub struct TooLong;

/// Splits a stream into events by the rules of the HTML standard.
#[derive(Debug)]
pub struct Events {
    lines: Lines,
    most: usize,
    name: String,
    data: Option<Vec<u8>>,
    too_long: bool,
}

impl Default for Events {
    fn default() -> Events {
        Events::new()
    }
}

impl Events {
    /// Before the first byte.
    pub fn new() -> Events {
        Events::up_to(MAX_LINE)
    }

    /// The same, of events up to so many bytes.
    pub(crate) fn up_to(most: usize) -> Events {
        Events::of(Lines::up_to(most), most)
    }

    /// The same, without most of the pictures in them.
    fn abridged() -> Events {
        Events::of(Lines::abridged(), MAX_LINE)
    }

    fn of(lines: Lines, most: usize) -> Events {
        Events {
            lines,
            most,
            name: String::new(),
            data: None,
            too_long: false,
        }
    }

    /// The events that `chunk` completes. [`TooLong`] is the last that is ever returned.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<Result<Event, TooLong>> {
        let mut found = Vec::new();
        let Events {
            lines,
            most,
            name,
            data,
            too_long,
        } = self;
        if *too_long {
            return found;
        }
        lines.push(chunk, |line, _| {
            if !*too_long {
                match read_line((line, *most), name, data) {
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

    /// Bytes of the line that has begun.
    fn open(&self) -> usize {
        self.lines.length()
    }

    /// Whether that line is data and begins as an object does.
    fn is_within_object(&self) -> bool {
        let (name, value) = field(self.lines.partial());
        name == b"data" && value.trim_ascii_start().starts_with(b"{")
    }

    /// The event that the end of the stream completes. The standard would drop it; providers leave off the last
    /// line feed and mean it.
    pub fn finish(&mut self) -> Option<Event> {
        let rest = self.lines.take();
        if self.too_long {
            return None;
        }
        let _ = read_line((&rest, self.most), &mut self.name, &mut self.data).ok()?;
        read_line((b"", self.most), &mut self.name, &mut self.data).ok()?
    }
}

/// One line without its end, and how long it may be. An empty one completes the event, if it has data.
fn read_line(
    (line, most): (&[u8], usize),
    name: &mut String,
    data: &mut Option<Vec<u8>>,
) -> Result<Option<Event>, TooLong> {
    if line.len() > most {
        return Err(TooLong);
    }
    if line.is_empty() {
        let name = std::mem::take(name);
        return Ok(data.take().map(|data| Event { name, data }));
    }
    match field(line) {
        (b"event", value) => *name = String::from_utf8_lossy(value).into_owned(),
        (b"data", value) => {
            if data.as_ref().map_or(0, Vec::len) + value.len() > most {
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
