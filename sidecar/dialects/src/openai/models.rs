//! What models behind OpenAI's wire take, told by their names: each answers 400 to an effort or a sampler that it does not know.
//!
//! Called by writers of chats. A name that stands in no row is one of an own deployment or server: it is told what nearly all take. Must never
//! guess from less than a name.

use crate::provider::Models;
use crate::talk::Effort::{self, High, Low, Medium, Minimal, None as Still, XHigh};

/// How a model can be told how hard to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dial {
    /// It never thinks.
    Never,
    /// It thinks as it likes, and refuses to be told.
    Fixed,
    /// Nobody knows: an effort that nearly all take, and nothing where it is not to think.
    Unknown,
    /// These efforts alone.
    Of(&'static [Effort]),
}

const USUAL: &[Effort] = &[Low, Medium, High];
const FROM_LOW: Dial = Dial::Of(USUAL);
const TO_XHIGH: Dial = Dial::Of(&[Low, Medium, High, XHigh]);
const FROM_NONE: Dial = Dial::Of(&[Still, Low, Medium, High]);
const NONE_TO_XHIGH: Dial = Dial::Of(&[Still, Low, Medium, High, XHigh]);
const NONE_OR_HIGH: Dial = Dial::Of(&[Still, High]);

/// How a name begins, what stands within it, and how such a model is told. The first row counts.
type Row = (&'static str, &'static str, Dial);

/// LiteLLM's model file (1.110), `supports_*_reasoning_effort`; openai/codex#6647 for gpt-5.1-codex, vercel/ai#11056 for codex-max,
/// anomalyco/opencode#4451 for gpt-5.1. `max` is left out: some models take it in responses and refuse it in a chat.
const OPENAI: &[Row] = &[
    ("gpt-3.5", "", Dial::Never),
    ("gpt-4", "", Dial::Never),
    ("chatgpt-4o", "", Dial::Never),
    ("gpt-5-chat", "", Dial::Never),
    ("gpt-", "-chat", Dial::Fixed),
    ("gpt-", "-search", Dial::Fixed),
    ("chat-latest", "", Dial::Fixed),
    ("o", "-deep-research", Dial::Fixed),
    ("o1-mini", "", Dial::Fixed),
    ("o1-preview", "", Dial::Fixed),
    ("o1", "", FROM_LOW),
    ("o3", "", FROM_LOW),
    ("o4", "", FROM_LOW),
    ("gpt-5-pro", "", Dial::Of(&[High])),
    ("gpt-5-codex", "", FROM_LOW),
    ("gpt-5.1-codex-max", "", TO_XHIGH),
    ("gpt-5.1-codex", "", FROM_LOW),
    ("gpt-5.1", "", FROM_NONE),
    ("gpt-5.", "-codex", TO_XHIGH),
    ("gpt-5.", "-pro", Dial::Of(&[Medium, High, XHigh])),
    ("gpt-5.", "", NONE_TO_XHIGH),
    ("gpt-5", "", Dial::Of(&[Minimal, Low, Medium, High])),
    ("gpt-6-sol", "", NONE_TO_XHIGH),
    ("gpt-6-luna", "", NONE_TO_XHIGH),
    ("gpt-6", "", TO_XHIGH),
];

/// docs.x.ai, "Reasoning"; NousResearch/hermes-agent#23435, tried at api.x.ai; theopenco/llmgateway#3046.
const XAI: &[Row] = &[
    ("grok", "non-reasoning", Dial::Never),
    ("grok-2", "", Dial::Never),
    ("grok-3-mini", "", Dial::Of(&[Low, High])),
    ("grok-3", "", Dial::Never),
    ("grok", "multi-agent", TO_XHIGH),
    ("grok-4.3", "", FROM_NONE),
    ("grok-4.5", "", FROM_LOW),
    ("grok-4.6", "", FROM_LOW),
    ("grok-4.7", "", FROM_LOW),
    ("grok", "", Dial::Fixed),
];

