//! A stream, written for a chat caller. Called by `translate`, piece by piece.
//!
//! Each chunk begins with the same bytes, which are made once. Must never write `[DONE]` after an error, nor a call's id twice, nor a part of
//! a call without its `function`, which every SDK reads. What it keeps is `beside`'s.

mod beside;
mod call;

use super::finish_reason;
use super::usage::write_last;
use super::write_reply::{id, write_image};
use crate::Dialect;
use crate::json::pen::{Object, value};
use crate::stream_error;
use crate::talk::{Finish, Kind, Piece, Source, Spent};
use crate::translate::Asked;
use beside::Beside;
use call::Opening;
use serde_json::Value;

/// Writes a stream.
#[derive(Debug)]
pub(crate) struct Writer {
    asked: Asked,
    /// `data: {"id":…,"choices":[{"index":`, made at the first piece.
    head: Vec<u8>,
    choices: Vec<Choice>,
    /// Bytes of thoughts that are kept in them.
    thoughts: usize,
    /// A call that has begun and is not told yet.
    opening: Option<Opening>,
    spent: Option<Spent>,
    over: bool,
}

#[derive(Debug, Default)]
struct Choice {
    begun: bool,
    calls: u32,
    images: u32,
    open: Vec<Open>,
    beside: Beside,
}

#[derive(Debug)]
struct Open {
    block: u32,
    is: Is,
}

#[derive(Debug)]
enum Is {
    /// Where it begins, in characters, and what it cites.
    Text {
        start: usize,
        cited: Vec<Value>,
    },
    Refusal,
    /// What is kept of it, for its seal.
    Thinking(Option<String>),
    Call(u32),
}

struct Chunk<'c> {
    delta: &'c [u8],
    logprobs: Option<&'c Value>,
    reason: Option<&'c str>,
}

impl<'c> Chunk<'c> {
    fn of(delta: &'c [u8]) -> Chunk<'c> {
        let (logprobs, reason) = (None, None);
        Chunk {
            delta,
            logprobs,
            reason,
        }
    }
}

impl Writer {
    /// Before the first piece.
    pub(crate) fn new(asked: Asked) -> Writer {
        Writer {
            asked,
            head: Vec::new(),
            choices: Vec::new(),
            thoughts: 0,
            opening: None,
            spent: None,
            over: false,
        }
    }

    /// One piece of it.
    pub(crate) fn write(&mut self, piece: &Piece, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        if self.opening.is_some() && !self.is_of_opening(piece) {
            self.settle(out);
        }
        match piece {
            Piece::Begin { id, created, .. } => {
                self.begin(id, *created);
                self.first(0, out);
            }
            Piece::Finish { choice, finish } => self.finish(*choice, finish, out),
            Piece::Spent(spent) => self.spent = Some(*spent),
            Piece::Error { .. } => {
                self.over = true;
                out.extend(stream_error::write(
                    Dialect::OpenAI,
                    piece,
                    &self.asked.request_id,
                ));
            }
            Piece::End => self.end(out),
            within => self.within(within, out),
        }
    }

    fn within(&mut self, piece: &Piece, out: &mut Vec<u8>) {
        match piece {
            Piece::Open {
                choice,
                block,
                kind,
            } => self.open(*choice, *block, kind, out),
            Piece::Text {
                choice,
                block,
                text,
            } => self.text(*choice, *block, text, out),
            Piece::Arguments {
                choice,
                block,
                text,
            } => self.arguments(*choice, *block, text, out),
            Piece::Seal {
                choice,
                block,
                sealed,
            } => self.seal(*choice, *block, sealed, out),
            Piece::Citation {
                choice,
                block,
                citation,
            } => self.cite(*choice, *block, citation),
            Piece::Logprobs { choice, logprobs } => {
                let (delta, reason) = (&b"{}"[..], None);
                let logprobs = Some(logprobs);
                self.chunk(
                    *choice,
                    &Chunk {
                        delta,
                        logprobs,
                        reason,
                    },
                    out,
                );
            }
            Piece::Close { choice, block } => self.close(*choice, *block),
            _ => {}
        }
    }

    fn finish(&mut self, choice: u32, finish: &Finish, out: &mut Vec<u8>) {
        self.tell_beside(choice, out);
        let said = self.choices.get(choice as usize);
        let reason = finish_reason(finish, said.is_some_and(|said| said.calls > 0));
        let (delta, logprobs) = (&b"{}"[..], None);
        let reason = Some(reason);
        self.chunk(
            choice,
            &Chunk {
                delta,
                logprobs,
                reason,
            },
            out,
        );
    }

