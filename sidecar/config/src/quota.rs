//! Questions to the authority and its answers. Sent in batches by `stream`; asked directly inside `purser up`.
//!
//! The protocol is reliability.md 2.2's, of which this version uses the exact mode: one grant, one request. The fields
//! that leases need (`want`, `ttl_ms`) are here so that they do not change the wire later.

use crate::Name;
use serde::{Deserialize, Serialize};

/// The window in which a plan's requests are counted, in milliseconds.
pub const WINDOW_MS: u64 = 60_000;
/// How long a grant may travel and wait before it is void, in milliseconds from the moment the sidecar asked.
pub const GRACE_MS: u64 = 50;
/// Clock drift that is allowed for, in parts per million, on either side.
pub const DRIFT_PPM: u64 = 200;

/// How long a grant of lifetime `ttl_ms` occupies the window, from the moment it was granted, in milliseconds: until
/// 60 s after its latest possible use on the slowest clock (reliability.md 2.3, R2). With it no real 60 s hold more than
/// the limit, whoever's clock measures them.
pub const fn occupancy_ms(ttl_ms: u64) -> u64 {
    let nominal = ttl_ms + WINDOW_MS;
    nominal + (nominal * 2 * DRIFT_PPM).div_ceil(1_000_000) + GRACE_MS
}

/// One question: may this key make `want` requests?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Whose window.
    pub key: Name,
    /// How many; 1 in exact mode.
    pub want: u32,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Whose window.
    pub key: Name,
    /// Granted, denied, or not known yet.
    pub verdict: Verdict,
    /// The limit in any 60 s; absent: none.
    pub limit: Option<u32>,
    /// What the window would still admit after this answer.
    pub remaining: u32,
    /// Until the window is empty again, in milliseconds.
    pub reset_ms: u64,
}

/// What the authority decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// `count` requests may be sent within `ttl_ms` and the grace of the asking.
    Granted {
        /// At least 1, at most what was wanted.
        count: u32,
        /// How long they may be kept; 0 in exact mode.
        ttl_ms: u64,
        /// Names the grant when it is given back.
        token: u64,
    },
    /// None; the window admits one again after `next_free_ms`.
    Denied {
        /// From this answer, in milliseconds.
        next_free_ms: u64,
    },
    /// The authority is new and has not yet heard what was used before it; the plan says what happens meanwhile.
    Learning {
        /// When it will know, in milliseconds.
        ready_ms: u64,
    },
}

/// A grant that was not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Return {
    /// Whose window.
    pub key: Name,
    /// The grant's token.
    pub token: u64,
}

/// Admissions of one key by one sidecar, told to an authority that may not know them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// Whose window.
    pub key: Name,
    /// How long ago each was, in milliseconds.
    pub ages_ms: Vec<u64>,
}

/// What a sidecar may use of a key in any 60 s while no authority can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Whose window.
    pub key: Name,
    /// Requests in any 60 s; over all sidecars they sum to at most the limit.
    pub requests: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_outlives_its_latest_use_by_a_window_on_the_fastest_authority_clock() {
        let latest_use = GRACE_MS;
        let window_on_fast_clock = WINDOW_MS + WINDOW_MS * DRIFT_PPM * 2 / 1_000_000;
        assert!(occupancy_ms(0) >= latest_use + window_on_fast_clock);
        assert_eq!(occupancy_ms(0), 60_074);
    }
}
