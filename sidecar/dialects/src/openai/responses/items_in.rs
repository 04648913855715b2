//! A caller's `input`, read into turns. Called by `read_ask`.
//!
//! What an assistant thought, said and called are items of their own there: those that follow each other are one turn, and so are the
//! results of calls. Items that OpenAI remembers or ran itself are beyond others.

use super::read_ask::beyond;
use crate::Dialect;
use crate::file::{self, FileData};
use crate::json::look::Look;
use crate::talk::{Ask, Beyond, Block, Role, Sealed, Source, Turn};
use crate::translate::AskFault;
use serde_json::value::RawValue;

/// One text, or items.
pub(super) fn read(input: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    if input.is_string() {
        push(ask, Role::User, vec![Block::text(input.string()?)]);
        return Ok(());
    }
    input.elements(|item| read_item(item, ask))
}

fn push(ask: &mut Ask, role: Role, blocks: Vec<Block>) {
    let is_result = |turn: &Turn| matches!(turn.blocks.last(), Some(Block::ToolResult { .. }));
    let joins = match (ask.turns.last(), blocks.first()) {
        (Some(last), _) if role == Role::Assistant => last.role == role,
        (Some(last), Some(Block::ToolResult { .. })) => is_result(last),
        _ => false,
    };
    match ask.turns.last_mut().filter(|_| joins) {
        Some(last) => last.blocks.extend(blocks),
        None => ask.turns.push(Turn {
            role,
            name: None,
            blocks,
        }),
    }
}

#[derive(Default)]
struct Item<'a> {
    kind: Option<String>,
    role: Option<Role>,
    content: Option<Vec<Block>>,
    summary: String,
    encrypted: Option<String>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<&'a str>,
    output: Option<Vec<Block>>,
}

const ROLES: &str = "system, developer, user or assistant";

fn read_item(item: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    let mut read = Item::default();
    let mut others = Vec::new();
    let mut arguments = String::new();
    item.members(|name, value| {
        match name {
            "type" => read.kind = Some(value.string()?),
            "role" => read.role = Some(role(value)?),
            "content" => read.content = Some(parts(value, &mut others)?),
            "summary" => value.elements(|part| summary(part, &mut read.summary))?,
            "encrypted_content" => read.encrypted = Some(value.string()?),
            "call_id" => read.call_id = Some(value.string()?),
            "name" => read.name = Some(value.string()?),
            "arguments" if value.is_string() => arguments = object_text(value)?,
            "output" if value.is_string() || value.text().starts_with('[') => {
                read.output = Some(parts(value, &mut others)?);
            }
            _ => {}
        }
        Ok(())
    })?;
    read.arguments = Some(&arguments);
    let kind = read.kind.take().unwrap_or_else(|| "message".into());
    let known = matches!(
        kind.as_str(),
        "message" | "function_call" | "function_call_output" | "reasoning"
    );
    if !known {
        let param = format!("{}.type", item.path());
        ask.beyond.push(Beyond { param });
        return Ok(());
    }
    ask.beyond.append(&mut others);
    let (role, blocks) = read.blocks(&kind, item)?;
    if !blocks.is_empty() {
        push(ask, role, blocks);
    }
    Ok(())
}

fn role(value: Look<'_, '_>) -> Result<Role, AskFault> {
    match value.string()?.as_str() {
        "system" => Ok(Role::System),
        "developer" => Ok(Role::Developer),
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        _ => Err(value.is_none_of(ROLES)),
    }
}

fn summary(part: Look<'_, '_>, text: &mut String) -> Result<(), AskFault> {
    part.members(|name, value| {
        if name == "text" {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&value.string()?);
        }
        Ok(())
    })
}

/// JSON in a string; no text at all is a call without arguments.
fn object_text(value: Look<'_, '_>) -> Result<String, AskFault> {
    let text = value.string()?;
    if text.trim().is_empty() || crate::json::members(&text, []).is_some() {
        return Ok(text);
    }
    Err(value.is_none_of("one JSON object, as text"))
}

