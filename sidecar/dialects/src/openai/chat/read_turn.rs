//! One message of a caller, read. Called by `read_ask`; the parts of its content are `blocks`'s.
//!
//! Thoughts come back as clients keep them: `reasoning_content` (DeepSeek's), `reasoning` (vLLM's, OpenRouter's), `thinking_blocks`
//! (LiteLLM's, with Anthropic's signatures), `reasoning_details` (OpenRouter's), a call's `extra_content` (Google's), parts of the content
//! (Mistral's). Those with a signature win. Images that the model made are `images`.

use super::blocks::{Parts, read_parts};
use super::lasting;
use super::read_ask::beyond;
use crate::json::look::Look;
use crate::talk::{Ask, Beyond, Block, Role, Turn};
use crate::translate::AskFault;
use serde_json::value::RawValue;

const ROLES: &str = "system, developer, user, assistant or tool";

#[derive(Default)]
struct Message {
    role: Option<Role>,
    is_tool: bool,
    name: Option<String>,
    content: Option<Vec<Block>>,
    refusal: Option<String>,
    reasoning: Option<String>,
    thoughts: Vec<Block>,
    images: Vec<Block>,
    calls: Vec<Block>,
    call_id: Option<String>,
    mark: Option<Box<RawValue>>,
}

pub(super) fn read_turn(message: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    let mut read = Message::default();
    message.members(|name, value| read.member(name, value, &mut ask.beyond))?;
    ask.turns.push(read.turn(message)?);
    Ok(())
}

impl Message {
    fn member(
        &mut self,
        name: &str,
        value: Look<'_, '_>,
        others: &mut Vec<Beyond>,
    ) -> Result<(), AskFault> {
        match name {
            "role" => self.role = Some(self.read_role(value)?),
            "content" => self.content = Some(read_parts(value, others)?),
            "name" => self.name = Some(value.string()?),
            "refusal" => self.refusal = Some(value.string()?),
            "tool_calls" => value.elements(|call| {
                self.calls.extend(lasting::read_call(call, others)?);
                Ok(())
            })?,
            "images" => self.images = lasting::read_images(value)?,
            "tool_call_id" => self.call_id = Some(value.string()?),
            "reasoning_content" | "reasoning" if value.is_string() => {
                self.reasoning = Some(value.string()?);
            }
            "thinking_blocks" => self.thoughts = lasting::read_thoughts(value)?,
            "cache_control" => self.mark = Some(value.raw()?),
            "reasoning_details" if self.thoughts.is_empty() => {
                self.thoughts = lasting::read_details(value)?;
            }
            "reasoning_details" | "annotations" | "citations" | "provider_specific_fields" => {}
            // Mistral's SDK says so of every answer that it gives back.
            "prefix" if value.text() == "false" => {}
            _ => others.push(beyond(value)),
        }
        Ok(())
    }

    fn read_role(&mut self, value: Look<'_, '_>) -> Result<Role, AskFault> {
        self.is_tool = value.text() == "\"tool\"";
        match value.string()?.as_str() {
            "system" => Ok(Role::System),
            "developer" => Ok(Role::Developer),
            "user" | "tool" => Ok(Role::User),
            "assistant" => Ok(Role::Assistant),
            _ => Err(value.is_none_of(ROLES)),
        }
    }

    fn turn(mut self, message: Look<'_, '_>) -> Result<Turn, AskFault> {
        let role = self.role.ok_or_else(|| message.lacks("role"))?;
        let (is_tool, name) = (self.is_tool, self.name.take());
        if role != Role::Assistant && self.content.is_none() {
            return Err(message.lacks("content"));
        }
        let mut content = self.content.take().unwrap_or_default();
        if let Some(mark) = self.mark.take() {
            Parts::mark_last(&mut content, mark);
        }
        let blocks = match role {
            _ if is_tool => {
                let id = self.call_id.ok_or_else(|| message.lacks("tool_call_id"))?;
                vec![Block::ToolResult {
                    id,
                    name: name.clone(),
                    cache: Parts::take_last_mark(&mut content),
                    blocks: content,
                    is_error: false,
                }]
            }
            Role::Assistant => self.said(content),
            _ => content,
        };
        let name = name.filter(|_| !is_tool);
        Ok(Turn { role, name, blocks })
    }

    fn said(self, content: Vec<Block>) -> Vec<Block> {
        let mut blocks = self.thoughts;
        let reasoning = self.reasoning.filter(|text| !text.is_empty());
        let thinks = |block: &Block| matches!(block, Block::Thinking { .. });
        if let Some(text) = reasoning.filter(|_| blocks.is_empty() && !content.iter().any(thinks)) {
            blocks.push(Block::Thinking { text, sealed: None });
        }
        blocks.extend(content);
        blocks.extend(self.images);
        blocks.extend(self.refusal.map(|text| Block::Refusal { text }));
        blocks.extend(self.calls);
        blocks
    }
}
