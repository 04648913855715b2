//! A request, written for a provider of OpenAI's family. Called by `translate`; what differs between them is in its [`Quirks`], and
//! turns are `write_turn`'s, samplers `write_sampling`'s, and how much it thinks `thinks`'s.

use super::thinks::Thinking;
use super::write_sampling::write_sampling;
use super::write_turn::Turns;
use crate::fields::Field;
use crate::json::pen::Object;
use crate::provider::Quirks;
use crate::talk::{Ask, Choose, Format, Tool};
use crate::translate::{Target, Unsayable, Written};
use serde_json::Value;

/// A longer `user` is answered 400. Claude Code's ids are, and none of them is worth a call that fails.
const LONGEST_USER: usize = 64;

/// Writes it for a provider.
pub(crate) fn write_ask(ask: &Ask, target: &Target<'_>) -> Result<Written, Unsayable> {
    if let Some(beyond) = ask.beyond.first() {
        return Err(Unsayable {
            param: beyond.param.clone(),
            why: "the chat API of this provider has nothing that means it".into(),
        });
    }
    let mut body = Vec::with_capacity(1_024);
    let mut object = Object::open(&mut body);
    object.member("model", target.model);
    let removed_state = {
        let mut turns = Turns::open(ask, target.quirks, object.list("messages"));
        for (index, turn) in ask.turns.iter().enumerate() {
            turns.write(index, turn)?;
        }
        turns.close()?
    };
    write_stream(&mut object, ask, target.quirks);
    write_tools(&mut object, ask, target.quirks)?;
    let thinks = Thinking::of(ask, target)?;
    write_sampling(&mut object, ask, target, thinks.told())?;
    write_format(&mut object, ask, target.quirks)?;
    thinks.write(&mut object);
    if target.quirks.user {
        let known = ask.user.as_ref().filter(|user| user.len() <= LONGEST_USER);
        object.some("user", known);
    }
    drop(object);
    Ok(Written {
        body,
        removed_state,
    })
}

fn write_stream(object: &mut Object<'_>, ask: &Ask, quirks: &Quirks) {
    if ask.stream {
        object.member("stream", &true);
        if quirks.stream_options {
            object.raw("stream_options", r#"{"include_usage":true}"#);
        }
    }
}

fn write_tools(object: &mut Object<'_>, ask: &Ask, quirks: &Quirks) -> Result<(), Unsayable> {
    if ask.tools.is_empty() {
        return Ok(());
    }
    let named = |name: &str| match &ask.choose {
        Some(Choose::Among { names, .. }) if !quirks.allowed_tools => {
            names.iter().any(|is| is == name)
        }
        _ => true,
    };
    {
        let mut tools = object.list("tools");
        for (index, tool) in ask.tools.iter().enumerate() {
            if !named(&tool.name) {
                continue;
            }
            if tool.name.len() > quirks.longest_name {
                let most = quirks.longest_name;
                return Err(Unsayable {
                    param: format!("{}[{index}]", Field::Tools.name(ask.wire)),
                    why: format!("a tool's name has at most {most} characters there"),
                });
            }
            let mut entry = tools.object();
            entry.member("type", "function");
            write_function(&mut entry.object("function"), tool);
        }
    }
    write_choose(object, ask, quirks);
    // Where it cannot be said, the answer loses what was not asked for.
    if ask.parallel_tools == Some(false) && quirks.parallel_tools {
        object.member("parallel_tool_calls", &false);
    }
    Ok(())
}

fn write_function(function: &mut Object<'_>, tool: &Tool) {
    function.member("name", &tool.name);
    function.some("description", tool.description.as_ref());
    match &tool.parameters {
        Some(parameters) => function.member("parameters", parameters),
        // Optional with OpenAI, not with all who follow it.
        None => function.raw("parameters", r#"{"type":"object","properties":{}}"#),
    }
    function.some("strict", tool.strict.filter(|strict| *strict).as_ref());
}

fn write_choose(object: &mut Object<'_>, ask: &Ask, quirks: &Quirks) {
    match &ask.choose {
        None | Some(Choose::Auto) => {}
        Some(Choose::None) => object.member("tool_choice", "none"),
        Some(Choose::Any) => object.member("tool_choice", quirks.any_tool),
        Some(Choose::Tool(name)) => {
            let mut choice = object.object("tool_choice");
            choice.member("type", "function");
            choice.object("function").member("name", name);
        }
        Some(Choose::Among { names, required }) if quirks.allowed_tools => {
            let mut choice = object.object("tool_choice");
            choice.member("type", "allowed_tools");
            let mut allowed = choice.object("allowed_tools");
            allowed.member("mode", if *required { "required" } else { "auto" });
            let mut tools = allowed.list("tools");
            for name in names {
                let mut tool = tools.object();
                tool.member("type", "function");
                tool.object("function").member("name", name);
            }
        }
        Some(Choose::Among { required: true, .. }) => object.member("tool_choice", quirks.any_tool),
        Some(Choose::Among { .. }) => {}
    }
}

fn write_format(object: &mut Object<'_>, ask: &Ask, quirks: &Quirks) -> Result<(), Unsayable> {
    match &ask.format {
        Format::Text => {}
        Format::JsonObject => object.raw("response_format", r#"{"type":"json_object"}"#),
        Format::JsonSchema { .. } if !quirks.json_schema => {
            return Err(Field::Format.unsayable(ask, "it keeps to no JSON schema"));
        }
        Format::JsonSchema { .. } if quirks.object_schemas && !ask.format.is_of_an_object() => {
            return Err(Field::Format.unsayable(ask, "it keeps to schemas of objects alone"));
        }
        Format::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => {
            let mut format = object.object("response_format");
            format.member("type", "json_schema");
            let mut inner = format.object("json_schema");
            inner.member("name", name.as_deref().unwrap_or("answer"));
            inner.some("description", description.as_ref());
            inner.member("schema", schema);
            let exact = strict.unwrap_or_else(|| can_be_strict(schema.get()));
            inner.member("strict", &exact);
        }
    }
    Ok(())
}

/// OpenAI keeps to a schema exactly only where each object names all its members as required and allows no others, and where nothing but
/// `anyOf` says that it may be this or that.
fn can_be_strict(schema: &str) -> bool {
    fn each(value: &Value) -> bool {
        match value {
            Value::Array(values) => values.iter().all(each),
            Value::Object(members) => object(value) && members.values().all(each),
            _ => true,
        }
    }
    fn object(schema: &Value) -> bool {
        let is_object = |kind: &Value| kind == "object";
        let is_object = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().any(is_object),
            kind => kind.is_some_and(is_object),
        };
        let properties = schema.get("properties").and_then(Value::as_object);
        if ["oneOf", "allOf"]
            .iter()
            .any(|name| schema.get(name).is_some_and(Value::is_array))
        {
            return false;
        }
        if properties.is_none() && !is_object {
            return true;
        }
        let required = schema.get("required").and_then(Value::as_array);
        let is_required = |name: &String| {
            required.is_some_and(|all| all.iter().any(|is| is.as_str() == Some(name)))
        };
        schema.get("additionalProperties") == Some(&Value::Bool(false))
            && properties.is_none_or(|all| all.keys().all(is_required))
    }
    serde_json::from_str(schema).is_ok_and(|schema: Value| each(&schema))
}
