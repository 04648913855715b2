//! What calls come to: added up by hour and by day in the transaction that keeps each record, so that a year is read as fast as an hour.
//! Called by the console for its charts, its statistics and its bills. Never estimates: a stretch that begins or ends within an hour is
//! added up from the records themselves.

pub(super) mod read;
mod rollup;
pub(super) mod span;

pub(super) use rollup::{HOUR_MS, Rollup, told_apart};

use super::log::Query;
use super::reads::Question;
use super::{Ledger, LedgerError};

/// What is added up apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// Each key: `namespace/name`.
    Key,
    /// Each key's namespace.
    Namespace,
    /// Each plan.
    Plan,
    /// Each channel, `namespace/name`; empty: none served. What a channel wasted is its own, whoever served in the end.
    Channel,
    /// Each model that was asked for.
    Model,
    /// Each kind of call, as a record names it.
    Endpoint,
    /// Each hour in UTC: its first moment, in unix milliseconds.
    Hour,
    /// Each day in UTC: its first moment, in unix milliseconds.
    Day,
}

/// What some calls come to. Credits, cost and waste are millionths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// What these have in common: a text for each [`By`] that was asked for, in that order.
    pub group: Vec<String>,
    /// How many there are.
    pub calls: u64,
    /// How many of them failed: see [`super::Outcome`].
    pub errors: u64,
    /// Tokens read.
    pub input: u64,
    /// Those of them that came from a prompt cache.
    pub cached: u64,
    /// Those of them that went into one.
    pub cache_write: u64,
    /// Tokens written.
    pub output: u64,
    /// What keys paid.
    pub credits: u64,
    /// What nobody paid.
    pub unpaid: u64,
    /// What channels' owners paid for what was served.
    pub cost: u64,
    /// What they paid for nothing.
    pub waste: u64,
    /// Milliseconds until the end, added up.
    pub latency_ms: u64,
    /// Milliseconds until the first content, added up over those that had any.
    pub first_ms: u64,
    /// How many had any.
    pub first_count: u64,
}

impl Ledger {
    /// What the calls come to, by each combination of what is asked for; without any: one sum, or none where there is no call. Sorted by
    /// the groups' texts.
    pub async fn sums(&self, query: Query, by: &[By]) -> Result<Vec<Sum>, LedgerError> {
        let by = by.to_vec();
        self.ask(|reply| Question::Sums(query, by, reply)).await
    }
}
