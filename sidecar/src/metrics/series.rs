//! The counters of one plan at one channel, looked up once: finding a series by its labels hashes them under a lock, six
//! times for a call. Kept with the table that a snapshot is built from, so a reload begins them anew and the registry
//! still has the same ones. Filled by `Metrics` at the first answer; it must never hold a number itself.

use prometheus::{Histogram, IntCounter};
use purser_config::Name;
use std::sync::{Arc, OnceLock};

/// Whose series these are, and the series once one is asked for.
pub struct Series {
    /// The plan, a label.
    pub plan: Arc<str>,
    /// The channel, a label.
    pub channel: Name,
    pub(super) found: OnceLock<Found>,
}

/// What nearly every call counts.
pub(super) struct Found {
    /// Calls answered with 200.
    pub(super) answered: IntCounter,
    /// Attempts that were.
    pub(super) attempted: IntCounter,
    pub(super) duration: Histogram,
    pub(super) first_content: Histogram,
    pub(super) input: IntCounter,
    pub(super) output: IntCounter,
}

impl Series {
    /// Nothing is looked up yet.
    pub fn new(plan: Arc<str>, channel: Name) -> Self {
        let found = OnceLock::new();
        Series {
            plan,
            channel,
            found,
        }
    }
}
