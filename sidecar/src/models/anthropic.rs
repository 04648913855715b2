//! Anthropic's list of models (its API reference, "List Models"): one page, however many there are. Part of `models`.

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
    }
}