/// LiteLLM's model file, `reasoning_effort_levels`; architects-toolkit/SmartHopper#647 for what is refused otherwise, NousResearch/hermes-agent#11243
/// for Magistral, which thinks always; anomalyco/models.dev#1986. Of the older ones none can.
const MISTRAL: &[Row] = &[
    ("mistral-small-24", "", Dial::Never),
    ("mistral-small-25", "", Dial::Never),
    ("mistral-medium-23", "", Dial::Never),
    ("mistral-medium-25", "", Dial::Never),
    ("mistral-small", "", NONE_OR_HIGH),
    ("mistral-medium", "", NONE_OR_HIGH),
    ("mistral-large-4", "", NONE_OR_HIGH),
    ("mistral-vibe", "", NONE_OR_HIGH),
    ("mistral-code-agent", "", NONE_OR_HIGH),
    ("devstral", "-latest", NONE_OR_HIGH),
    ("magistral", "", Dial::Fixed),
    ("", "glm", Dial::Of(&[Low, High])),
    ("", "", Dial::Never),
];

/// The part of a name that its maker gave: `openai/gpt-5` is called so by gateways.
fn own(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

/// How a model is told.
pub(crate) fn dial(models: Models, model: &str) -> Dial {
    let name = own(model);
    let rows = match models {
        Models::OpenAI => OPENAI,
        Models::XAI => XAI,
        Models::Mistral => MISTRAL,
        Models::Any => &[],
    };
    rows.iter()
        .find(|(begins, holds, _)| name.starts_with(begins) && name.contains(holds))
        .map_or(Dial::Unknown, |(.., dial)| *dial)
}

impl Dial {
    /// The effort that it can be told and that is the nearest; none: there is nothing to tell.
    pub(crate) fn nearest(self, effort: Effort) -> Option<Effort> {
        let known = match self {
            Dial::Never | Dial::Fixed => return None,
            Dial::Unknown if effort == Still => return None,
            Dial::Unknown => USUAL,
            Dial::Of(known) => known,
        };
        // Who asks for a little does not ask for none.
        let near = known
            .iter()
            .filter(|known| effort == Still || **known != Still);
        near.min_by_key(|known| (**known as i8).abs_diff(effort as i8))
            .copied()
    }
}

/// What of the samplers a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Takes {
    /// `temperature` and `top_p`.
    pub(crate) warmth: bool,
    pub(crate) penalties: bool,
    pub(crate) stop: bool,
    pub(crate) logprobs: bool,
    pub(crate) logit_bias: bool,
}

const ALL: Takes = Takes {
    warmth: true,
    penalties: true,
    stop: true,
    logprobs: true,
    logit_bias: true,
};

/// Of models that think. `told`: the effort that goes with the request.
///
/// OpenAI: learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning, "Not supported"; its API reference for `stop`, which o3 and o4-mini lack;
/// BerriAI/litellm#15244 and #28662: without thoughts the newer ones are as models were. xAI: docs.x.ai, "Reasoning"; LiteLLM's
/// xai/chat/transformation.py; QuantumNous/new-api#6081.
pub(crate) fn takes(models: Models, model: &str, told: Option<Effort>) -> Takes {
    let name = own(model);
    let begins = |names: &[&str]| names.iter().any(|begins| name.starts_with(begins));
    match (models, dial(models, model)) {
        (Models::OpenAI, Dial::Never | Dial::Unknown) => ALL,
        (Models::OpenAI, dial) => {
            let can_be_still = matches!(dial, Dial::Of(known) if known.contains(&Still));
            let begins_still = can_be_still && begins(&["gpt-5.1", "gpt-5.2", "gpt-5.4"]);
            let still = told.map_or(begins_still, |told| told == Still);
            Takes {
                warmth: still,
                penalties: false,
                stop: still || begins(&["o1", "o3-mini"]),
                logprobs: still,
                logit_bias: false,
            }
        }
        (Models::XAI, dial) => {
            let bare = begins(&["grok-2", "grok-3"]) && dial == Dial::Never;
            match bare || !name.starts_with("grok") {
                true => ALL,
                false => Takes {
                    penalties: false,
                    stop: false,
                    ..ALL
                },
            }
        }
        (Models::Mistral | Models::Any, _) => ALL,
    }
}

/// How one of DashScope's models answers where no stream is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    /// As it is told.
    Any,
    /// Only where it does not think, which it does unless it is told not to.
    Still,
    /// Not at all.
    Never,
}

