//! A caller's `tools` and `toolConfig`, into tools and whether they must be called. Called by `read_ask`.

use super::lenient::List;
use super::read_ask::{Rest, beyond, fault, part};
use super::schema;
use crate::talk::{Ask, Choose, Tool};
use crate::text::Text;
use crate::translate::AskFault;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declared<'a> {
    #[serde(borrow, default, alias = "function_declarations")]
    function_declarations: Option<List<'a>>,
    #[serde(flatten, borrow)]
    rest: Rest<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    description: Option<Text<'a>>,
    #[serde(borrow, default)]
    parameters: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "parameters_json_schema")]
    parameters_json_schema: Option<&'a RawValue>,
    #[serde(flatten, borrow)]
    rest: Rest<'a>,
}

/// What a function answers is for the model to know, and it is told by the answer; `BLOCKING` is the only way there is here.
const HINTS: [&str; 4] = [
    "response",
    "responseJsonSchema",
    "response_json_schema",
    "behavior",
];

/// Reads the tools.
pub(super) fn read(tools: &[&RawValue], ask: &mut Ask) -> Result<(), AskFault> {
    for (index, raw) in tools.iter().enumerate() {
        let path = format!("tools[{index}]");
        let declared: Declared<'_> = part(&path, raw)?;
        beyond(ask, &declared.rest, &path, &[]);
        let functions = declared.function_declarations.unwrap_or_default();
        for (index, raw) in functions.0.into_iter().enumerate() {
            let path = format!("{path}.functionDeclarations[{index}]");
            let tool = declaration(&path, raw, ask)?;
            ask.tools.push(tool);
        }
    }
    Ok(())
}

fn declaration(path: &str, raw: &RawValue, ask: &mut Ask) -> Result<Tool, AskFault> {
    let declaration: Declaration<'_> = part(path, raw)?;
    beyond(ask, &declaration.rest, path, &HINTS);
    let parameters = match (declaration.parameters_json_schema, declaration.parameters) {
        (Some(raw), _) => Some(raw.to_owned()),
        (None, Some(raw)) => Some(
            schema::to_json_schema(raw)
                .map_err(|error| fault(&format!("{path}.parameters"), &error))?,
        ),
        (None, None) => None,
    };
    Ok(Tool {
        name: declaration.name.own(),
        description: declaration.description.map(Text::own),
        parameters,
        strict: None,
        cache: None,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'a> {
    #[serde(borrow, default, alias = "function_calling_config")]
    function_calling_config: Option<Calling<'a>>,
    #[serde(flatten, borrow)]
    rest: Rest<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Calling<'a> {
    #[serde(borrow, default)]
    mode: Option<Text<'a>>,
    #[serde(default, alias = "allowed_function_names")]
    allowed_function_names: Option<Vec<String>>,
    #[serde(flatten, borrow)]
    rest: Rest<'a>,
}

/// Reads whether they must be called.
pub(super) fn choose(raw: &RawValue, ask: &mut Ask) -> Result<(), AskFault> {
    let path = "toolConfig.functionCallingConfig";
    let config: ToolConfig<'_> = part("toolConfig", raw)?;
    beyond(ask, &config.rest, "toolConfig", &[]);
    let Some(calling) = config.function_calling_config else {
        return Ok(());
    };
    beyond(ask, &calling.rest, path, &[]);
    let mut names = calling.allowed_function_names.unwrap_or_default();
    let mode = calling
        .mode
        .as_deref()
        .unwrap_or_default()
        .to_ascii_uppercase();
    ask.choose = match mode.as_str() {
        "" | "MODE_UNSPECIFIED" | "AUTO" => None,
        "NONE" => Some(Choose::None),
        "ANY" if names.len() > 1 => Some(Choose::Among {
            names,
            required: true,
        }),
        "ANY" => Some(names.pop().map_or(Choose::Any, Choose::Tool)),
        "VALIDATED" if names.is_empty() => None,
        "VALIDATED" => Some(Choose::Among {
            names,
            required: false,
        }),
        other => {
            let path = format!("{path}.mode");
            return Err(fault(&path, &format!("{other:?} is no mode")));
        }
    };
    Ok(())
}
