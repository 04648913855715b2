//! What a stream has said from its first whole call on, held until it ends. Called by `writer`.
//!
//! Google's SDKs keep each answer of a stream as a turn of its own, and calls in two turns cannot both be answered in the next one: Google refuses
//! that (googleapis/go-genai#692), and so do others. So the calls of a candidate are the parts of one answer, and what is said between them
//! stands between them.

use super::finish;
use super::part::{Content, FunctionCall, Part, object};
use super::write_reply::Candidate;
use crate::Dialect;
use crate::talk::{Finish, Kind, Piece, Sealed};
use std::collections::BTreeMap;

/// A call of a tool.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    pub(super) sealed: Option<Sealed>,
}

#[derive(Debug)]
enum Held {
    Call(Call),
    Text { text: String, thought: bool },
    Seal(String),
}

impl Held {
    fn part(&self) -> Option<Part<'_>> {
        Some(match self {
            Held::Call(call) => Part {
                function_call: Some(FunctionCall {
                    id: &call.id,
                    name: &call.name,
                    args: object(&call.arguments)?,
                }),
                thought_signature: call
                    .sealed
                    .as_ref()
                    .map(|sealed| sealed.shown(Dialect::Gemini).into()),
                ..Part::default()
            },
            Held::Text { text, thought } => Part {
                thought: *thought,
                ..Part::text(text.as_str())
            },
            Held::Seal(shown) => Part {
                thought: true,
                thought_signature: Some(shown.as_str().into()),
                ..Part::text("")
            },
        })
    }
}

/// What the last answer says of each candidate.
#[derive(Debug, Default)]
pub(super) struct Last(BTreeMap<u32, End>);

#[derive(Debug, Default)]
struct End {
    held: Vec<Held>,
    finish: Option<Finish>,
}

impl Last {
    /// Whether the candidate has called: what it says from then on is held.
    pub(super) fn holds(&self, choice: u32) -> bool {
        self.0.get(&choice).is_some_and(|end| !end.held.is_empty())
    }

    pub(super) fn call(&mut self, choice: u32, call: Call) {
        self.of(choice).held.push(Held::Call(call));
    }

    pub(super) fn seal(&mut self, choice: u32, shown: String) {
        self.of(choice).held.push(Held::Seal(shown));
    }

    pub(super) fn text(&mut self, choice: u32, more: &str, is_thought: bool) {
        let held = &mut self.of(choice).held;
        match held.last_mut() {
            Some(Held::Text { text, thought }) if *thought == is_thought => text.push_str(more),
            _ => held.push(Held::Text {
                text: more.to_owned(),
                thought: is_thought,
            }),
        }
    }

    /// What was said first counts.
    pub(super) fn finish(&mut self, choice: u32, finish: &Finish) {
        self.of(choice).finish.get_or_insert_with(|| finish.clone());
    }

    fn of(&mut self, choice: u32) -> &mut End {
        self.0.entry(choice).or_default()
    }

    /// In the order of the candidates.
    pub(super) fn candidates(&self) -> Vec<Candidate<'_>> {
        let candidates = self.0.iter().map(|(choice, end)| Candidate {
            content: Some(end.content()),
            finish_reason: end.finish.as_ref().map(finish::write),
            index: *choice,
            ..Candidate::default()
        });
        candidates.collect()
    }
}

impl End {
    fn content(&self) -> Content<'_> {
        let mut parts: Vec<_> = self.held.iter().filter_map(Held::part).collect();
        if parts.is_empty() {
            parts.push(Part::text(""));
        }
        let role = Some("model");
        Content { role, parts }
    }
}

/// The bytes of a piece that are held until the stream ends.
pub(super) fn kept(piece: &Piece, holds: impl Fn(u32) -> bool) -> usize {
    match piece {
        Piece::Arguments { text, .. } => text.len(),
        Piece::Open {
            kind: Kind::ToolCall { id, name },
            ..
        } => id.len() + name.len() + size_of::<Held>(),
        Piece::Text { choice, text, .. } if holds(*choice) => text.len(),
        Piece::Seal { choice, sealed, .. }
        | Piece::Open {
            choice,
            kind: Kind::Redacted { sealed },
            ..
        } if holds(*choice) => sealed.data.len() + size_of::<Held>(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::writer::Writer;
    use super::*;
    use crate::translate::Asked;
    use serde_json::Value;

    fn say(block: u32, text: &str) -> [Piece; 3] {
        let (choice, text) = (0, text.to_owned());
        let kind = Kind::Text;
        [
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
        ]
    }

    fn call(block: u32, id: &str) -> [Piece; 2] {
        let (choice, id, name) = (0, id.to_owned(), "f".to_owned());
        let kind = Kind::ToolCall { id, name };
        [
            Piece::Open {
                choice,
                block,
                kind,
            },
            Piece::Close { choice, block },
        ]
    }

    fn answers(pieces: &[Piece]) -> Vec<Value> {
        let (mut writer, mut out) = (Writer::new(Asked::default()), Vec::new());
        for piece in pieces {
            writer.write(piece, &mut out);
        }
        let text = String::from_utf8(out).unwrap();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).unwrap())
            .collect()
    }

    /// As googleapis/python-genai `chats.send_message_stream` keeps them: each answer is a turn.
    #[test]
    fn what_is_said_from_the_first_call_on_is_one_answer_in_order() {
        let (choice, finish) = (0, Finish::Tools);
        let mut pieces = say(0, "Before.").to_vec();
        pieces.extend(call(1, "a"));
        pieces.extend(say(2, "Betw"));
        pieces.extend(say(3, "een."));
        pieces.extend(call(4, "b"));
        pieces.extend([Piece::Finish { choice, finish }, Piece::End]);
        let told = answers(&pieces);
        assert_eq!(told.len(), 2, "{told:?}");
        let candidate = &told[1]["candidates"][0];
        assert_eq!(candidate["finishReason"], "STOP");
        let parts = candidate["content"]["parts"].as_array().unwrap();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0]["functionCall"]["id"], "a");
        assert_eq!(parts[1]["text"], "Between.");
        assert_eq!(parts[2]["functionCall"]["id"], "b");
    }

    #[test]
    fn a_call_is_told_without_a_reason_too() {
        let mut pieces = call(0, "a").to_vec();
        pieces.push(Piece::End);
        let told = answers(&pieces);
        let parts = &told[0]["candidates"][0]["content"]["parts"];
        assert_eq!(parts[0]["functionCall"]["id"], "a");
    }

    #[test]
    fn what_is_held_is_counted() {
        let mut writer = Writer::new(Asked::default());
        let [_, text, _] = say(1, "four");
        assert_eq!(writer.kept(&text), 0);
        for piece in call(0, "a") {
            writer.write(&piece, &mut Vec::new());
        }
        assert_eq!(writer.kept(&text), 4);
        let [open, _] = call(2, "b");
        assert!(writer.kept(&open) > 2);
    }
}
