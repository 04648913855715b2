//! Gemini's list of models (Google's API reference, `models.list`): one page, however many there are, with OpenRouter's fields
//! beside Google's. Part of `models`.

use super::openrouter::{Fields, capabilities};
use super::{Shown, json};
use purser_config::Endpoint;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct List<'a> {
    models: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    name: String,
    base_model_id: &'a str,
    version: &'static str,
    display_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_token_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_token_limit: Option<u64>,
    supported_generation_methods: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<bool>,
    #[serde(flatten)]
    fields: Fields<'a>,
    capabilities: BTreeMap<&'static str, bool>,
}

pub(super) fn list(shown: &[Shown<'_>]) -> Vec<u8> {
    json(&List {
        models: shown.iter().map(entry).collect(),
    })
}

pub(super) fn one(shown: &Shown<'_>) -> Vec<u8> {
    json(&entry(shown))
}

fn entry<'a>(shown: &'a Shown<'a>) -> Entry<'a> {
    let mut methods = Vec::new();
    if shown.converses {
        methods.extend(["generateContent", "streamGenerateContent", "countTokens"]);
    }
    if shown.answers(Endpoint::Embeddings) {
        methods.extend(["embedContent", "batchEmbedContents"]);
    }
    Entry {
        name: format!("models/{}", shown.id),
        base_model_id: shown.id,
        version: "1",
        display_name: shown.id,
        input_token_limit: shown.context,
        output_token_limit: shown.output,
        supported_generation_methods: methods,
        thinking: shown.can.is_some().then(|| shown.can("reasoning")),
        fields: Fields::of(shown),
        capabilities: capabilities(shown),
    }
}
