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
    /// Chat: whether its answer must be an object (OpenAI).
    pub object_schemas: bool,
    /// Chat: how it is told how much to think.
    pub thinks: Thinks,
    /// Chat: whose models it has, which differ in what they take.
    pub models: Models,
    /// Chat: whether `parallel_tool_calls` is known.
    pub parallel_tools: bool,
    /// Chat: whether `tool_choice: allowed_tools` is known; else the other tools are left out.
    pub allowed_tools: bool,
    /// Chat: whether `temperature` and `top_p` are 1 where nothing is said, so that 1 need not be: reasoning models refuse the members.
    pub warmth_is_one: bool,
    /// Chat: the most characters of a tool's name; what is not documented is not bounded.
    pub longest_name: usize,
    /// Chat: the most stop sequences.
    pub most_stops: usize,
    /// Chat: whether `top_k` is known.
    pub top_k: bool,
    /// Chat: whether `min_p` is known.
    pub min_p: bool,
    /// Chat: whether `logit_bias` is known.
    pub logit_bias: bool,
    /// Chat: whether `stream_options` is known; what does not know it sends usage in any case.
    pub stream_options: bool,
    /// Chat: whether a message may name who speaks; else the words say it.
    pub names: bool,
    /// Chat: whether an assistant's refusal stands apart from what it says.
    pub refusals: bool,
    /// Chat: whether sound is its bytes alone, without their format (Mistral).
    pub bare_audio: bool,
    /// Chat: whether sound must be WAV or MP3 (OpenAI).
    pub plain_audio: bool,
    /// Chat: whether `user` is known.
    pub user: bool,
    /// Chat: whether instructions may come in parts; else they are joined.
    pub text_parts: bool,
    /// Chat: how a PDF is given.
    pub documents: Documents,
    /// Chat: whether a user may speak right after a tool; else what is said goes with the tool's answer, or the assistant speaks before.
    pub user_after_tool: bool,
}

/// How a chat is told how much to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinks {
    /// `reasoning_effort`.
    Effort,
    /// `thinking: {type}` switches it, and `reasoning_effort` says how much (DeepSeek).
    Switch,
    /// `enable_thinking` and `thinking_budget` (DashScope).
    Budget,
}

/// Whose models a provider has, where their names tell what they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are their makers'")]
pub enum Models {
    OpenAI,
    Mistral,
    XAI,
    /// Anybody's.
    Any,
}

/// How a chat is given a PDF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Documents {
    /// `file`, in base64.
    File,
    /// `document_url`, which may be a data URL (Mistral).
    Url,
    /// Not at all.
    None,
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
    object_schemas: true,
    thinks: Thinks::Effort,
    models: Models::OpenAI,
    parallel_tools: true,
    allowed_tools: true,
    warmth_is_one: true,
    longest_name: 64,
    most_stops: 4,
    top_k: false,
    min_p: false,
    logit_bias: true,
    stream_options: true,
    names: true,
    refusals: true,
    bare_audio: false,
    plain_audio: true,
    user: true,
    text_parts: true,
    documents: Documents::File,
    user_after_tool: true,
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
    object_schemas: false,
    models: Models::Any,
    allowed_tools: false,
    warmth_is_one: false,
    longest_name: usize::MAX,
    most_stops: 16,
    logit_bias: false,
    refusals: false,
    plain_audio: false,
    user: false,
    text_parts: false,
    documents: Documents::None,
    ..OPENAI
};

/// vLLM, SGLang, llama.cpp and Ollama know the samplers of open models; TGI reads past what it does not know.
const COMPATIBLE: Quirks = Quirks {
    top_k: true,
    min_p: true,
    logit_bias: true,
    documents: Documents::File,
    ..OTHERS
};

const DASHSCOPE: Quirks = Quirks {
    thinks: Thinks::Budget,
    top_k: true,
    ..OTHERS
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
    models: Models::Mistral,
    top_k: true,
    stream_options: false,
    names: false,
    bare_audio: true,
    documents: Documents::Url,
    user_after_tool: false,
    ..OTHERS
};

const DEEPSEEK: Quirks = Quirks {
    seed: None,
    echoes_reasoning: true,
    json_schema: false,
    thinks: Thinks::Switch,
    parallel_tools: false,
    ..OTHERS
};

const XAI: Quirks = Quirks {
    responses: true,
    max_completion_tokens: true,
    models: Models::XAI,
    user: true,
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
            Provider::DashScope => &DASHSCOPE,
            Provider::OpenAICompatible => &COMPATIBLE,
        }
    }
}
