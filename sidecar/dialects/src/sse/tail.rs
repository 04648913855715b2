//! Watches a stream that is being shown: whether it ends as it should, and what it says that it used.
//!
//! Called by the relay with every chunk it passes on, so it costs little more than finding the line ends.
//! Events are read line by line; JSON that is spread over several `data:` lines is passed on but not understood.

use super::alike::Alike;
use super::lines::Lines;
use super::screen::{Look, look};
use super::{MAX_LINE, field};
use crate::estimate::Written;
use crate::json::{any_element, is_empty, members, string};
use crate::usage::{Parts, gemini};
use crate::{Dialect, Usage};
use aho_corasick::packed::Searcher;
use std::sync::LazyLock;

/// The watcher of one stream, in any API and of any endpoint.
#[derive(Debug)]
pub struct Tail {
    lines: Lines,
    seen: Seen,
    alike: Alike,
    /// Bytes of the last chunk behind its last blank line.
    open: usize,
    /// The stream ended within a line.
    cut: bool,
}

#[derive(Debug, Default)]
struct Seen {
    /// The `event:` of the event being read.
    name: Name,
    /// Lines of the event being read, comments included.
    within_event: bool,
    has_data: bool,
    events: u64,
    done: bool,
    error: bool,
    usage: Option<Usage>,
    written: Option<Written>,
    /// Events that were worth reading.
    read: u64,
    /// Of another API than OpenAI's.
    other: Option<Box<Other>>,
}

/// What streams of other APIs need beside.
#[derive(Debug)]
struct Other {
    dialect: Dialect,
    /// What Anthropic said so far of its usage.
    parts: Parts,
    /// Whether what was said of the usage is of the whole answer.
    is_whole: bool,
}

/// The names that matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Name {
    #[default]
    Other,
    /// Ends a stream of named events.
    Last,
    /// Ends it, in failure.
    Failed,
    Error,
}

impl Name {
    fn of(name: &str) -> Name {
        match name {
            "response.completed" | "response.incomplete" | "response.cancelled" => Name::Last,
            "transcript.text.done" | "speech.audio.done" => Name::Last,
            "image_generation.completed" | "image_edit.completed" => Name::Last,
            // Anthropic's.
            "message_stop" => Name::Last,
            "response.failed" => Name::Failed,
            "error" => Name::Error,
            _ => Name::Other,
        }
    }
}

impl Default for Tail {
    fn default() -> Tail {
        Tail::new()
    }
}

impl Tail {
    /// Before the first byte of a stream of OpenAI's: feed it the bytes that the gate has seen as well.
    pub fn new() -> Tail {
        Tail {
            lines: Lines::abridged(),
            seen: Seen::default(),
            alike: Alike::default(),
            open: 0,
            cut: false,
        }
    }

    /// The same, and it counts what is written, for an estimate where no usage comes.
    pub fn counting() -> Tail {
        Tail::of(Dialect::OpenAI, true)
    }

    /// Before the first byte; the dialect is the provider's.
    pub fn of(dialect: Dialect, counts: bool) -> Tail {
        let mut tail = Tail::new();
        tail.seen.written = counts.then(Written::default);
        tail.seen.other = (dialect != Dialect::OpenAI).then(|| {
            Box::new(Other {
                dialect,
                parts: Parts::default(),
                is_whole: false,
            })
        });
        tail
    }

    /// The next bytes that go to the caller.
    pub fn push(&mut self, chunk: &[u8]) {
        let fresh = self.may_be_known();
        let known = fresh.then(|| self.alike.knows(chunk)).flatten();
        if known == Some(true) {
            self.seen.events += 1;
            self.open = 0;
            return;
        }
        let (events, read) = (self.seen.events, self.seen.read);
        self.look_at(chunk);
        let is_one = self.may_be_known() && self.seen.events == events + 1;
        if fresh && known.is_none() && is_one && self.seen.read == read {
            self.alike.learn(chunk);
        }
    }

    /// Whether the next event begins where nothing is open, and is looked at for nothing but what it says of the stream.
    fn may_be_known(&self) -> bool {
        let Seen {
            within_event,
            written,
            done,
            error,
            ..
        } = &self.seen;
        let is_between = !within_event && self.lines.is_between();
        is_between && !(*done || *error) && written.is_none() && !self.seen.is_gemini()
    }

