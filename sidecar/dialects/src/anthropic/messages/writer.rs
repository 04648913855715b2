//! A stream, written for a caller of Anthropic's API. Called by `translate`, piece by piece.
//!
//! Blocks keep the provider's order under numbers of their own, one at a time: what comes of a later call while one is open waits, because
//! Anthropic's SDKs take what was begun last for what is meant. The last two events wait for the end, since other APIs say what was used
//! after why it ended. Must never end a stream that did not end.

mod input;
mod waiting;

use super::usage::write_usage;
use super::write_reply::{citation, of_call, write_stop};
use crate::Dialect;
use crate::json::pen::Object;
use crate::openai::chat::reply_id;
use crate::stream_error;
use crate::talk::{Finish, Kind, Piece, Sealed, Spent};
use crate::translate::{Asked, Unreadable};
use input::{Input, Room};
use serde_json::Value;
use waiting::Waiting;

/// Writes a stream.
#[derive(Debug)]
pub(crate) struct Writer {
    asked: Asked,
    begun: bool,
    next: u64,
    open: Vec<Open>,
    waiting: Waiting,
    room: Room,
    calls: bool,
    refused: bool,
    /// A call's input is no object, and was shown.
    broken: bool,
    finish: Option<Finish>,
    spent: Option<Spent>,
    over: bool,
    failed: bool,
}

#[derive(Debug)]
struct Open {
    block: u32,
    index: u64,
    is: Is,
    /// A call's seal, which is told after it.
    later: Option<String>,
}

#[derive(Debug)]
enum Is {
    Text,
    Thinking,
    Call { id: String, input: Input },
}

impl Writer {
    /// Before the first piece.
    pub(crate) fn new(asked: Asked) -> Writer {
        Writer {
            asked,
            begun: false,
            next: 0,
            open: Vec::new(),
            waiting: Waiting::default(),
            room: Room::default(),
            calls: false,
            refused: false,
            broken: false,
            finish: None,
            spent: None,
            over: false,
            failed: false,
        }
    }

    /// One piece of it.
    pub(crate) fn write(&mut self, piece: &Piece, out: &mut Vec<u8>) {
        if self.over || self.waits(piece) {
            return;
        }
        match piece {
            Piece::Begin { id, spent, .. } => {
                self.spent = *spent;
                self.begin(id, out);
            }
            Piece::Open {
                choice: 0,
                block,
                kind,
            } => self.open(*block, kind, out),
            Piece::Text {
                choice: 0,
                block,
                text,
            } => self.text(*block, text, out),
            Piece::Arguments {
                choice: 0,
                block,
                text,
            } => self.input(*block, text, out),
            Piece::Seal {
                choice: 0,
                block,
                sealed,
            } => self.seal(*block, sealed, out),
            Piece::Citation {
                choice: 0,
                block,
                citation,
            } => self.cite(*block, citation, out),
            Piece::Close { choice: 0, block } => {
                self.close(*block, out);
                self.go_on(out);
            }
            Piece::Finish { choice: 0, finish } => self.finish = Some(finish.clone()),
            Piece::Spent(spent) => self.spent = Some(*spent),
            Piece::Error { .. } => self.fail(piece, out),
            Piece::End => self.end(out),
            // One answer is all that can be asked for there, and it has no log probabilities.
            _ => {}
        }
    }

    /// Whether it is of another block than the one that is open, and is kept for later.
    fn waits(&mut self, piece: &Piece) -> bool {
        let (Some(block), Some(open)) = (block_of(piece), self.open.first()) else {
            return false;
        };
        open.block != block && self.waiting.keep(block, piece)
    }

    /// What waited for the block that was closed.
    fn go_on(&mut self, out: &mut Vec<u8>) {
        while self.open.is_empty()
            && let Some(pieces) = self.waiting.next()
        {
            pieces.iter().for_each(|piece| self.write(piece, out));
        }
    }

    fn begin(&mut self, id: &str, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let (asked, spent) = (&self.asked, self.spent);
        event(out, "message_start", |object| {
            let mut message = object.object("message");
            message.member("id", &reply_id(id, asked, "msg_"));
            message.member("type", "message");
            message.member("role", "assistant");
            message.member("model", &asked.model);
            message.raw("content", "[]");
            message.raw("stop_reason", "null");
            message.raw("stop_sequence", "null");
            write_usage(&mut message, spent.as_ref());
        });
    }

    fn open(&mut self, block: u32, kind: &Kind, out: &mut Vec<u8>) {
        self.begin("", out);
        // `translate` lets none come here.
        if matches!(kind, Kind::Image { .. }) {
            return;
        }
        let index = self.next;
        self.next += 1;
        event(out, "content_block_start", |object| {
            object.member("index", &index);
            write_start(&mut object.object("content_block"), kind);
        });
        let is = match kind {
            Kind::Text | Kind::Redacted { .. } | Kind::Image { .. } => Is::Text,
            Kind::Thinking => Is::Thinking,
            Kind::Refusal => {
                self.refused = true;
                Is::Text
            }
            Kind::ToolCall { id, .. } => {
                self.calls = true;
                Is::Call {
                    id: id.clone(),
                    input: Input::default(),
                }
            }
        };
        self.open.push(Open {
            block,
            index,
            is,
            later: None,
        });
    }

