//! A key as the sidecar must treat it. Written by `purser-compile` from an ApiKey and its plan.

use crate::{Digest, Name};
use serde::{Deserialize, Serialize};

/// One ApiKey, decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The values that are live without an end; none until its Secret exists.
    pub digests: Vec<Digest>,
    /// The value before, which works for a while yet after a rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// Whether calls are carried or refused, and why.
    pub standing: Standing,
    /// The plan's name; present in `Configuration::plans` while the standing is good.
    pub plan: String,
    /// Globs that narrow the plan's models; empty narrows nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// When the key stops working, in unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<u64>,
    /// When the object was made, in unix milliseconds; absent: unknown, and its first sight counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_ms: Option<u64>,
    /// When its plan's validity ends, in unix milliseconds; absent: never, or it has not begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_expires_at_ms: Option<u64>,
    /// Pods under these ServiceAccounts of the key's namespace are this key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_accounts: Vec<String>,
    /// The channels that serve this key: offered to its namespace and listed by its plan. Sorted.
    pub channels: Vec<Name>,
    /// The shared gateway serves it, because this sidecar may not hold a channel of it: its calls are handed over whole, and no
    /// channel is listed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub via_gateway: bool,
}

/// A value that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// Its digest; not one of the live ones.
    pub digest: Digest,
    /// From when it is refused, in unix milliseconds.
    pub until_ms: u64,
}

/// What the operator decided about a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its calls are carried.
    Good,
    /// Its calls are answered 403 with this code and message, whatever they ask.
    Refused {
        /// The `code` of the answer.
        code: Refusal,
        /// The sentence of the answer: what is wrong and what to do.
        message: String,
    },
}

/// Why a known key is refused: the codes of DESIGN 6 that the operator decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// `spec.suspended` is true.
    ApiKeySuspended,
    /// The plan it names does not exist, or exists and is broken.
    PlanNotFound,
    /// The plan does not admit the key's namespace, or the namespace has its full number of keys.
    PlanNotAllowed,
    /// The plan's validity is over.
    PlanExpired,
    /// The plan promises a rule that this version does not enforce.
    NotYetEnforced,
}

impl Refusal {
    /// The `code` as callers see it.
    pub fn code(self) -> &'static str {
        match self {
            Refusal::ApiKeySuspended => "api_key_suspended",
            Refusal::PlanNotFound => "plan_not_found",
            Refusal::PlanNotAllowed => "plan_not_allowed",
            Refusal::PlanExpired => "plan_expired",
            Refusal::NotYetEnforced => "not_yet_enforced",
        }
    }
}