    fn look_at(&mut self, chunk: &[u8]) {
        let Tail {
            lines, seen, open, ..
        } = self;
        *open = chunk.len();
        lines.push(chunk, |line, rest| {
            if line.is_empty() {
                *open = rest;
            }
            seen.line(line);
        });
    }

    /// The stream's bytes have ended; what was left of a line counts as one.
    pub fn finish(&mut self) {
        let rest = self.lines.take();
        self.cut |= !rest.is_empty();
        let (name, data) = field(&rest);
        let is_whole = || std::str::from_utf8(data).is_ok_and(|text| members(text, []).is_some());
        if name == b"data" && (data.trim_ascii() == DONE || is_whole()) {
            self.seen.line(&rest);
        }
    }

    /// Whether the stream said that it is over: `[DONE]`, the last event of a stream of named events, Gemini's reason why it finished.
    pub fn is_done(&self) -> bool {
        self.seen.done
    }

    /// Whether an error passed, in the stream's own form.
    pub fn has_error(&self) -> bool {
        self.seen.error
    }

    /// Whether no error has passed, and no event has begun that has not ended.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        !(self.seen.error | self.seen.within_event) && self.lines.partial().is_empty()
    }

    /// Bytes of the last chunk that are of an event which has not ended; all of it, where no event ended in it.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// What that event looks like, of which so many bytes are new.
    pub(super) fn look(&self, fresh: usize) -> Look {
        let Seen { name, error, .. } = &self.seen;
        if *error || matches!(name, Name::Error | Name::Failed) {
            return Look::Error;
        }
        match self.lines.partial() {
            [] => Look::Content,
            line => look(line, fresh),
        }
    }

    /// The last usage that passed.
    pub fn usage(&self) -> Option<Usage> {
        self.seen.usage
    }

    /// Whether that is the usage of the whole answer, as far as the API says: Anthropic tells at once what was read and only at the
    /// end what was written, Gemini adds up.
    pub fn usage_is_whole(&self) -> bool {
        self.seen.other.as_ref().is_none_or(|other| other.is_whole)
    }

    /// The content that passed, if it is counted.
    pub fn written(&self) -> Option<Written> {
        self.seen.written
    }

    /// Events with data that passed; the next event's `sequence_number`.
    pub fn events(&self) -> u64 {
        self.seen.events + u64::from(self.seen.has_data)
    }

    /// Whether the last event was finished by a blank line.
    pub fn is_between_events(&self) -> bool {
        self.closer().is_empty()
    }

    /// What must be sent before another event can be.
    pub fn closer(&self) -> &'static [u8] {
        match self.seen.within_event {
            _ if self.cut || self.lines.is_within_line() => b"\n\n",
            // A line feed right after a carriage return would only be the second half of that line's end.
            true if self.lines.after_cr => b"\n\n",
            true => b"\n",
            false => b"",
        }
    }
}

impl Seen {
    fn line(&mut self, line: &[u8]) {
        if line.is_empty() {
            self.events += u64::from(self.has_data);
            (self.name, self.within_event, self.has_data) = (Name::Other, false, false);
            return;
        }
        self.within_event = true;
        match line.first() {
            Some(b'd') => {
                if let Some(value) = line.strip_prefix(b"data:") {
                    let value = value.strip_prefix(b" ").unwrap_or(value);
                    self.data(value, line.len() > MAX_LINE);
                } else if line == b"data" {
                    self.data(b"", false);
                }
            }
            Some(b'e') => {
                if let (b"event", value) = field(line) {
                    self.name = Name::of(std::str::from_utf8(value).unwrap_or_default());
                }
            }
            _ => {}
        }
    }

    fn data(&mut self, data: &[u8], cut: bool) {
        self.has_data = true;
        self.named(self.name);
        let is_gemini = self.is_gemini();
        if let Some(written) = &mut self.written {
            if is_gemini {
                written.candidates(data);
            } else {
                written.event(data);
            }
        }
        if cut {
            return;
        }
        if is_gemini {
            return self.read_gemini(std::str::from_utf8(data).unwrap_or_default());
        }
        if data.trim_ascii() == DONE {
            self.done = true;
        } else if is_worth_reading(data) {
            self.read(std::str::from_utf8(data).unwrap_or_default());
        }
    }

