//! A provider's whole answer, read. Called by `translate`. What it says that no caller's API knows is passed over.

use super::{broken, finish, read_spent};
use crate::file::shown_at;
use crate::json::{each_element, members, number, string};
use crate::talk::{Block, Choice, Reply, Sealed, Source};
use crate::translate::Unreadable;
use crate::{Dialect, json};
use serde_json::Value;

/// Reads a provider's whole answer.
pub(crate) fn read_reply(body: &[u8]) -> Result<Reply, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable("it is not UTF-8".into()))?;
    let names = ["id", "model", "created", "choices", "usage"];
    let Some([id, model, created, choices, usage]) = members(text, names) else {
        return Err(Unreadable("it is not a JSON object".into()));
    };
    let choices = choices.ok_or_else(|| Unreadable("it has no choices".into()))?;
    let mut reply = Reply {
        id: string(id).unwrap_or_default(),
        model: string(model).unwrap_or_default(),
        created: number(created),
        choices: Vec::new(),
        spent: usage.and_then(read_spent),
    };
    let mut fault = None;
    each_element(choices, |choice| {
        match read_choice(choice, &reply.id, reply.choices.len()) {
            Ok(choice) => reply.choices.push(choice),
            Err(unreadable) => fault = Some(unreadable),
        }
    });
    match fault {
        Some(unreadable) => Err(unreadable),
        None if reply.choices.is_empty() => Err(Unreadable("it has no choices".into())),
        None => Ok(reply),
    }
}

fn read_choice(choice: &str, id: &str, index: usize) -> Result<Choice, Unreadable> {
    let names = ["message", "finish_reason", "logprobs"];
    let [message, reason, logprobs] = members(choice, names).unwrap_or_default();
    let message = message.ok_or_else(|| Unreadable("a choice has no message".into()))?;
    let blocks = read_message(message, id, index);
    let calls = blocks
        .iter()
        .any(|block| matches!(block, Block::ToolCall { .. }));
    let finish = match string(reason) {
        Some(reason) => Some(finish(&reason, calls).ok_or_else(|| Unreadable(broken(&reason)))?),
        None => None,
    };
    Ok(Choice {
        finish,
        logprobs: logprobs.and_then(|raw| serde_json::from_str(raw).ok()),
        blocks,
    })
}

fn read_message(message: &str, id: &str, index: usize) -> Vec<Block> {
    let names = [
        "content",
        "refusal",
        "reasoning_content",
        "reasoning",
        "tool_calls",
        "annotations",
        "images",
    ];
    let Some(
        [
            content,
            refusal,
            thought,
            reasoning,
            calls,
            annotations,
            images,
        ],
    ) = members(message, names)
    else {
        return Vec::new();
    };
    let mut blocks = Vec::new();
    let thought = string(thought).or_else(|| string(reasoning));
    if let Some(text) = thought.filter(|text| !text.is_empty()) {
        blocks.push(Block::Thinking { text, sealed: None });
    }
    if let Some(content) = content {
        read_content(content, &mut blocks);
    }
    cite(&mut blocks, annotations);
    if let Some(text) = string(refusal).filter(|text| !text.is_empty()) {
        blocks.push(Block::Refusal { text });
    }
    each_element(images.unwrap_or_default(), |image| {
        blocks.extend(shown(image).map(|source| Block::Image {
            source,
            detail: None,
            cache: None,
        }));
    });
    let mut count = 0;
    each_element(calls.unwrap_or_default(), |call| {
        blocks.extend(read_call(call, || format!("call_{id}_{index}_{count}")));
        count += 1;
    });
    blocks
}

/// Where an image of OpenRouter's is.
pub(super) fn shown(image: &str) -> Option<Source> {
    let [image] = members(image, ["image_url"])?;
    let [url] = members(image?, ["url"])?;
    string(url).map(shown_at)
}

/// One string, or Mistral's parts.
fn read_content(content: &str, blocks: &mut Vec<Block>) {
    if let Some(text) = string(Some(content)) {
        if !text.is_empty() {
            blocks.push(Block::text(text));
        }
        return;
    }
    each_element(content, |part| {
        let [text, thinking] = members(part, ["text", "thinking"]).unwrap_or_default();
        if let Some(text) = string(text).filter(|text| !text.is_empty()) {
            blocks.push(Block::text(text));
        }
        if let Some(thinking) = thinking {
            let text = thought(thinking);
            blocks.push(Block::Thinking { text, sealed: None });
        }
    });
}

/// The texts of Mistral's thinking chunk, which is a list of parts.
pub(super) fn thought(thinking: &str) -> String {
    let mut all = string(Some(thinking)).unwrap_or_default();
    each_element(thinking, |part| {
        let [text] = members(part, ["text"]).unwrap_or_default();
        all.push_str(&string(text).unwrap_or_default());
    });
    all
}

fn cite(blocks: &mut [Block], annotations: Option<&str>) {
    let found = annotations.and_then(|raw| serde_json::from_str::<Vec<Value>>(raw).ok());
    let text = blocks.iter_mut().find_map(|block| match block {
        Block::Text { citations, .. } => Some(citations),
        _ => None,
    });
    if let (Some(citations), Some(found)) = (text, found) {
        *citations = found;
    }
}

/// Some servers give calls no id: one is made, so that the result can be told apart.
fn read_call(call: &str, made: impl FnOnce() -> String) -> Option<Block> {
    let [id, function, extra] = members(call, ["id", "function", "extra_content"])?;
    let [name, arguments] = members(function?, ["name", "arguments"])?;
    let written = match string(arguments) {
        Some(text) => text,
        // Ollama's older servers send an object.
        None => arguments.unwrap_or_default().to_owned(),
    };
    let is_object = json::members(&written, []).is_some();
    Some(Block::ToolCall {
        id: string(id).filter(|id| !id.is_empty()).unwrap_or_else(made),
        name: string(name)?,
        arguments: if is_object {
            written
        } else {
            repaired(&written)
        },
        sealed: extra.and_then(signature),
        cache: None,
    })
}

/// Arguments must be one object; what a model wrote instead is kept in one, so that the tool can say what is wrong.
pub(crate) fn repaired(written: &str) -> String {
    match written.trim().is_empty() {
        true => "{}".to_owned(),
        false => serde_json::json!({ "invalid_arguments": written }).to_string(),
    }
}

/// Google's, of its own chat endpoint.
pub(super) fn signature(extra: &str) -> Option<Sealed> {
    let [google] = members(extra, ["google"])?;
    let [signature] = members(google?, ["thought_signature"])?;
    string(signature).map(|data| Sealed {
        origin: Dialect::Gemini,
        data,
    })
}
