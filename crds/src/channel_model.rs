//! One model of a ProviderChannel. Used by `provider_channel.rs`; the compiler reads it.

use crate::{Amount, TokenPrices};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One model that the channel serves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelModel {
    /// What callers ask for, such as gpt-4o.
    #[schemars(length(min = 1, max = 256), regex(pattern = "^[^\\s*]+$"))]
    pub name: String,
    /// What the provider is asked for, when it differs: a dated version, or Azure's deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = "^\\S+$"))]
    pub upstream_name: Option<String>,
    /// Other names that callers may use for it. At most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(min = 1, max = 256), regex(pattern = "^[^\\s*]+$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub aliases: Vec<String>,
    /// What it can do beyond text: a call that needs more is refused before it is sent. Absent: unknown, not checked. Empty: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub capabilities: Option<Vec<Capability>>,
    /// Tokens that it can read and write together. Absent: unknown, not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub context_length: Option<u64>,
    /// Tokens that it can write. Absent: unknown, not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub max_output_tokens: Option<u64>,
    /// Which endpoints it answers. Absent: those of a chat model (Chat, Completions, Responses).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub endpoints: Vec<Endpoint>,
    /// What the provider charges for it, in your currency. Shown, and used by routing LowestCost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// What a model can do beyond text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the names are the field's standard terms")]
pub enum Capability {
    Tools,
    Vision,
    JsonSchema,
    Audio,
    Reasoning,
}

/// The endpoints of the OpenAI API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
}

/// What the provider charges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.perRequest) || has(self.perMillionTokens)")
        .message("a cost needs perRequest or perMillionTokens, or both")
)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// For each call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_request: Option<Amount>,
    /// For a million tokens, by kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_million_tokens: Option<TokenPrices>,
}