    fn named(&mut self, name: Name) {
        self.done |= matches!(name, Name::Last | Name::Failed);
        self.error |= matches!(name, Name::Failed | Name::Error);
    }

    fn read(&mut self, text: &str) {
        self.read += 1;
        let names = ["error", "type", "usage", "response", "object"];
        let Some([error, kind, usage, response, object]) = members(text, names) else {
            return;
        };
        // A flat error says so of itself: Mistral's and older vLLM's.
        self.error |= !is_empty(error) || object == Some("\"error\"");
        self.named(Name::of(&string(kind).unwrap_or_default()));
        if let Some(other) = &mut self.other {
            self.usage = other.hear(text, usage);
            return;
        }
        let nested = || {
            response
                .and_then(|response| members(response, ["usage"]))
                .and_then(|[usage]| usage)
        };
        if let Some(usage) = usage.or_else(nested).and_then(Usage::from_object) {
            self.usage = Some(usage);
        }
    }
}

impl Seen {
    fn is_gemini(&self) -> bool {
        let other = self.other.as_ref();
        other.is_some_and(|other| other.dialect == Dialect::Gemini)
    }

    /// Every chunk says all that there is to say so far.
    fn read_gemini(&mut self, text: &str) {
        let names = ["error", "candidates", "usageMetadata", "promptFeedback"];
        let Some([error, candidates, usage, feedback]) = members(text, names) else {
            return;
        };
        self.error |= !is_empty(error);
        let named = |object, name| members(object, [name]).is_some_and(|[value]| !is_empty(value));
        let finished = any_element(candidates.unwrap_or_default(), |candidate| {
            named(candidate, "finishReason")
        });
        self.done |= finished || feedback.is_some_and(|feedback| named(feedback, "blockReason"));
        if let Some(usage) = usage.and_then(gemini) {
            self.usage = Some(usage);
        }
        if let Some(other) = &mut self.other {
            other.is_whole = self.done && self.usage.is_some();
        }
    }
}

impl Other {
    /// Anthropic's usage with what this event says of it, at its top or in the message that begins.
    fn hear(&mut self, text: &str, usage: Option<&str>) -> Option<Usage> {
        let begins = members(text, ["message"]).and_then(|[message]| members(message?, ["usage"]));
        if let Some([Some(first)]) = begins {
            self.parts.hear(first);
        }
        if let Some(usage) = usage {
            self.parts.hear(usage);
            self.is_whole = true;
        }
        self.parts.usage()
    }
}

const DONE: &[u8] = b"[DONE]";
/// The three in one pass; none where the processor has no instructions for that.
static SOUGHT: LazyLock<Option<Searcher>> =
    LazyLock::new(|| Searcher::new(["\"usage\"", "\"error\"", "\"type\""]));

/// Whether the data can hold what is sought. In JSON these stand with both quotes only as names or whole values:
/// within a text the quotes are escaped.
fn is_worth_reading(data: &[u8]) -> bool {
    let Some(sought) = &*SOUGHT else { return true };
    sought.find_iter(data).any(|found| {
        let value = value(data, found.end());
        match found.pattern().as_usize() {
            0 => value.starts_with(b"{"),
            1 => !value.starts_with(b"null"),
            _ => is_name(value),
        }
    })
}

/// What follows a member's name.
fn value(data: &[u8], at: usize) -> &[u8] {
    let rest = data.get(at..).unwrap_or_default().trim_ascii_start();
    rest.strip_prefix(b":")
        .unwrap_or_default()
        .trim_ascii_start()
}

/// Whether a value begins as a string that is a name which matters.
fn is_name(value: &[u8]) -> bool {
    let text = value.strip_prefix(b"\"").unwrap_or_default();
    let end = memchr::memchr(b'"', text.get(..64.min(text.len())).unwrap_or_default());
    let name = end.and_then(|end| std::str::from_utf8(text.get(..end)?).ok());
    Name::of(name.unwrap_or_default()) != Name::Other
}
