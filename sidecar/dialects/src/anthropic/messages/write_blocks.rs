//! One block, written for Anthropic. Called by `write_turns`. Must never send another's seal.

use crate::Dialect;
use crate::json::pen::{List, Object};
use crate::openai::tool_id;
use crate::talk::{Block, Sealed, Source};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

/// A block, and how it is said.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    /// Which turn it is of.
    pub(super) turn: usize,
    /// Who says it, where that must be told.
    pub(super) name: Option<&'a str>,
    pub(super) block: &'a Block,
    /// Without blanks at its end.
    pub(super) trimmed: bool,
}

impl Said<'_> {
    /// Anthropic's API takes no text of blanks.
    pub(super) fn is_empty(&self) -> bool {
        match self.block {
            Block::Text { text, .. } | Block::Refusal { text } => text.trim().is_empty(),
            _ => false,
        }
    }

    /// Thoughts that Anthropic did not seal.
    pub(super) fn is_foreign_thought(&self) -> bool {
        match self.block {
            Block::Thinking { sealed, .. } => !is_own(sealed.as_ref()),
            Block::Redacted { sealed } => !is_own(Some(sealed)),
            _ => false,
        }
    }

    /// Those, or another's seal on a call.
    pub(super) fn is_foreign(&self) -> bool {
        let on_call = matches!(
            self.block,
            Block::ToolCall {
                sealed: Some(_),
                ..
            }
        );
        on_call || self.is_foreign_thought()
    }
}

fn is_own(sealed: Option<&Sealed>) -> bool {
    sealed.is_some_and(|sealed| sealed.origin == Dialect::Anthropic)
}

type Fault = &'static str;

pub(super) fn write_block(list: &mut List<'_>, said: &Said<'_>) -> Result<(), Fault> {
    let mut object = list.object();
    match said.block {
        Block::Text { text, .. } | Block::Refusal { text } => write_text(&mut object, said, text),
        Block::Image { source, .. } => {
            object.member("type", "image");
            write_image(&mut object.object("source"), source)?;
        }
        Block::Document { source, name, .. } => {
            object.member("type", "document");
            write_document(&mut object.object("source"), source)?;
            object.some("title", name.as_ref());
        }
        Block::ToolCall {
            id,
            name,
            arguments,
            ..
        } => {
            object.member("type", "tool_use");
            object.member("id", tool_id::plain(id).as_ref());
            object.member("name", name);
            object.raw("input", arguments);
        }
        Block::ToolResult {
            id,
            blocks,
            is_error,
            ..
        } => {
            object.member("type", "tool_result");
            object.member("tool_use_id", tool_id::plain(id).as_ref());
            write_answer(&mut object, said, blocks)?;
            object.some("is_error", Some(is_error).filter(|is| **is));
        }
        Block::Thinking { text, sealed } => {
            object.member("type", "thinking");
            object.member("thinking", text);
            object.some("signature", sealed.as_ref().map(|sealed| &sealed.data));
        }
        Block::Redacted { sealed } => {
            object.member("type", "redacted_thinking");
            object.member("data", &sealed.data);
        }
        Block::Audio { .. } => return Err("Anthropic's API takes no audio"),
    }
    object.some("cache_control", mark(said.block));
    Ok(())
}

/// Where a prompt cache may end.
fn mark(block: &Block) -> Option<&RawValue> {
    match block {
        Block::Text { cache, .. }
        | Block::Image { cache, .. }
        | Block::Document { cache, .. }
        | Block::ToolCall { cache, .. }
        | Block::ToolResult { cache, .. } => cache.as_deref(),
        _ => None,
    }
}

fn write_text(object: &mut Object<'_>, said: &Said<'_>, text: &str) {
    object.member("type", "text");
    let text = if said.trimmed { text.trim_end() } else { text };
    match said.name {
        Some(name) => object.member("text", &format!("{name}: {text}")),
        None => object.member("text", text),
    }
}

fn write_answer(object: &mut Object<'_>, said: &Said<'_>, blocks: &[Block]) -> Result<(), Fault> {
    if let [
        Block::Text {
            text, cache: None, ..
        },
    ] = blocks
    {
        object.some("content", Some(text).filter(|text| !text.is_empty()));
        return Ok(());
    }
    let mut content = object.list("content");
    for block in blocks {
        let inner = Said {
            turn: said.turn,
            name: None,
            block,
            trimmed: false,
        };
        match block {
            Block::Text { .. } if inner.is_empty() => {}
            Block::Text { .. } | Block::Image { .. } | Block::Document { .. } => {
                write_block(&mut content, &inner)?;
            }
            _ => return Err("a tool answers with text, images and documents there"),
        }
    }
    Ok(())
}

const OTHERS_FILE: Fault = "Anthropic's store holds no files of another's";

fn write_image(object: &mut Object<'_>, source: &Source) -> Result<(), Fault> {
    match source {
        Source::Data { media_type, data } => {
            let known = ["image/jpeg", "image/png", "image/gif", "image/webp"];
            // Not its name by the registry, but one that is often written.
            let media_type = match media_type.as_str() {
                "image/jpg" => "image/jpeg",
                other => other,
            };
            if !known.contains(&media_type) {
                return Err("Anthropic's API takes images as JPEG, PNG, GIF and WebP");
            }
            write_base64(object, media_type, data);
        }
        Source::Url(url) => write_url(object, url),
        Source::File(_) => return Err(OTHERS_FILE),
    }
    Ok(())
}

fn write_document(object: &mut Object<'_>, source: &Source) -> Result<(), Fault> {
    match source {
        Source::Data { media_type, data } if media_type == "application/pdf" => {
            write_base64(object, media_type, data);
        }
        Source::Data { media_type, data } if media_type.starts_with("text/") => {
            let text = STANDARD
                .decode(data)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            object.member("type", "text");
            object.member("media_type", "text/plain");
            object.member("data", &text.ok_or("it is not a text in base64")?);
        }
        Source::Data { .. } => return Err("Anthropic's API takes documents as PDF and text"),
        Source::Url(url) => write_url(object, url),
        Source::File(_) => return Err(OTHERS_FILE),
    }
    Ok(())
}

fn write_base64(object: &mut Object<'_>, media_type: &str, data: &str) {
    object.member("type", "base64");
    object.member("media_type", media_type);
    object.member("data", data);
}

fn write_url(object: &mut Object<'_>, url: &str) {
    object.member("type", "url");
    object.member("url", url);
}
