//! What a sidecar remembers of its own uses: for the Hello to a new authority, and for the share it may use without one.
//! Shared by `ledger` and `link`. Time is an argument.

use super::Quota;
use super::alone::{Alone, Daily};
use super::stock::{Stock, Taken};
use foldhash::HashMap;
use purser_config::Name;
use purser_config::quota::{Limited, Share, Use, occupancy_ms};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    /// Whether there is a use that the authority that answers does not know.
    untold: AtomicBool,
}

/// One use of a share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared {
    /// When it was taken.
    pub(super) taken: Duration,
    /// Before which Hello.
    pub(super) generation: u64,
    /// Whether the authority counts it, because it is what sent the call to its share.
    pub(super) assumed: bool,
}

#[derive(Default)]
struct Remembered {
    /// Uses in their order, a grain of time together.
    uses: VecDeque<Grain>,
    share: u32,
    /// Uses of the share in this day.
    alone: Alone,
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
    /// Of them, those of the share that no authority was told of.
    alone: u32,
    /// Of these, those that were sent and that no authority assumes either.
    untold: u32,
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

    /// Uses one of the key's share, and of the same part of its day where that is limited, if there is one left; says how many of the
    /// minute are left after it.
    pub fn take_share(&self, key: &Name, now: Duration, day: Daily) -> Option<u32> {
        let mut keys = self.keys();
        let remembered = keys.get_mut(key)?;
        let used = remembered.count(now);
        if used >= remembered.share || !remembered.alone.take(remembered.share, day) {
            return None;
        }
        remembered.add(now);
        if let Some(grain) = remembered.uses.back_mut() {
            grain.alone += 1;
        }
        Some(remembered.share - used - 1)
    }

    /// A use of the share is sent now, and counts from now on; not where a Hello told of it in between, nor where it has left and its place
    /// may be another's.
    pub(super) fn moved(&self, key: &Name, shared: Shared, now: Duration) -> bool {
        let mut keys = self.keys();
        let known = keys.get_mut(key);
        let Some(remembered) = known.filter(|_| shared.generation == self.generation()) else {
            return false;
        };
        remembered.forget(now);
        let taken = shared.taken;
        let holds = |grain: &&mut Grain| grain.first <= taken && taken <= grain.latest;
        let Some(grain) = remembered.uses.iter_mut().find(holds) else {
            return false;
        };
        grain.count = grain.count.saturating_sub(1);
        let alone = grain.alone.min(1);
        grain.alone -= alone;
        remembered.add(now);
        if let Some(grain) = remembered.uses.back_mut() {
            grain.alone += alone;
            grain.untold += u32::from(!shared.assumed);
        }
        self.untold.fetch_or(!shared.assumed, Ordering::AcqRel);
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

    /// Takes over what an earlier process used of shares: which key's, and how many milliseconds ago, the oldest first. None was longer ago
    /// than this process's clock began.
    pub(super) fn inherit(&self, uses: &[(Name, u64)], (now, today): (Duration, u64)) {
        let mut keys = self.keys();
        for (key, age_ms) in uses {
            let remembered = keys.entry(key.clone()).or_default();
            remembered.add(now.saturating_sub(Duration::from_millis(*age_ms)));
            remembered.alone.inherit(today);
            if let Some(grain) = remembered.uses.back_mut() {
                grain.alone += 1;
            }
        }
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

    /// The uses that still matter, for a Hello of that UTC day.
    pub fn uses(&self, now: Duration, today: u64) -> Vec<Use> {
        let mut keys = self.keys();
        let told = keys.iter_mut().map(|(key, remembered)| Use {
            key: key.clone(),
            earlier: remembered.tell_alone(now, today).into(),
            ages_ms: remembered.ages(now),
        });
        let mut told: Vec<Use> = told
            .filter(|told| !told.ages_ms.is_empty() || told.earlier > 0)
            .collect();
        told.sort_by(|left, right| left.key.cmp(&right.key));
        told
    }

    /// Uses of shares that were sent and that the authority that answers does not know, told by this.
    pub fn untold(&self, now: Duration) -> Vec<Use> {
        if !self.untold.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut keys = self.keys();
        self.untold.store(false, Ordering::Release);
        let told = keys.iter_mut().map(|(key, remembered)| Use {
            key: key.clone(),
            earlier: 0,
            ages_ms: remembered.tell_untold(now),
        });
        let mut told: Vec<Use> = told.filter(|told| !told.ages_ms.is_empty()).collect();
        told.sort_by(|left, right| left.key.cmp(&right.key));
        told
    }

    /// The authority has heard the last Hello, or what was told after it.
    pub fn heard(&self) {
        self.keys()
            .values_mut()
            .for_each(|remembered| remembered.alone.heard());
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
                alone: 0,
                untold: 0,
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
        while let Some(grain) = self.uses.pop_front_if(|grain| over(grain)) {
            self.alone.left(grain.alone);
        }
    }

    /// How many of the share no authority knows, beside what the ages tell; from now on this Hello tells of them all.
    fn tell_alone(&mut self, now: Duration, today: u64) -> u32 {
        self.forget(now);
        let grains = self.uses.iter_mut().map(|grain| {
            grain.untold = 0;
            std::mem::take(&mut grain.alone)
        });
        let within = grains.sum();
        self.alone.tell(within, today)
    }

    /// The ages of those that the authority that answers does not know; it counts them in the day, too.
    fn tell_untold(&mut self, now: Duration) -> Vec<u64> {
        self.forget(now);
        let told = self.uses.iter_mut().flat_map(|grain| {
            let count = std::mem::take(&mut grain.untold);
            grain.alone = grain.alone.saturating_sub(count);
            std::iter::repeat_n(age(grain, now), count as usize)
        });
        let told: Vec<u64> = told.collect();
        self.alone.telling(told.len() as u32);
        told
    }

    fn ages(&self, now: Duration) -> Vec<u64> {
        let told = self
            .uses
            .iter()
            .rev()
            .flat_map(|grain| std::iter::repeat_n(age(grain, now), grain.count as usize));
        told.take(MOST_TOLD).collect()
    }
}

fn age(grain: &Grain, now: Duration) -> u64 {
    now.saturating_sub(grain.latest).as_millis() as u64
}

#[cfg(test)]
mod tests;
