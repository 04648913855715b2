//! A stream, written as Gemini's: events whose data is an answer with what is new, or the elements of one JSON array. Called by `translate`.
//!
//! The calls of tools, reasons and usage go together into the last answer (see `held`).

use super::held::{self, Call, Last};
use super::logprobs;
use super::part::{Content, Part, object};
use super::write_reply::{Answer, Candidate, UsageMetadata, citations, image, response_id};
use crate::Dialect;
use crate::error::{ErrorBody, json, render};
use crate::json::pen;
use crate::openai::chat::repaired;
use crate::stream_error;
use crate::talk::{Kind, Piece, Sealed, Spent};
use crate::translate::Asked;
use serde_json::Value;

/// Writes a stream.
#[derive(Debug)]
pub(crate) struct Writer {
    asked: Asked,
    id: String,
    open: Vec<Open>,
    last: Last,
    spent: Option<Spent>,
    /// The array has an element.
    within: bool,
    /// What each answer ends with.
    rest: Vec<u8>,
}

/// A block whose contents are written when it closes, or whose seal is.
#[derive(Debug)]
struct Open {
    choice: u32,
    block: u32,
    is_thought: bool,
    call: Option<Call>,
}

impl Writer {
    /// Before the first piece.
    pub(crate) fn new(asked: Asked) -> Writer {
        Writer {
            asked,
            id: String::new(),
            open: Vec::new(),
            last: Last::default(),
            spent: None,
            within: false,
            rest: Vec::new(),
        }
    }

    /// One piece of it.
    pub(crate) fn write(&mut self, piece: &Piece, out: &mut Vec<u8>) {
        match piece {
            Piece::Begin { id, spent, .. } => {
                self.id.clone_from(id);
                self.spent = *spent;
            }
            Piece::Open {
                choice,
                block,
                kind,
            } => self.opened(*choice, *block, kind, out),
            Piece::Text {
                choice,
                block,
                text,
            } => self.text(*choice, *block, text, out),
            Piece::Arguments {
                choice,
                block,
                text,
            } => {
                if let Some(call) = self.call(*choice, *block) {
                    call.arguments.push_str(text);
                }
            }
            Piece::Seal {
                choice,
                block,
                sealed,
            } => self.sealed(*choice, *block, sealed, out),
            Piece::Citation {
                choice, citation, ..
            } => self.cited(*choice, citation, out),
            Piece::Logprobs { choice, logprobs } => self.logprobs(*choice, logprobs, out),
            Piece::Close { choice, block } => self.closed(*choice, *block),
            Piece::Finish { choice, finish } => self.last.finish(*choice, finish),
            Piece::Spent(spent) => self.spent = Some(*spent),
            Piece::Error {
                status, message, ..
            } => self.failed(*status, message, out),
            Piece::End => self.end(out),
        }
    }

    /// The bytes of a piece that are kept to the end.
    pub(crate) fn kept(&self, piece: &Piece) -> usize {
        held::kept(piece, |choice| self.last.holds(choice))
    }

