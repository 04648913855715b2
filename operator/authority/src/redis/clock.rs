//! Whether the server's clock keeps pace with ours. Pure; `office` shows it every answer. It knows no connection.
//!
//! An answer's moment lies between sending and hearing, so the bounds are exact: only drift and the grace are allowed for.

use purser_config::quota::{DRIFT_PPM, GRACE_MS};
use std::time::Duration;

/// After this an anchor is replaced, so that slow drift never adds up.
const ANCHORED: Duration = Duration::from_secs(60);

/// One answer: when it was asked for and heard on our clock, and the server's microseconds in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) sent: Duration,
    pub(super) heard: Duration,
    pub(super) server_us: i64,
}

/// The reading that others are compared with.
#[derive(Debug, Default)]
pub(super) struct Clock {
    anchor: Option<Reading>,
}

impl Clock {
    /// Whether the server's clock stepped since the anchor.
    pub(super) fn steps(&mut self, read: Reading) -> bool {
        let Some(anchor) = self.anchor else {
            self.anchor = Some(read);
            return false;
        };
        let least = micros(read.sent.saturating_sub(anchor.heard));
        let most = micros(read.heard.saturating_sub(anchor.sent));
        let slack = micros(Duration::from_millis(GRACE_MS)) + most * micros_of_drift() / 1_000_000;
        let passed = read.server_us.saturating_sub(anchor.server_us);
        let stepped = passed + slack < least || passed > most + slack;
        if !stepped && least > micros(ANCHORED) {
            self.anchor = Some(read);
        }
        stepped
    }

    /// Forgets the anchor: a new term begins with a new one.
    pub(super) fn forget(&mut self) {
        self.anchor = None;
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

fn micros_of_drift() -> i64 {
    i64::try_from(2 * DRIFT_PPM).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(at_ms: u64, took_ms: u64, server_ms: i64) -> Reading {
        Reading {
            sent: Duration::from_millis(at_ms),
            heard: Duration::from_millis(at_ms + took_ms),
            server_us: server_ms * 1_000,
        }
    }

    #[test]
    fn a_clock_that_keeps_pace_does_not_step_however_slow_its_answers_are() {
        let mut clock = Clock::default();
        assert!(!clock.steps(read(0, 1, 5_000_000)));
        assert!(!clock.steps(read(1_000, 300, 5_001_010)));
        assert!(!clock.steps(read(1_000, 300, 5_001_290)));
        // Drift on both sides, for hours: each anchor lasts a minute.
        for minute in 1..600u64 {
            let drifted = i64::try_from(minute * 60_002 * 1_000 / 1_000).unwrap();
            assert!(!clock.steps(read(
                minute * 60_002,
                1,
                5_000_000 + drifted + i64::try_from(minute * 12).unwrap()
            )));
        }
    }

    #[test]
    fn a_step_beyond_the_grace_is_seen_forth_and_back() {
        for server in [5_001_100, 5_000_900, 5_600_000, 1] {
            let mut clock = Clock::default();
            assert!(!clock.steps(read(0, 1, 5_000_000)));
            assert!(clock.steps(read(1_000, 1, server)), "{server}");
        }
        let mut clock = Clock::default();
        assert!(!clock.steps(read(0, 1, 5_000_000)));
        assert!(!clock.steps(read(1_000, 1, 5_001_040)));
        clock.forget();
        assert!(!clock.steps(read(2_000, 1, 1)));
    }
}
