//! One key's sliding log: which grants and reported uses still occupy the last minute.
//!
//! Entries are kept by the moment at which they leave, in nanoseconds, so that a use from before the clock's origin needs
//! no negative time. Up to [`EXACT`] requests a minute each entry stands alone; above, an entry's leaving is rounded up to
//! [`GRAIN`] and entries of one owner that leave together share a slot: at most 242 slots an owner, whatever the limit.
//! The seconds of reliability.md 1.2 were refused as grain: they cost 1.6 % of the throughput, a quarter costs 0.4 %.

use std::collections::VecDeque;

/// The highest limit whose entries are kept one by one.
const EXACT: u32 = 64;
/// What leaving is rounded up to above `EXACT`, in nanoseconds.
const GRAIN: u64 = 250_000_000;
/// How many of a key's newest grants can be returned. A return follows its grant within the grace; one that comes later
/// than this many grants is ignored, and its entry leaves in its own time.
const RETURNABLE: usize = 1_024;

/// A process that was granted something: one number per (sidecar, instance), never used again.
pub(crate) type Owner = u64;

#[derive(Clone, Copy, Debug)]
struct Slot {
    leaves: u64,
    owner: Owner,
    count: u32,
}

/// A grant: its name, when it leaves, and who may return it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) token: u64,
    pub(crate) leaves: u64,
    pub(crate) owner: Owner,
}

/// What a cut-off sidecar may use without asking: its entries count as at least this many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Withheld {
    pub(crate) owner: Owner,
    pub(crate) share: u32,
}

/// The log. Slots are sorted by leaving, tokens by number.
#[derive(Debug, Default)]
pub(crate) struct Window {
    slots: VecDeque<Slot>,
    tokens: VecDeque<Token>,
    held: u32,
}

