//! What calls hold, by key and id, and the counts that follow from it: the concurrent requests of each key and each channel. One
//! place changes a hold, so that no count can differ from the holds. `windows` drives it; knows no limit.

use super::debit::{Hold, Seat};
use crate::window::{Owner, Withheld};
use purser_config::Name;
use purser_config::quota::KEPT_MS;
use std::collections::{BTreeMap, HashMap};

/// The most holds of one key that are kept; who holds only tokens beyond it is not remembered, and its tokens leave in their time.
pub(crate) const MOST: usize = 16_384;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    keys: HashMap<Name, Held>,
    channels: HashMap<Name, u32>,
}

#[derive(Debug, Default)]
struct Held {
    ids: BTreeMap<String, Hold>,
    slots: u32,
}

impl Holds {
    pub(crate) fn get(&self, key: &Name, id: &str) -> Option<&Hold> {
        self.keys.get(key)?.ids.get(id)
    }

    /// Whether one more call of a key can be remembered.
    pub(crate) fn has_room(&self, key: &Name) -> bool {
        self.keys.get(key).is_none_or(|held| held.ids.len() < MOST)
    }

    /// Replaces what a call holds.
    pub(crate) fn put(&mut self, key: &Name, id: &str, hold: Hold) {
        self.remove(key, id);
        for seat in hold.seats.iter().filter(|seat| seat.slot) {
            *self.channels.entry(seat.channel.clone()).or_default() += 1;
        }
        let held = self.keys.entry(key.clone()).or_default();
        held.slots += u32::from(hold.slot);
        held.ids.insert(id.to_owned(), hold);
    }

    /// It holds nothing any more.
    pub(crate) fn remove(&mut self, key: &Name, id: &str) -> Option<Hold> {
        let held = self.keys.get_mut(key)?;
        let hold = held.ids.remove(id)?;
        held.slots -= u32::from(hold.slot);
        if held.ids.is_empty() {
            self.keys.remove(key);
        }
        for seat in hold.seats.iter().filter(|seat| seat.slot) {
            self.stand_up(seat);
        }
        Some(hold)
    }

    fn stand_up(&mut self, seat: &Seat) {
        if let Some(slots) = self.channels.get_mut(&seat.channel) {
            *slots -= 1;
            if *slots == 0 {
                self.channels.remove(&seat.channel);
            }
        }
    }

    /// A key's concurrent requests, with cut-off sidecars counted as making at least their part.
    pub(crate) fn slots(&self, key: &Name, withheld: &[Withheld]) -> u64 {
        let Some(held) = self.keys.get(key) else {
            return withheld.iter().map(|w| w.share).sum();
        };
        let missing = |w: &Withheld| {
            let own = held
                .ids
                .values()
                .filter(|hold| hold.slot && hold.owner == w.owner);
            w.share.saturating_sub(own.count() as u64)
        };
        u64::from(held.slots) + withheld.iter().map(missing).sum::<u64>()
    }

    /// A channel's concurrent requests.
    pub(crate) fn seats(&self, channel: &Name) -> u32 {
        self.channels.get(channel).copied().unwrap_or(0)
    }

    /// The calls of one process.
    pub(crate) fn of(&self, owner: Owner) -> Vec<(Name, String)> {
        self.that(|hold| hold.owner == owner)
    }

    /// Calls whose holds have faded: nothing of them is left to free, and what they may still owe is too old to wait for.
    pub(crate) fn faded(&self, now: u64) -> Vec<(Name, String)> {
        let old = KEPT_MS * 1_000_000;
        self.that(|hold| hold.fades() && now.saturating_sub(hold.since) >= old)
    }

    fn that(&self, is: impl Fn(&Hold) -> bool) -> Vec<(Name, String)> {
        let all = self.all();
        all.filter(|(_, _, hold)| is(hold))
            .map(|(key, id, _)| (key.clone(), id.clone()))
            .collect()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&Name, &String, &Hold)> {
        let keys = self.keys.iter();
        keys.flat_map(|(key, held)| held.ids.iter().map(move |(id, hold)| (key, id, hold)))
    }
}
