//! The parts of a message's content, read. Called by `read_turn`.

use super::read_ask::beyond;
use super::read_reply::thought;
use crate::file::{self, FileData};
use crate::json::look::Look;
use crate::talk::{Beyond, Block, Source};
use crate::translate::AskFault;
use serde_json::value::RawValue;

type Cache = Option<Box<RawValue>>;

/// What is done to several parts.
pub(super) struct Parts;

impl Parts {
    /// A mark on the message is one on its last part, where that has none.
    pub(super) fn mark_last(blocks: &mut [Block], mark: Box<RawValue>) {
        if let Some(
            Block::Text { cache, .. } | Block::Image { cache, .. } | Block::Document { cache, .. },
        ) = blocks.last_mut()
        {
            cache.get_or_insert(mark);
        }
    }

    /// And one on the last part of a tool's answer is one on the answer.
    pub(super) fn take_last_mark(blocks: &mut [Block]) -> Cache {
        match blocks.last_mut() {
            Some(Block::Text { cache, .. }) => cache.take(),
            _ => None,
        }
    }
}

/// One string, or parts.
pub(super) fn read_parts(
    content: Look<'_, '_>,
    others: &mut Vec<Beyond>,
) -> Result<Vec<Block>, AskFault> {
    if content.is_string() {
        return Ok(vec![Block::text(content.string()?)]);
    }
    let mut blocks = Vec::new();
    content.elements(|part| {
        blocks.extend(read_part(part, others)?);
        Ok(())
    })?;
    Ok(blocks)
}

#[derive(Default)]
struct Part {
    kind: String,
    text: Option<String>,
    thought: Option<String>,
    source: Option<Source>,
    detail: Option<String>,
    name: Option<String>,
    sound: Option<(String, String)>,
    cache: Cache,
}

fn read_part(part: Look<'_, '_>, others: &mut Vec<Beyond>) -> Result<Option<Block>, AskFault> {
    let mut read = Part::default();
    let mut foreign = None;
    part.members(|name, value| {
        match name {
            "type" => {
                read.kind = value.string()?;
                foreign = (!KINDS.contains(&read.kind.as_str())).then(|| beyond(value));
            }
            "text" | "refusal" => read.text = Some(value.string()?),
            "image_url" => read.image(value)?,
            "file" => read.file(value)?,
            "input_audio" => read.sound = Some(audio(value)?),
            "cache_control" => read.cache = Some(value.raw()?),
            "prompt_cache_breakpoint" => read.cache = RawValue::from_string(HERE.into()).ok(),
            "thinking" => read.thought = Some(thought(value.text())),
            "annotations" | "closed" | "signature" | "reference_ids" => {}
            _ => others.push(beyond(value)),
        }
        Ok(())
    })?;
    if let Some(foreign) = foreign {
        others.push(foreign);
        return Ok(None);
    }
    // Where Mistral's model found it stands in an answer as annotations do.
    if read.kind == "reference" {
        return Ok(None);
    }
    read.block(part).map(Some)
}

/// The last two are Mistral's, which it answers and is given back.
const KINDS: [&str; 7] = [
    "text",
    "refusal",
    "image_url",
    "file",
    "input_audio",
    "thinking",
    "reference",
];
/// OpenAI's own mark says the least time that a prefix is kept; Anthropic's shortest is as near as that need be, being a hint.
const HERE: &str = r#"{"type":"ephemeral"}"#;

impl Part {
    fn image(&mut self, value: Look<'_, '_>) -> Result<(), AskFault> {
        if value.is_string() {
            self.source = Some(file::at(value)?);
            return Ok(());
        }
        value.members(|name, value| {
            match name {
                "url" => self.source = Some(file::at(value)?),
                "detail" => self.detail = Some(value.string()?).filter(|detail| detail != "auto"),
                _ => {}
            }
            Ok(())
        })
    }

    fn file(&mut self, value: Look<'_, '_>) -> Result<(), AskFault> {
        let mut data = None;
        value.members(|name, value| {
            match name {
                "file_data" => data = Some(FileData::read(value)?),
                "file_id" => self.source = Some(Source::File(value.string()?)),
                "filename" => self.name = Some(value.string()?),
                _ => {}
            }
            Ok(())
        })?;
        if let Some(data) = data {
            self.source = Some(data.source(self.name.as_deref())?);
        }
        Ok(())
    }

    fn block(self, part: Look<'_, '_>) -> Result<Block, AskFault> {
        let (kind, cache) = (self.kind.as_str(), self.cache);
        let lacks = || part.lacks(if kind.is_empty() { "type" } else { kind });
        Ok(match kind {
            "text" => Block::Text {
                text: self.text.ok_or_else(lacks)?,
                cache,
                citations: Vec::new(),
            },
            "refusal" => Block::Refusal {
                text: self.text.ok_or_else(lacks)?,
            },
            "thinking" => Block::Thinking {
                text: self.thought.ok_or_else(lacks)?,
                sealed: None,
            },
            "image_url" => Block::Image {
                source: self.source.ok_or_else(lacks)?,
                detail: self.detail,
                cache,
            },
            "file" => Block::Document {
                source: self.source.ok_or_else(lacks)?,
                name: self.name,
                cache,
            },
            _ => {
                let (data, format) = self.sound.ok_or_else(lacks)?;
                Block::Audio { data, format }
            }
        })
    }
}

fn audio(value: Look<'_, '_>) -> Result<(String, String), AskFault> {
    let (mut data, mut format) = (None, None);
    value.members(|name, value| {
        match name {
            "data" => data = Some(value.string()?),
            "format" => format = Some(value.string()?),
            _ => {}
        }
        Ok(())
    })?;
    let data = data.ok_or_else(|| value.lacks("data"))?;
    let format = format.ok_or_else(|| value.lacks("format"))?;
    Ok((data, format))
}
