//! What a request asks of a model beyond text, read from its bytes: tools, JSON schemas, thoughts, images, sound. And whether its tools'
//! schemas are such.
//!
//! Called by the sidecar before a channel is chosen. Works on the caller's own bytes, so that a request that passes untouched is
//! looked at as one that is translated; what asks for nothing costs one search of its bytes and no memory.
//! Must never refuse what only a provider can judge.

mod beside;
mod media;
mod tools;

pub use beside::media_beside;
pub(crate) use media::names;
pub use media::{Medium, Sense};
pub use tools::check_tools;

use crate::json::{any_element, members, string};
use crate::{Says, Wire};
use purser_config::Capability;

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// What the model must be able to do, and the member that asks for it; each once.
    pub of: Vec<(Capability, String)>,
    /// Images, sounds and documents that are given.
    pub media: Vec<Medium>,
}

impl Needs {
    fn add(&mut self, capability: Capability, param: impl Into<String>) {
        if self.of.iter().all(|(known, _)| *known != capability) {
            self.of.push((capability, param.into()));
        }
    }
}

/// What the body asks for. `says` is the scan's, and where it says nothing, only images and sounds are looked for.
pub fn needs(wire: Wire, body: &[u8], says: Says) -> Needs {
    let mut needs = Needs::default();
    let shows = media::may_show(body);
    if !shows && says.is_plain() {
        return needs;
    }
    let Ok(text) = std::str::from_utf8(body) else {
        return needs;
    };
    if !says.is_plain() {
        asked(wire, text, &mut needs);
    }
    if shows {
        needs.media = media::find(wire, text);
        for medium in &needs.media {
            let capability = match medium.sense {
                Sense::Image => Capability::Vision,
                Sense::Sound => Capability::Audio,
                Sense::Document | Sense::Film => continue,
            };
            if needs.of.iter().all(|(known, _)| *known != capability) {
                needs.of.push((capability, medium.path.clone()));
            }
        }
    }
    needs
}

fn asked(wire: Wire, text: &str, needs: &mut Needs) {
    match wire {
        Wire::Chat | Wire::Completions => chat(text, needs),
        Wire::Responses => responses(text, needs),
        Wire::Messages => messages(text, needs),
        Wire::Generate => generate(text, needs),
    }
}

fn chat(text: &str, needs: &mut Needs) {
    let names = [
        "tools",
        "functions",
        "response_format",
        "reasoning_effort",
        "reasoning",
        "modalities",
    ];
    let Some([tools, functions, format, effort, reasoning, modalities]) = members(text, names)
    else {
        return;
    };
    if has_any(tools) {
        needs.add(Capability::Tools, "tools");
    }
    if has_any(functions) {
        needs.add(Capability::Tools, "functions");
    }
    if is_schema(format) {
        needs.add(Capability::JsonSchema, "response_format");
    }
    if is_effort(effort) {
        needs.add(Capability::Reasoning, "reasoning_effort");
    }
    if reasons(reasoning) {
        needs.add(Capability::Reasoning, "reasoning");
    }
    if any_element(modalities.unwrap_or_default(), |one| one == "\"audio\"") {
        needs.add(Capability::Audio, "modalities");
    }
}

fn responses(text: &str, needs: &mut Needs) {
    let Some([tools, format, reasoning]) = members(text, ["tools", "text", "reasoning"]) else {
        return;
    };
    if has_any(tools) {
        needs.add(Capability::Tools, "tools");
    }
    if is_schema(member(format, "format")) {
        needs.add(Capability::JsonSchema, "text.format");
    }
    if reasons(reasoning) {
        needs.add(Capability::Reasoning, "reasoning");
    }
}

fn messages(text: &str, needs: &mut Needs) {
    let names = ["tools", "thinking", "output_format", "output_config"];
    let Some([tools, thinking, format, config]) = members(text, names) else {
        return;
    };
    if has_any(tools) {
        needs.add(Capability::Tools, "tools");
    }
    // `adaptive` is what the model likes, which may be nothing: Claude Code says it of every model.
    if string(member(thinking, "type")).as_deref() == Some("enabled") {
        needs.add(Capability::Reasoning, "thinking");
    }
    if is_schema(format) {
        needs.add(Capability::JsonSchema, "output_format");
    }
    if is_schema(member(config, "format")) {
        needs.add(Capability::JsonSchema, "output_config.format");
    }
}

fn generate(text: &str, needs: &mut Needs) {
    let names = ["tools", "generationConfig", "generation_config"];
    let Some([tools, camel, snake]) = members(text, names) else {
        return;
    };
    // Google takes an object for a list of one.
    if has_any(tools) || tools.is_some_and(|tools| tools.starts_with('{')) {
        needs.add(Capability::Tools, "tools");
    }
    let Some(config) = camel.or(snake) else {
        return;
    };
    let of = |camel, snake| member(Some(config), camel).or_else(|| member(Some(config), snake));
    for (camel, snake) in [
        ("responseSchema", "response_schema"),
        ("responseJsonSchema", "response_json_schema"),
    ] {
        if of(camel, snake).is_some() {
            needs.add(Capability::JsonSchema, format!("generationConfig.{camel}"));
        }
    }
    let thinking = of("thinkingConfig", "thinking_config");
    let budget = member(thinking, "thinkingBudget").or_else(|| member(thinking, "thinking_budget"));
    let level = member(thinking, "thinkingLevel").or_else(|| member(thinking, "thinking_level"));
    if budget.is_some_and(|budget| budget != "0") || level.is_some() {
        needs.add(Capability::Reasoning, "generationConfig.thinkingConfig");
    }
    let modalities = of("responseModalities", "response_modalities").unwrap_or_default();
    if any_element(modalities, |one| one == "\"AUDIO\"") {
        needs.add(Capability::Audio, "generationConfig.responseModalities");
    }
}

fn member<'a>(object: Option<&'a str>, name: &str) -> Option<&'a str> {
    members(object?, [name]).and_then(|[found]| found)
}

/// Whether it is a list of something.
fn has_any(list: Option<&str>) -> bool {
    any_element(list.unwrap_or_default(), |_| true)
}

fn is_schema(format: Option<&str>) -> bool {
    string(member(format, "type")).as_deref() == Some("json_schema")
}

fn is_effort(effort: Option<&str>) -> bool {
    string(effort).is_some_and(|effort| effort != "none")
}

/// OpenAI's and OpenRouter's `reasoning`: an effort, a budget, or just on.
fn reasons(reasoning: Option<&str>) -> bool {
    let Some(Some([effort, budget, enabled])) =
        reasoning.map(|text| members(text, ["effort", "max_tokens", "enabled"]))
    else {
        return false;
    };
    is_effort(effort) || budget.is_some_and(|budget| budget != "0") || enabled == Some("true")
}

#[cfg(test)]
mod tests;
