//! What a sidecar remembers of its own uses: for the Hello to a new authority, and for the share it may use without one.
//! Shared by `ledger` and `link`. Time is an argument.

use super::Quota;
use super::stock::{Stock, Taken};
use foldhash::HashMap;
use purser_config::Name;
use purser_config::quota::{Limited, Share, Use, occupancy_ms};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Uses closer together than this are remembered as one moment, the later one: memory stays bounded at any rate.
const GRAIN: Duration = Duration::from_millis(20);
/// The most uses of one key that a Hello tells one by one.
const MOST_TOLD: usize = 20_000;

/// Uses of the last minute, leases, shares and denials, by key: names that administrators chose, asked for several times a call, so that
/// they need not be hashed as what a caller chooses.
#[derive(Default)]
pub struct Memory {
    keys: Mutex<HashMap<Name, Remembered>>,
    /// Rises with each Hello: what was granted before it is void.
    generation: AtomicU64,
}

#[derive(Default)]
struct Remembered {
    /// Uses in their order, a grain of time together.
    uses: VecDeque<Grain>,
    share: u32,
    /// What leases brought, and what the authority said of the window with the last one.
    stock: Stock,
    told: Quota,
    /// Whether a lease is being asked for: one at a time is enough.
    asking: bool,
    /// Until when the authority's denial is answered here, when the window is free, and which.
    denied: Option<(Duration, Duration, Limited)>,
    /// When the plan's validity ends, in unix milliseconds, as the authority said last.
    expires_at_ms: Option<u64>,
}

/// Uses that are remembered as one moment, the latest. It begins with its first, so that a steady stream is many of them.
struct Grain {
    first: Duration,
    latest: Duration,
    count: u32,
}

impl Memory {
    fn keys(&self) -> MutexGuard<'_, HashMap<Name, Remembered>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the use of a grant, now; not where a Hello was composed since it was asked for, which does not tell of it.
    pub(super) fn used_of(&self, key: &Name, generation: u64, now: Duration) -> bool {
        let mut keys = self.keys();
        let counts = generation == self.generation();
        if counts {
            note(&mut keys, key, now);
        }
        counts
    }

    /// Notes a use, now.
    pub fn used(&self, key: &Name, now: Duration) {
        note(&mut self.keys(), key, now);
    }

    /// Uses one of the key's share, if there is one left; says how many are left after it.
    pub fn take_share(&self, key: &Name, now: Duration) -> Option<u32> {
        let mut keys = self.keys();
        let remembered = keys.get_mut(key)?;
        let used = remembered.count(now);
        if used >= remembered.share {
            return None;
        }
        remembered.add(now);
        Some(remembered.share - used - 1)
    }

    /// A use of the share that was taken then is sent now, and counts from now on; not where a Hello told of it in between, nor where
    /// it has left and its place may be another's.
    pub(super) fn moved(
        &self,
        key: &Name,
        generation: u64,
        (taken, now): (Duration, Duration),
    ) -> bool {
        let mut keys = self.keys();
        let known = keys.get_mut(key);
        let Some(remembered) = known.filter(|_| generation == self.generation()) else {
            return false;
        };
        remembered.forget(now);
        let holds = |grain: &&mut Grain| grain.first <= taken && taken <= grain.latest;
        let Some(grain) = remembered.uses.iter_mut().find(holds) else {
            return false;
        };
        grain.count = grain.count.saturating_sub(1);
        remembered.add(now);
        true
    }

    /// Takes in the shares that the authority handed out.
    pub fn set_shares(&self, shares: &[Share]) {
        let mut keys = self.keys();
        for share in shares {
            keys.entry(share.key.clone()).or_default().share = share.requests;
        }
    }

    /// Notes a denial: answered here until the first moment, the window being free at the second.
    pub fn deny(&self, key: &Name, by: Limited, (cached, free): (Duration, Duration)) {
        self.keys().entry(key.clone()).or_default().denied = Some((cached, free, by));
    }

    /// When the window is free, and which it is, while a denial is still answered here.
    pub fn denied_until(&self, key: &Name, now: Duration) -> Option<(Limited, Duration)> {
        let keys = self.keys();
        let (cached, free, by) = keys.get(key)?.denied?;
        (now < cached).then_some((by, free.max(now)))
    }

