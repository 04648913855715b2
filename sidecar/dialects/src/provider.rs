//! What each provider does differently from its family: one small table a provider, never a copy of a writer.
//!
//! Called by writers and by the sidecar, which addresses and authorises calls by it. Must never decide what a request means.

use crate::Wire;
use purser_config::Provider;

/// How a credential is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer …`.
    Bearer,
    /// `api-key: …` (Azure).
    ApiKey,
    /// `x-api-key: …` (Anthropic).
    XApiKey,
    /// `x-goog-api-key: …` (Gemini).
    GoogApiKey,
}

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// The wire form that conversations of other forms are translated into.
    pub wire: Wire,
    /// Whether it also answers OpenAI's Responses itself.
    pub responses: bool,
    /// How its credential is sent.
    pub auth: Auth,
    /// Chat: `max_completion_tokens` instead of `max_tokens`.
    pub max_completion_tokens: bool,
    /// Chat: whether the role `developer` is known; else it is written as `system`.
    pub developer: bool,
    /// Chat: the member that holds the seed; absent: it has none.
    pub seed: Option<&'static str>,
    /// Chat: whether tool-call ids must be nine letters or digits (Mistral).
    pub short_tool_ids: bool,
    /// Chat: the value of `tool_choice` that means "at least one".
    pub any_tool: &'static str,
    /// Chat: whether thoughts are given back as `reasoning_content` on turns with tool calls (DeepSeek).
    pub echoes_reasoning: bool,
    /// Chat: whether `response_format: json_schema` is known.
    pub json_schema: bool,
    /// Chat: whether `reasoning_effort` is known.
    pub reasoning_effort: bool,
    /// Chat: whether `parallel_tool_calls` is known.
    pub parallel_tools: bool,
    /// Chat: the most stop sequences.
    pub most_stops: usize,
}

const OPENAI: Quirks = Quirks {
    wire: Wire::Chat,
    responses: true,
    auth: Auth::Bearer,
    max_completion_tokens: true,
    developer: true,
    seed: Some("seed"),
    short_tool_ids: false,
    any_tool: "required",
    echoes_reasoning: false,
    json_schema: true,
    reasoning_effort: true,
    parallel_tools: true,
    most_stops: 4,
};

const AZURE: Quirks = Quirks {
    auth: Auth::ApiKey,
    ..OPENAI
};

/// What those have in common who imitate OpenAI's chat.
const OTHERS: Quirks = Quirks {
    responses: false,
    max_completion_tokens: false,
    developer: false,
    most_stops: 16,
    ..OPENAI
};

const ANTHROPIC: Quirks = Quirks {
    wire: Wire::Messages,
    auth: Auth::XApiKey,
    ..OTHERS
};

const GEMINI: Quirks = Quirks {
    wire: Wire::Generate,
    auth: Auth::GoogApiKey,
    ..OTHERS
};

const MISTRAL: Quirks = Quirks {
    seed: Some("random_seed"),
    short_tool_ids: true,
    any_tool: "any",
    ..OTHERS
};

const DEEPSEEK: Quirks = Quirks {
    seed: None,
    echoes_reasoning: true,
    json_schema: false,
    parallel_tools: false,
    ..OTHERS
};

const XAI: Quirks = Quirks {
    responses: true,
    ..OTHERS
};

impl Quirks {
    /// Those of a provider.
    pub fn of(provider: Provider) -> &'static Quirks {
        match provider {
            Provider::OpenAI => &OPENAI,
            Provider::AzureOpenAI => &AZURE,
            Provider::Anthropic => &ANTHROPIC,
            Provider::Gemini => &GEMINI,
            Provider::Mistral => &MISTRAL,
            Provider::DeepSeek => &DEEPSEEK,
            Provider::XAI => &XAI,
            Provider::DashScope | Provider::OpenAICompatible => &OTHERS,
        }
    }
}
