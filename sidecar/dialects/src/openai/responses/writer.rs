//! A stream, written as a response's. Called by `translate`.
//!
//! Every item is announced, filled and done, and the last event holds all of them: so they are kept as they grow. Blocks of text that
//! follow each other are parts of one message. A call is announced with its first argument: a seal of it has come by then, and goes first.

mod call;
mod fill;

use super::event::{At, Event};
use super::output::{COMPLETED, Failure, IN_PROGRESS, Item, Part, Response};
use super::output::{annotation, id, logprobs};
use crate::Dialect;
use crate::stream_error;
use crate::talk::{Finish, Kind, Piece, Sealed, Spent};
use crate::translate::Asked;
use fill::{part_done, said, thought, thought_done};
use serde_json::Value;

/// Writes a stream.
#[derive(Debug)]
pub(crate) struct Writer {
    asked: Asked,
    number: u64,
    items: Vec<Item>,
    /// Blocks that are open, by their numbers.
    open: Vec<(u32, Open)>,
    /// The message that the next text belongs to.
    message: Option<usize>,
    finish: Option<Finish>,
    spent: Option<Spent>,
}

#[derive(Debug)]
enum Open {
    /// A part of a message.
    Said {
        item: usize,
        part: usize,
    },
    Thinking {
        item: usize,
    },
    /// Announced as an item, once it is.
    Call {
        item: Option<usize>,
        call_id: String,
        name: String,
        seal: Option<Sealed>,
    },
}

impl Writer {
    /// Before the first piece.
    pub(crate) fn new(asked: Asked) -> Writer {
        Writer {
            asked,
            number: 0,
            items: Vec::new(),
            open: Vec::new(),
            message: None,
            finish: None,
            spent: None,
        }
    }

    /// One piece of it. There is one answer here: others were not asked for.
    pub(crate) fn write(&mut self, piece: &Piece, out: &mut Vec<u8>) {
        if choice(piece) > 0 {
            return;
        }
        match piece {
            Piece::Begin { spent, .. } => self.begin(*spent, out),
            Piece::Open { block, kind, .. } => self.opened(*block, kind, out),
            Piece::Text { block, text, .. } => self.text(*block, text, out),
            Piece::Arguments { block, text, .. } => self.argument(*block, text, out),
            Piece::Seal { block, sealed, .. } => self.sealed(*block, sealed),
            Piece::Citation {
                block, citation, ..
            } => self.citation(*block, citation, out),
            Piece::Logprobs { logprobs, .. } => self.logprobs(logprobs),
            Piece::Close { block, .. } => self.closed(*block, out),
            Piece::Finish { finish, .. } => self.finish = Some(finish.clone()),
            Piece::Spent(spent) => self.spent = Some(*spent),
            Piece::Error {
                status, message, ..
            } => self.failed(*status, message, out),
            Piece::End => self.end(out),
        }
    }

    fn begin(&mut self, spent: Option<Spent>, out: &mut Vec<u8>) {
        self.spent = spent;
        let response = Response::of(&self.asked, &[]);
        Event::Created { response }.write(&mut self.number, out);
        let response = Response::of(&self.asked, &[]);
        Event::InProgress { response }.write(&mut self.number, out);
    }

    fn place(&self, block: u32) -> Option<usize> {
        self.open.iter().position(|(open, _)| *open == block)
    }

    fn next_id(&self, prefix: &str) -> String {
        id(prefix, &self.asked, Some(self.items.len()))
    }

    /// Announces an item.
    fn add(&mut self, item: Item, out: &mut Vec<u8>) -> usize {
        let output_index = self.items.len();
        let event = Event::ItemAdded {
            output_index,
            item: &item,
        };
        event.write(&mut self.number, out);
        self.items.push(item);
        output_index
    }

    fn done(&mut self, output_index: usize, out: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(output_index) else {
            return;
        };
        if let Item::Message { status, .. } | Item::FunctionCall { status, .. } = item {
            *status = COMPLETED;
        }
        Event::ItemDone { output_index, item }.write(&mut self.number, out);
    }

    fn opened(&mut self, block: u32, kind: &Kind, out: &mut Vec<u8>) {
        let open = match kind {
            Kind::Text => self.say(
                Part::OutputText {
                    text: String::new(),
                    annotations: Vec::new(),
                    logprobs: Vec::new(),
                },
                out,
            ),
            Kind::Refusal => {
                let refusal = String::new();
                self.say(Part::Refusal { refusal }, out)
            }
            Kind::Thinking => Open::Thinking {
                item: self.think(None, out),
            },
            Kind::Redacted { sealed } => {
                let item = self.think(Some(sealed.shown_hidden(Dialect::OpenAI)), out);
                Open::Thinking { item }
            }
            // `translate` lets none come here.
            Kind::Image { .. } => return,
            Kind::ToolCall { id, name } => {
                self.end_message(out);
                Open::Call {
                    item: None,
                    call_id: id.clone(),
                    name: name.clone(),
                    seal: None,
                }
            }
        };
        self.open.push((block, open));
    }

    fn say(&mut self, part: Part, out: &mut Vec<u8>) -> Open {
        let item = match self.message {
            Some(item) => item,
            None => {
                let message = Item::Message {
                    id: self.next_id("msg"),
                    status: IN_PROGRESS,
                    role: "assistant",
                    content: Vec::new(),
                };
                self.add(message, out)
            }
        };
        self.message = Some(item);
        let mut place = 0;
        if let Some(Item::Message { id, content, .. }) = self.items.get_mut(item) {
            place = content.len();
            let at = At {
                item_id: id,
                output_index: item,
                content_index: place,
            };
            Event::PartAdded { at, part: &part }.write(&mut self.number, out);
            content.push(part);
        }
        Open::Said { item, part: place }
    }

