//! Questions to the authority and its answers. Sent in batches by `stream`; asked directly inside `purser up`.
//!
//! The protocol is reliability.md 2.2's. What needs no body is asked while the body is read: [`Ask`], answered by a [`Grant`] of one
//! request (exact) or of several for a while (a lease). What needs the body goes in one [`Reserve`]; [`Settle`] ends what it holds at
//! once, and the call's `usage::Record` pays, durably.

use crate::price::Micros;
use crate::{Name, Refusal};
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

/// How long a lease may be kept, in milliseconds.
pub const LEASE_MS: u64 = 500;
/// How long what a lost sidecar holds stays held, in milliseconds: it may use its share for 10 minutes from when *it* notices, up to
/// `stream::SILENCE_MS` later, by a clock that may drift; and ends calls that hold a slot by then.
pub const KEPT_MS: u64 = 605_000;

/// One question: may this key make `want` requests?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Whose window.
    pub key: Name,
    /// How many; more than 1 is a lease.
    pub want: u32,
    /// How long one alone may be kept, in milliseconds, at most `LEASE_MS`: for a sidecar that is far away, or that has to reserve
    /// before it sends. 0: not at all, it is void after the grace.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ttl_ms: u64,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
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
    /// When the plan's validity ends, in unix milliseconds; absent: never, or it has not begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<u64>,
}

/// What the authority decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// None; one is admitted again after `next_free_ms`.
    Denied {
        /// From this answer, in milliseconds.
        next_free_ms: u64,
        /// Which limit it is.
        by: Limited,
    },
    /// The key may not call at all.
    Refused {
        /// The `code` of the answer.
        code: Refusal,
        /// Its sentence.
        message: String,
    },
    /// The authority is new and has not yet heard what was used before it; the plan says what happens meanwhile.
    Learning {
        /// When it will know, in milliseconds.
        ready_ms: u64,
    },
}

/// A limit of requests over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limited {
    /// Requests in any 60 s.
    Minute,
    /// Requests in a UTC day.
    Day,
}

/// A grant that was not used, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Return {
    /// Whose window.
    pub key: Name,
    /// The grant's token.
    pub token: u64,
    /// How many of it; at least 1.
    pub count: u32,
}

/// Everything that needs the body, or a channel: asked once the call is understood, and again for a channel that has a limit of its
/// own when the call moves on to it (then with that channel alone). All or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reserve {
    /// The call's `x-request-id`, or a name for an allowance.
    pub id: String,
    /// Whose.
    pub key: Name,
    /// The most tokens that it can use; 0: the plan does not limit them.
    #[serde(default)]
    pub tokens: u64,
    /// Whether it needs one of the key's concurrent requests.
    #[serde(default)]
    pub slot: bool,
    /// The most credits that it can cost; 0: nothing to pay.
    #[serde(default)]
    pub credits: Micros,
    /// The credits are for calls to come while no authority can be asked, and this is what one of them is worth: so much is given
    /// where it is there, and of the rest of `credits` as much as leaves enough for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowance: Option<Micros>,
    /// Candidates that have limits, in route order, up to the first that has none.
    #[serde(default)]
    pub channels: Vec<Name>,
    /// Whether a candidate without limits follows them, so that all of them may be full.
    #[serde(default)]
    pub others: bool,
    /// The spool whose records will settle the credits, and after a dot the life of the process that holds them.
    #[serde(default)]
    pub spool: String,
}

/// The answer to a [`Reserve`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reserved {
    /// The reservation's id.
    pub id: String,
    /// What was decided.
    pub verdict: ReserveVerdict,
    /// The window of tokens after it; absent: the plan does not limit them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokensLeft>,
    /// Credits that are left and not reserved; absent: the plan is not metered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits_left: Option<Micros>,
}

/// A window of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokensLeft {
    /// In any 60 s.
    pub limit: u64,
    /// What is left of them.
    pub remaining: u64,
    /// Until all of them are there again, in milliseconds.
    pub reset_ms: u64,
}

/// What became of a [`Reserve`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReserveVerdict {
    /// All of it is held.
    Held {
        /// Which of `channels` admits the call; absent: none of them, go to one without limits.
        channel: Option<u32>,
        /// The credits that are held.
        credits: Micros,
    },
    /// Not enough credits.
    NoCredits {
        /// What there is.
        left: Micros,
    },
    /// Too many tokens in this minute.
    NoTokens {
        /// When they are there, in milliseconds; absent: never, it is larger than the limit.
        next_free_ms: Option<u64>,
    },
    /// Too many requests under way.
    NoSlot {
        /// The limit.
        limit: u32,
    },
    /// Every channel is at its account's limit, and there is no other.
    ChannelsFull {
        /// When one may admit the call, in milliseconds.
        next_free_ms: u64,
    },
    /// The key may not call at all.
    Refused {
        /// The `code` of the answer.
        code: Refusal,
        /// Its sentence.
        message: String,
    },
    /// Nobody knows yet; the plan says what happens meanwhile.
    Learning {
        /// When it will be known, in milliseconds.
        ready_ms: u64,
    },
    /// The ledger cannot write, so nothing can be held.
    Unavailable,
}

/// A call ended, or was never sent, or goes on without an answer: what it holds in windows is settled at once. What it pays comes with
/// its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// The reservation's id.
    pub id: String,
    /// Whose.
    pub key: Name,
    /// The tokens it used; absent: it was never sent, so none, and its credits go back.
    pub tokens: Option<u64>,
    /// It has not ended: no answer came in time, and it goes on within its sidecar's part of the limits; `tokens` is absent. Only for
    /// whoever said [`HEARS_OF_USES`](crate::stream::HEARS_OF_USES).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goes_on: Option<GoesOn>,
}

impl Settle {
    /// Whether the credits that it asked for go back: it was never sent, or an allowance pays.
    pub fn gives_credits_back(&self) -> bool {
        self.tokens.is_none() && self.goes_on.is_none_or(|alone| alone.credits)
    }
}

/// What a call that nobody granted holds: to be counted, whatever the limits, where it is not held already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoesOn {
    /// The most tokens that it can use.
    pub tokens: u64,
    /// Whether one of its key's concurrent requests.
    pub slot: bool,
    /// Whether it asked for credits of its own: they go back, an allowance pays.
    pub credits: bool,
}

impl GoesOn {
    /// Whether anything is to be counted.
    pub fn holds(&self) -> bool {
        self.tokens > 0 || self.slot
    }
}

/// What a call that is under way holds, told to an authority that may not know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The reservation's id.
    pub id: String,
    /// Whose.
    pub key: Name,
    /// Whether it holds one of the key's concurrent requests.
    pub slot: bool,
    /// The channel of whose concurrent requests it holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Name>,
}

/// Tokens of one key that one sidecar's calls occupy, told to an authority that may not know them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenUse {
    /// Whose window.
    pub key: Name,
    /// How long ago each was admitted, in milliseconds, and how many it occupies.
    pub amounts: Vec<(u64, u64)>,
}

/// Admissions of one key by one sidecar, told to an authority that may not know them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// Whose window.
    pub key: Name,
    /// How long ago each was, in milliseconds.
    pub ages_ms: Vec<u64>,
    /// Those of this UTC day that were longer ago and are known to no authority: they were of the share.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub earlier: u64,
}

/// What a sidecar may use of a key in any 60 s while no authority can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Whose window.
    pub key: Name,
    /// Of the key's leading limit: requests in any 60 s, else concurrent requests, else thousandths of its tokens. Over all sidecars
    /// they sum to at most that limit; of every other limit of the key, a day's too, a sidecar may use the same part, rounded down.
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
