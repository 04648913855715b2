//! Log probabilities: Gemini's two lists, OpenAI's one with alternatives. Called by readers and writers of answers.

use crate::text::Text;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Number, Value};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Result<'a> {
    #[serde(borrow)]
    chosen_candidates: Vec<Token<'a>>,
    #[serde(borrow)]
    top_candidates: Vec<Top<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Top<'a> {
    #[serde(borrow)]
    candidates: Vec<Token<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token<'a> {
    #[serde(borrow, default)]
    token: Text<'a>,
    #[serde(default)]
    log_probability: Option<Number>,
}

#[derive(Serialize)]
struct Chosen<'a> {
    token: &'a str,
    logprob: &'a Number,
    bytes: &'a [u8],
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<Vec<Chosen<'a>>>,
}

/// OpenAI's `logprobs`.
pub(super) fn read(result: &RawValue) -> Option<Value> {
    let result: Result<'_> = serde_json::from_str(result.get()).ok()?;
    let zero = Number::from(0);
    let tops = result
        .top_candidates
        .iter()
        .map(|top| top.candidates.as_slice());
    let tops = tops.chain(std::iter::repeat(&[][..]));
    let content: Vec<_> = result
        .chosen_candidates
        .iter()
        .zip(tops)
        .map(|(token, tops)| Chosen {
            top_logprobs: Some(tops.iter().map(|top| chosen(top, &zero)).collect()),
            ..chosen(token, &zero)
        })
        .collect();
    Some(serde_json::json!({"content": content, "refusal": null}))
}

fn chosen<'a>(token: &'a Token<'_>, zero: &'a Number) -> Chosen<'a> {
    Chosen {
        token: &token.token,
        logprob: token.log_probability.as_ref().unwrap_or(zero),
        bytes: token.token.as_bytes(),
        top_logprobs: None,
    }
}

/// Gemini's `logprobsResult`.
pub(super) fn write(logprobs: &Value) -> Option<Value> {
    let content = logprobs.get("content")?.as_array()?;
    let candidate = |token: &Value| {
        serde_json::json!({
            "token": token.get("token"),
            "logProbability": token.get("logprob"),
        })
    };
    let chosen: Vec<_> = content.iter().map(candidate).collect();
    let top = |token: &Value| {
        let tops = token.get("top_logprobs").and_then(Value::as_array);
        let tops: Vec<_> = tops.into_iter().flatten().map(candidate).collect();
        serde_json::json!({"candidates": tops})
    };
    let tops: Vec<_> = content.iter().map(top).collect();
    Some(serde_json::json!({"chosenCandidates": chosen, "topCandidates": tops}))
}
