//! The retry budget: repeats on the same channel are at most a fifth of the requests of the last ten seconds, with a
//! floor of one a second. A first attempt on a different channel is never charged. Called by `failover`.

use std::time::Duration;

const SLOTS: usize = 10;
const PERCENT: u64 = 20;

/// Requests and repeats of the last ten seconds, in one-second slots.
#[derive(Debug, Default)]
pub struct Budget {
    second: u64,
    requests: [u64; SLOTS],
    repeats: [u64; SLOTS],
}

impl Budget {
    /// Counts one request.
    pub fn request(&mut self, now: Duration) {
        let slot = self.slot(now);
        self.requests[slot] += 1;
    }

    /// Takes one repeat if there is one to take.
    pub fn repeat(&mut self, now: Duration) -> bool {
        let slot = self.slot(now);
        let requests: u64 = self.requests.iter().sum();
        let repeats: u64 = self.repeats.iter().sum();
        let allowed = (requests * PERCENT / 100).max(SLOTS as u64);
        if repeats >= allowed {
            return false;
        }
        self.repeats[slot] += 1;
        true
    }

    fn slot(&mut self, now: Duration) -> usize {
        let second = now.as_secs();
        let passed = second.saturating_sub(self.second).min(SLOTS as u64);
        for step in 1..=passed {
            let stale = ((self.second + step) % SLOTS as u64) as usize;
            self.requests[stale] = 0;
            self.repeats[stale] = 0;
        }
        self.second = self.second.max(second);
        (self.second % SLOTS as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_a_fifth_of_requests() {
        let mut budget = Budget::default();
        let now = Duration::from_secs(100);
        (0..1_000).for_each(|_| budget.request(now));
        assert_eq!((0..1_000).filter(|_| budget.repeat(now)).count(), 200);
    }

    #[test]
    fn an_idle_gateway_may_still_repeat_once_a_second() {
        let mut budget = Budget::default();
        let taken = (0..100)
            .filter(|second| budget.repeat(Duration::from_secs(*second)))
            .count();
        assert_eq!(taken, 100);
        let burst = (0..100)
            .filter(|_| budget.repeat(Duration::from_secs(200)))
            .count();
        assert_eq!(burst, 10);
    }
}
