//! A provider channel as the sidecar must use it. Written by `purser-compile` from a ProviderChannel and its Secrets.

use crate::SecretText;
use crate::price::Cost;
use serde::{Deserialize, Serialize};

/// One ProviderChannel, decided, with its credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Whose API it is.
    pub provider: Provider,
    /// Where calls go: scheme, authority and the path before `/chat/completions`; no trailing slash, no query.
    pub base_url: String,
    /// Azure's `api-version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Tried in turn; empty when the provider asks for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<Credential>,
    /// The models it serves.
    pub models: Vec<Model>,
    /// Lower is tried first.
    pub priority: u32,
    /// Share among channels of equal priority; 0 only takes what the others cannot.
    pub weight: u32,
    /// How long to wait for it.
    pub timeouts: Timeouts,
    /// When it counts as broken.
    pub health: Health,
    /// What the account behind it allows, over all sidecars together.
    #[serde(default)]
    pub limits: ChannelLimits,
    /// Headers added to every call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    /// PEM certificates that its TLS must chain to, in place of the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
    /// Other namespaces reach it through the shared gateway alone: no part but its own namespace's and the gateway's holds it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub via_gateway: bool,
}

/// The APIs that are known, as people write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the providers' own")]
pub enum Provider {
    OpenAI,
    AzureOpenAI,
    Anthropic,
    Gemini,
    Mistral,
    DeepSeek,
    XAI,
    DashScope,
    OpenAICompatible,
}

impl Provider {
    /// Whether it speaks OpenAI's wire format, under whatever paths.
    pub fn is_openai_wire(self) -> bool {
        !matches!(self, Provider::Anthropic | Provider::Gemini)
    }
}

/// One credential, named by the Secret it came from so that errors can say which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// `secret-name/data-key`.
    pub from: String,
    /// The value that is sent.
    pub value: SecretText,
}

/// One model of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What callers ask for.
    pub name: String,
    /// What the provider is asked for, when it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_name: Option<String>,
    /// Other names for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What it can do beyond text; absent: unknown, not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Vec<Capability>>,
    /// Tokens it can read and write together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u64>,
    /// Tokens it can write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// Which endpoints it answers; empty: those of a chat model (chat, completions, responses).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
    /// What a call costs the channel's owner; absent: unknown, counted as nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// What the account behind a channel allows. What is absent is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelLimits {
    /// The most requests in any 60 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// The most requests under way at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_requests: Option<u32>,
}

impl ChannelLimits {
    /// Whether nothing is limited, so that nobody need be asked.
    pub fn is_empty(&self) -> bool {
        *self == ChannelLimits::default()
    }
}

/// What a model can do beyond text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the field's standard terms")]
pub enum Capability {
    Tools,
    Vision,
    JsonSchema,
    Audio,
    Reasoning,
}

/// The endpoints that a model may answer, by OpenAI's names; those of other APIs that ask the same are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is the endpoint of that name")]
pub enum Endpoint {
    Chat,
    Completions,
    Responses,
    Embeddings,
    Images,
    Speech,
    Transcriptions,
    Moderations,
    /// Answered by every model that transcribes.
    Translations,
    /// Answered by every model that draws.
    ImageEdits,
    /// How many tokens a conversation has, of all three APIs; answered by every model that converses.
    CountTokens,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Endpoint; 11] = [
        Endpoint::Chat,
        Endpoint::Completions,
        Endpoint::Responses,
        Endpoint::Embeddings,
        Endpoint::Images,
        Endpoint::Speech,
        Endpoint::Transcriptions,
        Endpoint::Moderations,
        Endpoint::Translations,
        Endpoint::ImageEdits,
        Endpoint::CountTokens,
    ];

    /// Whether its answers tell how many tokens were used, so that tokens can be priced.
    pub fn reports_tokens(self) -> bool {
        matches!(
            self,
            Endpoint::Chat | Endpoint::Completions | Endpoint::Responses | Endpoint::Embeddings
        )
    }
}

/// How long to wait, in milliseconds. The meanings are DESIGN 2's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect_ms: u64,
    /// For the first byte of any kind of a stream.
    pub first_byte_ms: u64,
    /// For any byte of an answer that has begun, pings included.
    pub idle_ms: u64,
    /// For an attempt that does not stream; for a stream, until its first content.
    pub request_ms: u64,
}

/// When a channel counts as broken, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Failures in a row that shut it.
    pub consecutive_failures: u32,
    /// Results in 30 s below which the success rate is not judged.
    pub min_requests: u32,
    /// Success rate, in percent, below which it is shut.
    pub success_rate_percent: u32,
    /// First time it stays shut; doubles each time.
    pub cooldown_ms: u64,
    /// The longest it stays shut.
    pub max_cooldown_ms: u64,
}

/// One header added to every call of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Its name, lower-case.
    pub name: String,
    /// Its value; may be a secret.
    pub value: SecretText,
}
