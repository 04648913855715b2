//! Anthropic's stream, read. Called by `translate`, event by event. What it keeps: the blocks that are open, and the last counts.

use super::read_reply::explanation;
use super::usage::Counts;
use super::{ANSWER, finish};
use crate::json::{members, number, string};
use crate::talk::{Finish, Kind, Piece, Sealed};
use crate::{Dialect, Event};

/// Anthropic has one open at a time; what opens more is not read further.
const MOST_OPEN: usize = 256;

/// Reads a stream.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    next: u32,
    open: Vec<Open>,
    counts: Counts,
    calls: bool,
    answered: bool,
    ended: bool,
}

#[derive(Debug)]
struct Open {
    /// As Anthropic counts.
    index: u64,
    block: u32,
    is: Is,
    /// Of a call: what it began with, until a fragment comes.
    input: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Said,
    Call,
    /// The call of [`ANSWER`].
    Answer,
}

impl Reader {
    /// One event of it.
    pub(crate) fn read(&mut self, event: &Event, pieces: &mut Vec<Piece>) {
        let text = std::str::from_utf8(&event.data).unwrap_or_default();
        let names = [
            "type",
            "index",
            "delta",
            "content_block",
            "message",
            "usage",
            "error",
        ];
        let Some([kind, index, delta, block, message, usage, error]) = members(text, names) else {
            return;
        };
        if self.ended {
            return;
        }
        match kind.unwrap_or_default() {
            "\"content_block_delta\"" => self.delta(index, delta, pieces),
            "\"content_block_start\"" => self.start(index, block, pieces),
            "\"content_block_stop\"" => self.stop(index, pieces),
            "\"message_start\"" => self.begin(message.unwrap_or_default(), pieces),
            "\"message_delta\"" => self.finish_with(delta, usage, pieces),
            "\"message_stop\"" => {
                self.ended = true;
                pieces.push(Piece::End);
            }
            "\"error\"" => {
                self.ended = true;
                pieces.push(read_error(error.unwrap_or_default()));
            }
            _ => {}
        }
    }

    /// The end of its bytes. Without `message_stop` it did not end as it should.
    pub(crate) fn finish(&mut self, _pieces: &mut Vec<Piece>) {}

    fn begin(&mut self, message: &str, pieces: &mut Vec<Piece>) {
        let [id, model, usage] = members(message, ["id", "model", "usage"]).unwrap_or_default();
        self.counts.read(usage.unwrap_or_default());
        pieces.push(Piece::Begin {
            id: string(id).unwrap_or_default(),
            model: string(model).unwrap_or_default(),
            created: None,
            spent: self.counts.spent(),
        });
    }

    fn start(&mut self, index: Option<&str>, block: Option<&str>, pieces: &mut Vec<Piece>) {
        let Some((kind, is)) = block.and_then(read_kind) else {
            return;
        };
        let is_second = is == Is::Answer && self.answered;
        if self.open.len() == MOST_OPEN || is_second {
            return;
        }
        self.calls |= is == Is::Call;
        self.answered |= is == Is::Answer;
        let (choice, this) = (0, self.next);
        self.next = self.next.saturating_add(1);
        pieces.push(Piece::Open {
            choice,
            block: this,
            kind,
        });
        let names = ["text", "thinking", "input"];
        let [text, thinking, input] = block
            .and_then(|block| members(block, names))
            .unwrap_or_default();
        let begun = string(text).or_else(|| string(thinking));
        if let Some(text) = begun.filter(|text| !text.is_empty()) {
            pieces.push(Piece::Text {
                choice,
                block: this,
                text,
            });
        }
        self.open.push(Open {
            index: number(index).unwrap_or_default(),
            block: this,
            is,
            input: (is != Is::Said).then(|| input.unwrap_or("{}").to_owned()),
        });
    }

