//! Leases of one busy key: requests that were granted ahead, for half a second, so that a call need not ask (reliability.md 2.3, R3
//! and R5). Pure: time is an argument. Held by `memory`; it must never hand out a request later than its lease allows.
//!
//! A slow key has no stock: below [`BUSY`] requests a second each call asks for itself, which is exact and strands nothing.

use purser_config::quota::LEASE_MS;
use std::collections::VecDeque;
use std::time::Duration;

/// Requests a second from which a key's requests are asked for ahead: two a lease.
const BUSY: f64 = 4.0;
/// After so long without a request, a rate counts half.
const HALF_LIFE: Duration = Duration::from_secs(2);
/// The most that is asked for at once, whatever the rate.
const MOST: f64 = 10_000.0;
const LEASE: Duration = Duration::from_millis(LEASE_MS);

/// One request of a lease, and the lease's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Names the grant.
    pub(super) token: u64,
    /// When the sidecar asked for it.
    pub(super) asked: Duration,
    /// How long it may be kept from then.
    pub(super) ttl: Duration,
}

/// A lease with requests left.
#[derive(Clone, Copy, Debug)]
struct Lease {
    of: Taken,
    left: u32,
}

/// What one key has ahead, and how fast it uses it.
#[derive(Debug, Default)]
pub(super) struct Stock {
    leases: VecDeque<Lease>,
    rate: Rate,
}

/// Requests a second, of late: each counts for itself and fades.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    weight: f64,
    at: Duration,
}

impl Rate {
    fn faded(&self, now: Duration) -> f64 {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.weight * (-passed / HALF_LIFE.as_secs_f64()).exp2()
    }

    fn note(&mut self, now: Duration) {
        self.weight = self.faded(now) + 1.0;
        self.at = self.at.max(now);
    }

    /// The weight that a steady rate of one a second comes to is the half-life over ln 2, and half a request more, because it is
    /// looked at just after one.
    fn per_second(&self, now: Duration) -> f64 {
        (self.faded(now) - 0.5).max(0.0) * std::f64::consts::LN_2 / HALF_LIFE.as_secs_f64()
    }
}

impl Stock {
    /// Notes a call that took one.
    pub(super) fn note(&mut self, now: Duration) {
        self.rate.note(now);
    }

    /// Notes a call, and says how many requests to ask for, should none be ahead: what half a lease and the way to the authority will
    /// need, and two deviations more.
    pub(super) fn want(&mut self, now: Duration, round_trip: Duration) -> u32 {
        self.rate.note(now);
        let rate = self.rate.per_second(now);
        if rate < BUSY {
            return 1;
        }
        let mean = rate * (LEASE / 2 + round_trip).as_secs_f64();
        (mean + 2.0 * mean.sqrt()).ceil().clamp(1.0, MOST) as u32
    }

    /// Takes one that may still be spent.
    pub(super) fn take(&mut self, now: Duration) -> Option<Taken> {
        let lease = self.leases.iter_mut().find(|lease| lease.is_live(now))?;
        lease.left -= 1;
        let of = lease.of;
        self.leases.retain(|lease| lease.left > 0);
        Some(of)
    }

    /// Keeps what a grant brought beyond the one request that asked.
    pub(super) fn put(&mut self, of: Taken, left: u32) {
        if left > 0 {
            self.leases.push_back(Lease { of, left });
        }
    }

    /// Drops what may not be spent any more, and names it, to be given back.
    pub(super) fn expired(&mut self, now: Duration) -> Vec<(u64, u32)> {
        let old = self.leases.iter().filter(|lease| !lease.is_live(now));
        let old = old.map(|lease| (lease.of.token, lease.left)).collect();
        self.leases.retain(|lease| lease.is_live(now));
        old
    }

    /// Forgets everything that is ahead: another authority does not know it.
    pub(super) fn clear(&mut self) {
        self.leases.clear();
    }
}

impl Lease {
    fn is_live(&self, now: Duration) -> bool {
        self.left > 0 && now.saturating_sub(self.of.asked) <= self.of.ttl
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(asked: Duration) -> Taken {
        Taken {
            token: 7,
            asked,
            ttl: LEASE,
        }
    }

    #[test]
    fn a_slow_key_asks_for_one_at_a_time() {
        let mut stock = Stock::default();
        // 240 a minute: the fastest plan that is always exact.
        assert!((1..400).all(|n| stock.want(n * 251 * MS, MS) == 1));
    }

    #[test]
    fn a_busy_key_asks_for_what_half_a_lease_needs() {
        let mut stock = Stock::default();
        let wants: Vec<u32> = (0..2_000).map(|n| stock.want(n * 10 * MS, MS)).collect();
        let last = wants[wants.len() - 1];
        // 100 a second for 251 ms, and two deviations.
        assert!((34..=37).contains(&last), "{last}");
    }

    #[test]
    fn a_key_that_falls_silent_is_slow_again() {
        let mut stock = Stock::default();
        (0..1_000).for_each(|n| {
            stock.want(n * 10 * MS, MS);
        });
        assert_eq!(stock.want(Duration::from_secs(30), MS), 1);
    }

    #[test]
    fn a_lease_is_spent_within_its_time_and_not_a_moment_later() {
        let mut stock = Stock::default();
        stock.put(at(10 * MS), 2);
        assert_eq!(stock.take(10 * MS + LEASE), Some(at(10 * MS)));
        assert_eq!(stock.take(11 * MS + LEASE), None);
        assert_eq!(stock.expired(11 * MS + LEASE), [(7, 1)]);
        assert!(stock.expired(11 * MS + LEASE).is_empty());
    }

    #[test]
    fn no_request_of_a_lease_is_handed_out_twice() {
        let mut stock = Stock::default();
        stock.put(at(MS), 3);
        assert_eq!((0..10).filter_map(|_| stock.take(MS)).count(), 3);
    }

    #[test]
    fn a_new_authority_knows_nothing_of_old_leases() {
        let mut stock = Stock::default();
        stock.put(at(MS), 3);
        stock.clear();
        assert_eq!(stock.take(MS), None);
    }
}
