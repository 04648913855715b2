//! Whether the tools of a request say of their parameters what a JSON Schema is. Part of `needs`; reads the caller's own bytes and names
//! the path as the caller wrote it.

use crate::Wire;
use crate::json::members;
use crate::schema::{SchemaFault, Spelling, check_parameters};
use crate::translate::AskFault;
use crate::walk::Walk;
use serde_json::Value;

/// The first fault of the request's tools.
///
/// # Errors
/// The path of it, and what is wrong.
pub fn check_tools(wire: Wire, body: &[u8]) -> Result<(), AskFault> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Ok(());
    };
    let Some([tools, functions]) = members(text, ["tools", "functions"]) else {
        return Ok(());
    };
    each(tools, |at, tool| one(wire, &format!("tools[{at}]"), tool))?;
    if wire == Wire::Chat {
        each(functions, |at, function| {
            parameters(&format!("functions[{at}]"), function, "parameters")
        })?;
    }
    Ok(())
}

fn one(wire: Wire, path: &str, tool: &str) -> Result<(), AskFault> {
    match wire {
        Wire::Chat | Wire::Completions => {
            let Some([function]) = members(tool, ["function"]) else {
                return Ok(());
            };
            let path = format!("{path}.function");
            function.map_or(Ok(()), |function| parameters(&path, function, "parameters"))
        }
        Wire::Responses => parameters(path, tool, "parameters"),
        Wire::Messages => parameters(path, tool, "input_schema"),
        Wire::Generate => {
            let names = ["functionDeclarations", "function_declarations"];
            let Some([camel, snake]) = members(tool, names) else {
                return Ok(());
            };
            let path = format!("{path}.functionDeclarations");
            each(camel.or(snake), |at, declared| {
                let path = format!("{path}[{at}]");
                // Google's Python SDK spells this one alone so.
                parameters(&path, declared, "parameters_json_schema")?;
                parameters(&path, declared, "parametersJsonSchema")?;
                judge(&path, declared, "parameters", Spelling::Gemini)
            })
        }
    }
}

fn parameters(path: &str, of: &str, name: &str) -> Result<(), AskFault> {
    judge(path, of, name, Spelling::Json)
}

fn judge(path: &str, of: &str, name: &str, spelling: Spelling) -> Result<(), AskFault> {
    let Some([Some(schema)]) = members(of, [name]) else {
        return Ok(());
    };
    let path = format!("{path}.{name}");
    let schema: Value = serde_json::from_str(schema).map_err(|error| AskFault {
        param: Some(path.clone()),
        message: format!("`{path}` cannot be read as a JSON Schema: {error}."),
    })?;
    check_parameters(&schema, spelling).map_err(|SchemaFault { path: below, why }| {
        let at = format!("{path}{below}");
        AskFault {
            message: format!(
                "`{path}` is not a JSON Schema of a function's arguments: at `{at}` {why}."
            ),
            param: Some(at),
        }
    })
}

fn each(
    list: Option<&str>,
    check: impl Fn(usize, &str) -> Result<(), AskFault>,
) -> Result<(), AskFault> {
    let Some(list) = list else { return Ok(()) };
    // Google takes an object for a list of one.
    if list.starts_with('{') {
        return check(0, list);
    }
    let Ok(mut walk) = Walk::open(list.as_bytes(), b'[') else {
        return Ok(());
    };
    let mut at = 0;
    while let Ok(Some(place)) = walk.element() {
        check(at, list.get(place).unwrap_or_default())?;
        at += 1;
    }
    Ok(())
}
