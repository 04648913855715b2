//! A sliding log: which amounts still occupy the last minute. Of requests (each 1, a lease several) and of tokens alike.
//!
//! Entries are kept by the moment at which they leave, in nanoseconds, so that a use from before the clock's origin needs no
//! negative time. The first [`EXACT`] entries stand alone; beyond, an entry's leaving is rounded up to [`GRAIN`], and entries of one
//! owner that leave together share a slot: at most some 3,100 slots an owner, whatever the limit.
//! Coarser grains were refused: a lease's own lifetime already costs 0.9 % of the throughput, and a quarter of a second 0.2 % more.

use std::collections::VecDeque;

/// Up to so many entries are kept one by one.
const EXACT: usize = 64;
/// What leaving is rounded up to beyond `EXACT` entries, in nanoseconds.
const GRAIN: u64 = 20_000_000;

/// A process that was granted something: one number per (sidecar, instance), never used again.
pub type Owner = u64;

#[derive(Clone, Copy, Debug)]
struct Slot {
    leaves: u64,
    owner: Owner,
    amount: u64,
}

/// What a cut-off sidecar may use without asking: its entries count as at least this much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Withheld {
    pub(crate) owner: Owner,
    pub(crate) share: u64,
}

/// The log. Slots are sorted by leaving, then owner.
#[derive(Debug, Default)]
pub(crate) struct Window {
    slots: VecDeque<Slot>,
    /// The sum of all slots; wider than any of them, so that it never overflows.
    held: u128,
}

