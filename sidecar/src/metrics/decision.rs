//! What was decided about a call's quota, as a closed set, and one counter for each. Counted by `ledger`; it must never hold who asked.

use crate::reject::Reject;
use prometheus::{IntCounter, IntCounterVec};
use purser_config::quota::Limited;

/// One decision. A call asks at most twice: for its request, and once it is understood for what it needs beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The authority, or a lease of it, granted the request.
    Granted,
    /// The authority holds what the call needs beyond its request, or held it ahead.
    Held,
    /// Nobody could be asked, and the call is within this sidecar's part of the limits.
    WithoutAuthority,
    /// Nobody can say, and the plan does not go on without.
    Unavailable,
    /// An earlier denial still answers for the authority.
    CachedDenial,
    /// Over the plan's requests per minute.
    RequestsPerMinute,
    /// Over its requests per day.
    RequestsPerDay,
    /// Over its tokens per minute.
    TokensPerMinute,
    /// Over its concurrent requests.
    ConcurrentRequests,
    /// Fewer credits than the call may cost.
    Credits,
    /// The accounts of all channels are full.
    ChannelLimits,
    /// The authority refuses the key: its plan is over.
    Refused,
}

const ALL: [(Decision, &str); 12] = [
    (Decision::Granted, "granted"),
    (Decision::Held, "held"),
    (Decision::WithoutAuthority, "without_authority"),
    (Decision::Unavailable, "unavailable"),
    (Decision::CachedDenial, "cached_denial"),
    (Decision::RequestsPerMinute, "requests_per_minute"),
    (Decision::RequestsPerDay, "requests_per_day"),
    (Decision::TokensPerMinute, "tokens_per_minute"),
    (Decision::ConcurrentRequests, "concurrent_requests"),
    (Decision::Credits, "credits"),
    (Decision::ChannelLimits, "channel_limits"),
    (Decision::Refused, "refused"),
];

impl Decision {
    /// The limit that a request of the window is over.
    pub(crate) fn over(limit: Limited) -> Self {
        match limit {
            Limited::Minute => Decision::RequestsPerMinute,
            Limited::Day => Decision::RequestsPerDay,
        }
    }

    /// Why a call did not get what it needs beyond its request.
    pub(crate) fn denied(reject: &Reject) -> Self {
        match reject {
            Reject::OverTokens { .. } => Decision::TokensPerMinute,
            Reject::TooMany { .. } => Decision::ConcurrentRequests,
            Reject::NoCredits { .. } => Decision::Credits,
            Reject::UpstreamBusy { .. } => Decision::ChannelLimits,
            Reject::QuotaUnavailable { .. } => Decision::Unavailable,
            _ => Decision::Refused,
        }
    }
}

/// The counters, looked up once.
pub(super) struct Decisions([IntCounter; ALL.len()]);

impl Decisions {
    /// All at zero, so that the first one is an increase.
    pub(super) fn new(counters: &IntCounterVec) -> Self {
        Decisions(ALL.map(|(_, label)| counters.with_label_values(&[label])))
    }

    pub(super) fn count(&self, decision: Decision) {
        if let Some(counter) = self.0.get(decision as usize) {
            counter.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decision_is_counted_under_its_own_word() {
        for (at, (decision, _)) in ALL.into_iter().enumerate() {
            assert_eq!(decision as usize, at, "{decision:?}");
        }
    }
}
