//! Counts one call when it ends: numbers for the metrics, and the call's bill. Whoever drops it settles what was relayed, see `Relay`.

use crate::bill::Bill;
use crate::clock::Clock;
use crate::metrics::{Metrics, Series};
use purser_config::usage::End;
use purser_dialects::Usage;
use std::sync::Arc;
use std::time::Duration;

/// One call's numbers until its end.
pub struct Meter {
    /// Where they go.
    pub metrics: Arc<Metrics>,
    /// The seam to time.
    pub clock: Clock,
    /// When the call began.
    pub began: Duration,
    /// When its first content was there.
    pub content: Duration,
    /// Under which labels.
    pub series: Arc<Series>,
    /// The status, a label.
    pub status: u16,
    /// Whether it is a stream.
    pub stream: bool,
    /// What it pays.
    pub bill: Bill,
    /// Whether it has ended.
    pub ended: bool,
}

impl Meter {
    /// The provider's count of tokens.
    pub fn usage(&mut self, usage: Usage) {
        if self.bill.is_of_stored() {
            return;
        }
        self.metrics.tokens(&self.series, usage);
        self.bill.used(usage.tokens());
    }

    /// The end, now. Only the first counts.
    pub fn end(&mut self, end: End) {
        let now = self.clock.now();
        self.end_at(end, now);
    }

    /// The end, at this moment of its clock.
    pub fn end_at(&mut self, end: End, now: Duration) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let seconds = |at: Duration| at.saturating_sub(self.began).as_secs_f64();
        self.metrics
            .ended(&self.series, seconds(now), seconds(self.content));
        self.metrics.answered(&self.series, self.status);
        self.metrics.in_flight.dec();
        if self.stream {
            self.metrics.stream_end(match end {
                End::Done => "done",
                End::ClientLeft => "left",
                _ => "broken",
            });
        }
        self.bill.end_at(end, now);
    }
}