    /// A Hello is about to be composed: nothing that was granted before is used after it.
    pub fn begin_anew(&self) {
        let mut keys = self.keys();
        self.generation.fetch_add(1, Ordering::AcqRel);
        keys.values_mut()
            .for_each(|remembered| remembered.stock.clear());
    }

    /// Which Hello counts.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// How many requests to ask for.
    pub(super) fn want(&self, key: &Name, now: Duration, round_trip: Duration) -> u32 {
        let mut keys = self.keys();
        let remembered = keys.entry(key.clone()).or_default();
        let want = remembered.stock.want(now, round_trip);
        if remembered.asking {
            return 1;
        }
        remembered.asking = want > 1;
        want
    }

    /// A lease was asked for, and answered or not.
    pub(super) fn asked(&self, key: &Name) {
        if let Some(remembered) = self.keys().get_mut(key) {
            remembered.asking = false;
        }
    }

    /// One request that a lease brought, what was said with it, and of which Hello it is.
    pub(super) fn take_ahead(&self, key: &Name, now: Duration) -> Option<(Taken, Quota, u64)> {
        let mut keys = self.keys();
        let remembered = keys.get_mut(key)?;
        let taken = remembered.stock.take(now)?;
        remembered.stock.note(now);
        Some((taken, remembered.told, self.generation()))
    }

    /// Keeps what a grant brought beyond the request that asked, and what it said of the window; nothing of before the last Hello.
    pub(super) fn put_ahead(
        &self,
        key: &Name,
        (of, left): (Taken, u32),
        (told, generation): (Quota, u64),
    ) {
        let mut keys = self.keys();
        if left == 0 || generation != self.generation() {
            return;
        }
        if let Some(remembered) = keys.get_mut(key) {
            remembered.stock.put(of, left);
            remembered.told = told;
        }
    }

    /// What leases brought and nobody may use any more: key, token and how many.
    pub(super) fn expired_ahead(&self, now: Duration) -> Vec<(Name, u64, u32)> {
        let mut keys = self.keys();
        let expired = keys.iter_mut().flat_map(|(key, remembered)| {
            let old = remembered.stock.expired(now).into_iter();
            old.map(|(token, count)| (key.clone(), token, count))
        });
        expired.collect()
    }

    /// Notes when the plan's validity ends, as the authority says.
    pub(super) fn expires(&self, key: &Name, at_ms: Option<u64>) {
        if at_ms.is_some() {
            self.keys().entry(key.clone()).or_default().expires_at_ms = at_ms;
        }
    }

    /// When it ends, if that was said.
    pub(super) fn expires_at(&self, key: &Name) -> Option<u64> {
        self.keys().get(key)?.expires_at_ms
    }

    /// This sidecar's share of the key's leading limit.
    pub(super) fn share(&self, key: &Name) -> u32 {
        self.keys()
            .get(key)
            .map_or(0, |remembered| remembered.share)
    }

    /// The uses that still matter, for a Hello.
    pub fn uses(&self, now: Duration) -> Vec<Use> {
        let mut keys = self.keys();
        keys.values_mut()
            .for_each(|remembered| remembered.forget(now));
        let told = keys
            .iter()
            .filter(|(_, remembered)| !remembered.uses.is_empty());
        let mut told: Vec<Use> = told
            .map(|(key, remembered)| Use {
                key: key.clone(),
                ages_ms: remembered.ages(now),
            })
            .collect();
        told.sort_by(|left, right| left.key.cmp(&right.key));
        told
    }

    /// The shares held, for a Hello.
    pub fn shares(&self) -> Vec<Share> {
        let keys = self.keys();
        let held = keys.iter().filter(|(_, remembered)| remembered.share > 0);
        let mut held: Vec<Share> = held
            .map(|(key, remembered)| Share {
                key: key.clone(),
                requests: remembered.share,
            })
            .collect();
        held.sort_by(|left, right| left.key.cmp(&right.key));
        held
    }
}

