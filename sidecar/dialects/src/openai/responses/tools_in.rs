//! A caller's tools and whether they must be called, read. Called by `read_ask`. What OpenAI would run itself is beyond others.

use super::read_ask::beyond;
use crate::json::look::Look;
use crate::talk::{Ask, Beyond, Choose, Tool};
use crate::translate::AskFault;

/// One tool.
pub(super) fn read(tool: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    let mut foreign = None;
    let mut others = Vec::new();
    let mut read = Tool {
        name: String::new(),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
    };
    tool.members(|name, value| {
        match name {
            "type" if value.text() != "\"function\"" => foreign = Some(beyond(value)),
            "type" => {}
            "name" => read.name = value.string()?,
            "description" => read.description = Some(value.string()?),
            "parameters" if value.is_object() => read.parameters = Some(value.raw()?),
            "strict" => read.strict = value.boolean()?.then_some(true),
            "defer_loading" | "async" if value.text() == "false" => {}
            "allowed_callers" if value.text() == "[\"direct\"]" => {}
            "output_schema" => {}
            _ => others.push(beyond(value)),
        }
        Ok(())
    })?;
    if let Some(foreign) = foreign {
        ask.beyond.push(foreign);
        return Ok(());
    }
    if read.name.is_empty() {
        return Err(tool.lacks("name"));
    }
    ask.beyond.extend(others);
    ask.tools.push(read);
    Ok(())
}

const CHOICES: &str = "auto, none, required, a function or allowed_tools";

#[derive(Default)]
struct Chosen {
    kind: String,
    name: Option<String>,
    names: Vec<String>,
    required: bool,
}

/// Whether they must be called.
pub(super) fn choose(
    value: Look<'_, '_>,
    others: &mut Vec<Beyond>,
) -> Result<Option<Choose>, AskFault> {
    if value.is_string() {
        return match value.string()?.as_str() {
            "auto" => Ok(None),
            "none" => Ok(Some(Choose::None)),
            "required" => Ok(Some(Choose::Any)),
            _ => Err(value.is_none_of(CHOICES)),
        };
    }
    let mut chosen = Chosen::default();
    value.members(|name, value| {
        match name {
            "type" => chosen.kind = value.string()?,
            "name" => chosen.name = Some(value.string()?),
            "mode" => chosen.required = value.string()? == "required",
            "tools" => value.elements(|tool| allowed(tool, &mut chosen.names, others))?,
            _ => {}
        }
        Ok(())
    })?;
    match (chosen.kind.as_str(), chosen.name) {
        ("function", Some(name)) => Ok(Some(Choose::Tool(name))),
        ("function", None) => Err(value.lacks("name")),
        ("allowed_tools", _) => Ok(Some(Choose::Among {
            names: chosen.names,
            required: chosen.required,
        })),
        ("", _) => Err(value.lacks("type")),
        _ => {
            others.push(beyond(value));
            Ok(None)
        }
    }
}

fn allowed(
    tool: Look<'_, '_>,
    names: &mut Vec<String>,
    others: &mut Vec<Beyond>,
) -> Result<(), AskFault> {
    tool.members(|name, value| {
        match name {
            "type" if value.text() != "\"function\"" => others.push(beyond(value)),
            "name" => names.push(value.string()?),
            _ => {}
        }
        Ok(())
    })
}
