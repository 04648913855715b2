//! A caller's request, read. Called by `translate`; turns are `read_turn`'s.
//!
//! Every member of OpenAI's reference has an arm here: a place in `talk`, nothing because it is a hint (it changes cost, speed or
//! bookkeeping only), or `beyond`. So has what clients send beside it: OpenRouter's `reasoning`, vLLM's `top_k` and `min_p`, and Mistral's
//! `random_seed`.

use super::read_turn::read_turn;
use super::reasoning;
use crate::Wire;
use crate::json::look::Look;
use crate::talk::{Ask, Beyond, Choose, Format, Tool};
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
    has_turns: bool,
    logprobs: bool,
    top_logprobs: Option<u64>,
}

impl Reading {
    fn member(&mut self, name: &str, value: Look<'_, '_>) -> Result<(), AskFault> {
        if sampling(&mut self.ask, name, value)? {
            return Ok(());
        }
        let ask = &mut self.ask;
        match name {
            "model" => {
                ask.model = value.string()?;
                self.has_model = true;
            }
            "messages" => {
                value.elements(|turn| read_turn(turn, ask))?;
                self.has_turns = true;
            }
            "stream" => ask.stream = value.boolean()?,
            "stream_options" => ask.wants_usage = wants_usage(value)?,
            "tools" => value.elements(|tool| read_tool(tool, ask))?,
            "tool_choice" => ask.choose = read_choose(value, &mut ask.beyond)?,
            // That several may be called is the default.
            "parallel_tool_calls" => {
                ask.parallel_tools = (!value.boolean()?).then_some(false);
            }
            "response_format" => ask.format = read_format(value)?,
            "reasoning_effort" => reasoning::effort(value, ask)?,
            "reasoning" => reasoning::openrouter(value, ask)?,
            "thinking" => reasoning::thinking(value, ask)?,
            "user" => ask.user = Some(value.string()?),
            "logprobs" => self.logprobs = value.boolean()?,
            "top_logprobs" => self.top_logprobs = Some(value.whole()?),
            name if says_nothing(name, value)? => {}
            _ => ask.beyond.push(beyond(value)),
        }
        Ok(())
    }

    fn done(mut self, body: &Look<'_, '_>) -> Result<Ask, AskFault> {
        if !self.has_model {
            return Err(body.lacks("model"));
        }
        if !self.has_turns || self.ask.turns.is_empty() {
            return Err(body.lacks("messages"));
        }
        if self.logprobs {
            self.ask.sampling.logprobs = Some(self.top_logprobs.unwrap_or(0));
        }
        self.ask.wire = Wire::Chat;
        Ok(self.ask)
    }
}

/// Whether it is a hint, or what the API does when nothing is said.
pub(crate) fn says_nothing(name: &str, value: Look<'_, '_>) -> Result<bool, AskFault> {
    Ok(match name {
        "store" => value.text() == "false",
        // Mistral's SDK always says it.
        "safe_prompt" => value.text() == "false",
        "verbosity" => value.text() == "\"medium\"",
        "modalities" => is_text_alone(value)?,
        "functions" => value.text() == "[]",
        // Without functions it says nothing, and with them these are refused.
        "function_call" => matches!(value.text(), "\"auto\"" | "\"none\""),
        name => is_hint(name),
    })
}

/// What changes only cost, speed or bookkeeping. `prediction` is checked against what the model writes anyway.
fn is_hint(name: &str) -> bool {
    matches!(
        name,
        "metadata"
            | "service_tier"
            | "prompt_cache_key"
            | "prompt_cache_options"
            | "prompt_cache_retention"
            | "safety_identifier"
            | "prediction"
            | "cache_control"
    )
}

pub(crate) fn beyond(value: Look<'_, '_>) -> Beyond {
    let param = value.path();
    Beyond { param }
}