fn note(keys: &mut HashMap<Name, Remembered>, key: &Name, now: Duration) {
    match keys.get_mut(key) {
        Some(remembered) => remembered.add(now),
        None => keys.entry(key.clone()).or_default().add(now),
    }
}

impl Remembered {
    fn add(&mut self, now: Duration) {
        self.forget(now);
        match self.uses.back_mut() {
            Some(grain) if now.saturating_sub(grain.first) < GRAIN => {
                grain.latest = now;
                grain.count += 1;
            }
            _ => self.uses.push_back(Grain {
                first: now,
                latest: now,
                count: 1,
            }),
        }
    }

    fn count(&mut self, now: Duration) -> u32 {
        self.forget(now);
        self.uses.iter().map(|grain| grain.count).sum()
    }

    fn forget(&mut self, now: Duration) {
        let occupied = Duration::from_millis(occupancy_ms(0));
        let over = |grain: &Grain| grain.latest + occupied <= now;
        while self.uses.front().is_some_and(over) {
            self.uses.pop_front();
        }
    }

    fn ages(&self, now: Duration) -> Vec<u64> {
        let told = self.uses.iter().rev().flat_map(|grain| {
            let age = now.saturating_sub(grain.latest).as_millis() as u64;
            std::iter::repeat_n(age, grain.count as usize)
        });
        told.take(MOST_TOLD).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_counts_what_was_used_before_the_loss() {
        let memory = Memory::default();
        let key = Name::new("shop", "key");
        memory.set_shares(&[Share {
            key: key.clone(),
            requests: 3,
        }]);
        memory.used(&key, Duration::from_secs(1));
        memory.used(&key, Duration::from_secs(2));
        assert_eq!(memory.take_share(&key, Duration::from_secs(3)), Some(0));
        assert_eq!(memory.take_share(&key, Duration::from_secs(4)), None);
        assert_eq!(
            memory.take_share(&key, Duration::from_millis(61_075)),
            Some(0)
        );
    }

    #[test]
    fn a_share_that_is_sent_late_occupies_the_window_from_the_send_on() {
        let memory = Memory::default();
        let key = Name::new("shop", "key");
        let at = Duration::from_secs;
        let requests = 1;
        memory.set_shares(&[Share {
            key: key.clone(),
            requests,
        }]);
        assert_eq!(memory.take_share(&key, at(1)), Some(0));
        assert!(memory.moved(&key, memory.generation(), (at(1), at(20))));
        assert_eq!(memory.take_share(&key, at(62)), None);
        assert_eq!(memory.uses(at(62))[0].ages_ms, [42_000]);
        assert_eq!(memory.take_share(&key, at(81)), Some(0));
        let before = memory.generation();
        assert!(!memory.moved(&key, before, (at(81), at(150))), "it left");
        assert_eq!(memory.take_share(&key, at(150)), Some(0));
        memory.begin_anew();
        assert!(!memory.moved(&key, before, (at(150), at(151))));
    }

    #[test]
    fn a_sidecar_that_never_saw_the_key_has_no_share() {
        assert_eq!(
            Memory::default().take_share(&Name::new("shop", "key"), Duration::ZERO),
            None
        );
    }

    #[test]
    fn uses_are_told_with_their_ages_and_forgotten_after_their_window() {
        let memory = Memory::default();
        let key = Name::new("shop", "key");
        memory.used(&key, Duration::from_secs(1));
        memory.used(&key, Duration::from_secs(31));
        assert_eq!(
            memory.uses(Duration::from_secs(41))[0].ages_ms,
            [10_000, 40_000]
        );
        assert_eq!(memory.uses(Duration::from_secs(62))[0].ages_ms, [31_000]);
        assert_eq!(memory.uses(Duration::from_secs(200)), []);
    }

    #[test]
    fn a_steady_stream_is_forgotten_as_it_ages() {
        let memory = Memory::default();
        let key = Name::new("shop", "key");
        for step in 0..20_000 {
            memory.used(&key, Duration::from_millis(10 * step));
        }
        let told = memory.uses(Duration::from_secs(200))[0].ages_ms.clone();
        assert!((6_000..6_020).contains(&told.len()), "{}", told.len());
        assert!(told[told.len() - 1] > 59_000);
    }
}
