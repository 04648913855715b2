//! Kind Plan: what a key may do. Cluster-scoped. Written by administrators, read by the operator and `purser up`.

use crate::{
    ChannelRules, Credits, Fallback, Limits, ModelPrice, ModelRules, OnAbort, PlanNamespaces,
    Price, Routing, Validity, WhenQuotaUnreachable,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// What keys on this plan may do: which models, how often, for how many credits, over which channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "purser.dev",
    version = "v1alpha1",
    kind = "Plan",
    plural = "plans",
    category = "purser",
    status = "PlanStatus",
    derive = "PartialEq",
    doc = "A plan: which models its keys may call, how often, for how many credits, over which channels.",
    printcolumn(name = "Display", type_ = "string", json_path = ".spec.displayName"),
    printcolumn(
        name = "RPM",
        type_ = "integer",
        json_path = ".spec.limits.requestsPerMinute",
        description = "requests in any 60 seconds"
    ),
    printcolumn(name = "Credits", type_ = "string", json_path = ".spec.credits.grant"),
    printcolumn(
        name = "Resets",
        type_ = "string",
        json_path = ".spec.credits.resets",
        priority = 1
    ),
    printcolumn(name = "Keys", type_ = "integer", json_path = ".status.keys"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Accepted\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Accepted\")].reason",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[cfg_attr(test, kube(cel))]
#[x_kube(
    validation = Rule::new("!has(self.credits) || has(self.prices)")
        .message("a plan with credits refuses every model without a price; add prices")
)]
#[serde(rename_all = "camelCase")]
pub struct PlanSpec {
    /// A name for people, at most 128 characters. Default: the object's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub display_name: Option<String>,
    /// What the plan costs its user. Shown, never charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// How long a key works. Absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity: Option<Validity>,
    /// How much a key may do. What is absent is not limited.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// Credits that a key is granted. Absent: unmetered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits: Option<Credits>,
    /// What calls cost in credits; the first entry that matches the model decides. At most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub prices: Vec<ModelPrice>,
    /// Which models may be called. Absent: none.
    #[serde(default, skip_serializing_if = "ModelRules::is_empty")]
    pub models: ModelRules,
    /// The part of each model's context length that a call may use, in percent, by an estimate (docs/tokens.md). Models without a
    /// contextLength are not checked. Absent: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub context_percent: Option<u32>,
    /// The most tokens that one answer may have. Absent: what the model can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_output_tokens: Option<u64>,
    /// Which channels carry the calls. Absent: all that the key's own namespace has.
    #[serde(default, skip_serializing_if = "ChannelRules::is_empty")]
    pub channels: ChannelRules,
    /// The order in which channels are tried. Default Priority.
    #[serde(default)]
    pub routing: Routing,
    /// Other models that may answer when a model's channels are all out. At most 64, one entry a model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["model".into()]))]
    pub fallbacks: Vec<Fallback>,
    /// In which namespaces keys may name this plan. Default: all.
    #[serde(default)]
    pub namespaces: PlanNamespaces,
    /// The most keys on this plan in one namespace; the oldest count. Default 10.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_keys_per_namespace: u32,
    /// What happens while the quota authority cannot be asked. Default Share.
    #[serde(default)]
    pub when_quota_unreachable: WhenQuotaUnreachable,
    /// What an interrupted call costs. Absent: what was relayed, and nothing when nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_abort: Option<OnAbort>,
    /// Whether prompts and answers are stored. Default false.
    #[serde(default)]
    pub log_bodies: bool,
}

fn ten() -> u32 {
    10
}

/// What became of the plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// The generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Accepted and NotYetEnforced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// How many keys are on this plan, over all namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub keys: Option<u32>,
}