/// By its name: open models think in streams alone (help.aliyun.com/zh/model-studio/deep-thinking; QuantumNous/new-api#1109;
/// langgenius/dify-official-plugins#2626 tells which they are).
pub(crate) fn whole(model: &str) -> Whole {
    let name = own(model);
    if name.starts_with("qwq") || name.starts_with("qvq") {
        return Whole::Never;
    }
    let Some(rest) = name.strip_prefix("qwen3-") else {
        return Whole::Any;
    };
    let size = ["next-", "vl-"]
        .iter()
        .find_map(|kind| rest.strip_prefix(kind))
        .unwrap_or(rest);
    let is_open = size.starts_with(|letter: char| letter.is_ascii_digit());
    match is_open && !rest.contains("instruct") {
        true if rest.contains("thinking") => Whole::Never,
        true => Whole::Still,
        false => Whole::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::Effort::Max;

    /// What becomes of each effort, by its initial (minimal is `i`); nothing is `-`.
    fn told(models: Models, model: &str) -> String {
        let dial = dial(models, model);
        let letter = |effort| match dial.nearest(effort) {
            None => '-',
            Some(Minimal) => 'i',
            Some(effort) => effort.as_str().chars().next().unwrap_or('?'),
        };
        [Still, Minimal, Low, Medium, High, XHigh, Max]
            .map(letter)
            .iter()
            .collect()
    }

    #[test]
    fn an_effort_is_the_nearest_that_a_model_knows() {
        for (models, model, expected) in [
            (Models::OpenAI, "gpt-4o", "-------"),
            (Models::OpenAI, "gpt-5-mini", "iilmhhh"),
            (Models::OpenAI, "gpt-5-pro-2025-10-06", "hhhhhhh"),
            (Models::OpenAI, "gpt-5-chat-latest", "-------"),
            (Models::OpenAI, "gpt-5.1", "nllmhhh"),
            (Models::OpenAI, "gpt-5.1-codex", "lllmhhh"),
            (Models::OpenAI, "gpt-5.1-codex-max", "lllmhxx"),
            (Models::OpenAI, "openai/gpt-5.4-mini", "nllmhxx"),
            (Models::OpenAI, "my-deployment", "-llmhhh"),
            (Models::Any, "anything", "-llmhhh"),
            (Models::Mistral, "mistral-small-latest", "nhhhhhh"),
            (Models::Mistral, "mistral-large-latest", "-------"),
            (Models::Mistral, "magistral-medium-latest", "-------"),
            (Models::XAI, "grok-4-0709", "-------"),
            (Models::XAI, "grok-3-mini", "llllhhh"),
            (Models::XAI, "grok-4.3", "nllmhhh"),
        ] {
            assert_eq!(told(models, model), expected, "{model}");
        }
    }

    #[test]
    fn models_that_think_take_few_samplers() {
        let warm = |model, told| takes(Models::OpenAI, model, told).warmth;
        assert!(warm("gpt-4o", None) && warm("gpt-5-chat-latest", None) && warm("mine", None));
        assert!(!warm("o3", None) && !warm("gpt-5", None) && !warm("gpt-5.5", None));
        assert!(warm("gpt-5.1", None) && warm("gpt-5.5", Some(Still)));
        assert!(!warm("gpt-5.1", Some(Low)) && !warm("gpt-5.1-codex", None));
        let stops = |models, model| takes(models, model, None).stop;
        assert!(!stops(Models::OpenAI, "o3") && stops(Models::OpenAI, "o3-mini"));
        assert!(!stops(Models::XAI, "grok-4") && !stops(Models::XAI, "grok-3-mini"));
        assert!(stops(Models::XAI, "grok-3") && stops(Models::Any, "grok-4"));
    }

    #[test]
    fn open_models_of_dashscope_think_in_streams_alone() {
        for (model, expected) in [
            ("qwen-plus", Whole::Any),
            ("qwen3-max", Whole::Any),
            ("qwen3-coder-plus", Whole::Any),
            ("qwen3.5-plus", Whole::Any),
            ("qwen3-next-80b-a3b-instruct", Whole::Any),
            ("qwen3-235b-a22b", Whole::Still),
            ("qwen3-30b-a3b-thinking-2507", Whole::Never),
            ("qwq-plus", Whole::Never),
        ] {
            assert_eq!(whole(model), expected, "{model}");
        }
    }
}
