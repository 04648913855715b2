//! Tools and whether they must be called, written for Gemini. Called by `write_ask`.

use super::schema;
use crate::talk::{Ask, Choose, Tool};
use crate::translate::Unsayable;
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tools<'a> {
    function_declarations: Vec<Declaration<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'a> {
    function_calling_config: Calling<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Calling<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_function_names: Vec<&'a str>,
}

pub(super) fn tools(ask: &Ask) -> Option<[Tools<'_>; 1]> {
    let function_declarations: Vec<_> = ask.tools.iter().map(declaration).collect();
    (!function_declarations.is_empty()).then_some([Tools {
        function_declarations,
    }])
}

/// What Google's own schema can say goes there, which older models know; all else as JSON Schema.
fn declaration(tool: &Tool) -> Declaration<'_> {
    let schema = tool
        .parameters
        .as_deref()
        .filter(|raw| !schema::is_nothing(raw));
    let is_openapi = schema.is_some_and(schema::is_openapi);
    Declaration {
        name: &tool.name,
        description: tool.description.as_deref(),
        parameters: schema.filter(|_| is_openapi),
        parameters_json_schema: schema.filter(|_| !is_openapi),
    }
}

/// `AUTO` says nothing. `VALIDATED` is `AUTO` that keeps to the schemas, and the only one of the two that may name functions.
pub(super) fn config(ask: &Ask) -> Result<Option<ToolConfig<'_>>, Unsayable> {
    if ask.tools.is_empty() {
        return Ok(None);
    }
    let strict = ask.tools.iter().any(|tool| tool.strict == Some(true));
    let (mode, allowed_function_names) = match &ask.choose {
        None | Some(Choose::Auto) if strict => ("VALIDATED", Vec::new()),
        None | Some(Choose::Auto) => return Ok(None),
        Some(Choose::None) => ("NONE", Vec::new()),
        Some(Choose::Any) => ("ANY", Vec::new()),
        Some(Choose::Tool(name)) => ("ANY", vec![name.as_str()]),
        Some(Choose::Among { names, required }) => {
            let mode = if *required { "ANY" } else { "VALIDATED" };
            (mode, names.iter().map(String::as_str).collect())
        }
    };
    let function_calling_config = Calling {
        mode,
        allowed_function_names,
    };
    Ok(Some(ToolConfig {
        function_calling_config,
    }))
}
