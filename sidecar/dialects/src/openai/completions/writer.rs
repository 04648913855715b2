//! A stream, written for a completions caller. Called by `translate`, piece by piece. What is not text is not said there.

use crate::json::pen::Object;
use crate::openai::chat::{finish_reason, reply_id, write_last};
use crate::talk::{Kind, Piece, Spent};
use crate::translate::Asked;
use crate::{Dialect, stream_error};

/// Writes a stream.
#[derive(Debug)]
pub(crate) struct Writer {
    asked: Asked,
    /// `data: {"id":…,"choices":[`, made at the first piece.
    head: Vec<u8>,
    /// The open blocks that are text: choice and number.
    open: Vec<(u32, u32)>,
    spent: Option<Spent>,
    over: bool,
}

impl Writer {
    /// Before the first piece.
    pub(crate) fn new(asked: Asked) -> Writer {
        Writer {
            asked,
            head: Vec::new(),
            open: Vec::new(),
            spent: None,
            over: false,
        }
    }

    /// One piece of it.
    pub(crate) fn write(&mut self, piece: &Piece, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match piece {
            Piece::Begin { id, created, .. } => self.begin(id, *created),
            Piece::Open {
                choice,
                block,
                kind: Kind::Text | Kind::Refusal,
            } => self.open.push((*choice, *block)),
            Piece::Text {
                choice,
                block,
                text,
            } if self.open.contains(&(*choice, *block)) => self.chunk(*choice, text, None, out),
            Piece::Close { choice, block } => self.open.retain(|open| *open != (*choice, *block)),
            Piece::Finish { choice, finish } => {
                self.chunk(*choice, "", Some(finish_reason(finish, false)), out);
            }
            Piece::Spent(spent) => self.spent = Some(*spent),
            Piece::Error { .. } => {
                self.over = true;
                let request_id = &self.asked.request_id;
                out.extend(stream_error::write(Dialect::OpenAI, piece, request_id));
            }
            Piece::End => self.end(out),
            _ => {}
        }
    }

    fn begin(&mut self, provider: &str, created: Option<u64>) {
        let mut head = b"data: ".to_vec();
        {
            let mut object = Object::open(&mut head);
            object.member("id", &reply_id(provider, &self.asked, "cmpl-"));
            object.member("object", "text_completion");
            object.member("created", &created.unwrap_or(self.asked.now));
            object.member("model", &self.asked.model);
        }
        head.pop();
        head.extend_from_slice(br#","choices":["#);
        self.head = head;
    }

    fn chunk(&mut self, choice: u32, text: &str, reason: Option<&str>, out: &mut Vec<u8>) {
        if self.head.is_empty() {
            self.begin("", None);
        }
        out.extend_from_slice(&self.head);
        {
            let mut object = Object::open(out);
            object.member("text", text);
            object.member("index", &choice);
            object.raw("logprobs", "null");
            object.member("finish_reason", &reason);
        }
        let tail: &[u8] = match self.asked.wants_usage {
            true => b"],\"usage\":null}\n\n",
            false => b"]}\n\n",
        };
        out.extend_from_slice(tail);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.over = true;
        if self.head.is_empty() {
            self.begin("", None);
        }
        if let Some(spent) = self.spent.filter(|_| self.asked.wants_usage) {
            write_last(&self.head, &spent, out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}
