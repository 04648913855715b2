//! How long a name is not tried again after wrong passwords. The ledger counts for users; names that nobody has are counted here by the
//! same rule, so that an answer never tells whether there is such a user.

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

/// Failures by a name's digest, and until when it is not tried.
#[derive(Default)]
pub(crate) struct Ghosts(Mutex<HashMap<String, (u32, u64)>>);

impl Ghosts {
    /// Until when this name is not tried, in unix milliseconds; 0: it may be.
    pub(crate) fn locked_until(&self, name: &str) -> u64 {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(&crate::secret::digest(name))
            .map_or(0, |(_, until)| *until)
    }

    /// It was tried, and is not right.
    pub(crate) fn failed(&self, name: &str, now_ms: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        let (failures, until) = known.entry(crate::secret::digest(name)).or_default();
        *failures = failures.saturating_add(1);
        *until = locked_until(*failures, now_ms);
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
        let ghosts = Ghosts::default();
        (0..6).for_each(|_| ghosts.failed("x", 10));
        assert_eq!(
            (ghosts.locked_until("x"), ghosts.locked_until("y")),
            (1_010, 0)
        );
    }
}
