//! Sampling, format and reasoning, written as Gemini's `generationConfig`. Called by `write_ask`.

use super::schema;
use super::thinking::{self, Family, ThinkingConfig};
use crate::Wire;
use crate::fields::Field;
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
    check(ask)?;
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
        seed: seed(ask)?,
        response_logprobs: sampling.logprobs.is_some(),
        logprobs: sampling.logprobs.filter(|count| *count > 0),
        ..Config::default()
    };
    format(ask, family, &mut config)?;
    if let Some(reasoning) = &ask.reasoning {
        // Who asks Anthropic's API to think is shown what it thinks.
        let shown = ask.wire == Wire::Messages;
        config.thinking_config = thinking::write(reasoning, family, shown)
            .map_err(|why| Field::Reasoning.unsayable(ask, why))?;
        if let (Some(thinks), Some(limit)) = (&mut config.thinking_config, config.max_output_tokens)
        {
            thinks.lower(limit, target.model);
        }
    }
    let says_nothing = crate::error::json(&config) == b"{}";
    Ok((!says_nothing).then_some(config))
}

fn check(ask: &Ask) -> Result<(), Unsayable> {
    let sampling = &ask.sampling;
    let many = |count: Option<u64>, most: u64| count.is_some_and(|count| count > most);
    let refused = [
        (Field::MinP, sampling.min_p.is_some(), "it has no min_p"),
        (
            Field::LogitBias,
            sampling.logit_bias.is_some(),
            "it has no logit_bias",
        ),
        (
            Field::Stop,
            sampling.stop.len() > MOST_STOPS,
            "it takes at most 5 stop sequences",
        ),
        (
            Field::N,
            many(sampling.n, MOST_ANSWERS),
            "it gives at most 8 answers",
        ),
        (
            Field::Logprobs,
            many(sampling.logprobs, MOST_ALTERNATIVES),
            "it shows at most 20 alternatives",
        ),
    ];
    let outside = ranges(sampling).map(|(field, number, (low, high), why)| {
        let number = number.as_ref().and_then(Number::as_f64);
        let is_outside = number.is_some_and(|number| !(low..=high).contains(&number));
        (field, is_outside, why)
    });
    let first = refused
        .into_iter()
        .chain(outside)
        .find(|(_, refused, _)| *refused);
    first.map_or(Ok(()), |(field, _, why)| Err(field.unsayable(ask, why)))
}

type Range<'a> = (Field, &'a Option<Number>, (f64, f64), &'static str);

fn ranges(sampling: &Sampling) -> [Range<'_>; 4] {
    [
        (
            Field::Temperature,
            &sampling.temperature,
            (0.0, 2.0),
            "its temperatures are from 0 to 2",
        ),
        (
            Field::TopP,
            &sampling.top_p,
            (0.0, 1.0),
            "its top_p is from 0 to 1",
        ),
        (
            Field::PresencePenalty,
            &sampling.presence_penalty,
            (-2.0, 2.0),
            PENALTY,
        ),
        (
            Field::FrequencyPenalty,
            &sampling.frequency_penalty,
            (-2.0, 2.0),
            PENALTY,
        ),
    ]
}

const PENALTY: &str = "its penalties are from -2 to 2";

fn seed(ask: &Ask) -> Result<Option<i32>, Unsayable> {
    let small = ask.sampling.seed.map(i32::try_from).transpose();
    small.map_err(|_| Field::Seed.unsayable(ask, "its seeds have 32 bits"))
}

fn format<'a>(ask: &'a Ask, family: Family, config: &mut Config<'a>) -> Result<(), Unsayable> {
    if matches!(ask.format, Format::Text) {
        return Ok(());
    }
    if !ask.tools.is_empty() && !family.is_third() {
        let why = "its models before 3 cannot call tools and answer in JSON";
        return Err(Field::Format.unsayable(ask, why));
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
