//! A provider's stream, read. Called by `translate`, event by event.
//!
//! It has no blocks: one is opened when another kind of content begins, and closed when that ends. Tool calls stay open until their
//! arguments are whole, since others may come between their parts. Must never hold more than a few bytes for each.

use super::calls::Calls;
use super::read_reply::{shown, thought};
use super::{broken, finish, read_spent};
use crate::Event;
use crate::json::{each_element, members, number, string};
use crate::talk::{Kind, Piece, Spent};
use crate::translate::Unreadable;
use serde_json::Value;

/// More choices than anybody asks for.
const MOST_CHOICES: u32 = 128;

/// Reads a stream.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    begun: bool,
    id: String,
    ended: bool,
    choices: Vec<Choice>,
}

#[derive(Debug, Default)]
struct Choice {
    /// The next block's number.
    next: u32,
    /// The open block that is not a call.
    said: Option<(u32, Saying)>,
    calls: Calls,
    finished: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saying {
    Text,
    Thinking,
    Refusal,
}

impl Reader {
    /// One event of it.
    pub(crate) fn read(&mut self, event: &Event, pieces: &mut Vec<Piece>) {
        let data = event.data.trim_ascii();
        if self.ended {
            return;
        }
        if data == b"[DONE]" {
            self.ended = true;
            pieces.push(match self.choices.is_empty() {
                true => fault("it has no choices"),
                false => Piece::End,
            });
            return;
        }
        let text = std::str::from_utf8(data).unwrap_or_default();
        let names = [
            "id", "model", "created", "choices", "usage", "error", "object",
        ];
        if let Some([id, model, created, choices, usage, error, object]) = members(text, names) {
            if error.is_some() || object == Some("\"error\"") {
                self.ended = true;
                pieces.push(read_error(error.unwrap_or(text)));
                return;
            }
            let spent = usage.and_then(read_spent);
            self.begin(&[id, model, created], spent, pieces);
            each_element(choices.unwrap_or_default(), |choice| {
                self.choice(choice, pieces)
            });
            pieces.extend(spent.filter(|_| !self.ended).map(Piece::Spent));
        }
    }

    /// The end of its bytes. Without `[DONE]` it did not end as it should.
    pub(crate) fn finish(&mut self, _pieces: &mut Vec<Piece>) {}

    /// At the first event that names its model: Azure sends one of filters before.
    fn begin(
        &mut self,
        [id, model, created]: &[Option<&str>; 3],
        spent: Option<Spent>,
        pieces: &mut Vec<Piece>,
    ) {
        if self.begun {
            return;
        }
        let model = string(*model).unwrap_or_default();
        if model.is_empty() && id.is_none_or(|id| id == "\"\"") {
            return;
        }
        self.begun = true;
        self.id = string(*id).unwrap_or_default();
        pieces.push(Piece::Begin {
            id: self.id.clone(),
            model,
            created: number(*created).filter(|seconds| *seconds > 0),
            spent,
        });
    }

    fn choice(&mut self, choice: &str, pieces: &mut Vec<Piece>) {
        let names = ["index", "delta", "finish_reason", "logprobs"];
        let Some([index, delta, reason, logprobs]) = members(choice, names) else {
            return;
        };
        let index = number(index)
            .and_then(|index| u32::try_from(index).ok())
            .unwrap_or(0);
        if index >= MOST_CHOICES {
            return;
        }
        let at = index as usize;
        if self.choices.len() <= at {
            self.choices.resize_with(at + 1, Choice::default);
        }
        let Some(choice) = self.choices.get_mut(at) else {
            return;
        };
        let mut out = Out { index, pieces };
        if let Some(delta) = delta {
            choice.delta(delta, &self.id, &mut out);
        }
        if let Some(logprobs) = logprobs.and_then(|raw| serde_json::from_str::<Value>(raw).ok()) {
            out.pieces.push(Piece::Logprobs {
                choice: index,
                logprobs,
            });
        }
        if let Some(reason) = string(reason) {
            self.ended |= !choice.end(&reason, &mut out);
        }
    }
}

/// Where the pieces of one choice go.
pub(super) struct Out<'p> {
    pub(super) index: u32,
    pub(super) pieces: &'p mut Vec<Piece>,
}

impl Out<'_> {
    pub(super) fn open(&mut self, block: u32, kind: Kind) {
        let choice = self.index;
        self.pieces.push(Piece::Open {
            choice,
            block,
            kind,
        });
    }

    pub(super) fn close(&mut self, block: u32) {
        let choice = self.index;
        self.pieces.push(Piece::Close { choice, block });
    }
}

