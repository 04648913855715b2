//! How much of the cluster this process has seen, so that a replica whose watches are late never tells a sidecar what that knows to be
//! deleted. `watch` counts, `reconcile` says what is published, `serve` compares with what a sidecar's Hello claims. No client, no clock.
//!
//! Invariant: what is claimed is never less than what the stores hold, and what is reached never more: who is wrong waits too long, and
//! sends nothing too early.

use purser_config::stream::Seen;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Shared by whoever counts and whoever asks.
#[derive(Clone, Default)]
pub(crate) struct Level(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    wanted: Notify,
}

#[derive(Default)]
struct State {
    /// Of events before the stores take them.
    claimed: Seen,
    /// Of events that the stores have taken.
    reached: Height,
    /// The number of the last comparison with the cluster that was begun.
    begun: u64,
}

/// What surely is in a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Height {
    seen: Seen,
    /// The last comparison that found nothing missing.
    proven: u64,
}

/// A comparison that begins later than a Hello shows more than any Hello could claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proof(u64);

impl Height {
    /// Whether nothing is missing that a sidecar knows.
    pub(crate) fn covers(&self, theirs: &Seen, Proof(proof): Proof) -> bool {
        let reached = |(watch, version): (&String, &u64)| self.seen.get(watch) >= Some(version);
        self.proven >= proof || theirs.iter().all(reached)
    }
}

impl Level {
    /// An event comes, and the store does not have it yet. A version that is no number says nothing.
    pub(crate) fn comes(&self, watch: &str, version: Option<&str>) {
        raise(&mut self.state().claimed, watch, number(version));
    }

    /// The store has it.
    pub(crate) fn came(&self, watch: &str, version: Option<&str>) {
        raise(&mut self.state().reached.seen, watch, number(version));
    }

    /// The most that a configuration may be made from. To be read after the stores.
    pub(crate) fn claimed(&self) -> Seen {
        self.state().claimed.clone()
    }

    /// What a configuration surely is made from. To be read before the stores.
    pub(crate) fn reached(&self) -> Height {
        self.state().reached.clone()
    }

    /// The comparison with the cluster that begins next.
    pub(crate) fn next_proof(&self) -> Proof {
        Proof(self.state().begun + 1)
    }

    /// Asks for it.
    pub(crate) fn want(&self) {
        self.0.wanted.notify_one();
    }

    /// Waits until a comparison is asked for.
    pub(crate) async fn wanted(&self) {
        self.0.wanted.notified().await;
    }

    /// A comparison begins.
    pub(crate) fn begin(&self) -> Proof {
        let mut state = self.state();
        state.begun += 1;
        Proof(state.begun)
    }

    /// A comparison found in the stores all that the cluster held at these versions.
    pub(crate) fn proven(&self, Proof(proof): Proof, at: &[(String, Option<String>)]) {
        let mut state = self.state();
        for (watch, version) in at {
            let version = number(version.as_deref());
            raise(&mut state.claimed, watch, version);
            raise(&mut state.reached.seen, watch, version);
        }
        state.reached.proven = state.reached.proven.max(proof);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn number(version: Option<&str>) -> u64 {
    version
        .and_then(|version| version.parse().ok())
        .unwrap_or(0)
}

fn raise(seen: &mut Seen, watch: &str, version: u64) {
    match seen.get_mut(watch) {
        Some(known) => *known = version.max(*known),
        None if version > 0 => drop(seen.insert(watch.to_owned(), version)),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(version: u64) -> Seen {
        [("ApiKey".to_owned(), version)].into()
    }

    #[test]
    fn a_replica_is_behind_until_its_stores_hold_what_a_sidecar_knows() {
        let level = Level::default();
        level.comes("ApiKey", Some("7"));
        let proof = level.next_proof();
        assert_eq!(level.claimed(), seen(7));
        assert!(!level.reached().covers(&seen(7), proof));
        level.came("ApiKey", Some("7"));
        assert!(level.reached().covers(&seen(7), proof));
        assert!(!level.reached().covers(&seen(8), proof));
        assert!(
            level.reached().covers(&Seen::new(), proof),
            "it knows nothing"
        );
    }

    #[test]
    fn versions_never_go_back_and_what_is_no_number_says_nothing() {
        let level = Level::default();
        level.came("ApiKey", Some("opaque"));
        assert_eq!(level.reached(), Height::default());
        for version in ["9", "3"] {
            level.came("ApiKey", Some(version));
        }
        assert!(level.reached().covers(&seen(9), level.next_proof()));
    }

    #[test]
    fn a_comparison_that_began_after_the_hello_is_enough_and_an_older_one_is_not() {
        // As after a cluster was restored from a backup: no event will ever reach what sidecars know.
        let level = Level::default();
        let before = level.begin();
        let wanted = level.next_proof();
        level.proven(before, &[("ApiKey".to_owned(), Some("4".to_owned()))]);
        assert!(!level.reached().covers(&seen(1_000), wanted));
        let after = level.begin();
        level.proven(after, &[]);
        assert!(level.reached().covers(&seen(1_000), wanted));
    }
}