    fn begin(&mut self, provider: &str, created: Option<u64>) {
        let mut head = b"data: ".to_vec();
        {
            let mut object = Object::open(&mut head);
            object.member("id", &id(provider, &self.asked, "chatcmpl-"));
            object.member("object", "chat.completion.chunk");
            object.member("created", &created.unwrap_or(self.asked.now));
            object.member("model", &self.asked.model);
        }
        head.pop();
        head.extend_from_slice(br#","choices":["#);
        self.head = head;
    }

    /// The chunk with the role, before anything else of a choice.
    fn first(&mut self, choice: u32, out: &mut Vec<u8>) {
        if self.head.is_empty() {
            self.begin("", None);
        }
        let at = choice as usize;
        if self.choices.len() <= at {
            self.choices.resize_with(at + 1, Choice::default);
        }
        let Some(found) = self.choices.get_mut(at) else {
            return;
        };
        if !std::mem::replace(&mut found.begun, true) {
            self.chunk(choice, &Chunk::of(FIRST), out);
        }
    }

    fn chunk(&mut self, choice: u32, chunk: &Chunk<'_>, out: &mut Vec<u8>) {
        if !self
            .choices
            .get(choice as usize)
            .is_some_and(|choice| choice.begun)
        {
            self.first(choice, out);
        }
        out.extend_from_slice(&self.head);
        out.extend_from_slice(br#"{"index":"#);
        value(out, &choice);
        out.extend_from_slice(br#","delta":"#);
        out.extend_from_slice(chunk.delta);
        out.extend_from_slice(br#","logprobs":"#);
        value(out, &chunk.logprobs);
        out.extend_from_slice(br#","finish_reason":"#);
        value(out, &chunk.reason);
        let tail: &[u8] = match self.asked.wants_usage {
            true => b"}],\"usage\":null}\n\n",
            false => b"}]}\n\n",
        };
        out.extend_from_slice(tail);
    }

    fn delta(&mut self, choice: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
        let mut delta = Vec::with_capacity(128);
        write(&mut Object::open(&mut delta));
        self.chunk(choice, &Chunk::of(&delta), out);
    }

    fn open(&mut self, choice: u32, block: u32, kind: &Kind, out: &mut Vec<u8>) {
        self.first(choice, out);
        let Some(found) = self.choices.get_mut(choice as usize) else {
            return;
        };
        let is = match kind {
            Kind::Text => Is::Text {
                start: found.beside.said(),
                cited: Vec::new(),
            },
            Kind::Refusal => Is::Refusal,
            Kind::Thinking => Is::Thinking(Some(String::new())),
            Kind::Redacted { sealed } => return found.beside.hide(sealed),
            Kind::Image { source } => return self.image(choice, source, out),
            Kind::ToolCall { .. } => {
                found.calls += 1;
                Is::Call(found.calls - 1)
            }
        };
        found.open.push(Open { block, is });
        if let Kind::ToolCall { id, name } = kind {
            let index = found.calls - 1;
            self.opening = Some(Opening::of((choice, block), index, id, name));
        }
    }

    fn image(&mut self, choice: u32, source: &Source, out: &mut Vec<u8>) {
        let Some(found) = self.choices.get_mut(choice as usize) else {
            return;
        };
        let index = found.images;
        found.images += 1;
        self.delta(choice, out, |delta| {
            let mut images = delta.list("images");
            write_image(&mut images.object(), source, index);
        });
    }

    fn of(&mut self, choice: u32, block: u32) -> Option<&mut Is> {
        let choice = self.choices.get_mut(choice as usize)?;
        let open = choice.open.iter_mut().find(|open| open.block == block)?;
        Some(&mut open.is)
    }

    fn text(&mut self, choice: u32, block: u32, text: &str, out: &mut Vec<u8>) {
        let Some(found) = self.choices.get_mut(choice as usize) else {
            return;
        };
        let open = found.open.iter_mut().find(|open| open.block == block);
        let name = match open.map(|open| &mut open.is) {
            Some(Is::Thinking(thoughts)) => {
                beside::think(thoughts, text, &mut self.thoughts);
                "reasoning_content"
            }
            Some(Is::Refusal) => "refusal",
            Some(Is::Text { .. }) => {
                found.beside.say(text);
                "content"
            }
            Some(Is::Call(_)) | None => return,
        };
        self.delta(choice, out, |delta| delta.member(name, text));
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.over = true;
        self.first(0, out);
        for choice in (0..).take(self.choices.len()) {
            self.tell_beside(choice, out);
        }
        if let Some(spent) = self.spent.filter(|_| self.asked.wants_usage) {
            write_last(&self.head, &spent, out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

const FIRST: &[u8] = br#"{"role":"assistant","content":"","refusal":null}"#;
