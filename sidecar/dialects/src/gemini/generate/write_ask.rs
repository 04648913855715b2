//! A request, written for Gemini. Called by `translate`. The model and whether it streams are said by the path, not here.

use super::part::Content;
use super::thinking::Family;
use super::{config_out, tools_out, turns_out};
use crate::error::json;
use crate::talk::Ask;
use crate::translate::{Target, Unsayable, Written};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<[tools_out::Tools<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<tools_out::ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation_config: Option<config_out::Config<'a>>,
}

pub(super) fn unsayable(param: impl Into<String>, why: impl Into<String>) -> Unsayable {
    Unsayable {
        param: param.into(),
        why: why.into(),
    }
}

/// Writes it for a provider.
pub(crate) fn write_ask(ask: &Ask, target: &Target<'_>) -> Result<Written, Unsayable> {
    if let Some(beyond) = ask.beyond.first() {
        return Err(unsayable(
            &beyond.param,
            "Gemini's API has nothing that means it",
        ));
    }
    let family = Family::of(target.model);
    let turns = turns_out::write(ask, family)?;
    let request = Request {
        contents: turns.contents,
        system_instruction: turns.system,
        tools: tools_out::tools(ask),
        tool_config: tools_out::config(ask)?,
        generation_config: config_out::config(ask, target, family)?,
    };
    Ok(Written {
        body: json(&request),
        removed_state: turns.removed_state,
    })
}
