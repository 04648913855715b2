//! A caller's request, read. Called by `translate`; the conversation is `items_in`'s, tools are `tools_in`'s.
//!
//! Every member of OpenAI's reference has an arm here: a place in `talk`, nothing because it is a hint (it changes cost, speed or
//! bookkeeping only), or `beyond`.

use super::{items_in, tools_in};
use crate::Wire;
use crate::json::look::Look;
use crate::talk::{Ask, Beyond, Block, Effort, Format, Reasoning, Role, Turn};
use crate::translate::AskFault;
use serde_json::value::RawValue;

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
    instructions: Option<String>,
    logprobs: bool,
    top_logprobs: Option<u64>,
}

pub(super) fn beyond(value: Look<'_, '_>) -> Beyond {
    let param = value.path();
    Beyond { param }
}

impl Reading {
    fn member(&mut self, name: &str, value: Look<'_, '_>) -> Result<(), AskFault> {
        let ask = &mut self.ask;
        match name {
            "model" => ask.model = value.string()?,
            "input" => items_in::read(value, ask)?,
            "instructions" => self.instructions = Some(value.string()?),
            "stream" => ask.stream = value.boolean()?,
            "max_output_tokens" => ask.sampling.max_output = Some(value.whole()?),
            "temperature" => ask.sampling.temperature = Some(value.number()?),
            "top_p" => ask.sampling.top_p = Some(value.number()?),
            "top_logprobs" => self.top_logprobs = Some(value.whole()?).filter(|most| *most > 0),
            "include" => value.elements(|included| {
                self.logprobs |= included.string()? == "message.output_text.logprobs";
                Ok(())
            })?,
            "tools" => value.elements(|tool| tools_in::read(tool, ask))?,
            "tool_choice" => ask.choose = tools_in::choose(value, &mut ask.beyond)?,
            "parallel_tool_calls" => ask.parallel_tools = (!value.boolean()?).then_some(false),
            "text" => text(value, ask)?,
            "reasoning" => ask.reasoning = reasoning(value, &mut ask.beyond)?,
            "user" => ask.user = Some(value.string()?),
            "store" | "background" if value.text() == "false" => {}
            "truncation" if value.text() == "\"disabled\"" => {}
            name if is_hint(name) => {}
            // Among them what must be remembered: previous_response_id, conversation, prompt, store.
            _ => ask.beyond.push(beyond(value)),
        }
        Ok(())
    }

    fn done(mut self, body: &Look<'_, '_>) -> Result<Ask, AskFault> {
        if self.ask.model.is_empty() {
            return Err(body.lacks("model"));
        }
        if self.ask.turns.is_empty() && self.ask.beyond.is_empty() {
            return Err(body.lacks("input"));
        }
        if let Some(text) = self.instructions {
            let turn = Turn {
                role: Role::System,
                name: None,
                blocks: vec![Block::text(text)],
            };
            self.ask.turns.insert(0, turn);
        }
        if self.logprobs || self.top_logprobs.is_some() {
            self.ask.sampling.logprobs = Some(self.top_logprobs.unwrap_or(0));
        }
        self.ask.wants_usage = true;
        self.ask.wire = Wire::Responses;
        Ok(self.ask)
    }
}

/// What changes only cost, speed or bookkeeping; `max_tool_calls` counts the calls of hosted tools, which are refused anyway.
fn is_hint(name: &str) -> bool {
    matches!(
        name,
        "metadata"
            | "service_tier"
            | "prompt_cache_key"
            | "prompt_cache_options"
            | "prompt_cache_retention"
            | "safety_identifier"
            | "stream_options"
            | "max_tool_calls"
    )
}

fn text(value: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    value.members(|name, value| {
        match name {
            "format" => ask.format = format(value)?,
            "verbosity" if value.text() == "\"medium\"" => {}
            _ => ask.beyond.push(beyond(value)),
        }
        Ok(())
    })
}

fn format(value: Look<'_, '_>) -> Result<Format, AskFault> {
    let (mut kind, mut name, mut description) = (String::new(), None, None);
    let (mut schema, mut strict): (Option<Box<RawValue>>, _) = (None, None);
    value.members(|member, value| {
        match member {
            "type" => kind = value.string()?,
            "name" => name = Some(value.string()?),
            "description" => description = Some(value.string()?),
            "schema" if value.is_object() => schema = Some(value.raw()?),
            "schema" => return Err(value.is_not("an object")),
            "strict" => strict = Some(value.boolean()?),
            _ => {}
        }
        Ok(())
    })?;
    match kind.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::JsonObject),
        "json_schema" => Ok(Format::JsonSchema {
            name,
            description,
            schema: schema.ok_or_else(|| value.lacks("schema"))?,
            strict,
        }),
        _ => Err(value.is_none_of("the type text, json_object or json_schema")),
    }
}

const EFFORTS: [(&str, Effort); 7] = [
    ("none", Effort::None),
    ("minimal", Effort::Minimal),
    ("low", Effort::Low),
    ("medium", Effort::Medium),
    ("high", Effort::High),
    ("xhigh", Effort::XHigh),
    ("max", Effort::Max),
];

fn reasoning(value: Look<'_, '_>, others: &mut Vec<Beyond>) -> Result<Option<Reasoning>, AskFault> {
    let mut reasoning = Reasoning::default();
    value.members(|name, value| {
        match name {
            "effort" => {
                let said = value.string()?;
                let known = EFFORTS.iter().find(|(name, _)| *name == said);
                let known = known.ok_or_else(|| value.is_none_of("an effort of OpenAI's"))?;
                reasoning.effort = Some(known.1);
            }
            // How long a summary is, is the provider's to say.
            "summary" | "generate_summary" => reasoning.show = Some(true),
            "context" if value.text() == "\"auto\"" => {}
            "mode" if value.text() == "\"standard\"" => {}
            _ => others.push(beyond(value)),
        }
        Ok(())
    })?;
    Ok((reasoning != Reasoning::default()).then_some(reasoning))
}
