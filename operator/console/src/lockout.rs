//! How long a name is not tried again after wrong passwords. Names are counted here, whether anybody has them or not, and what is
//! answered follows from this count alone, so that an answer never tells whether there is such a user. The ledger counts for users too,
//! by the same rule and for all processes: what is locked there only, `login` answers as it answers a wrong password.

use purser_authority::ledger::Patience;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Five are forgiven; then a second, doubling up to five minutes.
pub(crate) const PATIENCE: Patience = Patience {
    forgiven: 5,
    first_ms: 1_000,
    longest_ms: 300_000,
};
/// The most names that are remembered.
const MOST: usize = 10_000;
/// For so long after its last failure.
const REMEMBERED_MS: u64 = 3_600_000;

/// What is remembered of a name.
#[derive(Clone, Copy, Default)]
struct Tried {
    failures: u32,
    last_ms: u64,
}

/// Failures by a name's digest.
#[derive(Default)]
pub(crate) struct Tries(Mutex<HashMap<String, Tried>>);

impl Tries {
    /// Until when this name is not tried, in unix milliseconds; 0: it may be.
    pub(crate) fn locked_until(&self, name: &str) -> u64 {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tried = known.get(&crate::secret::digest(name));
        tried.map_or(0, |tried| locked_until(tried.failures, tried.last_ms))
    }

    /// It was tried, and is right.
    pub(crate) fn succeeded(&self, name: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&crate::secret::digest(name));
    }

    /// It was tried, and is not right.
    pub(crate) fn failed(&self, name: &str, now_ms: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = crate::secret::digest(name);
        if known.len() >= MOST && !known.contains_key(&digest) {
            known.retain(|_, tried| now_ms.saturating_sub(tried.last_ms) < REMEMBERED_MS);
            // A flood of names pushes out its own, and not those that were tried more often.
            let least = known
                .iter()
                .min_by_key(|(_, tried)| (tried.failures, tried.last_ms));
            let least = least.map(|(digest, _)| digest.clone());
            if let Some(least) = least.filter(|_| known.len() >= MOST) {
                known.remove(&least);
            }
        }
        let tried = known.entry(digest).or_default();
        if now_ms.saturating_sub(tried.last_ms) >= REMEMBERED_MS {
            tried.failures = 0;
        }
        tried.failures = tried.failures.saturating_add(1);
        tried.last_ms = now_ms;
    }
}

/// The rule.
fn locked_until(failures: u32, now_ms: u64) -> u64 {
    let Some(over) = failures.checked_sub(PATIENCE.forgiven + 1) else {
        return 0;
    };
    let wait = PATIENCE
        .first_ms
        .saturating_mul(1 << over.min(30))
        .min(PATIENCE.longest_ms);
    now_ms.saturating_add(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_are_forgiven_and_then_waits_double_up_to_five_minutes() {
        let waits: Vec<u64> = (1..=9).map(|failures| locked_until(failures, 0)).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1_000, 2_000, 4_000, 8_000]);
        assert_eq!(locked_until(u32::MAX, 7), 300_007);
        let tries = Tries::default();
        (0..6).for_each(|_| tries.failed("x", 10));
        assert_eq!(
            (tries.locked_until("x"), tries.locked_until("y")),
            (1_010, 0)
        );
        tries.succeeded("x");
        assert_eq!(tries.locked_until("x"), 0);
    }

    #[test]
    fn a_flood_of_names_makes_no_name_forgotten_that_was_tried_more_often() {
        let tries = Tries::default();
        (0..7).for_each(|_| tries.failed("x", 10));
        (0..MOST + 100).for_each(|at| tries.failed(&at.to_string(), 11));
        assert_eq!(tries.locked_until("x"), 2_010);
        assert_eq!(tries.0.lock().unwrap().len(), MOST);
        tries.failed("x", 10 + REMEMBERED_MS);
        assert_eq!(tries.locked_until("x"), 0, "an hour later it is forgiven");
    }
}