impl Item<'_> {
    fn blocks(self, kind: &str, item: Look<'_, '_>) -> Result<(Role, Vec<Block>), AskFault> {
        let lacks = |member: &str| item.lacks(member);
        Ok(match kind {
            "function_call" => {
                let arguments = self.arguments.filter(|text| !text.trim().is_empty());
                let call = Block::ToolCall {
                    id: self.call_id.ok_or_else(|| lacks("call_id"))?,
                    name: self.name.ok_or_else(|| lacks("name"))?,
                    arguments: arguments.unwrap_or("{}").to_owned(),
                    sealed: None,
                    cache: None,
                };
                (Role::Assistant, vec![call])
            }
            "function_call_output" => {
                let result = Block::ToolResult {
                    id: self.call_id.ok_or_else(|| lacks("call_id"))?,
                    name: self.name,
                    blocks: self.output.ok_or_else(|| lacks("output"))?,
                    is_error: false,
                    cache: None,
                };
                (Role::User, vec![result])
            }
            "reasoning" => (Role::Assistant, self.thoughts()),
            _ => {
                let role = self.role.ok_or_else(|| lacks("role"))?;
                (role, self.content.ok_or_else(|| lacks("content"))?)
            }
        })
    }

    /// The summary, or where a provider shows them the thoughts themselves.
    fn thoughts(self) -> Vec<Block> {
        let mut text = self.summary;
        for block in self.content.iter().flatten() {
            if let (true, Block::Text { text: said, .. }) = (text.is_empty(), block) {
                text.push_str(said);
            }
        }
        match self.encrypted.filter(|shown| !shown.is_empty()) {
            Some(shown) => vec![Sealed::thoughts(Dialect::OpenAI, text, &shown)],
            None if text.is_empty() => Vec::new(),
            None => vec![Block::Thinking { text, sealed: None }],
        }
    }
}

fn parts(content: Look<'_, '_>, others: &mut Vec<Beyond>) -> Result<Vec<Block>, AskFault> {
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
    source: Option<Source>,
    detail: Option<String>,
    name: Option<String>,
    sound: Option<(String, String)>,
    cache: Option<Box<RawValue>>,
}

/// OpenAI's own mark of where a prompt cache may end, as Anthropic's shortest: a hint.
const HERE: &str = r#"{"type":"ephemeral"}"#;

fn read_part(part: Look<'_, '_>, others: &mut Vec<Beyond>) -> Result<Option<Block>, AskFault> {
    let (mut read, mut data) = (Part::default(), None);
    part.members(|name, value| {
        match name {
            "type" => read.kind = value.string()?,
            "text" | "refusal" => read.text = Some(value.string()?),
            "image_url" | "file_url" => read.source = Some(file::at(value)?),
            "file_data" => data = Some(FileData::read(value)?),
            "file_id" => read.source = Some(Source::File(value.string()?)),
            "detail" => read.detail = Some(value.string()?).filter(|detail| detail != "auto"),
            "filename" => read.name = Some(value.string()?),
            "input_audio" => read.sound = Some(audio(value)?),
            "prompt_cache_breakpoint" => read.cache = RawValue::from_string(HERE.into()).ok(),
            "annotations" | "logprobs" => {}
            _ => others.push(beyond(value)),
        }
        Ok(())
    })?;
    if let Some(data) = data {
        read.source = Some(data.source(read.name.as_deref())?);
    }
    read.block(part, others)
}

impl Part {
    fn block(
        self,
        part: Look<'_, '_>,
        others: &mut Vec<Beyond>,
    ) -> Result<Option<Block>, AskFault> {
        let cache = self.cache;
        let lacks = |member: &str| part.lacks(member);
        Ok(Some(match self.kind.as_str() {
            "input_text" | "output_text" | "text" | "reasoning_text" | "summary_text" => {
                Block::Text {
                    text: self.text.ok_or_else(|| lacks("text"))?,
                    cache,
                    citations: Vec::new(),
                }
            }
            "refusal" => Block::Refusal {
                text: self.text.ok_or_else(|| lacks("refusal"))?,
            },
            "input_image" => Block::Image {
                source: self.source.ok_or_else(|| lacks("image_url"))?,
                detail: self.detail,
                cache,
            },
            "input_file" => Block::Document {
                source: self.source.ok_or_else(|| lacks("file_data"))?,
                name: self.name,
                cache,
            },
            "input_audio" => {
                let (data, format) = self.sound.ok_or_else(|| lacks("input_audio"))?;
                Block::Audio { data, format }
            }
            "" => return Err(lacks("type")),
            _ => {
                let param = format!("{}.type", part.path());
                others.push(Beyond { param });
                return Ok(None);
            }
        }))
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
    Ok((data, format.ok_or_else(|| value.lacks("format"))?))
}
