//! A caller's request, read. Called by `translate`; blocks are `blocks`'s, tools `tools`'s.
//!
//! Every member of Anthropic's reference has an arm here: a place in `talk`, nothing because it is a hint (it changes cost, speed or
//! bookkeeping only), or `beyond`.

use super::blocks::read_content;
use super::tools::{read_choice, read_tool};
use super::write_reply::call_of;
use crate::Wire;
use crate::json::look::Look;
use crate::openai::chat::reasoning::{read_effort, thinking};
use crate::talk::{Ask, Beyond, Block, Format, Role, Sealed, Turn};
use crate::translate::AskFault;

/// Reads a caller's request.
pub(crate) fn read_ask(body: &[u8]) -> Result<Ask, AskFault> {
    let body = Look::body(body)?;
    let mut reading = Reading::default();
    body.members(|name, value| reading.member(name, value))?;
    reading.done(&body)
}

#[derive(Default)]
struct Reading {
    ask: Ask,
    has_model: bool,
    system: Option<Turn>,
}

impl Reading {
    fn member(&mut self, name: &str, value: Look<'_, '_>) -> Result<(), AskFault> {
        let ask = &mut self.ask;
        let sampling = &mut ask.sampling;
        match name {
            "model" => {
                ask.model = value.string()?;
                self.has_model = true;
            }
            "messages" => value.elements(|message| read_turn(message, ask))?,
            "system" => {
                self.system = Some(Turn {
                    role: Role::System,
                    name: None,
                    blocks: read_content(value, &mut ask.beyond)?,
                });
            }
            "max_tokens" => sampling.max_output = Some(value.whole()?),
            "stop_sequences" => value.elements(|stop| {
                sampling.stop.push(stop.string()?);
                Ok(())
            })?,
            "temperature" => sampling.temperature = Some(value.number()?),
            "top_p" => sampling.top_p = Some(value.number()?),
            "top_k" => sampling.top_k = Some(value.whole()?).filter(|k| *k != 0),
            "stream" => ask.stream = value.boolean()?,
            "tools" => value.elements(|tool| read_tool(tool, ask))?,
            "tool_choice" => read_choice(value, ask)?,
            "thinking" => thinking(value, ask)?,
            "output_config" => output_config(value, ask)?,
            "output_format" => ask.format = read_format(value)?,
            "metadata" => metadata(value, ask)?,
            "context_management" => context_management(value, ask)?,
            "mcp_servers" if value.text() == "[]" => {}
            name if is_hint(name) => {}
            _ => ask.beyond.push(beyond(value)),
        }
        Ok(())
    }

    fn done(mut self, body: &Look<'_, '_>) -> Result<Ask, AskFault> {
        if !self.has_model {
            return Err(body.lacks("model"));
        }
        if self.ask.turns.is_empty() {
            return Err(body.lacks("messages"));
        }
        if self.ask.sampling.max_output.is_none() {
            return Err(body.lacks("max_tokens"));
        }
        if let Some(system) = self.system.filter(|system| !system.blocks.is_empty()) {
            self.ask.turns.insert(0, system);
        }
        self.ask.wire = Wire::Messages;
        // Its streams always say what was used.
        self.ask.wants_usage = true;
        Ok(self.ask)
    }
}

/// What changes only cost, speed or bookkeeping.
fn is_hint(name: &str) -> bool {
    matches!(
        name,
        "service_tier" | "cache_control" | "diagnostics" | "speed" | "user_profile_id" | "betas"
    )
}

pub(super) fn beyond(value: Look<'_, '_>) -> Beyond {
    let param = value.path();
    Beyond { param }
}

fn read_turn(message: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    let (mut role, mut blocks) = (None, None);
    message.members(|name, value| {
        match name {
            "role" => {
                role = Some(match value.string()?.as_str() {
                    "user" => Role::User,
                    "assistant" => Role::Assistant,
                    "system" => Role::System,
                    _ => return Err(value.is_none_of("user, assistant or system")),
                });
            }
            "content" => blocks = Some(read_content(value, &mut ask.beyond)?),
            _ => ask.beyond.push(beyond(value)),
        }
        Ok(())
    })?;
    let role = role.ok_or_else(|| message.lacks("role"))?;
    let mut blocks = blocks.ok_or_else(|| message.lacks("content"))?;
    reseal(&mut blocks);
    ask.turns.push(Turn {
        role,
        name: None,
        blocks,
    });
    Ok(())
}

/// Gives calls back the seals that came beside them.
fn reseal(blocks: &mut Vec<Block>) {
    let seals: Vec<(String, Sealed)> = blocks
        .iter()
        .filter_map(|block| match block {
            Block::Redacted { sealed } => call_of(sealed).map(|(id, is)| (id.to_owned(), is)),
            _ => None,
        })
        .collect();
    if seals.is_empty() {
        return;
    }
    blocks
        .retain(|block| !matches!(block, Block::Redacted { sealed } if call_of(sealed).is_some()));
    for block in blocks {
        if let Block::ToolCall { id, sealed, .. } = block {
            let own = seals.iter().find(|(of, _)| of == id);
            *sealed = own.map(|(_, is)| is.clone());
        }
    }
}

fn output_config(value: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    value.members(|name, value| {
        match name {
            "effort" => {
                ask.reasoning.get_or_insert_default().effort = Some(read_effort(value)?);
            }
            "format" => ask.format = read_format(value)?,
            _ => ask.beyond.push(beyond(value)),
        }
        Ok(())
    })
}

fn read_format(value: Look<'_, '_>) -> Result<Format, AskFault> {
    let mut schema = None;
    value.members(|name, value| {
        match name {
            "type" if value.text() != "\"json_schema\"" => {
                return Err(value.is_none_of("json_schema"));
            }
            "schema" if value.is_object() => schema = Some(value.raw()?),
            "schema" => return Err(value.is_not("an object")),
            _ => {}
        }
        Ok(())
    })?;
    Ok(Format::JsonSchema {
        name: None,
        description: None,
        schema: schema.ok_or_else(|| value.lacks("schema"))?,
        strict: None,
    })
}

fn metadata(value: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    value.members(|name, value| {
        if name == "user_id" {
            ask.user = Some(value.string()?);
        }
        Ok(())
    })
}

/// Rules for old thoughts have nothing to act on elsewhere: those are left out anyway. Any other changes what the model reads.
fn context_management(value: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    let mut idle = true;
    value.members(|name, value| match name {
        "edits" => value.elements(|edit| {
            edit.members(|name, value| {
                if name == "type" {
                    idle &= value.string()?.starts_with("clear_thinking");
                }
                Ok(())
            })
        }),
        _ => {
            idle = false;
            Ok(())
        }
    })?;
    if !idle {
        ask.beyond.push(beyond(value));
    }
    Ok(())
}
