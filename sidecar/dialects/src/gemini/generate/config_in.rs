//! A caller's `generationConfig`, into sampling, format and reasoning. Called by `read_ask`. What stands at its default is absent.

use super::lenient::{Figure, Integer, Whole};
use super::read_ask::{Rest, beyond, fault, part};
use super::{media_in, schema, thinking};
use crate::talk::{Ask, Beyond, Block, Format, Reasoning};
use crate::text::Text;
use crate::translate::AskFault;
use serde::Deserialize;
use serde_json::Number;
use serde_json::value::RawValue;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    #[serde(default)]
    temperature: Option<Figure>,
    #[serde(default, alias = "top_p")]
    top_p: Option<Figure>,
    #[serde(default, alias = "top_k")]
    top_k: Option<Whole>,
    #[serde(default, alias = "candidate_count")]
    candidate_count: Option<Whole>,
    #[serde(default, alias = "max_output_tokens")]
    max_output_tokens: Option<Whole>,
    #[serde(default, alias = "stop_sequences")]
    stop_sequences: Option<Vec<String>>,
    #[serde(default, alias = "presence_penalty")]
    presence_penalty: Option<Figure>,
    #[serde(default, alias = "frequency_penalty")]
    frequency_penalty: Option<Figure>,
    #[serde(default)]
    seed: Option<Integer>,
    #[serde(default, alias = "response_logprobs")]
    response_logprobs: Option<bool>,
    #[serde(default)]
    logprobs: Option<Whole>,
    #[serde(borrow, default, alias = "response_mime_type")]
    response_mime_type: Option<Text<'a>>,
    #[serde(borrow, default, alias = "response_schema")]
    response_schema: Option<&'a RawValue>,
    #[serde(
        borrow,
        default,
        alias = "response_json_schema",
        alias = "_responseJsonSchema"
    )]
    response_json_schema: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "response_modalities")]
    response_modalities: Option<Vec<Text<'a>>>,
    #[serde(borrow, default, alias = "media_resolution")]
    media_resolution: Option<Text<'a>>,
    #[serde(borrow, default, alias = "thinking_config")]
    thinking_config: Option<&'a RawValue>,
    #[serde(flatten, borrow)]
    rest: Rest<'a>,
}

const PATH: &str = "generationConfig";

/// Reads it.
pub(super) fn read(raw: &RawValue, ask: &mut Ask) -> Result<(), AskFault> {
    let config: Config<'_> = part(PATH, raw)?;
    beyond(ask, &config.rest, PATH, &[]);
    let figure = |figure: &Option<Figure>| figure.as_ref().map(|figure| figure.0.clone());
    let is_set = |number: &Number| number.as_f64() != Some(0.0);
    let sampling = &mut ask.sampling;
    sampling.temperature = figure(&config.temperature);
    sampling.top_p = figure(&config.top_p);
    sampling.top_k = config.top_k.as_ref().map(|whole| whole.0);
    sampling.n = config
        .candidate_count
        .as_ref()
        .map(|whole| whole.0)
        .filter(|n| *n != 1);
    sampling.max_output = config.max_output_tokens.as_ref().map(|whole| whole.0);
    sampling.stop = config.stop_sequences.clone().unwrap_or_default();
    sampling.presence_penalty = figure(&config.presence_penalty).filter(is_set);
    sampling.frequency_penalty = figure(&config.frequency_penalty).filter(is_set);
    sampling.seed = config.seed.as_ref().map(|whole| whole.0);
    if config.response_logprobs == Some(true) {
        sampling.logprobs = Some(config.logprobs.as_ref().map_or(0, |whole| whole.0));
    }
    ask.format = format(&config, ask)?;
    if let Some(raw) = config.thinking_config {
        ask.reasoning = reasoning(raw)?;
    }
    media(&config, ask);
    Ok(())
}

fn format(config: &Config<'_>, ask: &mut Ask) -> Result<Format, AskFault> {
    let schema = match (config.response_json_schema, config.response_schema) {
        (Some(raw), _) => Some(raw.to_owned()),
        (None, Some(raw)) => Some(
            schema::to_json_schema(raw)
                .map_err(|error| fault(&format!("{PATH}.responseSchema"), &error))?,
        ),
        (None, None) => None,
    };
    match (config.response_mime_type.as_deref(), schema) {
        (None | Some("" | "text/plain"), None) => Ok(Format::Text),
        (Some("application/json"), None) => Ok(Format::JsonObject),
        (Some("application/json"), Some(schema)) => Ok(Format::JsonSchema {
            name: None,
            description: None,
            schema,
            strict: None,
        }),
        (Some(_), _) => {
            let param = format!("{PATH}.responseMimeType");
            ask.beyond.push(Beyond { param });
            Ok(Format::Text)
        }
        (None, Some(_)) => Err(fault(
            &format!("{PATH}.responseMimeType"),
            &"a schema needs application/json",
        )),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Thinking<'a> {
    #[serde(default, alias = "include_thoughts")]
    include_thoughts: Option<bool>,
    #[serde(default, alias = "thinking_budget")]
    thinking_budget: Option<Integer>,
    #[serde(borrow, default, alias = "thinking_level")]
    thinking_level: Option<Text<'a>>,
}

fn reasoning(raw: &RawValue) -> Result<Option<Reasoning>, AskFault> {
    let path = format!("{PATH}.thinkingConfig");
    let said: Thinking<'_> = part(&path, raw)?;
    let level = said.thinking_level.as_deref().unwrap_or_default();
    let effort = match level.to_ascii_uppercase().as_str() {
        "" | "THINKING_LEVEL_UNSPECIFIED" => None,
        other => Some(thinking::effort(other).ok_or_else(|| {
            fault(
                &format!("{path}.thinkingLevel"),
                &format!("{other:?} is no level"),
            )
        })?),
    };
    let budget = said.thinking_budget.map(|whole| whole.0);
    let reasoning = Reasoning {
        effort,
        budget: budget.and_then(|budget| u64::try_from(budget).ok()),
        adaptive: budget.is_some_and(|budget| budget < 0),
        show: said.include_thoughts.filter(|show| *show),
    };
    Ok((reasoning != Reasoning::default()).then_some(reasoning))
}

/// Text is what every answer is; a resolution for all images is one for each that has none.
fn media(config: &Config<'_>, ask: &mut Ask) {
    let modalities = config.response_modalities.iter().flatten();
    if modalities
        .into_iter()
        .any(|modality| !modality.eq_ignore_ascii_case("TEXT"))
    {
        let param = format!("{PATH}.responseModalities");
        ask.beyond.push(Beyond { param });
    }
    let Some(all) = config
        .media_resolution
        .as_deref()
        .and_then(media_in::detail)
    else {
        return;
    };
    for block in ask.turns.iter_mut().flat_map(|turn| &mut turn.blocks) {
        if let Block::Image { detail, .. } = block {
            detail.get_or_insert_with(|| all.clone());
        }
    }
}
