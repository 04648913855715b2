//! A relist that lost most of the keys or channels is believed only when forced: an API server that answers with part of
//! its objects must not cut off every caller. Pure; `reconcile` asks it about each kind before it compiles.
//!
//! Invariant: what was deleted before our eyes is gone at once, however much it was. Only silent vanishing is held back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The fewest vanished objects that count as suspicious.
pub(crate) const FEWEST: usize = 10;

/// What was believed at the last pass, by name.
#[derive(Debug)]
pub(crate) struct Guard<K> {
    believed: BTreeMap<String, Arc<K>>,
    held: BTreeSet<String>,
}

impl<K> Default for Guard<K> {
    fn default() -> Self {
        Guard {
            believed: BTreeMap::new(),
            held: BTreeSet::new(),
        }
    }
}

impl<K> Guard<K> {
    /// What to believe now: everything that is there, and what vanished without a deletion if that is too much at once.
    /// Returns the objects and how many of them are held back.
    pub(crate) fn judge(
        &mut self,
        there: BTreeMap<String, Arc<K>>,
        deleted: &dyn Fn(&str) -> bool,
        force: bool,
    ) -> (Vec<Arc<K>>, usize) {
        let before = self.believed.len() - self.held.len();
        let vanished: BTreeMap<_, _> = std::mem::take(&mut self.believed)
            .into_iter()
            .filter(|(name, _)| !there.contains_key(name) && !deleted(name))
            .collect();
        let fresh = vanished
            .keys()
            .filter(|name| !self.held.contains(*name))
            .count();
        let suspicious = fresh >= FEWEST && fresh * 2 > before;
        let stays = |name: &str| !force && (suspicious || self.held.contains(name));
        let kept: BTreeMap<_, _> = vanished
            .into_iter()
            .filter(|(name, _)| stays(name))
            .collect();
        self.held = kept.keys().cloned().collect();
        self.believed = there;
        self.believed.extend(kept);
        (self.believed.values().cloned().collect(), self.held.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(range: std::ops::Range<usize>) -> BTreeMap<String, Arc<usize>> {
        range
            .map(|number| (format!("ns/{number:03}"), Arc::new(number)))
            .collect()
    }

    #[test]
    fn holds_back_a_relist_that_lost_more_than_half() {
        let mut guard = Guard::default();
        guard.judge(world(0..30), &|_| false, false);
        assert_eq!(guard.judge(world(0..10), &|_| false, false).1, 20);
        assert_eq!(
            guard.judge(world(0..10), &|_| false, false).1,
            20,
            "and goes on doing so"
        );
        assert_eq!(
            guard.judge(world(0..30), &|_| false, false).1,
            0,
            "until they are back"
        );
    }

    #[test]
    fn believes_deletions_that_were_seen_and_small_losses() {
        let mut guard = Guard::default();
        guard.judge(world(0..30), &|_| false, false);
        assert_eq!(guard.judge(world(0..0), &|_| true, false).0.len(), 0);
        guard.judge(world(0..9), &|_| false, false);
        assert_eq!(
            guard.judge(world(0..0), &|_| false, false).0.len(),
            0,
            "nine are fewer than ten"
        );
        guard.judge(world(0..30), &|_| false, false);
        assert_eq!(
            guard.judge(world(0..15), &|_| false, false).0.len(),
            15,
            "half is not more than half"
        );
    }

    #[test]
    fn a_held_object_goes_when_its_deletion_is_seen_or_when_forced() {
        let mut guard = Guard::default();
        guard.judge(world(0..30), &|_| false, false);
        guard.judge(world(0..5), &|_| false, false);
        assert_eq!(
            guard
                .judge(world(0..5), &|name| name == "ns/029", false)
                .0
                .len(),
            29
        );
        assert_eq!(guard.judge(world(0..5), &|_| false, true).0.len(), 5);
    }
}
