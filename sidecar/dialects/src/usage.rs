//! The token counts of an answer, under OpenAI's two sets of names and the additions of those who imitate it.
//!
//! Called for what an answer says of itself. Whatever it says is taken as said, up to the largest number there is; must
//! never make a count of something that is not a number.

mod parts;

pub(crate) use parts::{Parts, gemini};

use crate::Dialect;
use crate::json::{self, is_empty, members};
use purser_config::price::Tokens;
use serde::de::IgnoredAny;

/// What an answer says that it used. `prompt_tokens` includes cached ones, `completion_tokens` reasoning (but see
/// [`Usage::tokens`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Read; `input_tokens` of the Responses endpoint.
    pub prompt_tokens: u64,
    /// Written; `output_tokens` of the Responses endpoint.
    pub completion_tokens: u64,
    /// As given, otherwise their sum.
    pub total_tokens: u64,
    /// Those of `prompt_tokens` that came from a prompt cache.
    pub cached_tokens: u64,
    /// Those of `prompt_tokens` that went into one.
    pub cache_write_tokens: u64,
}

/// What is read of the whole body of an answer that is not a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// What it says that it used.
    pub usage: Option<Usage>,
    /// Whether it may report an error, 200 or not: the gate reads which, as the one event of a stream.
    pub may_be_error: bool,
}

impl Whole {
    /// In the same pass that proves it whole; `dialect` is its provider's.
    ///
    /// # Errors
    /// When it is not one JSON value.
    pub fn of(dialect: Dialect, body: &[u8]) -> serde_json::Result<Whole> {
        let mut whole = Whole::read(body)?;
        if dialect == Dialect::OpenAI {
            return Ok(whole);
        }
        let text = std::str::from_utf8(body).unwrap_or_default();
        let [usage, metadata] = members(text, ["usage", "usageMetadata"]).unwrap_or_default();
        whole.usage = match dialect {
            Dialect::Gemini => metadata.and_then(gemini),
            _ => {
                let mut parts = Parts::default();
                parts.hear(usage.unwrap_or_default());
                parts.usage()
            }
        };
        Ok(whole)
    }

    /// The same of OpenAI's answers.
    ///
    /// # Errors
    /// When it is not one JSON value.
    pub fn read(body: &[u8]) -> serde_json::Result<Whole> {
        let text = json::text(body).unwrap_or_default();
        let Some([usage, error, kind, object]) =
            members(text, ["usage", "error", "type", "object"])
        else {
            return serde_json::from_slice::<IgnoredAny>(body).map(|_| Whole::default());
        };
        // Escapes are for the gate to read: these only say whether it must.
        let is_error = |text: &str| {
            text == "\"error\"" || text == "\"response.failed\"" || text.contains('\\')
        };
        Ok(Whole {
            usage: usage.and_then(Usage::from_object),
            may_be_error: !is_empty(error) || [kind, object].into_iter().flatten().any(is_error),
        })
    }
}

/// The members of a usage that are read: five counts, then what [`cache`] reads.
const NAMES: [&str; 11] = [
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "prompt_tokens_details",
    "input_tokens_details",
    "prompt_cache_hit_tokens",
    "cached_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
];

impl Usage {
    /// As they are priced. What the total holds beyond what was read was written: xAI and others count reasoning there
    /// and not in `completion_tokens`. A total alone is one of embeddings, which only read.
    pub fn tokens(&self) -> Tokens {
        let (mut input, mut output) = (self.prompt_tokens, self.completion_tokens);
        let more = self
            .total_tokens
            .saturating_sub(input.saturating_add(output));
        match input {
            0 => input = more,
            _ => output = output.saturating_add(more),
        }
        let cached = self.cached_tokens.min(input);
        Tokens {
            input,
            cached,
            cache_write: self.cache_write_tokens.min(input - cached),
            output,
        }
    }

    /// None: it says nothing, or one of the two counts that matter is not a count.
    pub(crate) fn from_object(text: &str) -> Option<Usage> {
        // One look for all of them: an object is walked whole each time.
        let [prompt, completion, total, input, output, caches @ ..] = members(text, NAMES)?;
        let (prompt, completion) = (prompt.or(input), completion.or(output));
        let total = count(total);
        if prompt.is_none() && completion.is_none() && total.is_none() {
            return None;
        }
        let said = |raw: Option<&str>| raw.map_or(Some(0), |raw| count(Some(raw)));
        let (prompt_tokens, completion_tokens) = (said(prompt)?, said(completion)?);
        let (cached_tokens, cache_write_tokens) = cache(caches);
        Some(Usage {
            prompt_tokens,
            completion_tokens,
            total_tokens: total.unwrap_or(prompt_tokens.saturating_add(completion_tokens)),
            cached_tokens,
            cache_write_tokens,
        })
    }
}

/// Read from a prompt cache and written into one, by whichever name says more.
///
/// In the details: OpenAI, and who follows it; `cache_write_tokens` also OpenRouter, `cache_creation_input_tokens`
/// DashScope, `cache_creation_tokens` LiteLLM. Beside them: `prompt_cache_hit_tokens` DeepSeek, `cached_tokens` Moonshot,
/// and Anthropic's two names, which LiteLLM keeps (there, unlike with Anthropic, `prompt_tokens` includes them).
fn cache([prompt, input, hit, cached, read, created]: [Option<&str>; 6]) -> (u64, u64) {
    let within = [
        "cached_tokens",
        "cache_write_tokens",
        "cache_creation_input_tokens",
        "cache_creation_tokens",
    ];
    let details = prompt
        .or(input)
        .and_then(|details| members(details, within))
        .unwrap_or_default();
    let [cached_within, writes @ ..] = details;
    let most = |counts: &[Option<&str>]| {
        let counts = counts.iter().map(|raw| count(*raw).unwrap_or(0));
        counts.max().unwrap_or(0)
    };
    let written = most(&writes).max(most(&[created]));
    (most(&[cached_within, hit, cached, read]), written)
}

/// A number that is not negative, rounded up; what is too large is as large as can be.
fn count(raw: Option<&str>) -> Option<u64> {
    let text = raw?;
    text.parse().ok().or_else(|| {
        let value: f64 = text.parse().ok()?;
        // A cast saturates.
        (value >= 0.0).then_some(value.ceil() as u64)
    })
}
