//! Tools and whether they must be called, read from a caller and written for Anthropic. Called by `read_ask` and `write_ask`.

use super::ANSWER;
use super::read_ask::beyond;
use crate::anthropic::claude::Claude;
use crate::anthropic::exact::exact;
use crate::fields::Field;
use crate::json::look::Look;
use crate::json::members;
use crate::json::pen::Object;
use crate::talk::{Ask, Choose, Format, Tool};
use crate::translate::{AskFault, Unsayable};

/// A tool of the caller's own. Those that Anthropic runs are beyond.
pub(super) fn read_tool(tool: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    let mut read = Tool {
        name: String::new(),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
    };
    let (mut foreign, mut others) = (None, Vec::new());
    tool.members(|name, value| {
        match name {
            "type" if value.text() == "\"custom\"" => {}
            "type" => foreign = Some(beyond(value)),
            "name" => read.name = value.string()?,
            "description" => read.description = Some(value.string()?),
            "input_schema" if value.is_object() => read.parameters = Some(value.raw()?),
            "input_schema" => return Err(value.is_not("an object")),
            "strict" => read.strict = value.boolean()?.then_some(true),
            "cache_control" => read.cache = Some(value.raw()?),
            // How and when it is sent, not what it is.
            "eager_input_streaming" => {}
            "defer_loading" if value.text() == "false" => {}
            "allowed_callers" if value.text() == "[\"direct\"]" => {}
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

pub(super) fn read_choice(choice: Look<'_, '_>, ask: &mut Ask) -> Result<(), AskFault> {
    let (mut kind, mut tool) = (None, None);
    choice.members(|name, value| {
        match name {
            "type" => kind = Some(value.string()?),
            "name" => tool = Some(value.string()?),
            "disable_parallel_tool_use" => {
                ask.parallel_tools = value.boolean()?.then_some(false);
            }
            _ => ask.beyond.push(beyond(value)),
        }
        Ok(())
    })?;
    ask.choose = match kind.as_deref() {
        Some("auto") => None,
        Some("any") => Some(Choose::Any),
        Some("none") => Some(Choose::None),
        Some("tool") => Some(Choose::Tool(tool.ok_or_else(|| choice.lacks("name"))?)),
        Some(_) => return Err(choice.is_none_of("the type auto, any, tool or none")),
        None => return Err(choice.lacks("type")),
    };
    Ok(())
}

/// `tools` and `tool_choice`. `answers`: the answer is a tool's call, too; `thinks`: it is asked to, and then cannot be made to call.
pub(super) fn write_tools(
    object: &mut Object<'_>,
    ask: &Ask,
    claude: &Claude<'_>,
    (answers, thinks): (bool, bool),
) -> Result<(), Unsayable> {
    if ask.tools.is_empty() && !answers {
        return Ok(());
    }
    if answers && !ask.format.is_of_an_object() {
        let why = "its answer would be a tool's call, whose schema must be an object's";
        return Err(Field::Format.unsayable(ask, why));
    }
    let among = |name: &String| match &ask.choose {
        Some(Choose::Among { names, .. }) => names.contains(name),
        _ => true,
    };
    {
        let mut tools = object.list("tools");
        for (index, tool) in ask
            .tools
            .iter()
            .enumerate()
            .filter(|(_, tool)| among(&tool.name))
        {
            write_tool(&mut tools.object(), tool, (ask, index), claude)?;
        }
        if answers {
            write_answer(&mut tools.object(), &ask.format);
        }
    }
    write_choice(object, ask, answers, claude, thinks)
}

/// https://docs.anthropic.com/en/docs/agents-and-tools/tool-use: `^[a-zA-Z0-9_-]{1,128}$`.
const LONGEST_NAME: usize = 128;

fn write_tool(
    object: &mut Object<'_>,
    tool: &Tool,
    (ask, index): (&Ask, usize),
    claude: &Claude<'_>,
) -> Result<(), Unsayable> {
    let unsayable = |why: &str| Unsayable {
        param: format!("{}[{index}]", Field::Tools.name(ask.wire)),
        why: why.into(),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if tool.name.len() > LONGEST_NAME || !tool.name.bytes().all(is_plain) {
        return Err(unsayable(
            "a tool's name has letters, digits, _ and - alone, at most 128",
        ));
    }
    object.member("name", &tool.name);
    object.some("description", tool.description.as_ref());
    let schema = tool.parameters.as_ref().map_or("{}", |schema| schema.get());
    let [kind, one, any, all] =
        members(schema, ["type", "oneOf", "anyOf", "allOf"]).unwrap_or_default();
    if one.or(any).or(all).is_some() {
        return Err(unsayable(
            "it takes no oneOf, anyOf or allOf at the top of a tool's schema",
        ));
    }
    let schema = as_object(schema, kind.is_some());
    if tool.strict == Some(true) {
        if !claude.keeps_schemas() {
            return Err(unsayable("this model keeps to no tool's schema exactly"));
        }
        let schema = exact(&schema).ok_or_else(|| {
            unsayable("it keeps exactly to no schema of an object with any members")
        })?;
        object.raw("input_schema", &schema);
        object.member("strict", &true);
    } else {
        object.raw("input_schema", &schema);
    }
    object.some("cache_control", tool.cache.as_ref());
    Ok(())
}

/// Anthropic wants to be told that it is an object.
fn as_object(schema: &str, says: bool) -> String {
    let rest = schema.trim_start().strip_prefix('{').unwrap_or("}");
    match (says, rest.trim_start().starts_with('}')) {
        (true, _) => schema.to_owned(),
        (false, true) => r#"{"type":"object","properties":{}}"#.to_owned(),
        (false, false) => format!(r#"{{"type":"object",{rest}"#),
    }
}

fn write_answer(object: &mut Object<'_>, format: &Format) {
    object.member("name", ANSWER);
    let about = match format {
        Format::JsonSchema { description, .. } => description.as_deref(),
        _ => None,
    };
    object.member(
        "description",
        about.unwrap_or("Gives the answer to the user."),
    );
    match format {
        Format::JsonSchema { schema, .. } => object.raw(
            "input_schema",
            &as_object(schema.get(), {
                matches!(members(schema.get(), ["type"]), Some([Some(_)]))
            }),
        ),
        _ => object.raw("input_schema", r#"{"type":"object"}"#),
    }
}

fn write_choice(
    object: &mut Object<'_>,
    ask: &Ask,
    answers: bool,
    claude: &Claude<'_>,
    thinks: bool,
) -> Result<(), Unsayable> {
    let (kind, name) = match &ask.choose {
        Some(Choose::Tool(name)) => ("tool", Some(name.as_str())),
        Some(Choose::Any | Choose::Among { required: true, .. }) => ("any", None),
        Some(Choose::None) if answers => ("tool", Some(ANSWER)),
        Some(Choose::None) => ("none", None),
        _ if answers && ask.tools.is_empty() => ("tool", Some(ANSWER)),
        _ if answers => ("any", None),
        _ => ("auto", None),
    };
    if matches!(kind, "tool" | "any") && (thinks || !claude.can_be_made_to_call()) {
        let field = if answers {
            Field::Format
        } else {
            Field::ToolChoice
        };
        let why = match thinks {
            true => "a model that thinks cannot be made to call a tool",
            false => "this model cannot be made to call a tool",
        };
        return Err(field.unsayable(ask, why));
    }
    // Two answers would be no JSON.
    let may_answer = answers && (kind == "any" || name == Some(ANSWER));
    let alone = (ask.parallel_tools == Some(false) || may_answer) && kind != "none";
    if kind == "auto" && !alone {
        return Ok(());
    }
    let mut choice = object.object("tool_choice");
    choice.member("type", kind);
    choice.some("name", name);
    if alone {
        choice.member("disable_parallel_tool_use", &true);
    }
    Ok(())
}
