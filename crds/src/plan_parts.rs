//! The parts of a Plan: money, time, limits, credits, prices, models, channels. Used by `plan.rs` only; the compiler reads
//! them. Never refers to another object.

use crate::{Amount, Selector, Span};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the plan costs its user. Shown, never charged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// A decimal number in quotes, such as "60" or "9.99".
    pub amount: Amount,
    /// Three capital letters, such as USD.
    #[schemars(length(min = 3, max = 3), regex(pattern = "^[A-Z]{3}$"))]
    pub currency: String,
}

/// How long a key on this plan works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.duration) != has(self.months)").message("set one of duration and months, not both")
)]
#[serde(rename_all = "camelCase")]
pub struct Validity {
    /// A span such as 24h or 240h. Exclusive with months.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
    /// Calendar months. Exclusive with duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 120))]
    pub months: Option<u32>,
    /// From when it counts: the first call, or the creation of the key. Default FirstUse.
    #[serde(default)]
    pub starts_at: ValidityStart,
}

/// From when a validity counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ValidityStart {
    /// The first call with the key.
    #[default]
    FirstUse,
    /// The creation of the ApiKey.
    Creation,
}

/// How much a key may do. What is absent is not limited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// The most requests in any 60 seconds, over all sidecars together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub requests_per_minute: Option<u32>,
    /// The most requests in a UTC day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests_per_day: Option<u32>,
    /// The most tokens, read and written, in any 60 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
    pub tokens_per_minute: Option<u64>,
    /// The most requests under way at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub concurrent_requests: Option<u32>,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Limits::default()
    }
}

/// The credits a key is granted. A plan with credits is metered: calls cost what `prices` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.resets == 'Never' || self.grant.matches('[1-9]')")
        .message("credits that reset need a grant above 0; raise grant, or set resets to Never")
)]
#[serde(rename_all = "camelCase")]
pub struct Credits {
    /// Credits, a decimal number in quotes, such as "500".
    pub grant: Amount,
    /// When the balance returns to the grant. Default Never.
    #[serde(default)]
    pub resets: CreditResets,
}

/// When a balance of credits returns to its grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CreditResets {
    /// It does not; what is spent is spent.
    #[default]
    Never,
    /// At midnight UTC.
    Daily,
    /// At midnight UTC on the first of the month.
    Monthly,
}

/// What calls of some models cost, in credits. The first entry whose `models` match decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.perRequest) != has(self.perMillionTokens)")
        .message("a price is either perRequest or perMillionTokens; set one of them")
)]
#[serde(rename_all = "camelCase")]
pub struct ModelPrice {
    /// Names of models; * stands for any characters.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 256)))]
    pub models: Vec<String>,
    /// Credits for each call, whatever its length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_request: Option<Amount>,
    /// Credits for a million tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_million_tokens: Option<TokenPrices>,
}

/// The price of a million tokens, by kind: in credits for a plan, in your currency for a channel's cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenPrices {
    /// Tokens that are read.
    pub input: Amount,
    /// Tokens that are read from the provider's prompt cache. Default: as input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<Amount>,
    /// Tokens that are written into the provider's prompt cache. Default: as input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Amount>,
    /// Tokens that are written.
    pub output: Amount,
}

/// Which models may be called. `*` stands for any characters; `deny` wins over `allow`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelRules {
    /// Models that may be called, such as "gpt-4o*" or "*". Empty or absent: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 256)))]
    pub allow: Vec<String>,
    /// Models that may not, whatever `allow` says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 256)))]
    pub deny: Vec<String>,
}

impl ModelRules {
    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

/// Which channels carry this plan's calls. A channel must also offer itself to the key's namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelRules {
    /// Labels that the channel must have. Absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// Namespaces whose channels may be used. Absent: the key's own only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 63)))]
    pub namespaces: Option<Vec<String>>,
}

impl ChannelRules {
    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        *self == ChannelRules::default()
    }
}

/// The order in which channels are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Routing {
    /// By the channels' priority, then weight.
    #[default]
    Priority,
    /// The one that answers fastest now.
    LowestLatency,
    /// The one that costs least for the model.
    LowestCost,
}

/// Other models that may answer for a model none of whose channels works. The answer says so in `x-purser-model`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fallback {
    /// The model that was asked for.
    #[schemars(length(min = 1, max = 256))]
    pub model: String,
    /// The models to try instead, in order.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 256)))]
    pub to: Vec<String>,
}

/// In which namespaces keys may name this plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("(self.from == 'Selector') == has(self.selector)")
        .message("set selector when from is Selector, and only then")
)]
#[serde(rename_all = "camelCase")]
pub struct PlanNamespaces {
    /// All, or those that `selector` chooses. Default All.
    #[serde(default)]
    pub from: NamespacesFrom,
    /// Labels that the namespace must have, for from: Selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
}

/// Which namespaces a plan admits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NamespacesFrom {
    /// Every one.
    #[default]
    All,
    /// Those whose labels match.
    Selector,
}

/// What happens to a call while nobody can be asked whether the plan still admits it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WhenQuotaUnreachable {
    /// Sidecars go on within a share of the limit that they were handed beforehand.
    #[default]
    Share,
    /// Calls are answered 503 quota_unavailable.
    Deny,
}

/// What an interrupted call costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnAbort {
    /// When the caller leaves in the middle of an answer: what was relayed, or the whole. Default Relayed.
    #[serde(default)]
    pub client_left: ClientLeft,
    /// When nobody knows how a call ended: nothing, or what was reserved. Default Void.
    #[serde(default)]
    pub unconfirmed: Unconfirmed,
}

/// What a call costs whose caller left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClientLeft {
    /// What was relayed until then.
    #[default]
    Relayed,
    /// The whole answer.
    Full,
}

/// What a call costs whose end nobody saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Unconfirmed {
    /// Nothing.
    #[default]
    Void,
    /// What was reserved for it.
    Charge,
}