impl Choice {
    fn delta(&mut self, delta: &str, id: &str, out: &mut Out<'_>) {
        let names = [
            "content",
            "reasoning_content",
            "reasoning",
            "refusal",
            "tool_calls",
            "annotations",
            "images",
        ];
        let Some(
            [
                content,
                thoughts,
                reasoning,
                refusal,
                calls,
                annotations,
                images,
            ],
        ) = members(delta, names)
        else {
            return;
        };
        if let Some(text) = string(thoughts).or_else(|| string(reasoning)) {
            self.say(Saying::Thinking, text, out);
        }
        if let Some(content) = content {
            self.content(content, out);
        }
        if let Some(text) = string(refusal) {
            self.say(Saying::Refusal, text, out);
        }
        each_element(annotations.unwrap_or_default(), |citation| {
            self.cite(citation, out)
        });
        each_element(images.unwrap_or_default(), |image| self.show(image, out));
        each_element(calls.unwrap_or_default(), |call| {
            self.close_said(out);
            self.calls.delta(call, &mut self.next, id, out);
        });
    }

    /// One string, or Mistral's parts.
    fn content(&mut self, content: &str, out: &mut Out<'_>) {
        if let Some(text) = string(Some(content)) {
            return self.say(Saying::Text, text, out);
        }
        each_element(content, |part| {
            let [text, thinking] = members(part, ["text", "thinking"]).unwrap_or_default();
            if let Some(thinking) = thinking {
                self.say(Saying::Thinking, thought(thinking), out);
            }
            if let Some(text) = string(text) {
                self.say(Saying::Text, text, out);
            }
        });
    }

    fn say(&mut self, saying: Saying, text: String, out: &mut Out<'_>) {
        if text.is_empty() || self.finished {
            return;
        }
        let block = match self.said {
            Some((block, is)) if is == saying => block,
            _ => self.open_said(saying, out),
        };
        let choice = out.index;
        out.pieces.push(Piece::Text {
            choice,
            block,
            text,
        });
    }

    fn open_said(&mut self, saying: Saying, out: &mut Out<'_>) -> u32 {
        self.close_said(out);
        let block = self.next;
        self.next += 1;
        self.said = Some((block, saying));
        out.open(
            block,
            match saying {
                Saying::Text => Kind::Text,
                Saying::Thinking => Kind::Thinking,
                Saying::Refusal => Kind::Refusal,
            },
        );
        block
    }

    fn close_said(&mut self, out: &mut Out<'_>) {
        if let Some((block, _)) = self.said.take() {
            out.close(block);
        }
    }

    fn show(&mut self, image: &str, out: &mut Out<'_>) {
        if let Some(source) = shown(image).filter(|_| !self.finished) {
            self.close_said(out);
            let block = self.next;
            self.next += 1;
            out.open(block, Kind::Image { source });
            out.close(block);
        }
    }

    fn cite(&mut self, citation: &str, out: &mut Out<'_>) {
        if let (Some((block, Saying::Text)), Ok(citation)) =
            (self.said, serde_json::from_str(citation))
        {
            let choice = out.index;
            out.pieces.push(Piece::Citation {
                choice,
                block,
                citation,
            });
        }
    }

    /// Whether it is an end: else it broke off, and nothing follows.
    fn end(&mut self, reason: &str, out: &mut Out<'_>) -> bool {
        if self.finished {
            return true;
        }
        self.finished = true;
        let Some(finish) = finish(reason, self.calls.any()) else {
            out.pieces.push(fault(&broken(reason)));
            return false;
        };
        self.close_said(out);
        self.calls.close(out);
        let choice = out.index;
        out.pieces.push(Piece::Finish { choice, finish });
        true
    }
}

/// An answer that cannot be given to its end.
fn fault(why: &str) -> Piece {
    Unreadable(why.to_owned()).into()
}

fn read_error(error: &str) -> Piece {
    let [status, code, kind, message] =
        members(error, ["status", "code", "type", "message"]).unwrap_or_default();
    // OpenRouter's code is the status.
    let status = number(code).or_else(|| number(status));
    Piece::Error {
        status: status.and_then(|status| u16::try_from(status).ok()),
        code: string(code),
        kind: string(kind),
        message: string(message)
            .or_else(|| string(Some(error)))
            .unwrap_or_default(),
    }
}