    fn text(&mut self, block: u32, text: &str, out: &mut Vec<u8>) {
        let open = self.open.iter().find(|open| open.block == block);
        match open.map(|open| &open.is) {
            Some(Is::Text) => self.delta(block, ["text_delta", "text"], text, out),
            Some(Is::Thinking) => self.delta(block, ["thinking_delta", "thinking"], text, out),
            Some(Is::Call { .. }) | None => {}
        }
    }

    fn seal(&mut self, block: u32, sealed: &Sealed, out: &mut Vec<u8>) {
        let Some(open) = self.open.iter_mut().find(|open| open.block == block) else {
            return;
        };
        match &open.is {
            Is::Call { id, .. } => open.later = Some(of_call(id, sealed)),
            Is::Text | Is::Thinking => {
                let shown = sealed.shown(Dialect::Anthropic);
                self.delta(block, ["signature_delta", "signature"], &shown, out);
            }
        }
    }

    fn input(&mut self, block: u32, text: &str, out: &mut Vec<u8>) {
        let open = self.open.iter_mut().find(|open| open.block == block);
        if let Some(Is::Call { input, .. }) = open.map(|open| &mut open.is) {
            let text = input.say(text, &mut self.room);
            self.say_input(block, &text, out);
        }
    }

    fn say_input(&mut self, block: u32, text: &str, out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.delta(block, ["input_json_delta", "partial_json"], text, out);
        }
    }

    fn delta(&mut self, block: u32, [kind, name]: [&str; 2], text: &str, out: &mut Vec<u8>) {
        self.write_delta(block, out, |delta| {
            delta.member("type", kind);
            delta.member(name, text);
        });
    }

    fn cite(&mut self, block: u32, is: &Value, out: &mut Vec<u8>) {
        let is = citation(is, "");
        self.write_delta(block, out, |delta| {
            delta.member("type", "citations_delta");
            delta.member("citation", &is);
        });
    }

    fn write_delta(&mut self, block: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
        if let Some(open) = self.open.iter().find(|open| open.block == block) {
            event(out, "content_block_delta", |object| {
                object.member("index", &open.index);
                write(&mut object.object("delta"));
            });
        }
    }

    fn close(&mut self, block: u32, out: &mut Vec<u8>) {
        let Some(at) = self.open.iter().position(|open| open.block == block) else {
            return;
        };
        let end = match self.open.get(at).map(|open| &open.is) {
            Some(Is::Call { input, .. }) => {
                self.broken |= input.is_broken();
                self.room.leave(input);
                input.end()
            }
            _ => "",
        };
        self.say_input(block, end, out);
        let open = self.open.remove(at);
        stop(out, open.index);
        if let Some(data) = open.later {
            let index = self.next;
            self.next += 1;
            event(out, "content_block_start", |object| {
                object.member("index", &index);
                let mut block = object.object("content_block");
                block.member("type", "redacted_thinking");
                block.member("data", &data);
            });
            stop(out, index);
        }
    }

    fn fail(&mut self, error: &Piece, out: &mut Vec<u8>) {
        (self.over, self.failed) = (true, true);
        let request_id = &self.asked.request_id;
        out.extend(stream_error::write(Dialect::Anthropic, error, request_id));
    }

    /// Whether it ended in an error.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.begin("", out);
        while let Some(block) = self.open.first().map(|open| open.block) {
            self.close(block, out);
            self.go_on(out);
        }
        // What a limit or a filter cut off is not called.
        let is_cut = matches!(
            self.finish,
            Some(Finish::Length | Finish::Context | Finish::Filtered | Finish::Refused)
        );
        if self.broken && !is_cut {
            let why = Unreadable("the model wrote a tool call that cannot be read".into());
            return self.fail(&why.into(), out);
        }
        self.over = true;
        event(out, "message_delta", |object| {
            let mut delta = object.object("delta");
            write_stop(&mut delta, self.finish.as_ref(), self.calls, self.refused);
            drop(delta);
            write_usage(object, self.spent.as_ref());
        });
        event(out, "message_stop", |_| {});
    }
}

/// Of which block it is.
fn block_of(piece: &Piece) -> Option<u32> {
    match piece {
        Piece::Open {
            choice: 0, block, ..
        }
        | Piece::Text {
            choice: 0, block, ..
        }
        | Piece::Arguments {
            choice: 0, block, ..
        }
        | Piece::Seal {
            choice: 0, block, ..
        }
        | Piece::Citation {
            choice: 0, block, ..
        }
        | Piece::Close { choice: 0, block } => Some(*block),
        _ => None,
    }
}

fn stop(out: &mut Vec<u8>, index: u64) {
    event(out, "content_block_stop", |object| {
        object.member("index", &index)
    });
}

fn event(out: &mut Vec<u8>, kind: &str, write: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    {
        let mut object = Object::open(out);
        object.member("type", kind);
        write(&mut object);
    }
    out.extend_from_slice(b"\n\n");
}

fn write_start(object: &mut Object<'_>, kind: &Kind) {
    match kind {
        Kind::Text | Kind::Refusal => {
            object.member("type", "text");
            object.member("text", "");
        }
        Kind::Thinking => {
            object.member("type", "thinking");
            object.member("thinking", "");
            object.member("signature", "");
        }
        Kind::Redacted { sealed } => {
            object.member("type", "redacted_thinking");
            object.member("data", &sealed.shown(Dialect::Anthropic));
        }
        Kind::Image { .. } => {}
        Kind::ToolCall { id, name } => {
            object.member("type", "tool_use");
            object.member("id", id);
            object.member("name", name);
            object.raw("input", "{}");
        }
    }
}
