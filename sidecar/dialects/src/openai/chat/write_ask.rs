//! A request, written for a provider of OpenAI's family. Called by `translate`; what differs between them is in its [`Quirks`], and
//! turns are `write_turn`'s.

use super::write_turn::Turns;
use crate::fields::Field;
use crate::json::pen::Object;
use crate::provider::{Quirks, Thinks};
use crate::talk::{Ask, Choose, Effort, Format, Tool};
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
    write_sampling(&mut object, ask, target)?;
    write_format(&mut object, ask, target.quirks)?;
    write_reasoning(&mut object, ask, target)?;
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
    match ask.parallel_tools {
        Some(false) if quirks.parallel_tools => object.member("parallel_tool_calls", &false),
        Some(false) => {
            return Err(Field::ParallelTools
                .unsayable(ask, "it cannot be kept from calling several tools at once"));
        }
        _ => {}
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

fn write_sampling(
    object: &mut Object<'_>,
    ask: &Ask,
    target: &Target<'_>,
) -> Result<(), Unsayable> {
    let (sampling, quirks) = (&ask.sampling, target.quirks);
    let most = match (sampling.max_output, target.most_output) {
        (Some(asked), Some(most)) => Some(asked.min(most)),
        (asked, most) => asked.or(most),
    };
    let limit = match quirks.max_completion_tokens {
        true => "max_completion_tokens",
        false => "max_tokens",
    };
    object.some(limit, most.as_ref());
    write_stops(object, ask, quirks)?;
    let [temperature, top_p] = match quirks.warmth_is_one {
        true => sampling.warmth(),
        false => [sampling.temperature.as_ref(), sampling.top_p.as_ref()],
    };
    object.some("temperature", temperature);
    object.some("top_p", top_p);
    object.some("frequency_penalty", sampling.frequency_penalty.as_ref());
    object.some("presence_penalty", sampling.presence_penalty.as_ref());
    object.some("n", sampling.n.filter(|n| *n != 1).as_ref());
    if let Some(alternatives) = &sampling.logprobs {
        object.member("logprobs", &true);
        object.some("top_logprobs", Some(alternatives).filter(|most| **most > 0));
    }
    match (quirks.seed, &sampling.seed) {
        (Some(name), seed) => object.some(name, seed.as_ref()),
        (None, Some(_)) => return Err(Field::Seed.unsayable(ask, "it takes no seed")),
        (None, None) => {}
    }
    write_rarer(object, ask, quirks)
}

fn write_stops(object: &mut Object<'_>, ask: &Ask, quirks: &Quirks) -> Result<(), Unsayable> {
    let stops = &ask.sampling.stop;
    if stops.len() > quirks.most_stops {
        let most = quirks.most_stops;
        return Err(Field::Stop.unsayable(ask, format!("it takes at most {most} stop sequences")));
    }
    object.some("stop", Some(stops).filter(|stops| !stops.is_empty()));
    Ok(())
}

fn write_rarer(object: &mut Object<'_>, ask: &Ask, quirks: &Quirks) -> Result<(), Unsayable> {
    let sampling = &ask.sampling;
    if sampling.top_k.is_some() && !quirks.top_k {
        return Err(Field::TopK.unsayable(ask, "it has no top_k"));
    }
    if sampling.min_p.is_some() && !quirks.min_p {
        return Err(Field::MinP.unsayable(ask, "it has no min_p"));
    }
    if sampling.logit_bias.is_some() && !quirks.logit_bias {
        return Err(Field::LogitBias.unsayable(ask, "it has no logit_bias"));
    }
    object.some("top_k", sampling.top_k.as_ref());
    object.some("min_p", sampling.min_p.as_ref());
    object.some("logit_bias", sampling.logit_bias.as_ref());
    Ok(())
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

fn write_reasoning(
    object: &mut Object<'_>,
    ask: &Ask,
    target: &Target<'_>,
) -> Result<(), Unsayable> {
    let Some(reasoning) = &ask.reasoning else {
        return Ok(());
    };
    let effort = reasoning.effort.or(reasoning.budget.map(Effort::of_budget));
    match (target.quirks.thinks, effort) {
        (Thinks::Effort, Some(Effort::None)) if never_thinks(target.model) => {}
        (Thinks::Effort, Some(_)) if never_thinks(target.model) => {
            return Err(Field::Reasoning.unsayable(ask, "this model does not think first"));
        }
        // How one that always thinks is told not to is the provider's to say.
        (Thinks::Effort, effort) => object.some("reasoning_effort", effort.map(Effort::as_str)),
        (Thinks::Switch, Some(Effort::None)) => object.raw("thinking", r#"{"type":"disabled"}"#),
        (Thinks::Switch, effort) => {
            object.raw("thinking", r#"{"type":"enabled"}"#);
            object.some("reasoning_effort", effort.map(Effort::as_str));
        }
        (Thinks::Budget, effort) => {
            object.member("enable_thinking", &(effort != Some(Effort::None)));
            let budget = reasoning.budget.or(effort.map(Effort::budget));
            object.some(
                "thinking_budget",
                budget.filter(|tokens| *tokens > 0).as_ref(),
            );
        }
    }
    Ok(())
}

/// OpenAI's models before its reasoning ones, which answer 400 to `reasoning_effort`.
fn never_thinks(model: &str) -> bool {
    ["gpt-3.5", "gpt-4", "chatgpt-4o"]
        .iter()
        .any(|name| model.starts_with(name))
}