/// Whether it was one of how words are picked. Shared with completions.
pub(crate) fn sampling(ask: &mut Ask, name: &str, value: Look<'_, '_>) -> Result<bool, AskFault> {
    let sampling = &mut ask.sampling;
    match name {
        // Where both names stand, the larger counts: as what was reserved does.
        "max_tokens" | "max_completion_tokens" => {
            sampling.max_output = sampling.max_output.max(Some(value.whole()?));
        }
        "stop" if value.is_string() => sampling.stop = vec![value.string()?],
        "stop" => value.elements(|stop| {
            sampling.stop.push(stop.string()?);
            Ok(())
        })?,
        "temperature" => sampling.temperature = Some(value.number()?),
        "top_p" => sampling.top_p = Some(value.number()?),
        "top_k" => sampling.top_k = top_k(value)?,
        "min_p" => sampling.min_p = value.unless(0.0)?,
        "frequency_penalty" => sampling.frequency_penalty = value.unless(0.0)?,
        "presence_penalty" => sampling.presence_penalty = value.unless(0.0)?,
        // The latter is Mistral's.
        "seed" | "random_seed" => sampling.seed = Some(value.integer()?),
        "n" => sampling.n = Some(value.whole()?).filter(|n| *n != 1),
        "logit_bias" if value.is_object() => {
            let mut any = false;
            value.members(|_, _| {
                any = true;
                Ok(())
            })?;
            let bias = serde_json::from_str(value.text());
            sampling.logit_bias = bias.ok().filter(|_| any);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// vLLM's -1 and 0 mean all of them.
fn top_k(value: Look<'_, '_>) -> Result<Option<u64>, AskFault> {
    if value.text() == "-1" {
        return Ok(None);
    }
    Ok(Some(value.whole()?).filter(|k| *k != 0))
}

pub(crate) fn wants_usage(options: Look<'_, '_>) -> Result<bool, AskFault> {
    let mut wants = false;
    options.members(|name, value| {
        if name == "include_usage" {
            wants = value.boolean()?;
        }
        Ok(())
    })?;
    Ok(wants)
}

fn is_text_alone(modalities: Look<'_, '_>) -> Result<bool, AskFault> {
    let mut alone = true;
    modalities.elements(|modality| {
        alone &= modality.string()? == "text";
        Ok(())
    })?;
    Ok(alone)
}

fn read_tool(tool: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    let (mut read, mut cache, mut foreign) = (None, None, None);
    tool.members(|name, value| {
        match name {
            "type" if value.text() != "\"function\"" => foreign = Some(beyond(value)),
            "function" => read = Some(read_function(value, &mut ask.beyond)?),
            "cache_control" => cache = Some(value.raw()?),
            _ => {}
        }
        Ok(())
    })?;
    if let Some(foreign) = foreign {
        ask.beyond.push(foreign);
        return Ok(());
    }
    let read = read.ok_or_else(|| tool.lacks("function"))?;
    ask.tools.push(Tool { cache, ..read });
    Ok(())
}

fn read_function(function: Look<'_, '_>, others: &mut Vec<Beyond>) -> Result<Tool, AskFault> {
    let mut tool = Tool {
        name: String::new(),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
    };
    function.members(|name, value| {
        match name {
            "name" => tool.name = value.string()?,
            "description" => tool.description = Some(value.string()?),
            "parameters" if value.is_object() => tool.parameters = Some(value.raw()?),
            "parameters" => return Err(value.is_not("an object")),
            "strict" => tool.strict = value.boolean()?.then_some(true),
            _ => others.push(beyond(value)),
        }
        Ok(())
    })?;
    if tool.name.is_empty() {
        return Err(function.lacks("name"));
    }
    Ok(tool)
}

const CHOICES: &str = "auto, none, required, a function or allowed_tools";

fn read_choose(value: Look<'_, '_>, others: &mut Vec<Beyond>) -> Result<Option<Choose>, AskFault> {
    if value.is_string() {
        return match value.string()?.as_str() {
            "auto" => Ok(None),
            "none" => Ok(Some(Choose::None)),
            "required" | "any" => Ok(Some(Choose::Any)),
            _ => Err(value.is_none_of(CHOICES)),
        };
    }
    let mut choose = None;
    value.members(|name, value| {
        match name {
            "type" if value.text() == "\"custom\"" => others.push(beyond(value)),
            "function" => choose = function_name(value)?.map(Choose::Tool),
            "allowed_tools" => choose = Some(allowed(value)?),
            _ => {}
        }
        Ok(())
    })?;
    if choose.is_none() && others.is_empty() {
        return Err(value.is_none_of(CHOICES));
    }
    Ok(choose)
}

fn function_name(function: Look<'_, '_>) -> Result<Option<String>, AskFault> {
    let mut found = None;
    function.members(|name, value| {
        if name == "name" {
            found = Some(value.string()?);
        }
        Ok(())
    })?;
    Ok(found)
}

fn allowed(value: Look<'_, '_>) -> Result<Choose, AskFault> {
    let (mut names, mut required) = (Vec::new(), false);
    value.members(|name, value| {
        match name {
            "mode" => required = value.string()? == "required",
            "tools" => value.elements(|tool| {
                tool.members(|name, value| {
                    if name == "function" {
                        names.extend(function_name(value)?);
                    }
                    Ok(())
                })
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(Choose::Among { names, required })
}

fn read_format(value: Look<'_, '_>) -> Result<Format, AskFault> {
    let (mut kind, mut schema) = (String::new(), None);
    value.members(|name, value| {
        match name {
            "type" => kind = value.string()?,
            "json_schema" => schema = Some(read_schema(value)?),
            _ => {}
        }
        Ok(())
    })?;
    match kind.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::JsonObject),
        "json_schema" => schema.ok_or_else(|| value.lacks("json_schema")),
        _ => Err(value.is_none_of("the type text, json_object or json_schema")),
    }
}

fn read_schema(value: Look<'_, '_>) -> Result<Format, AskFault> {
    let (mut found, mut title, mut about, mut exact) = (None, None, None, None);
    value.members(|name, value| {
        match name {
            "name" => title = Some(value.string()?),
            "description" => about = Some(value.string()?),
            "strict" => exact = Some(value.boolean()?),
            "schema" if value.is_object() => found = Some(value.raw()?),
            "schema" => return Err(value.is_not("an object")),
            _ => {}
        }
        Ok(())
    })?;
    Ok(Format::JsonSchema {
        name: title,
        description: about,
        schema: found.ok_or_else(|| value.lacks("schema"))?,
        strict: exact,
    })
}
