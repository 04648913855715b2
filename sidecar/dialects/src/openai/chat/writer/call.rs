//! Calls of tools in a stream. Called by the writer of streams.
//!
//! What one event of the provider's says of a call's beginning is one delta: id, name, arguments and signature, as Google's own chat endpoint
//! writes them. Must never hold a beginning longer than that event: a caller may show it.
//!
//! Nor may it name a call twice, not even by "": some append what comes (openai-python's `accumulate_delta`), others take the last
//! (langchain-ai/langchain#39335, Wei-Shaw/sub2api#5632). Mistral's own SDK wants a name each time, and alone gets "".

use super::{Is, Writer};
use crate::openai::chat::write_reply::google;
use crate::talk::{Piece, Sealed};
use serde_json::Value;

/// A call that has begun, and what has come of it.
#[derive(Debug)]
pub(super) struct Opening {
    choice: u32,
    block: u32,
    index: u32,
    id: String,
    name: String,
    signature: Option<Value>,
}

impl Opening {
    pub(super) fn of((choice, block): (u32, u32), index: u32, id: &str, name: &str) -> Opening {
        Opening {
            choice,
            block,
            index,
            id: id.to_owned(),
            name: name.to_owned(),
            signature: None,
        }
    }
}

impl Writer {
    /// Whether a piece is told with the beginning of the call that is held.
    pub(super) fn is_of_opening(&self, piece: &Piece) -> bool {
        let (Piece::Arguments { choice, block, .. } | Piece::Seal { choice, block, .. }) = piece
        else {
            return false;
        };
        self.opening
            .as_ref()
            .is_some_and(|opening| (opening.choice, opening.block) == (*choice, *block))
    }

    /// The provider's event is over: what is held is told.
    pub(crate) fn settle(&mut self, out: &mut Vec<u8>) {
        if let Some(opening) = self.opening.take() {
            self.tell(&opening, "", out);
        }
    }

    fn tell(&mut self, opening: &Opening, arguments: &str, out: &mut Vec<u8>) {
        self.delta(opening.choice, out, |delta| {
            let mut calls = delta.list("tool_calls");
            let mut call = calls.object();
            call.member("index", &opening.index);
            call.member("id", &opening.id);
            call.member("type", "function");
            {
                let mut function = call.object("function");
                function.member("name", &opening.name);
                function.member("arguments", arguments);
            }
            call.some("extra_content", opening.signature.as_ref());
        });
    }

    pub(super) fn arguments(&mut self, choice: u32, block: u32, text: &str, out: &mut Vec<u8>) {
        if let Some(opening) = self.opening.take() {
            return self.tell(&opening, text, out);
        }
        let Some(Is::Call(index)) = self.of(choice, block) else {
            return;
        };
        let index = *index;
        self.goes_on((choice, index), text, None, out);
    }

    /// More of a call whose beginning was told.
    fn goes_on(
        &mut self,
        (choice, index): (u32, u32),
        arguments: &str,
        signature: Option<&Value>,
        out: &mut Vec<u8>,
    ) {
        let name = self.asked.names_calls.then_some("");
        self.delta(choice, out, |delta| {
            let mut calls = delta.list("tool_calls");
            let mut call = calls.object();
            call.member("index", &index);
            {
                let mut function = call.object("function");
                function.some("name", name.as_ref());
                function.member("arguments", arguments);
            }
            call.some("extra_content", signature);
        });
    }

    /// One that comes later than the beginning has a delta of its own.
    pub(super) fn seal_call(
        &mut self,
        choice: u32,
        index: u32,
        sealed: &Sealed,
        out: &mut Vec<u8>,
    ) {
        let Some(signature) = google(sealed) else {
            return;
        };
        if let Some(opening) = &mut self.opening {
            opening.signature = Some(signature);
            return;
        }
        self.goes_on((choice, index), "", Some(&signature), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;
    use crate::talk::Kind;
    use crate::translate::Asked;

    fn sealed() -> Piece {
        let (origin, data) = (Dialect::Gemini, "c2lnbg==".to_owned());
        let sealed = Sealed { origin, data };
        let (choice, block) = (0, 0);
        Piece::Seal {
            choice,
            block,
            sealed,
        }
    }

    fn arguments(text: &str) -> Piece {
        let (choice, block, text) = (0, 0, text.to_owned());
        Piece::Arguments {
            choice,
            block,
            text,
        }
    }

    /// The calls of each delta, where an event of the provider's holds those pieces.
    fn deltas(events: &[&[Piece]]) -> Vec<Value> {
        let (choice, block) = (0, 0);
        let (id, name) = ("c1".to_owned(), "f".to_owned());
        let kind = Kind::ToolCall { id, name };
        let open = Piece::Open {
            choice,
            block,
            kind,
        };
        let (mut writer, mut out) = (Writer::new(Asked::default()), Vec::new());
        writer.write(&open, &mut out);
        for pieces in events {
            for piece in *pieces {
                writer.write(piece, &mut out);
            }
            writer.settle(&mut out);
        }
        let text = String::from_utf8(out).unwrap();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let chunks = data.map(|data| serde_json::from_str::<Value>(data).unwrap());
        let calls = chunks.map(|chunk| chunk["choices"][0]["delta"]["tool_calls"][0].clone());
        calls.filter(|call| !call.is_null()).collect()
    }

    #[test]
    fn a_call_that_comes_at_once_is_one_delta() {
        let told = deltas(&[&[sealed(), arguments("{}")]]);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["function"]["arguments"], "{}");
        let signature = &told[0]["extra_content"]["google"]["thought_signature"];
        assert_eq!(signature, "c2lnbg==");
    }

    #[test]
    fn a_call_is_told_with_the_event_that_begins_it_and_each_delta_has_a_function() {
        let told = deltas(&[&[], &[sealed()], &[arguments("{}")]]);
        let spelt: Vec<_> = told
            .iter()
            .map(|call| (&call["id"], &call["function"]["arguments"]))
            .collect();
        let (id, none) = (Value::from("c1"), Value::Null);
        let (empty, whole) = (Value::from(""), Value::from("{}"));
        let named = told
            .iter()
            .map(|call| call["function"].get("name").is_some());
        assert!(named.eq([true, false, false]), "{told:?}");
        assert_eq!(
            spelt,
            [(&id, &empty), (&none, &empty), (&none, &whole)],
            "{told:?}"
        );
    }
}
