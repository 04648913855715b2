//! A plan as the sidecar and the authority must keep it. Written by `purser-compile` from a Plan.

use serde::{Deserialize, Serialize};

/// One Plan, decided. Only rules that are enforced are here; others refuse the key (see `Refusal::NotYetEnforced`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The most requests admitted in any 60 seconds; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Tokens per minute as told in `x-ratelimit-limit-tokens`; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// Globs of models that may be called; empty allows none.
    pub allow: Vec<String>,
    /// Globs of models that may not, whatever `allow` says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// How channels are ordered.
    pub routing: Routing,
    /// What happens while the authority cannot be asked.
    pub when_quota_unreachable: WhenQuotaUnreachable,
}

/// The order in which channels are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// By priority, then weight and stickiness.
    Priority,
}

/// What a sidecar does with a call while the authority cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenQuotaUnreachable {
    /// Goes on within the share it was handed beforehand.
    Share,
    /// Answers 503 `quota_unavailable`.
    Deny,
}
