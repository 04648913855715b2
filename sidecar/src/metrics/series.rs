//! The counters of one plan's calls of one model at one channel, looked up once: finding a series by its labels hashes them under a
//! lock, seven times for a call. Kept with the table that a snapshot is built from, so a reload begins them anew and the registry
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
    /// The model as its channel names it, a label: never an alias, nor what a caller wrote.
    pub model: Arc<str>,
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
    /// Millionths of a credit.
    pub(super) charged: IntCounter,
}

impl Series {
    /// Nothing is looked up yet.
    pub fn new(plan: Arc<str>, channel: Name, model: Arc<str>) -> Self {
        let found = OnceLock::new();
        Series {
            plan,
            channel,
            model,
            found,
        }
    }
}
