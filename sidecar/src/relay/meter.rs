//! Counts one call when it ends or is dropped: the end that nobody can forget. It holds numbers and no logic.

use crate::clock::Clock;
use crate::lane::Lane;
use crate::metrics::Metrics;
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
    /// The plan, a label.
    pub plan: Arc<str>,
    /// The channel, a label.
    pub lane: Arc<Lane>,
    /// The status, a label.
    pub status: u16,
    /// Whether it is a stream.
    pub stream: bool,
    /// How it ended, once it has.
    pub ended: bool,
}

impl Meter {
    /// The provider's count of tokens.
    pub fn usage(&self, usage: Usage) {
        self.metrics.tokens(&self.plan, usage);
    }

    /// The end. Only the first counts.
    pub fn end(&mut self, how: &'static str) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let seconds = |at: Duration| at.saturating_sub(self.began).as_secs_f64();
        self.metrics
            .ended(&self.plan, seconds(self.clock.now()), seconds(self.content));
        self.metrics
            .answered(&self.plan, &self.lane.name, self.status);
        self.metrics.in_flight.dec();
        if self.stream {
            self.metrics.stream_end(how);
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.end("left");
    }
}