    fn think(&mut self, shown: Option<String>, out: &mut Vec<u8>) -> usize {
        self.end_message(out);
        let item = Item::Reasoning {
            id: self.next_id("rs"),
            summary: Vec::new(),
            encrypted_content: shown,
        };
        self.add(item, out)
    }

    fn end_message(&mut self, out: &mut Vec<u8>) {
        if let Some(item) = self.message.take() {
            self.done(item, out);
        }
    }

    fn text(&mut self, block: u32, text: &str, out: &mut Vec<u8>) {
        let Writer {
            items,
            open,
            number,
            ..
        } = self;
        let Some((_, open)) = open.iter().find(|(is, _)| *is == block) else {
            return;
        };
        match open {
            Open::Said { item, part } => {
                if let Some(Item::Message { id, content, .. }) = items.get_mut(*item) {
                    let at = At {
                        item_id: id,
                        output_index: *item,
                        content_index: *part,
                    };
                    said(at, content.get_mut(*part), text, (number, out));
                }
            }
            Open::Thinking { item } => {
                if let Some(Item::Reasoning { id, summary, .. }) = items.get_mut(*item) {
                    thought((id, *item), summary, text, (number, out));
                }
            }
            Open::Call { .. } => {}
        }
    }

    fn sealed(&mut self, block: u32, sealed: &Sealed) {
        let place = self.place(block);
        let Some((_, open)) = place.and_then(|place| self.open.get_mut(place)) else {
            return;
        };
        match open {
            Open::Thinking { item } => {
                if let Some(Item::Reasoning {
                    encrypted_content, ..
                }) = self.items.get_mut(*item)
                {
                    *encrypted_content = Some(sealed.shown(Dialect::OpenAI));
                }
            }
            Open::Call { seal, .. } => *seal = Some(sealed.clone()),
            Open::Said { .. } => {}
        }
    }

    fn citation(&mut self, block: u32, citation: &Value, out: &mut Vec<u8>) {
        let open = self.open.iter().find(|(is, _)| *is == block);
        let Some((_, Open::Said { item, part })) = open else {
            return;
        };
        let Some(Item::Message { id, content, .. }) = self.items.get_mut(*item) else {
            return;
        };
        if let (Some(Part::OutputText { annotations, .. }), Some(annotation)) =
            (content.get_mut(*part), annotation(citation))
        {
            let at = At {
                item_id: id,
                output_index: *item,
                content_index: *part,
            };
            let event = Event::Annotation {
                at,
                annotation_index: annotations.len(),
                annotation: &annotation,
            };
            event.write(&mut self.number, out);
            annotations.push(annotation);
        }
    }

    /// They belong to what was said last, and are shown when it is done.
    fn logprobs(&mut self, said: &Value) {
        if let Some(Item::Message { content, .. }) = self.items.last_mut()
            && let Some(Part::OutputText { logprobs: all, .. }) = content.last_mut()
        {
            all.extend_from_slice(&logprobs(Some(said)));
        }
    }

    fn closed(&mut self, block: u32, out: &mut Vec<u8>) {
        // A call without arguments is announced at its end.
        self.announced(block, out);
        let Some(place) = self.place(block) else {
            return;
        };
        match self.open.remove(place).1 {
            Open::Said { item, part } => {
                if let Some(Item::Message { id, content, .. }) = self.items.get(item) {
                    let at = At {
                        item_id: id,
                        output_index: item,
                        content_index: part,
                    };
                    part_done(at, content.get(part), (&mut self.number, out));
                }
            }
            Open::Thinking { item } => {
                if let Some(Item::Reasoning { id, summary, .. }) = self.items.get(item) {
                    thought_done((id, item), summary, (&mut self.number, out));
                }
                self.done(item, out);
            }
            Open::Call { item, .. } => {
                if let Some(item) = item {
                    self.call_done(item, out);
                }
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.end_message(out);
        let response = Response::of(&self.asked, &self.items);
        let response = response.ended(self.finish.as_ref(), self.spent.as_ref());
        let event = match response.status {
            "incomplete" => Event::Incomplete { response },
            "failed" => Event::Failed { response },
            _ => Event::Completed { response },
        };
        event.write(&mut self.number, out);
    }

    fn failed(&mut self, status: Option<u16>, message: &str, out: &mut Vec<u8>) {
        let message = stream_error::message(message);
        let mut response = Response::of(&self.asked, &self.items);
        response.status = "failed";
        response.error = Some(Failure {
            code: match status {
                Some(429) => "rate_limit_exceeded",
                Some(400..=499) => "invalid_prompt",
                _ => "server_error",
            },
            message: &message,
        });
        Event::Failed { response }.write(&mut self.number, out);
    }
}

fn choice(piece: &Piece) -> u32 {
    match piece {
        Piece::Open { choice, .. }
        | Piece::Text { choice, .. }
        | Piece::Arguments { choice, .. }
        | Piece::Seal { choice, .. }
        | Piece::Citation { choice, .. }
        | Piece::Logprobs { choice, .. }
        | Piece::Close { choice, .. }
        | Piece::Finish { choice, .. } => *choice,
        Piece::Begin { .. } | Piece::Spent(_) | Piece::Error { .. } | Piece::End => 0,
    }
}