    /// What nearly every chunk is: written by hand, byte for byte what `part` would write.
    fn text(&mut self, choice: u32, block: u32, text: &str, out: &mut Vec<u8>) {
        let thought = self.is_thought(choice, block);
        if self.last.holds(choice) {
            return self.last.text(choice, text, thought);
        }
        self.before(out);
        out.extend_from_slice(br#"{"candidates":[{"content":{"role":"model","parts":[{"text":"#);
        pen::value(out, text);
        out.extend_from_slice(if thought {
            br#","thought":true}]},"index":"#
        } else {
            br#"}]},"index":"#
        });
        pen::value(out, &choice);
        out.extend_from_slice(b"}],");
        if self.rest.is_empty() {
            self.rest = self.model_and_id();
        }
        out.extend_from_slice(&self.rest);
        self.after(out);
    }

    /// The end of every answer.
    fn model_and_id(&self) -> Vec<u8> {
        let mut rest = Vec::new();
        rest.extend_from_slice(br#""modelVersion":"#);
        pen::value(&mut rest, &self.asked.model);
        rest.extend_from_slice(br#","responseId":"#);
        pen::value(&mut rest, response_id(&self.id, &self.asked));
        rest.push(b'}');
        rest
    }

    fn cited(&mut self, index: u32, citation: &Value, out: &mut Vec<u8>) {
        let candidate = Candidate {
            citation_metadata: citations([citation]),
            index,
            ..Candidate::default()
        };
        if candidate.citation_metadata.is_some() {
            self.answer(vec![candidate], None, out);
        }
    }

    fn logprobs(&mut self, index: u32, logprobs: &Value, out: &mut Vec<u8>) {
        let candidate = Candidate {
            logprobs_result: logprobs::write(logprobs),
            index,
            ..Candidate::default()
        };
        if candidate.logprobs_result.is_some() {
            self.answer(vec![candidate], None, out);
        }
    }

    fn place(&self, choice: u32, block: u32) -> Option<usize> {
        self.open
            .iter()
            .position(|open| open.choice == choice && open.block == block)
    }

    fn is_thought(&self, choice: u32, block: u32) -> bool {
        let open = self
            .place(choice, block)
            .and_then(|place| self.open.get(place));
        open.is_some_and(|open| open.is_thought)
    }

    fn call(&mut self, choice: u32, block: u32) -> Option<&mut Call> {
        let place = self.place(choice, block)?;
        self.open.get_mut(place)?.call.as_mut()
    }

    fn opened(&mut self, choice: u32, block: u32, kind: &Kind, out: &mut Vec<u8>) {
        let call = match kind {
            Kind::ToolCall { id, name } => Some(Call {
                id: id.clone(),
                name: name.clone(),
                arguments: String::new(),
                sealed: None,
            }),
            Kind::Redacted { sealed } => {
                self.thought_of(choice, sealed.shown_hidden(Dialect::Gemini), out);
                None
            }
            Kind::Image { source } => {
                self.part(choice, image(source), out);
                None
            }
            Kind::Text | Kind::Thinking | Kind::Refusal => None,
        };
        self.open.push(Open {
            choice,
            block,
            is_thought: matches!(kind, Kind::Thinking),
            call,
        });
    }

    fn sealed(&mut self, choice: u32, block: u32, sealed: &Sealed, out: &mut Vec<u8>) {
        match self.call(choice, block) {
            Some(call) => call.sealed = Some(sealed.clone()),
            None => self.thought_of(choice, sealed.shown(Dialect::Gemini), out),
        }
    }

    fn thought_of(&mut self, choice: u32, shown: String, out: &mut Vec<u8>) {
        if self.last.holds(choice) {
            return self.last.seal(choice, shown);
        }
        let part = Part {
            thought: true,
            thought_signature: Some(shown.into()),
            ..Part::text("")
        };
        self.part(choice, part, out);
    }

    fn closed(&mut self, choice: u32, block: u32) {
        let Some(place) = self.place(choice, block) else {
            return;
        };
        let Some(mut call) = self.open.remove(place).call else {
            return;
        };
        // As in a whole answer, so that the tool can say what is wrong.
        if object(&call.arguments).is_none() {
            call.arguments = repaired(&call.arguments);
        }
        self.last.call(choice, call);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let last = std::mem::take(&mut self.last);
        let usage = self.spent.as_ref().map(UsageMetadata::of);
        self.answer(last.candidates(), usage, out);
        self.close(out);
    }

    fn failed(&mut self, status: Option<u16>, message: &str, out: &mut Vec<u8>) {
        let body = ErrorBody {
            status: status.filter(|status| *status >= 400).unwrap_or(502),
            kind: "server_error",
            code: None,
            param: None,
            message: &stream_error::message(message),
            request_id: &self.asked.request_id,
        };
        self.element(&render(Dialect::Gemini, &body), out);
        self.close(out);
    }

    fn close(&self, out: &mut Vec<u8>) {
        if self.asked.as_array {
            out.extend_from_slice(if self.within { b"\n]\n" } else { b"[]\n" });
        }
    }

    fn part(&mut self, choice: u32, part: Part<'_>, out: &mut Vec<u8>) {
        let candidate = Candidate {
            content: Some(content(part)),
            index: choice,
            ..Candidate::default()
        };
        self.answer(vec![candidate], None, out);
    }

    fn answer(
        &mut self,
        candidates: Vec<Candidate<'_>>,
        usage_metadata: Option<UsageMetadata>,
        out: &mut Vec<u8>,
    ) {
        let data = json(&Answer {
            candidates,
            usage_metadata,
            model_version: &self.asked.model,
            response_id: response_id(&self.id, &self.asked),
        });
        self.element(&data, out);
    }

    /// An event, or an element of the array.
    fn element(&mut self, data: &[u8], out: &mut Vec<u8>) {
        self.before(out);
        out.extend_from_slice(data);
        self.after(out);
    }

    fn before(&mut self, out: &mut Vec<u8>) {
        let is_first = !std::mem::replace(&mut self.within, true);
        out.extend_from_slice(match (self.asked.as_array, is_first) {
            (false, _) => b"data: ",
            (true, true) => b"[",
            (true, false) => b",\r\n",
        });
    }

    fn after(&self, out: &mut Vec<u8>) {
        if !self.asked.as_array {
            out.extend_from_slice(b"\r\n\r\n");
        }
    }
}

fn content(part: Part<'_>) -> Content<'_> {
    Content {
        role: Some("model"),
        parts: vec![part],
    }
}
