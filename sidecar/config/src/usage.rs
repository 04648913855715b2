//! One record a call: what was asked, who served it, what it used and what it costs. Written by the sidecar into its spool when the
//! call ends, shipped in order, kept by the authority's ledger. Never a body, never a key's value.

use crate::price::{Micros, Tokens};
use crate::{Endpoint, Name};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most pairs of `user_metadata` that are kept, and the longest name or value in bytes.
pub const MAX_METADATA: (usize, usize) = (16, 64);

/// The most failed attempts that one record names.
pub const MAX_FAILURES: usize = 8;

/// One call, ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// `x-request-id`: chosen before the first send, unique for ever.
    pub id: String,
    /// Whose call.
    pub key: Name,
    /// Its plan then.
    pub plan: String,
    /// The reservation that pays: the call's own id, or an allowance's. Absent: the plan is not metered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<String>,
    /// Who served it; absent: nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Name>,
    /// What was called.
    pub endpoint: Endpoint,
    /// The model that was asked for.
    pub asked: String,
    /// The model that the provider was asked for; empty: none was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub served: String,
    /// Attempts at any channel.
    pub attempts: u32,
    /// The answer's status; 0: none was given.
    pub status: u16,
    /// How it ended.
    pub end: End,
    /// Whether it was a stream.
    pub stream: bool,
    /// What it used.
    pub tokens: Tokens,
    /// Whether `tokens` were counted here because the provider did not say.
    pub estimated: bool,
    /// What the key pays, at most what was reserved.
    pub credits: Micros,
    /// What the call was worth beyond that, and nobody pays: more than was reserved, or an end that costs nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unpaid: Micros,
    /// What the channel's owner pays, by the channel's `cost`.
    #[serde(default)]
    pub cost: Micros,
    /// What attempts cost that nobody pays for, by channel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waste: BTreeMap<Name, Micros>,
    /// The attempts that gave nothing, in their order, at most [`MAX_FAILURES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// When it began, in unix milliseconds.
    pub began_ms: u64,
    /// Until its end, in milliseconds.
    pub latency_ms: u64,
    /// Until its first content, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ms: Option<u64>,
    /// The caller's own labels, from `user`: `team:search|run:7`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub user_metadata: BTreeMap<String, String>,
    /// The pod of the sidecar or gateway that carried it, or the ServiceAccount where its token names none. Written by the authority, which
    /// knows it; empty until then.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pod: String,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// An attempt that gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Where it was made.
    pub channel: Name,
    /// What was wrong with it.
    pub fault: Fault,
    /// The provider's status, where it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When it began, in milliseconds after its call.
    pub at_ms: u64,
    /// Until it was given up, in milliseconds.
    pub took_ms: u64,
}

/// What can be wrong with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// There was no connection.
    Unreachable,
    /// Its pooled connection was closing, or the provider did provably nothing.
    NotSent,
    /// The provider had too much to do, or the account had used up what it may: 429.
    Busy,
    /// Another 4xx.
    Refused,
    /// 5xx, or an error as the first event.
    Failed,
    /// Nothing came in time.
    TooSlow,
    /// It ended before an answer was complete.
    Broken,
    /// 200, and nothing that a caller could use.
    Unusable,
    /// Larger than any honest answer, or a redirect.
    Suspicious,
}

impl Fault {
    /// The `outcome` label of `purser_attempts_total`, and the same word as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Unreachable => "unreachable",
            Fault::NotSent => "not_sent",
            Fault::Busy => "busy",
            Fault::Refused => "refused",
            Fault::Failed => "failed",
            Fault::TooSlow => "too_slow",
            Fault::Broken => "broken",
            Fault::Unusable => "unusable",
            Fault::Suspicious => "suspicious",
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Its answer is whole.
    Done,
    /// Its caller left before the end.
    ClientLeft,
    /// Its provider broke off after the first content.
    Broken,
    /// No channel gave content.
    Failed,
    /// Its sidecar died meanwhile, and came back to say so.
    Interrupted,
    /// Its sidecar died, and nobody came back.
    Unconfirmed,
}

/// Records of one spool in their order. Numbers of a spool begin at 1 and have no gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Which spool: random, made with its folder.
    pub spool: String,
    /// The number of the first record.
    pub first: u64,
    /// At least one.
    pub records: Vec<Record>,
}

/// `team:search|run:7` as labels. What is no pair is left out, and so is what is too long or too many: a label is a courtesy.
pub fn user_metadata(user: &str) -> BTreeMap<String, String> {
    let (most, longest) = MAX_METADATA;
    let fits = |text: &str| {
        !text.is_empty() && text.len() <= longest && !text.chars().any(char::is_control)
    };
    let pairs = user.split('|').filter_map(|pair| pair.split_once(':'));
    let pairs = pairs.map(|(name, value)| (name.trim(), value.trim()));
    let fitting = pairs.filter(|(name, value)| fits(name) && fits(value));
    fitting
        .take(most)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_field_is_read_as_labels_and_nothing_else_of_it_is_kept() {
        let labels = user_metadata("team:search|run : 7|plain|:x|y:|big:");
        let expected = [("run", "7"), ("team", "search")];
        assert!(
            labels
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str()))
                .eq(expected)
        );
        assert!(user_metadata(&format!("a:{}", "x".repeat(65))).is_empty());
        assert_eq!(user_metadata(&"k:v|".repeat(40)).len(), 1);
        assert!(user_metadata("someone@example.org").is_empty());
    }
}
