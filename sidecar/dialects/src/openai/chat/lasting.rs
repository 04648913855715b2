//! What of an answer must come back in the next request: tool calls, thoughts and images. Called by readers of requests and of answers.

use super::read_ask::beyond;
use crate::Dialect;
use crate::file;
use crate::json::look::Look;
use crate::talk::{Beyond, Block, Sealed};
use crate::translate::AskFault;

/// One of `tool_calls`. Arguments that are not one JSON object are refused: no other API can carry them.
pub(super) fn read_call(
    call: Look<'_, '_>,
    others: &mut Vec<Beyond>,
) -> Result<Option<Block>, AskFault> {
    let (mut id, mut function, mut sealed, mut foreign) = (String::new(), None, None, false);
    call.members(|name, value| {
        match name {
            "id" => id = value.string()?,
            "type" if value.text() != "\"function\"" => {
                foreign = true;
                others.push(beyond(value));
            }
            "function" => function = Some(read_function(value)?),
            "extra_content" | "provider_specific_fields" => {
                sealed = signature(value)?.or(sealed.take());
            }
            _ => {}
        }
        Ok(())
    })?;
    if foreign {
        return Ok(None);
    }
    if id.is_empty() {
        return Err(call.lacks("id"));
    }
    let (name, arguments) = function.ok_or_else(|| call.lacks("function"))?;
    Ok(Some(Block::ToolCall {
        id,
        name,
        arguments,
        sealed,
        cache: None,
    }))
}

/// Images that a model made, as an answer of ours gives them.
pub(super) fn read_images(images: Look<'_, '_>) -> Result<Vec<Block>, AskFault> {
    let mut blocks = Vec::new();
    images.elements(|image| {
        let mut source = None;
        image.members(|name, value| match name {
            "image_url" => value.members(|name, value| {
                if name == "url" {
                    source = Some(file::at(value)?);
                }
                Ok(())
            }),
            _ => Ok(()),
        })?;
        blocks.push(Block::Image {
            source: source.ok_or_else(|| image.lacks("image_url"))?,
            detail: None,
            cache: None,
        });
        Ok(())
    })?;
    Ok(blocks)
}

fn read_function(function: Look<'_, '_>) -> Result<(String, String), AskFault> {
    let (mut name, mut arguments) = (String::new(), String::new());
    function.members(|member, value| {
        match member {
            "name" => name = value.string()?,
            "arguments" => arguments = object_text(value)?,
            _ => {}
        }
        Ok(())
    })?;
    if name.is_empty() {
        return Err(function.lacks("name"));
    }
    if arguments.is_empty() {
        arguments.push_str("{}");
    }
    Ok((name, arguments))
}

/// JSON in a string; no text at all is a call without arguments.
fn object_text(value: Look<'_, '_>) -> Result<String, AskFault> {
    let text = value.string()?;
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    match crate::json::members(&text, []) {
        Some([]) => Ok(text),
        None => Err(value.is_none_of("one JSON object, as text")),
    }
}

/// Google's `{"google":{"thought_signature"}}`, and LiteLLM's `{"thought_signature"}`.
fn signature(value: Look<'_, '_>) -> Result<Option<Sealed>, AskFault> {
    let mut found = None;
    value.members(|name, value| match name {
        "google" => {
            found = signature_of_google(value)?;
            Ok(())
        }
        "thought_signature" => {
            found = Some(Sealed::given(Dialect::Gemini, &value.string()?));
            Ok(())
        }
        _ => Ok(()),
    })?;
    Ok(found)
}

fn signature_of_google(value: Look<'_, '_>) -> Result<Option<Sealed>, AskFault> {
    let mut found = None;
    value.members(|name, value| {
        if name == "thought_signature" {
            found = Some(Sealed::given(Dialect::Gemini, &value.string()?));
        }
        Ok(())
    })?;
    Ok(found)
}

/// `thinking_blocks`, spelt as Anthropic's API does: whose mark they lack is Anthropic's.
pub(super) fn read_thoughts(value: Look<'_, '_>) -> Result<Vec<Block>, AskFault> {
    let mut blocks = Vec::new();
    value.elements(|block| {
        let (mut text, mut sealed, mut redacted) = (String::new(), None, None);
        block.members(|name, value| {
            match name {
                "thinking" => text = value.string()?,
                "signature" => sealed = read_seal(value)?,
                "data" => redacted = read_seal(value)?,
                _ => {}
            }
            Ok(())
        })?;
        blocks.push(match redacted {
            Some(sealed) => Block::Redacted { sealed },
            None => Block::Thinking { text, sealed },
        });
        Ok(())
    })?;
    Ok(blocks)
}

fn read_seal(value: Look<'_, '_>) -> Result<Option<Sealed>, AskFault> {
    let text = value.string()?;
    Ok((!text.is_empty()).then(|| Sealed::given(Dialect::Anthropic, &text)))
}

/// OpenRouter's `reasoning_details`; their format names who sealed them.
pub(super) fn read_details(value: Look<'_, '_>) -> Result<Vec<Block>, AskFault> {
    let mut blocks = Vec::new();
    value.elements(|detail| {
        let (mut text, mut seal, mut data, mut format) = (None, None, None, String::new());
        detail.members(|name, value| {
            match name {
                "text" | "summary" => text = Some(value.string()?),
                "signature" => seal = Some(value.string()?),
                "data" => data = Some(value.string()?),
                "format" => format = value.string()?,
                _ => {}
            }
            Ok(())
        })?;
        let origin = match format.split('-').next() {
            Some("anthropic") => Dialect::Anthropic,
            Some("google") => Dialect::Gemini,
            _ => Dialect::OpenAI,
        };
        let sealed = |data| Sealed { origin, data };
        blocks.extend(match (data, text) {
            (Some(data), _) => Some(Block::Redacted {
                sealed: sealed(data),
            }),
            (None, Some(text)) => Some(Block::Thinking {
                text,
                sealed: seal.map(sealed),
            }),
            (None, None) => None,
        });
        Ok(())
    })?;
    Ok(blocks)
}
