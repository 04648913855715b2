//! The blocks of a caller's content, read. Called by `read_ask`. What only Anthropic's own tools make is `beyond`.

use super::read_ask::beyond;
use super::source::read_source;
use crate::Dialect;
use crate::json::look::Look;
use crate::talk::{Beyond, Block, Sealed, Source};
use crate::translate::AskFault;
use serde_json::Value;
use serde_json::value::RawValue;

/// One string, or blocks.
pub(super) fn read_content(
    content: Look<'_, '_>,
    others: &mut Vec<Beyond>,
) -> Result<Vec<Block>, AskFault> {
    if content.is_string() {
        return Ok(vec![Block::text(content.string()?)]);
    }
    let mut blocks = Vec::new();
    content.elements(|block| {
        blocks.extend(read_block(block, others)?);
        Ok(())
    })?;
    Ok(blocks)
}

const KINDS: [&str; 7] = [
    "text",
    "image",
    "document",
    "tool_use",
    "tool_result",
    "thinking",
    "redacted_thinking",
];

#[derive(Default)]
struct Reading {
    kind: String,
    text: Option<String>,
    citations: Vec<Value>,
    source: Option<Source>,
    title: Option<String>,
    id: Option<String>,
    name: Option<String>,
    input: Option<String>,
    blocks: Vec<Block>,
    is_error: bool,
    seal: Option<String>,
    cache: Option<Box<RawValue>>,
}

fn read_block(block: Look<'_, '_>, others: &mut Vec<Beyond>) -> Result<Option<Block>, AskFault> {
    let mut read = Reading::default();
    let mut foreign = None;
    block.members(|name, value| {
        if name == "type" {
            read.kind = value.string()?;
            foreign = (!KINDS.contains(&read.kind.as_str())).then(|| beyond(value));
        }
        Ok(())
    })?;
    if let Some(foreign) = foreign {
        others.push(foreign);
        return Ok(None);
    }
    block.members(|name, value| read.member(name, value, others))?;
    read.block(block).map(Some)
}

impl Reading {
    fn member(
        &mut self,
        name: &str,
        value: Look<'_, '_>,
        others: &mut Vec<Beyond>,
    ) -> Result<(), AskFault> {
        match (self.kind.as_str(), name) {
            (_, "type") => {}
            (_, "cache_control") => self.cache = Some(value.raw()?),
            ("text", "text") | ("thinking", "thinking") => self.text = Some(value.string()?),
            ("text", "citations") => {
                self.citations = serde_json::from_str(value.text()).unwrap_or_default();
            }
            ("document", "citations") => cited(value, others)?,
            ("image" | "document", "source") => self.source = read_source(value, others)?,
            ("document", "title") => self.title = Some(value.string()?),
            ("tool_use", "id") | ("tool_result", "tool_use_id") => self.id = Some(value.string()?),
            ("tool_use", "name") => self.name = Some(value.string()?),
            ("tool_use", "input") if value.is_object() => {
                self.input = Some(value.text().to_owned());
            }
            ("tool_use", "input") => return Err(value.is_not("an object")),
            ("tool_use", "caller") => {}
            ("tool_result", "content") => self.blocks = read_content(value, others)?,
            ("tool_result", "is_error") => self.is_error = value.boolean()?,
            ("thinking", "signature") | ("redacted_thinking", "data") => {
                self.seal = Some(value.string()?);
            }
            _ => others.push(beyond(value)),
        }
        Ok(())
    }

    fn block(self, at: Look<'_, '_>) -> Result<Block, AskFault> {
        let cache = self.cache;
        let lacks = |name| move || at.lacks(name);
        let sealed = self.seal.filter(|seal| !seal.is_empty());
        let sealed = sealed.map(|seal| Sealed::given(Dialect::Anthropic, &seal));
        Ok(match self.kind.as_str() {
            "text" => Block::Text {
                text: self.text.ok_or_else(lacks("text"))?,
                cache,
                citations: self.citations,
            },
            "image" => Block::Image {
                source: self.source.ok_or_else(lacks("source"))?,
                detail: None,
                cache,
            },
            "document" => Block::Document {
                source: self.source.ok_or_else(lacks("source"))?,
                name: self.title,
                cache,
            },
            "tool_use" => Block::ToolCall {
                id: self.id.ok_or_else(lacks("id"))?,
                name: self.name.ok_or_else(lacks("name"))?,
                arguments: self.input.unwrap_or_else(|| "{}".to_owned()),
                sealed: None,
                cache,
            },
            "tool_result" => Block::ToolResult {
                id: self.id.ok_or_else(lacks("tool_use_id"))?,
                name: None,
                blocks: self.blocks,
                is_error: self.is_error,
                cache,
            },
            "thinking" => Block::Thinking {
                text: self.text.ok_or_else(lacks("thinking"))?,
                sealed,
            },
            _ => Block::Redacted {
                sealed: sealed.ok_or_else(lacks("data"))?,
            },
        })
    }
}

/// To be told where each sentence comes from is more than reading a document.
fn cited(value: Look<'_, '_>, others: &mut Vec<Beyond>) -> Result<(), AskFault> {
    value.members(|name, enabled| {
        if name == "enabled" && enabled.boolean()? {
            others.push(beyond(value));
        }
        Ok(())
    })
}
