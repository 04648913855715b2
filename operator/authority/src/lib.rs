//! Who may still call: the one place where requests are counted, and the shares for the time when it cannot be asked.
//!
//! ```text
//!                 limits(&Configuration)
//!                          |
//! Hello, Ask, Return --> Authority --> Grant                 authority: who asks, for what, may it be answered
//!                        |       |
//!            Window per key    Shares --> Vec<Share>         window: what occupies the last minute
//!                                                            shares: who may use how much while cut off
//! ```
//!
//! Used by the operator and by `purser up`, which own the streams, the clock and the epoch.
//!
//! Invariant: no clock, no I/O, no async: time is an argument, monotonic since any epoch, and never goes back.
//! Invariant: a grant occupies its window for `quota::occupancy_ms(0)` and not a nanosecond less, unless it is returned
//! by the sidecar that it was given to. So no real 60 s hold more than the limit (reliability.md 2.4).
//! Invariant: a window never takes a grant beyond its limit, and no message makes it hold more entries than its limit.
//! Invariant: the shares that sidecars may believe in sum to at most the limit; after the limit was lowered, the sum
//! only falls until they do.
//! Invariant: a sidecar that has not said `Hello` on its present connection, or asks outside its scope, is denied.

mod authority;
pub mod checker;
mod shares;
mod window;

#[cfg(test)]
mod fleet;

pub use authority::Authority;

use purser_config::{Configuration, Name, Standing, WhenQuotaUnreachable};
use std::collections::BTreeMap;

/// What a key's plan promises, as far as the authority keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The most requests in any 60 seconds; `None`: no limit.
    pub requests_per_minute: Option<u32>,
    /// What sidecars do while there is no authority, and so how long a new one must listen before it grants.
    pub when_unreachable: WhenQuotaUnreachable,
}

/// What a new authority may assume about the time before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// No authority was ever here.
    Fresh,
    /// One was; what it granted is unknown.
    Lost,
}

/// The limits of all keys in good standing. A key whose plan is missing is left out, and so denied, not free.
pub fn limits(configuration: &Configuration) -> BTreeMap<Name, Limit> {
    let good = configuration
        .keys
        .iter()
        .filter(|(_, key)| key.standing == Standing::Good);
    good.filter_map(|(name, key)| {
        let plan = configuration.plans.get(&key.plan)?;
        let limit = Limit {
            requests_per_minute: plan.requests_per_minute,
            when_unreachable: plan.when_quota_unreachable,
        };
        Some((name.clone(), limit))
    })
    .collect()
}
