//! Sampling, format and reasoning, written as Gemini's `generationConfig`. Called by `write_ask`.

use super::schema;
use super::thinking::{self, Family, ThinkingConfig};
use super::write_ask::unsayable;
use crate::talk::{Ask, Format, Sampling};
use crate::translate::{Target, Unsayable};
use serde::Serialize;
use serde_json::Number;
use serde_json::value::RawValue;

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    response_logprobs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_schema: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingConfig>,
}

/// Google's limits.
const MOST_STOPS: usize = 5;
const MOST_ANSWERS: u64 = 8;
const MOST_ALTERNATIVES: u64 = 20;

/// Writes it; none where there is nothing to say.
pub(super) fn config<'a>(
    ask: &'a Ask,
    target: &Target<'_>,
    family: Family,
) -> Result<Option<Config<'a>>, Unsayable> {
    let sampling = &ask.sampling;
    check(sampling)?;
    let most = [sampling.max_output, target.most_output];
    let mut config = Config {
        temperature: sampling.temperature.as_ref(),
        top_p: sampling.top_p.as_ref(),
        top_k: sampling.top_k,
        candidate_count: sampling.n,
        max_output_tokens: most.into_iter().flatten().min(),
        stop_sequences: &sampling.stop,
        presence_penalty: sampling.presence_penalty.as_ref(),
        frequency_penalty: sampling.frequency_penalty.as_ref(),
        seed: seed(sampling.seed)?,
        response_logprobs: sampling.logprobs.is_some(),
        logprobs: sampling.logprobs.filter(|count| *count > 0),
        ..Config::default()
    };
    format(ask, family, &mut config)?;
    if let Some(reasoning) = &ask.reasoning {
        config.thinking_config =
            thinking::write(reasoning, family).map_err(|why| unsayable("reasoning_effort", why))?;
    }
    let says_nothing = crate::error::json(&config) == b"{}";
    Ok((!says_nothing).then_some(config))
}

fn check(sampling: &Sampling) -> Result<(), Unsayable> {
    let outside = |number: &Option<Number>, low: f64, high: f64| {
        let number = number.as_ref().and_then(Number::as_f64);
        number.is_some_and(|number| !(low..=high).contains(&number))
    };
    let refused = [
        (
            outside(&sampling.temperature, 0.0, 2.0),
            "temperature",
            "from 0 to 2 at Gemini",
        ),
        (
            outside(&sampling.top_p, 0.0, 1.0),
            "top_p",
            "from 0 to 1 at Gemini",
        ),
        (
            outside(&sampling.presence_penalty, -2.0, 2.0),
            "presence_penalty",
            "from -2 to 2 at Gemini",
        ),
        (
            outside(&sampling.frequency_penalty, -2.0, 2.0),
            "frequency_penalty",
            "from -2 to 2 at Gemini",
        ),
        (sampling.min_p.is_some(), "min_p", "unknown to Gemini's API"),
        (
            sampling.logit_bias.is_some(),
            "logit_bias",
            "unknown to Gemini's API",
        ),
        (
            sampling.stop.len() > MOST_STOPS,
            "stop",
            "at most 5 sequences at Gemini",
        ),
        (
            sampling.n.is_some_and(|n| n > MOST_ANSWERS),
            "n",
            "at most 8 at Gemini",
        ),
        (
            sampling
                .logprobs
                .is_some_and(|count| count > MOST_ALTERNATIVES),
            "top_logprobs",
            "at most 20 at Gemini",
        ),
    ];
    let first = refused.iter().find(|(refused, _, _)| *refused);
    first.map_or(Ok(()), |(_, param, why)| {
        Err(unsayable(*param, format!("{param} is {why}")))
    })
}

fn seed(seed: Option<i64>) -> Result<Option<i32>, Unsayable> {
    let small = seed.map(i32::try_from).transpose();
    small.map_err(|_| unsayable("seed", "Gemini's seeds have 32 bits"))
}

fn format<'a>(ask: &'a Ask, family: Family, config: &mut Config<'a>) -> Result<(), Unsayable> {
    if matches!(ask.format, Format::Text) {
        return Ok(());
    }
    if !ask.tools.is_empty() && !family.is_third() {
        let why = "Gemini models before 3 cannot call tools and answer in JSON";
        return Err(unsayable("response_format", why));
    }
    config.response_mime_type = Some("application/json");
    if let Format::JsonSchema { schema, .. } = &ask.format {
        match schema::is_openapi(schema) {
            true => config.response_schema = Some(schema),
            false => config.response_json_schema = Some(schema),
        }
    }
    Ok(())
}
