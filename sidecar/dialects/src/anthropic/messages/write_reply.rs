//! An answer, written for a caller of Anthropic's API. Called by `translate`.
//!
//! Thoughts of another origin carry its mark in their signature, so that they return to it. A call's seal, for which there is no
//! place, comes as a `redacted_thinking` beside it.

use super::stop_reason;
use super::usage::write_usage;
use crate::Dialect;
use crate::json::pen::{List, Object};
use crate::openai::chat::reply_id;
use crate::talk::{Block, Finish, Reply, Sealed};
use crate::translate::Asked;
use serde_json::{Value, json};

/// Writes it for the caller.
pub(crate) fn write_reply(reply: &Reply, asked: &Asked) -> Vec<u8> {
    let mut body = Vec::with_capacity(1_024);
    let mut object = Object::open(&mut body);
    object.member("id", &reply_id(&reply.id, asked, "msg_"));
    object.member("type", "message");
    object.member("role", "assistant");
    object.member("model", &asked.model);
    let choice = reply.choices.first();
    let blocks = choice.map_or(&[][..], |choice| &choice.blocks);
    {
        let mut content = object.list("content");
        for block in blocks {
            write_block(&mut content, block);
        }
    }
    let calls = blocks
        .iter()
        .any(|block| matches!(block, Block::ToolCall { .. }));
    let refused = blocks
        .iter()
        .any(|block| matches!(block, Block::Refusal { .. }));
    let finish = choice.and_then(|choice| choice.finish.as_ref());
    write_stop(&mut object, finish, calls, refused);
    write_usage(&mut object, reply.spent.as_ref());
    drop(object);
    body
}

/// `stop_reason` and `stop_sequence`.
pub(super) fn write_stop(
    object: &mut Object<'_>,
    finish: Option<&Finish>,
    calls: bool,
    refused: bool,
) {
    let finish = finish.unwrap_or(&Finish::Stop);
    let reason = match finish {
        Finish::Stop if refused => "refusal",
        finish => stop_reason(finish, calls),
    };
    object.member("stop_reason", reason);
    let sequence = match finish {
        Finish::Sequence(sequence) => sequence.as_deref(),
        _ => None,
    };
    object.member("stop_sequence", &sequence);
}

fn write_block(content: &mut List<'_>, block: &Block) {
    match block {
        Block::Text {
            text, citations, ..
        } => {
            let mut object = content.object();
            object.member("type", "text");
            object.member("text", text);
            let cited: Vec<Value> = citations.iter().map(|is| citation(is, text)).collect();
            object.some("citations", Some(&cited).filter(|cited| !cited.is_empty()));
        }
        Block::Refusal { text } => {
            let mut object = content.object();
            object.member("type", "text");
            object.member("text", text);
        }
        Block::Thinking { text, sealed } => {
            let mut object = content.object();
            object.member("type", "thinking");
            object.member("thinking", text);
            object.member("signature", &signature(sealed.as_ref()));
        }
        Block::Redacted { sealed } => {
            let mut object = content.object();
            object.member("type", "redacted_thinking");
            object.member("data", &sealed.shown(Dialect::Anthropic));
        }
        Block::ToolCall {
            id,
            name,
            arguments,
            sealed,
            ..
        } => {
            if let Some(sealed) = sealed {
                let mut object = content.object();
                object.member("type", "redacted_thinking");
                object.member("data", &of_call(id, sealed));
            }
            let mut object = content.object();
            object.member("type", "tool_use");
            object.member("id", id);
            object.member("name", name);
            object.raw("input", arguments);
        }
        _ => {}
    }
}

/// Anthropic's callers want one, empty or not.
pub(super) fn signature(sealed: Option<&Sealed>) -> String {
    sealed.map_or_else(String::new, |sealed| sealed.shown(Dialect::Anthropic))
}

const OF_CALL: &str = "call:";

/// A call's seal, with the call's id, since its place among the blocks is not kept by all.
pub(super) fn of_call(id: &str, sealed: &Sealed) -> String {
    let data = format!("{OF_CALL}{id}:{}", sealed.data);
    let origin = sealed.origin;
    Sealed { origin, data }.shown(Dialect::Anthropic)
}

/// The same, come back.
pub(super) fn call_of(sealed: &Sealed) -> Option<(&str, Sealed)> {
    let (id, data) = sealed.data.strip_prefix(OF_CALL)?.rsplit_once(':')?;
    let (origin, data) = (sealed.origin, data.to_owned());
    (origin != Dialect::Anthropic).then_some((id, Sealed { origin, data }))
}

/// A citation as Anthropic's callers read it: OpenAI's, nested in a chat and flat elsewhere, have an address and a place in the text.
pub(super) fn citation(is: &Value, text: &str) -> Value {
    let is_flat = is.get("type").and_then(Value::as_str) == Some("url_citation");
    let Some(url) = is.get("url_citation").or_else(|| is_flat.then_some(is)) else {
        return is.clone();
    };
    let place = |name| {
        url.get(name)
            .and_then(Value::as_u64)
            .and_then(|at| usize::try_from(at).ok())
    };
    let (start, end) = (
        place("start_index").unwrap_or(0),
        place("end_index").unwrap_or(0),
    );
    let cited: String = text
        .chars()
        .skip(start)
        .take(end.saturating_sub(start))
        .collect();
    json!({
        "type": "web_search_result_location",
        "url": url.get("url"),
        "title": url.get("title"),
        "cited_text": cited,
        "encrypted_index": "",
    })
}
