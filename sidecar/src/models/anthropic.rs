//! Anthropic's list of models (its API reference, "List Models"): one page, however many there are, with
//! OpenRouter's fields beside Anthropic's. Part of `models`.

use super::openrouter::Fields;
use super::{Shown, json};
use serde::Serialize;

#[derive(Serialize)]
struct List<'a> {
    data: Vec<Entry<'a>>,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
    has_more: bool,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: String,
    /// Its SDK knows both members; null: not said.
    max_input_tokens: Option<u64>,
    max_tokens: Option<u64>,
    lifecycle: &'static str,
    /// null: not said.
    capabilities: Option<Capabilities>,
    #[serde(flatten)]
    fields: Fields<'a>,
}

/// In Anthropic's words, and for what it has no word in ours; what is not said is absent.
#[derive(Serialize)]
struct Capabilities {
    batch: Support,
    image_input: Support,
    structured_outputs: Support,
    thinking: Thinking,
    tools: Support,
    audio: Support,
}

#[derive(Clone, Copy, Serialize)]
struct Support {
    supported: bool,
}

#[derive(Serialize)]
struct Thinking {
    supported: bool,
    types: Types,
}

#[derive(Serialize)]
struct Types {
    adaptive: Support,
    enabled: Support,
}

pub(super) fn list(shown: &[Shown<'_>]) -> Vec<u8> {
    let id = |shown: Option<&Shown<'_>>| shown.map(|shown| shown.id.to_owned());
    let (first, last) = (id(shown.first()), id(shown.last()));
    json(&List {
        data: shown.iter().map(entry).collect(),
        first_id: first.as_deref(),
        last_id: last.as_deref(),
        has_more: false,
    })
}

pub(super) fn one(shown: &Shown<'_>) -> Vec<u8> {
    json(&entry(shown))
}

fn entry<'a>(shown: &'a Shown<'a>) -> Entry<'a> {
    Entry {
        kind: "model",
        id: shown.id,
        display_name: shown.id,
        created_at: purser_config::calendar::moment(shown.created * 1000),
        max_input_tokens: shown.context,
        max_tokens: shown.output,
        lifecycle: "active",
        capabilities: shown.can.is_some().then(|| capabilities(shown)),
        fields: Fields::of(shown),
    }
}

fn capabilities(shown: &Shown<'_>) -> Capabilities {
    let can = |what| Support {
        supported: shown.can(what),
    };
    let thinks = can("reasoning");
    Capabilities {
        // No path here takes batches.
        batch: Support { supported: false },
        image_input: can("vision"),
        structured_outputs: can("json_schema"),
        thinking: Thinking {
            supported: thinks.supported,
            types: Types {
                adaptive: thinks,
                enabled: thinks,
            },
        },
        tools: can("tools"),
        audio: can("audio"),
    }
}