    fn delta(&mut self, index: Option<&str>, delta: Option<&str>, pieces: &mut Vec<Piece>) {
        let names = ["text", "partial_json", "thinking", "signature", "citation"];
        let index = number(index).unwrap_or_default();
        let open = self.open.iter_mut().find(|open| open.index == index);
        let (Some(open), Some([text, json, thinking, signature, citation])) =
            (open, delta.and_then(|delta| members(delta, names)))
        else {
            return;
        };
        let (choice, block) = (0, open.block);
        if let Some(text) = string(text).or_else(|| string(thinking)) {
            if !text.is_empty() {
                pieces.push(Piece::Text {
                    choice,
                    block,
                    text,
                });
            }
        } else if let Some(text) = string(json).filter(|text| !text.is_empty()) {
            open.input = None;
            pieces.push(open.arguments(text));
        } else if let Some(data) = string(signature).filter(|data| !data.is_empty()) {
            let origin = Dialect::Anthropic;
            let sealed = Sealed { origin, data };
            pieces.push(Piece::Seal {
                choice,
                block,
                sealed,
            });
        } else if let Some(Ok(citation)) = citation.map(serde_json::from_str) {
            pieces.push(Piece::Citation {
                choice,
                block,
                citation,
            });
        }
    }

    fn stop(&mut self, index: Option<&str>, pieces: &mut Vec<Piece>) {
        let index = number(index).unwrap_or_default();
        let Some(at) = self.open.iter().position(|open| open.index == index) else {
            return;
        };
        let mut open = self.open.swap_remove(at);
        // No fragment came: it takes no arguments.
        if let Some(input) = open.input.take() {
            pieces.push(open.arguments(input));
        }
        let (choice, block) = (0, open.block);
        pieces.push(Piece::Close { choice, block });
    }

    fn refuse(&mut self, text: String, pieces: &mut Vec<Piece>) {
        let (choice, block, kind) = (0, self.next, Kind::Refusal);
        self.next += 1;
        pieces.extend([
            Piece::Open {
                choice,
                block,
                kind,
            },
            Piece::Text {
                choice,
                block,
                text,
            },
            Piece::Close { choice, block },
        ]);
    }

    fn finish_with(&mut self, delta: Option<&str>, usage: Option<&str>, pieces: &mut Vec<Piece>) {
        let names = ["stop_reason", "stop_sequence", "stop_details"];
        let [reason, sequence, details] = delta
            .and_then(|delta| members(delta, names))
            .unwrap_or_default();
        let choice = 0;
        if let Some(reason) = string(reason) {
            let answered = self.answered && !self.calls;
            let finish = finish(&reason, string(sequence), answered);
            let why = explanation(details).filter(|_| self.next == 0);
            if let (Finish::Refused, Some(text)) = (&finish, why) {
                self.refuse(text, pieces);
            }
            pieces.push(Piece::Finish { choice, finish });
        }
        if let Some(usage) = usage {
            self.counts.read(usage);
            pieces.extend(self.counts.spent().map(Piece::Spent));
        }
    }
}

impl Open {
    fn arguments(&self, text: String) -> Piece {
        let (choice, block) = (0, self.block);
        match self.is {
            Is::Answer => Piece::Text {
                choice,
                block,
                text,
            },
            Is::Said | Is::Call => Piece::Arguments {
                choice,
                block,
                text,
            },
        }
    }
}

fn read_kind(block: &str) -> Option<(Kind, Is)> {
    let [kind, data, id, name] = members(block, ["type", "data", "id", "name"])?;
    let name = string(name).unwrap_or_default();
    Some(match kind? {
        "\"text\"" => (Kind::Text, Is::Said),
        "\"thinking\"" => (Kind::Thinking, Is::Said),
        "\"redacted_thinking\"" => {
            let data = string(data).unwrap_or_default();
            let origin = Dialect::Anthropic;
            let sealed = Sealed { origin, data };
            (Kind::Redacted { sealed }, Is::Said)
        }
        "\"tool_use\"" if name == ANSWER => (Kind::Text, Is::Answer),
        "\"tool_use\"" => {
            let id = string(id).unwrap_or_default();
            (Kind::ToolCall { id, name }, Is::Call)
        }
        _ => return None,
    })
}

fn read_error(error: &str) -> Piece {
    let [kind, message] = members(error, ["type", "message"]).unwrap_or_default();
    let kind = string(kind);
    Piece::Error {
        status: kind.as_deref().and_then(status),
        code: None,
        message: string(message).unwrap_or_default(),
        kind,
    }
}

/// The status that an answer with that error would have had.
fn status(kind: &str) -> Option<u16> {
    Some(match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "api_error" => 500,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => return None,
    })
}
