//! A plan as the sidecar and the authority must keep it. Written by `purser-compile` from a Plan.

use crate::price::{Micros, Money, Price};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One Plan, decided. Only rules that are enforced are here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The most requests admitted in any 60 seconds; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// The most requests in a UTC day; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_day: Option<u32>,
    /// The most tokens, read and written, in any 60 seconds; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// The most requests under way at once; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_requests: Option<u32>,
    /// The credits a key is granted; absent: unmetered, and `prices` are only shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits: Option<Credits>,
    /// What calls cost; the first row that matches decides. On a metered plan a model without one is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<Price>,
    /// What its time is sold for, to be written down when it begins. No sidecar is told of it.
    #[serde(skip)]
    pub price: Option<Money>,
    /// How long a key works; absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity: Option<Validity>,
    /// What an interrupted call costs.
    #[serde(default)]
    pub on_abort: OnAbort,
    /// The most tokens one answer may have; absent: what the model can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// The part of each model's context length that a call may use, in percent; absent: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_percent: Option<u32>,
    /// How many keys of one namespace may ever be granted credits (in a period, where they reset) or begin a validity.
    #[serde(default = "ten")]
    pub max_keys_per_namespace: u32,
    /// Globs of models that may be called; empty allows none.
    pub allow: Vec<String>,
    /// Globs of models that may not, whatever `allow` says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// Models that may answer for another, in order, once none of its own channels does.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fallbacks: BTreeMap<String, Vec<String>>,
    /// How channels are ordered.
    pub routing: Routing,
    /// What happens while the authority cannot be asked.
    pub when_quota_unreachable: WhenQuotaUnreachable,
}

fn ten() -> u32 {
    10
}

impl Plan {
    /// Whether the authority must be asked before a call is read: a rule needs no body.
    pub fn asks(&self) -> bool {
        self.requests_per_minute.is_some()
            || self.requests_per_day.is_some()
            || self.validity.is_some()
    }

    /// Whether it must be asked again once the body is read, whatever the channel.
    pub fn reserves(&self) -> bool {
        self.credits.is_some()
            || self.tokens_per_minute.is_some()
            || self.concurrent_requests.is_some()
    }
}

/// The credits of a metered plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credits {
    /// What a key is granted.
    pub grant: Micros,
    /// When what is left of it is replaced by a new one.
    pub resets: Resets,
}

/// When a grant is renewed; always in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resets {
    /// It is not.
    Never,
    /// At midnight.
    Daily,
    /// At midnight on the first.
    Monthly,
}

/// How long a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// Its length.
    pub length: Length,
    /// From when it counts.
    pub starts: Starts,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// So many milliseconds.
    Milliseconds(u64),
    /// So many calendar months: the same day and time of a later month, or its last day where it has no such day.
    Months(u32),
}

/// From when a validity counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Starts {
    /// The first call that was admitted.
    FirstUse,
    /// The creation of the ApiKey, or its first sight where that is older.
    Creation,
}

/// What an interrupted call costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnAbort {
    /// When the caller left in the middle: the whole, instead of what was relayed.
    #[serde(default)]
    pub client_left_pays_all: bool,
    /// When nobody knows how it ended: what was reserved, instead of nothing.
    #[serde(default)]
    pub unconfirmed_pays: bool,
}

/// The order in which channels are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// By priority, then weight and stickiness.
    #[default]
    Priority,
}

/// What a sidecar does with a call while the authority cannot be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenQuotaUnreachable {
    /// Goes on within the share it was handed beforehand.
    #[default]
    Share,
    /// Answers 503 `quota_unavailable`.
    Deny,
}
