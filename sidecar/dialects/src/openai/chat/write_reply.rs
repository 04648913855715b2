//! An answer, written for a chat caller. Called by `translate`.
//!
//! Thoughts are `reasoning_content`, as DeepSeek began and most clients read; those with a seal are also in `thinking_blocks`, which
//! come back with the next request. Both are LiteLLM's names.

use super::write_part::url;
use super::{finish_reason, write_spent};
use crate::Dialect;
use crate::json::pen::{List, Object};
use crate::talk::{Block, Choice, Reply, Sealed, Source};
use crate::translate::Asked;
use serde_json::{Value, json};
use std::ops::Range;

/// Writes it for the caller.
pub(crate) fn write_reply(reply: &Reply, asked: &Asked) -> Vec<u8> {
    let mut body = Vec::with_capacity(1_024);
    let mut object = Object::open(&mut body);
    object.member("id", &id(&reply.id, asked, "chatcmpl-"));
    object.member("object", "chat.completion");
    object.member("created", &reply.created.unwrap_or(asked.now));
    object.member("model", &asked.model);
    {
        let mut choices = object.list("choices");
        for (index, choice) in reply.choices.iter().enumerate() {
            write_choice(&mut choices.object(), index, choice);
        }
    }
    if let Some(spent) = &reply.spent {
        write_spent(&mut object, spent);
    }
    drop(object);
    body
}

/// The provider's, so that it can be asked about, behind the caller's own prefix.
pub(crate) fn id(provider: &str, asked: &Asked, prefix: &str) -> String {
    let own = if provider.is_empty() {
        asked.request_id.as_str()
    } else {
        provider
    };
    match own.starts_with(prefix) {
        true => own.to_owned(),
        false => format!("{prefix}{own}"),
    }
}

fn write_choice(object: &mut Object<'_>, index: usize, choice: &Choice) {
    object.member("index", &index);
    let calls = choice
        .blocks
        .iter()
        .any(|block| matches!(block, Block::ToolCall { .. }));
    write_message(&mut object.object("message"), &choice.blocks);
    object.member("logprobs", &choice.logprobs);
    let finish = choice.finish.as_ref();
    object.member(
        "finish_reason",
        finish.map_or("stop", |finish| finish_reason(finish, calls)),
    );
}

#[derive(Default)]
struct Said<'a> {
    text: String,
    has_text: bool,
    refusal: Option<&'a str>,
    thoughts: String,
    sealed: Vec<Value>,
    cited: Cited,
    images: Vec<&'a Source>,
    calls: Vec<&'a Block>,
}

fn write_message(message: &mut Object<'_>, blocks: &[Block]) {
    let mut said = Said::default();
    blocks.iter().for_each(|block| said.hear(block));
    message.member("role", "assistant");
    match said.has_text {
        true => message.member("content", &said.text),
        false => message.raw("content", "null"),
    }
    message.member("refusal", &said.refusal);
    if !said.thoughts.is_empty() {
        message.member("reasoning_content", &said.thoughts);
    }
    if !said.sealed.is_empty() {
        message.member("thinking_blocks", &said.sealed);
    }
    said.cited.write(message);
    if !said.images.is_empty() {
        let mut images = message.list("images");
        for (source, index) in said.images.iter().zip(0..) {
            write_image(&mut images.object(), source, index);
        }
    }
    if !said.calls.is_empty() {
        write_calls(&mut message.list("tool_calls"), &said.calls);
    }
}

impl<'a> Said<'a> {
    fn hear(&mut self, block: &'a Block) {
        match block {
            Block::Text {
                text, citations, ..
            } => {
                let start = self.text.chars().count();
                self.text.push_str(text);
                self.has_text = true;
                let end = start + text.chars().count();
                citations
                    .iter()
                    .for_each(|citation| self.cited.hear(citation, start..end));
            }
            Block::Refusal { text } => self.refusal = Some(text),
            Block::Thinking { text, sealed } => {
                self.thoughts.push_str(text);
                self.sealed
                    .extend(sealed.as_ref().map(|sealed| thinking_block(text, sealed)));
            }
            Block::Redacted { sealed } => self.sealed.push(redacted_block(sealed)),
            Block::Image { source, .. } => self.images.push(source),
            Block::ToolCall { .. } => self.calls.push(block),
            _ => {}
        }
    }
}

/// As OpenRouter, LiteLLM and Vercel write an image that the model made (openrouter.ai/docs/features/multimodal/image-generation).
pub(super) fn write_image(object: &mut Object<'_>, source: &Source, index: u32) {
    object.member("type", "image_url");
    let address = url(source).unwrap_or_default();
    object.object("image_url").member("url", &address);
    object.member("index", &index);
}

pub(super) fn thinking_block(text: &str, sealed: &Sealed) -> Value {
    json!({"type": "thinking", "thinking": text, "signature": sealed.shown(Dialect::Anthropic)})
}

pub(super) fn redacted_block(sealed: &Sealed) -> Value {
    json!({"type": "redacted_thinking", "data": sealed.shown(Dialect::Anthropic)})
}

/// Where a text comes from: what has an address as OpenAI's `annotations`, the rest in `citations`, as its API wrote it.
#[derive(Debug, Default)]
pub(super) struct Cited {
    annotations: Vec<Value>,
    citations: Vec<Value>,
}

impl Cited {
    /// Of the text at that place, in characters of the message.
    pub(super) fn hear(&mut self, citation: &Value, place: Range<usize>) {
        let url = citation.get("url").and_then(Value::as_str);
        match url {
            _ if citation.get("url_citation").is_some() => self.annotations.push(citation.clone()),
            Some(url) => self
                .annotations
                .push(json!({"type": "url_citation", "url_citation": {
                    "start_index": place.start,
                    "end_index": place.end,
                    "url": url,
                    "title": citation.get("title").and_then(Value::as_str).unwrap_or_default(),
                }})),
            None => self.citations.push(citation.clone()),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.annotations.is_empty() && self.citations.is_empty()
    }

    pub(super) fn write(&self, message: &mut Object<'_>) {
        if !self.annotations.is_empty() {
            message.member("annotations", &self.annotations);
        }
        if !self.citations.is_empty() {
            message.member("citations", &self.citations);
        }
    }
}

fn write_calls(list: &mut List<'_>, calls: &[&Block]) {
    for call in calls {
        if let Block::ToolCall {
            id,
            name,
            arguments,
            sealed,
            ..
        } = call
        {
            let mut call = list.object();
            call.member("id", id);
            call.member("type", "function");
            {
                let mut function = call.object("function");
                function.member("name", name);
                function.member("arguments", arguments);
            }
            if let Some(signature) = sealed.as_ref().and_then(google) {
                call.member("extra_content", &signature);
            }
        }
    }
}

/// A call's signature as Google's own chat endpoint gives it.
pub(super) fn google(sealed: &Sealed) -> Option<Value> {
    (sealed.origin == Dialect::Gemini)
        .then(|| json!({"google": {"thought_signature": sealed.data}}))
}