impl Window {
    /// Lets go of what has left.
    pub(crate) fn expire(&mut self, now: u64) {
        while let Some(slot) = self.slots.front().filter(|slot| slot.leaves <= now) {
            self.held -= u128::from(slot.amount);
            self.slots.pop_front();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// When the last entry leaves.
    pub(crate) fn empties(&self) -> Option<u64> {
        self.slots.back().map(|slot| slot.leaves)
    }

    /// What occupies it, with cut-off sidecars counted as using at least their shares.
    pub(crate) fn load(&self, withheld: &[Withheld]) -> u64 {
        let missing = |w: &Withheld| w.share.saturating_sub(self.held_by(w.owner));
        let held = u64::try_from(self.held).unwrap_or(u64::MAX);
        withheld.iter().map(missing).fold(held, u64::saturating_add)
    }

    /// When the load falls to `most` if nothing more is granted; `None`: it does not by time alone.
    pub(crate) fn falls_to(&self, most: u64, withheld: &[Withheld]) -> Option<u64> {
        let mut cut_off: Vec<(Withheld, u64)> = withheld
            .iter()
            .map(|w| (*w, self.held_by(w.owner)))
            .collect();
        let missing = cut_off
            .iter()
            .map(|(w, held)| u128::from(w.share.saturating_sub(*held)));
        let mut load = self.held + missing.sum::<u128>();
        for slot in &self.slots {
            let leaves = match cut_off.iter_mut().find(|(w, _)| w.owner == slot.owner) {
                Some((w, held)) => {
                    let before = (*held).max(w.share);
                    *held = held.saturating_sub(slot.amount);
                    before - (*held).max(w.share)
                }
                None => slot.amount,
            };
            load = load.saturating_sub(u128::from(leaves));
            if load <= u128::from(most) {
                return Some(slot.leaves);
            }
        }
        None
    }

    /// Takes an amount and says when it leaves: at `leaves`, or up to a grain later.
    pub(crate) fn take(&mut self, owner: Owner, leaves: u64, amount: u64) -> u64 {
        let leaves = self.rounded(leaves);
        self.put(owner, leaves, amount);
        leaves
    }

    /// Takes an amount that leaves exactly then.
    pub(crate) fn put(&mut self, owner: Owner, leaves: u64, amount: u64) {
        if amount == 0 {
            return;
        }
        match self.find(owner, leaves) {
            Ok(at) => {
                let slot = &mut self.slots[at];
                let grown = slot.amount.saturating_add(amount);
                self.held += u128::from(grown - slot.amount);
                slot.amount = grown;
            }
            Err(at) => {
                self.held += u128::from(amount);
                let slot = Slot {
                    leaves,
                    owner,
                    amount,
                };
                self.slots.insert(at, slot);
            }
        }
    }

    /// Frees at most `amount` of what an owner holds until `leaves`, and says how much that was.
    pub(crate) fn free(&mut self, owner: Owner, leaves: u64, amount: u64) -> u64 {
        let Ok(at) = self.find(owner, leaves) else {
            return 0;
        };
        let freed = amount.min(self.slots[at].amount);
        self.held -= u128::from(freed);
        self.slots[at].amount -= freed;
        if self.slots[at].amount == 0 {
            self.slots.remove(at);
        }
        freed
    }

    /// Counts what an owner reported: leavings and amounts. With what is already known of that owner they are two accounts of one
    /// thing, not two things: at every moment the larger of both counts. Nothing counts twice, and what either knows counts.
    /// Says whose entries are others now.
    pub(crate) fn report(
        &mut self,
        owner: Owner,
        mut told: Vec<(u64, u64)>,
        limit: u64,
    ) -> Vec<Owner> {
        let most = self.worth_keeping(limit);
        told.sort_unstable_by(|a, b| b.cmp(a));
        let known = self.of(owner);
        self.forget(owner);
        // From the newest back: `known` is sorted the other way.
        let (mut known, mut told) = (known.into_iter().rev().peekable(), told.iter().peekable());
        let (mut sums, mut counted) = ([0u64; 2], 0u64);
        loop {
            let from_known = match (known.peek(), told.peek()) {
                (None, None) => break,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(a), Some(b)) => a.0 >= b.0,
            };
            let entry = if from_known {
                known.next()
            } else {
                told.next().copied()
            };
            let Some((leaves, amount)) = entry else { break };
            if from_known {
                sums[0] = sums[0].saturating_add(amount);
                self.put(owner, leaves, sums[0].saturating_sub(counted));
            } else {
                sums[1] = sums[1].saturating_add(amount).min(limit);
                self.take(owner, leaves, sums[1].saturating_sub(counted));
            }
            counted = counted.max(sums[0]).max(sums[1]);
        }
        self.keep_newest(most, owner)
    }

    /// Counts one use of its share that a connected sidecar may make without a grant, unless the whole share is counted. Says
    /// whose entries are others now.
    pub(crate) fn assume(&mut self, of: Withheld, leaves: u64, limit: u64) -> Vec<Owner> {
        if self.held_by(of.owner) >= of.share {
            return Vec::new();
        }
        let most = self.worth_keeping(limit);
        self.take(of.owner, leaves, 1);
        self.keep_newest(most, of.owner)
    }

    /// Counts uses beside what is known of their owner, by their leavings. Says whose entries are others now.
    pub(crate) fn add(&mut self, owner: Owner, leaves: Vec<u64>, limit: u64) -> Vec<Owner> {
        let most = self.worth_keeping(limit);
        for leaves in leaves {
            self.take(owner, leaves, 1);
        }
        self.keep_newest(most, owner)
    }

    /// What an owner holds: leavings and amounts, the oldest first.
    pub(crate) fn of(&self, owner: Owner) -> Vec<(u64, u64)> {
        let own = self.slots.iter().filter(|slot| slot.owner == owner);
        own.map(|slot| (slot.leaves, slot.amount)).collect()
    }

    /// Everyone who holds something.
    pub(crate) fn owners(&self) -> std::collections::BTreeSet<Owner> {
        self.slots.iter().map(|slot| slot.owner).collect()
    }

    /// Lets go of all that an owner holds.
    pub(crate) fn forget(&mut self, owner: Owner) {
        self.slots.retain(|slot| slot.owner != owner);
        self.held = self.slots.iter().map(|slot| u128::from(slot.amount)).sum();
    }

    /// Twice the limit: as much as the limit may be granted and come back unused, and what stays must still reach it.
    fn worth_keeping(&self, limit: u64) -> u128 {
        self.held.max(2 * u128::from(limit))
    }

    /// Drops the oldest beyond what is worth keeping: while so many newer ones are here, the limit is reached with or without them.
    /// Says whose were dropped, and adds `owner`.
    fn keep_newest(&mut self, most: u128, owner: Owner) -> Vec<Owner> {
        let mut touched = vec![owner];
        while self.held > most {
            let Some(oldest) = self.slots.front_mut() else {
                break;
            };
            touched.push(oldest.owner);
            let beyond = u64::try_from(self.held - most).unwrap_or(u64::MAX);
            let dropped = oldest.amount.min(beyond);
            oldest.amount -= dropped;
            self.held -= u128::from(dropped);
            if oldest.amount == 0 {
                self.slots.pop_front();
            }
        }
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    fn find(&self, owner: Owner, leaves: u64) -> Result<usize, usize> {
        self.slots
            .binary_search_by_key(&(leaves, owner), |slot| (slot.leaves, slot.owner))
    }

    fn held_by(&self, owner: Owner) -> u64 {
        let own = self.slots.iter().filter(|slot| slot.owner == owner);
        own.map(|slot| slot.amount).fold(0, u64::saturating_add)
    }

    fn rounded(&self, leaves: u64) -> u64 {
        if self.slots.len() < EXACT {
            leaves
        } else {
            leaves.div_ceil(GRAIN).saturating_mul(GRAIN)
        }
    }
}

#[cfg(test)]
mod tests;
