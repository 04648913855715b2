//! Judges a stream before anything of it is shown to the caller: until then another provider can still be tried.
//!
//! Called by failover with every chunk until it answers something else than `Pending`.
//!
//! An answer may be empty: a reason why it ended shows that, and so does what it used, where the stream then ends as its API ends one. A
//! stream that says neither is none (reliability.md 3.2, row 12), even if its last event is there.

mod anthropic;
mod gemini;

use super::{Event, Events};
use crate::Dialect;
use crate::json::{any_element, is_empty, members, string};
use crate::upstream_error::{self, Fields};

/// What a stream has shown so far. The first verdict that is not `Pending` stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to be shown: comments, pings, roles, announcements.
    Pending,
    /// Content. Commit.
    Content,
    /// The provider reports an error inside a stream that began with 200.
    Error {
        /// The HTTP status that the error amounts to, if it says.
        status: Option<u16>,
        /// Its `code`.
        code: Option<String>,
        /// Its `type`.
        kind: Option<String>,
        /// Its `message`, at most 2 KiB.
        message: String,
    },
    /// It ended as it should, without any content.
    Done,
    /// An event exceeds [`super::MAX_LINE`].
    TooLong,
}

/// How a stream stands when its bytes end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Not one event came.
    Empty,
    /// Events came, and nothing to be shown.
    NoContent,
    /// The bytes that were left decide, or had decided.
    Decided(Verdict),
}

/// The judge of one stream, in any API and of any endpoint.
#[derive(Debug)]
pub struct Gate {
    dialect: Dialect,
    events: Events,
    verdict: Verdict,
    any: bool,
    /// It said what it used.
    reported: bool,
}

impl Default for Gate {
    fn default() -> Gate {
        Gate::new()
    }
}

/// No honest error, and no announcement of an answer, is longer: 512 KiB.
const LONGEST_ERROR: usize = 512 << 10;

impl Gate {
    /// Before the first byte of a stream of OpenAI's.
    pub fn new() -> Gate {
        Gate::of(Dialect::OpenAI)
    }

    /// Before the first byte; the dialect is the provider's.
    pub fn of(dialect: Dialect) -> Gate {
        Gate {
            dialect,
            events: Events::abridged(),
            verdict: Verdict::Pending,
            any: false,
            reported: false,
        }
    }

    /// The verdict with `chunk`. Events after the one that decided are not looked at.
    pub fn push(&mut self, chunk: &[u8]) -> Verdict {
        if self.verdict == Verdict::Pending {
            for event in self.events.push(chunk) {
                self.any = true;
                self.verdict = event.map_or(Verdict::TooLong, |event| self.judge(&event));
                if self.verdict != Verdict::Pending {
                    break;
                }
            }
        }
        self.verdict.clone()
    }

    /// Whether the event that has begun is an object, and longer than any error: content, as soon as it is whole.
    pub fn is_within_picture(&self) -> bool {
        self.events.open() > LONGEST_ERROR && self.events.is_within_object()
    }

    /// The stream's bytes have ended.
    pub fn finish(&mut self) -> End {
        if self.verdict == Verdict::Pending
            && let Some(event) = self.events.finish()
        {
            self.any = true;
            self.verdict = self.judge(&event);
        }
        match (&self.verdict, self.any) {
            (Verdict::Pending, false) => End::Empty,
            (Verdict::Pending, true) => End::NoContent,
            (verdict, _) => End::Decided(verdict.clone()),
        }
    }
}

impl Gate {
    fn judge(&mut self, event: &Event) -> Verdict {
        match self.dialect {
            Dialect::OpenAI => openai(event, &mut self.reported),
            Dialect::Anthropic => anthropic::judge(event),
            Dialect::Gemini => gemini::judge(event),
        }
    }
}

fn openai(event: &Event, reported: &mut bool) -> Verdict {
    if event.data.trim_ascii() == b"[DONE]" {
        return match *reported {
            true => Verdict::Content,
            false => Verdict::Done,
        };
    }
    let text = std::str::from_utf8(&event.data).unwrap_or_default();
    let found = members(text, ["error", "type", "choices", "object", "usage"]);
    if event.name == "error" {
        return error(text);
    }
    let Some([fault, kind, choices, object, usage]) = found else {
        return Verdict::Pending;
    };
    let kind = string(kind).unwrap_or_default();
    if kind == "response.failed" {
        return failed_response(text);
    }
    // A response object within an event has its own `error`, null until it fails.
    if !is_empty(fault) || kind == "error" || string(object).as_deref() == Some("error") {
        return error(text);
    }
    *reported |= !is_empty(usage);
    let shown = match choices {
        Some(choices) => any_element(choices, has_content),
        None => is_shown(if kind.is_empty() { &event.name } else { &kind }),
    };
    if shown {
        Verdict::Content
    } else {
        Verdict::Pending
    }
}

/// Whether an event of that name shows something; names like `message` and `ping` say nothing.
fn is_shown(name: &str) -> bool {
    name.contains('.')
        && !matches!(
            name,
            "response.created" | "response.in_progress" | "response.queued"
        )
}

fn has_content(choice: &str) -> bool {
    let Some([delta, finish_reason, text]) = members(choice, ["delta", "finish_reason", "text"])
    else {
        return false;
    };
    let names = [
        "content",
        "tool_calls",
        "refusal",
        "reasoning_content",
        "function_call",
        "reasoning",
        "reasoning_details",
        "audio",
    ];
    let delta = delta.and_then(|delta| members(delta, names));
    !is_empty(finish_reason)
        || !is_empty(text)
        || delta.is_some_and(|members| !members.iter().all(|member| is_empty(*member)))
}

fn error(text: &str) -> Verdict {
    verdict(upstream_error::fields(text))
}

fn failed_response(text: &str) -> Verdict {
    let response = members(text, ["response"]).and_then(|[response]| response);
    verdict(response.map_or_else(Fields::default, upstream_error::fields))
}

fn verdict(fields: Fields) -> Verdict {
    let status = fields.status();
    let Fields {
        message,
        kind,
        code,
        ..
    } = fields;
    Verdict::Error {
        status,
        code,
        kind,
        message,
    }
}