impl Window {
    /// Lets go of what has left; gives its memory back when nothing is left.
    pub(crate) fn expire(&mut self, now: u64) {
        while let Some(slot) = self.slots.front().filter(|slot| slot.leaves <= now) {
            self.held -= slot.count;
            self.slots.pop_front();
        }
        while self.tokens.front().is_some_and(|token| token.leaves <= now) {
            self.tokens.pop_front();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// When the last entry leaves.
    pub(crate) fn empties(&self) -> Option<u64> {
        self.slots.back().map(|slot| slot.leaves)
    }

    /// Entries, with cut-off sidecars counted as using at least their shares.
    pub(crate) fn load(&self, withheld: &[Withheld]) -> u32 {
        let missing = |w: &Withheld| w.share.saturating_sub(self.held_by(w.owner));
        withheld
            .iter()
            .map(missing)
            .fold(self.held, u32::saturating_add)
    }

    /// When the load falls below `limit` if nothing more is granted; `None`: it does not by time alone.
    pub(crate) fn frees(&self, limit: u32, withheld: &[Withheld]) -> Option<u64> {
        let mut load = self.load(withheld);
        let mut cut_off: Vec<(Withheld, u32)> = withheld
            .iter()
            .map(|w| (*w, self.held_by(w.owner)))
            .collect();
        for slot in &self.slots {
            load -= match cut_off.iter_mut().find(|(w, _)| w.owner == slot.owner) {
                Some((w, held)) => {
                    let before = (*held).max(w.share);
                    *held -= slot.count;
                    before - (*held).max(w.share)
                }
                None => slot.count,
            };
            if load < limit {
                return Some(slot.leaves);
            }
        }
        None
    }

    /// Takes one entry that can be returned by its token. Tokens rise.
    pub(crate) fn grant(&mut self, token: Token, limit: u32) {
        let leaves = rounded(token.leaves, limit);
        self.insert(token.owner, leaves);
        if self.tokens.len() == RETURNABLE {
            self.tokens.pop_front();
        }
        self.tokens.push_back(Token { leaves, ..token });
    }

    /// Frees the entry of a token, once, for its owner.
    pub(crate) fn give_back(&mut self, token: u64, owner: Owner) {
        let Ok(at) = self.tokens.binary_search_by_key(&token, |t| t.token) else {
            return;
        };
        if self.tokens[at].owner != owner {
            return;
        }
        let leaves = self.tokens[at].leaves;
        self.tokens.remove(at);
        let from = self.slots.partition_point(|slot| slot.leaves < leaves);
        let mut same = (from..self.slots.len()).take_while(|i| self.slots[*i].leaves == leaves);
        let Some(i) = same.find(|i| self.slots[*i].owner == owner) else {
            return;
        };
        self.held -= 1;
        self.slots[i].count -= 1;
        if self.slots[i].count == 0 {
            self.slots.remove(i);
        }
    }

    /// Counts the uses that their owner reported. With what is already known of that owner they are two accounts of one
    /// thing, not two things: the i-th newest entry becomes the later of the i-th newest of both. The result covers
    /// either account at every moment and holds as many entries as the longer.
    ///
    /// The owner's tokens can no longer be returned: an entry that now stands for a reported use must stay.
    pub(crate) fn report(&mut self, owner: Owner, mut leaves: Vec<u64>, limit: u32) {
        leaves.iter_mut().for_each(|l| *l = rounded(*l, limit));
        leaves.sort_unstable_by(|a, b| b.cmp(a));
        leaves.truncate(limit as usize);
        if leaves.is_empty() {
            return;
        }
        let most = self.held.max(limit);
        let known = self.slots.iter().rev().filter(|slot| slot.owner == owner);
        let known: Vec<u64> = known
            .flat_map(|slot| std::iter::repeat_n(slot.leaves, slot.count as usize))
            .collect();
        self.held -= u32::try_from(known.len()).unwrap_or(u32::MAX);
        self.slots.retain(|slot| slot.owner != owner);
        self.tokens.retain(|token| token.owner != owner);
        for i in 0..known.len().max(leaves.len()) {
            let later = known.get(i).max(leaves.get(i)).copied().unwrap_or_default();
            self.insert(owner, later);
        }
        self.keep_newest(most);
    }

    /// Counts a use of its share that a connected sidecar may make without a grant, unless the whole share is counted.
    pub(crate) fn assume(&mut self, of: Withheld, leaves: u64, limit: u32) {
        if self.held_by(of.owner) < of.share {
            let most = self.held.max(limit);
            self.insert(of.owner, rounded(leaves, limit));
            self.keep_newest(most);
        }
    }

    /// Drops the oldest beyond `most`: while `most` newer ones are here, the limit is reached with or without them.
    fn keep_newest(&mut self, most: u32) {
        while self.held > most {
            let Some(oldest) = self.slots.front_mut() else {
                return;
            };
            let dropped = oldest.count.min(self.held - most);
            oldest.count -= dropped;
            self.held -= dropped;
            if oldest.count == 0 {
                self.slots.pop_front();
            }
        }
    }

    fn insert(&mut self, owner: Owner, leaves: u64) {
        self.held += 1;
        let mut at = self.slots.len();
        while at > 0 && self.slots[at - 1].leaves >= leaves {
            at -= 1;
            if self.slots[at].leaves == leaves && self.slots[at].owner == owner {
                self.slots[at].count += 1;
                return;
            }
        }
        self.slots.insert(
            at,
            Slot {
                leaves,
                owner,
                count: 1,
            },
        );
    }

    fn held_by(&self, owner: Owner) -> u32 {
        self.slots
            .iter()
            .filter(|slot| slot.owner == owner)
            .map(|slot| slot.count)
            .sum()
    }
}

fn rounded(leaves: u64, limit: u32) -> u64 {
    if limit <= EXACT {
        leaves
    } else {
        leaves.div_ceil(GRAIN) * GRAIN
    }
}

#[cfg(test)]
mod tests;
