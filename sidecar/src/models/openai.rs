//! OpenAI's list of models with OpenRouter's fields and Mistral's `type` and `capabilities`, without which its SDK reads no list. Part of
//! `models`.

use super::openrouter::{Fields, capabilities};
use super::{Shown, json};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    name: &'a str,
    #[serde(flatten)]
    fields: Fields<'a>,
    /// Mistral's: not one that was tuned.
    #[serde(rename = "type")]
    kind: &'static str,
    capabilities: BTreeMap<&'static str, bool>,
}

pub(super) fn list(shown: &[Shown<'_>]) -> Vec<u8> {
    json(&List {
        object: "list",
        data: shown.iter().map(entry).collect(),
    })
}

pub(super) fn one(shown: &Shown<'_>) -> Vec<u8> {
    json(&entry(shown))
}

fn entry<'a>(shown: &'a Shown<'a>) -> Entry<'a> {
    Entry {
        id: shown.id,
        object: "model",
        created: shown.created,
        name: shown.id,
        fields: Fields::of(shown),
        kind: "base",
        capabilities: capabilities(shown),
    }
}
