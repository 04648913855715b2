//! A chat as Mistral takes it: its API has the members of its SDK and no others, and answers 422 `extra_forbidden` to any more (mistralai 3.7,
//! client/models/chatcompletionrequest.py). Called by `suited`; its messages are `turns`'s.
//!
//! | OpenAI's | what becomes of it |
//! |---|---|
//! | null, a hint, a member at its default | left out |
//! | how much to think | `reasoning_effort`, the nearest that the model knows |
//! | a seed, a limit by its newer name | `random_seed`, `max_tokens` |
//! | the wish for usage | left out: usage comes by itself |
//! | anything else that it does not know | refused |

use super::turns::turns;
use super::{Told, says_nothing, with};
use crate::json::look::Look;
use crate::json::sift::{Keep, list, object};
use crate::json::{is_empty, members};
use crate::translate::Unsayable;
use purser_config::Provider;

const KNOWN: [&str; 30] = [
    "model",
    "messages",
    "temperature",
    "top_p",
    "max_tokens",
    "stream",
    "stop",
    "random_seed",
    "metadata",
    "response_format",
    "tools",
    "tool_choice",
    "presence_penalty",
    "frequency_penalty",
    "min_tokens",
    "repetition_penalty",
    "top_k",
    "logprobs",
    "top_logprobs",
    "prompt_logprobs",
    "top_prompt_logprobs",
    "n",
    "prediction",
    "parallel_tool_calls",
    "reasoning_effort",
    "prompt_mode",
    "guardrails",
    "prompt_cache_key",
    "service_tier",
    "safe_prompt",
];
/// What is said by other names, or not at all.
const RENAMED: [&str; 3] = ["seed", "stream_options", "max_completion_tokens"];

/// Why it is refused.
pub(super) const WHY: &str = "Mistral's chat API has nothing that means it";

pub(super) fn refused(param: String) -> Unsayable {
    Unsayable {
        param,
        why: WHY.to_owned(),
    }
}

pub(super) fn suited(
    text: &str,
    model: &str,
    removed: &mut bool,
) -> Result<Option<String>, Unsayable> {
    let names = ["reasoning_effort", "reasoning", "thinking"];
    let [effort, asked, thinks] = members(text, names).unwrap_or_default();
    let told = match effort.or(asked).or(thinks) {
        Some(_) => Told::of(text, (Provider::Mistral, model))?,
        None => None,
    };
    let told = told.filter(|Told(members)| !says_so(members, effort, asked.or(thinks)));
    let mut fault = None;
    let sifted = object(text, |name, value| {
        let keep = match name {
            _ if told.is_some() && Told::is_said_by(name) => Ok(Keep::Out),
            "messages" => turns(value, removed).map(|turns| turns.map_or(Keep::As, Keep::Instead)),
            _ => member(name, value),
        };
        keep.unwrap_or_else(|why| {
            fault.get_or_insert(why);
            Keep::As
        })
    });
    match fault {
        Some(fault) => Err(fault),
        None => Ok(renamed(Told::add(told, sifted, text), text)),
    }
}

/// What it calls otherwise, under its own name, unless that is said too. What was left out was an edit.
fn renamed(sifted: Option<String>, text: &str) -> Option<String> {
    let names = ["max_completion_tokens", "max_tokens", "seed", "random_seed"];
    let [newer, older, seed, own] = members(text, names)?;
    let limit = newer.filter(|_| older.is_none());
    let seed = seed.filter(|_| own.is_none());
    let mut body = sifted?;
    for (name, value) in [("max_tokens", limit), ("random_seed", seed)] {
        if let Some(value) = value {
            body = with(&body, &format!("\"{name}\":{value}"));
        }
    }
    Some(body)
}

/// Whether the caller says it in the same words.
fn says_so(members: &str, effort: Option<&str>, otherwise: Option<&str>) -> bool {
    let said = effort.map(|effort| format!("\"reasoning_effort\":{effort}"));
    otherwise.is_none() && said.as_deref() == Some(members)
}

fn member(name: &str, value: &str) -> Result<Keep, Unsayable> {
    if value == "null" || RENAMED.contains(&name) {
        return Ok(Keep::Out);
    }
    if KNOWN.contains(&name) {
        return known(name, value);
    }
    let is_nothing = Look::body(value.as_bytes()).and_then(|value| says_nothing(name, value));
    match is_empty(Some(value)) || name == "user" || is_nothing.unwrap_or(false) {
        true => Ok(Keep::Out),
        false => Err(refused(name.to_owned())),
    }
}

/// What it knows by that name, though not all that OpenAI says there.
fn known(name: &str, value: &str) -> Result<Keep, Unsayable> {
    match name {
        "tools" => tools(value),
        "tool_choice" => choice(value),
        "service_tier" if !matches!(value, "\"auto\"" | "\"standard_only\"") => Ok(Keep::Out),
        "prediction" => {
            let [content] = members(value, ["content"]).unwrap_or_default();
            let is_text = content.is_none_or(|content| content.starts_with('"'));
            Ok(if is_text { Keep::As } else { Keep::Out })
        }
        _ => Ok(Keep::As),
    }
}

fn choice(value: &str) -> Result<Keep, Unsayable> {
    let [kind] = members(value, ["type"]).unwrap_or_default();
    match kind {
        Some("\"allowed_tools\"" | "\"custom\"") => Err(refused("tool_choice".to_owned())),
        _ => Ok(Keep::As),
    }
}

fn tools(value: &str) -> Result<Keep, Unsayable> {
    let (mut index, mut fault) = (0, None);
    let sifted = list(value, |tool| {
        let [kind] = members(tool, ["type"]).unwrap_or_default();
        if kind == Some("\"custom\"") {
            fault.get_or_insert_with(|| refused(format!("tools[{index}]")));
        }
        index += 1;
        let sifted = object(tool, |name, value| match name {
            "type" => Keep::As,
            "function" => function(value),
            _ if kind == Some("\"function\"") => Keep::Out,
            _ => Keep::As,
        });
        sifted.map_or(Keep::As, Keep::Instead)
    });
    match fault {
        Some(fault) => Err(fault),
        None => Ok(sifted.map_or(Keep::As, Keep::Instead)),
    }
}

/// Its parameters are optional with OpenAI alone.
fn function(function: &str) -> Keep {
    let [parameters] = members(function, ["parameters"]).unwrap_or_default();
    let sifted = object(function, |name, value| match name {
        "name" | "description" | "strict" | "parameters" if value != "null" => Keep::As,
        _ => Keep::Out,
    });
    if parameters.is_some() {
        return sifted.map_or(Keep::As, Keep::Instead);
    }
    let none = r#""parameters":{"type":"object","properties":{}}"#;
    Keep::Instead(with(sifted.as_deref().unwrap_or(function), none))
}
