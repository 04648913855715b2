//! What a model costs, reads, writes and takes, in OpenRouter's fields (its API reference, "Models"): the same in every API's list. Part of
//! `models`.

use super::Shown;
use purser_config::Endpoint;
use purser_config::price::Cost;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
pub(super) struct Fields<'a> {
    owned_by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<u64>,
    architecture: Architecture,
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing: Option<Pricing>,
    top_provider: TopProvider,
    supported_parameters: Vec<&'static str>,
}

#[derive(Serialize)]
struct Architecture {
    modality: String,
    input_modalities: Vec<&'static str>,
    output_modalities: Vec<&'static str>,
}

/// In the plan's credits for a token or a request, as strings: floats would round them.
#[derive(Serialize)]
struct Pricing {
    prompt: String,
    completion: String,
    request: String,
    input_cache_read: String,
    input_cache_write: String,
}

#[derive(Serialize)]
struct TopProvider {
    context_length: Option<u64>,
    max_completion_tokens: Option<u64>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(shown: &'a Shown<'a>) -> Fields<'a> {
        Fields {
            owned_by: shown.owner,
            context_length: shown.context,
            architecture: architecture(shown),
            pricing: shown.price.map(pricing),
            top_provider: TopProvider {
                context_length: shown.context,
                max_completion_tokens: shown.output,
            },
            supported_parameters: parameters(shown),
        }
    }
}

/// Mistral's words and ours; what nobody says is absent.
pub(super) fn capabilities(shown: &Shown<'_>) -> BTreeMap<&'static str, bool> {
    let mut all = BTreeMap::from([("completion_chat", shown.converses)]);
    if shown.can.is_some() {
        let said = ["tools", "vision", "json_schema", "audio", "reasoning"];
        all.extend(said.map(|what| (what, shown.can(what))));
        all.insert("function_calling", shown.can("tools"));
    }
    all
}

fn architecture(shown: &Shown<'_>) -> Architecture {
    let mut reads = vec!["text"];
    if shown.can("vision") {
        reads.push("image");
    }
    let (hears, speaks) = (
        shown.answers(Endpoint::Transcriptions),
        shown.answers(Endpoint::Speech),
    );
    if shown.can("audio") || hears {
        reads.push("audio");
    }
    let mut writes = Vec::new();
    if shown.converses || hears || shown.answers(Endpoint::Moderations) {
        writes.push("text");
    }
    if shown.answers(Endpoint::Images) {
        writes.push("image");
    }
    if speaks {
        writes.push("audio");
    }
    if shown.answers(Endpoint::Embeddings) {
        writes.push("embeddings");
    }
    Architecture {
        modality: format!("{}->{}", reads.join("+"), writes.join("+")),
        input_modalities: reads,
        output_modalities: writes,
    }
}

/// What OpenRouter calls parameters, as far as capabilities decide them; the rest differs by provider (docs/translation.md).
fn parameters(shown: &Shown<'_>) -> Vec<&'static str> {
    let mut all = Vec::new();
    if shown.converses {
        all.extend([
            "max_tokens",
            "temperature",
            "top_p",
            "stop",
            "response_format",
        ]);
    }
    if shown.can("json_schema") {
        all.push("structured_outputs");
    }
    if shown.can("tools") {
        all.extend(["tools", "tool_choice", "parallel_tool_calls"]);
    }
    if shown.can("reasoning") {
        all.extend(["reasoning", "reasoning_effort", "include_reasoning"]);
    }
    all
}

fn pricing(cost: &Cost) -> Pricing {
    let tokens = cost.per_million_tokens.unwrap_or_default();
    // Millionths of a credit for a million tokens: a trillionth for one.
    let token = |micros: u64| decimal(micros, 12);
    Pricing {
        prompt: token(tokens.input),
        completion: token(tokens.output),
        request: decimal(cost.per_request, 6),
        input_cache_read: token(tokens.cached_input),
        input_cache_write: token(tokens.cache_write),
    }
}

/// `value` over ten to the `places`, without zeros at its end.
fn decimal(value: u64, places: usize) -> String {
    let digits = format!("{value:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn a_price_is_written_whole() {
        for (value, places, text) in [
            (0, 6, "0"),
            (1_000_000, 6, "1"),
            (2_500_000, 6, "2.5"),
            (150_000, 12, "0.00000015"),
            (1, 12, "0.000000000001"),
            (3_000_000_000_000, 12, "3"),
        ] {
            assert_eq!(decimal(value, places), text);
        }
    }
}
