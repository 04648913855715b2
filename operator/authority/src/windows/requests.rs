//! One key's requests: its minute, its day, and the grants that can still be returned. `windows` asks; knows no sidecar, no clock.

use crate::terms::KeyTerms;
use crate::window::{Owner, Window, Withheld};
use std::collections::VecDeque;

/// How many of a key's newest grants can be returned. A return follows its grant within a lease and the grace; one that comes later
/// than this many grants is ignored, and its entry leaves in its own time.
const RETURNABLE: usize = 4_096;
/// Who asked within this time shares what is free, in nanoseconds.
const ACTIVE: u64 = 1_000_000_000;
/// The most askers that are told apart.
const ASKERS: usize = 1_024;

/// What one key was granted.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    pub(crate) minute: Window,
    pub(crate) day: Day,
    grants: VecDeque<Given>,
    askers: VecDeque<(Owner, u64)>,
}

/// A UTC day and the requests granted in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) number: u64,
    pub(crate) used: u32,
}

/// A grant that can be returned: its name, when it leaves, and who may return it. Tokens rise.
#[derive(Clone, Copy, Debug)]
struct Given {
    token: u64,
    owner: Owner,
    leaves: u64,
    count: u32,
    day: u64,
}

/// A grant: who gets how many, under which name, until when they occupy the minute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct New {
    pub(crate) token: u64,
    pub(crate) owner: Owner,
    pub(crate) leaves: u64,
    pub(crate) count: u32,
}

/// What one question is judged by.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) minute: Option<u32>,
    pub(crate) day: Option<u32>,
    pub(crate) cut_off: Vec<Withheld>,
    pub(crate) cut_off_day: u64,
}

impl Limits {
    pub(crate) fn of(terms: &KeyTerms, cut_off: &[(Owner, u32)]) -> Self {
        let (minute, day) = (terms.requests_per_minute, terms.requests_per_day);
        let part = |limit: u32| move |(_, share): &(Owner, u32)| terms.part(limit.into(), *share);
        Limits {
            minute,
            day,
            cut_off: withheld(terms, minute.unwrap_or(0).into(), cut_off),
            cut_off_day: day.map_or(0, |day| cut_off.iter().map(part(day)).sum()),
        }
    }
}

/// What cut-off sidecars may be using of a limit of the key.
pub(crate) fn withheld(terms: &KeyTerms, limit: u64, cut_off: &[(Owner, u32)]) -> Vec<Withheld> {
    let part = |&(owner, share): &(Owner, u32)| Withheld {
        owner,
        share: terms.part(limit, share),
    };
    cut_off.iter().map(part).collect()
}

impl Day {
    /// It is `today`. A clock that was set back over midnight does not begin the day again.
    pub(crate) fn turn(&mut self, today: u64) {
        if today > self.number || today + 1 < self.number {
            *self = Day {
                number: today,
                used: 0,
            };
        }
    }
}

impl Requests {
    /// What the minute would still admit.
    pub(crate) fn minute_room(&self, limits: &Limits) -> u32 {
        limits.minute.map_or(u32::MAX, |limit| {
            let left = u64::from(limit).saturating_sub(self.minute.load(&limits.cut_off));
            u32::try_from(left).unwrap_or(u32::MAX)
        })
    }

    /// What the day would still admit.
    pub(crate) fn day_room(&self, limits: &Limits) -> u32 {
        limits.day.map_or(u32::MAX, |limit| {
            let used = u64::from(self.day.used).saturating_add(limits.cut_off_day);
            u32::try_from(u64::from(limit).saturating_sub(used)).unwrap_or(u32::MAX)
        })
    }

    /// How many of `want` an asker gets of what is free: several take at most half of an equal part, so that leases shrink to
    /// single requests by themselves where there is little.
    pub(crate) fn chunk(&mut self, (owner, now): (Owner, u64), want: u32, room: u32) -> u32 {
        let active = self.active(owner, now);
        want.min((room / 2 / active).max(1)).min(room)
    }

    /// How many processes asked lately, this one included.
    fn active(&mut self, owner: Owner, now: u64) -> u32 {
        self.askers
            .retain(|(asker, at)| *asker != owner && now.saturating_sub(*at) < ACTIVE);
        if self.askers.len() == ASKERS {
            self.askers.pop_front();
        }
        self.askers.push_back((owner, now));
        u32::try_from(self.askers.len()).unwrap_or(u32::MAX)
    }

    /// Takes what was granted, and says when it leaves the minute.
    pub(crate) fn grant(&mut self, new: New, limits: &Limits) -> u64 {
        // Without a limit, too: by it a report tells what the day does not know yet.
        let leaves = self.minute.take(new.owner, new.leaves, new.count.into());
        if limits.day.is_some() {
            self.day.used = self.day.used.saturating_add(new.count);
        }
        if self.grants.len() == RETURNABLE {
            self.grants.pop_front();
        }
        self.grants.push_back(Given {
            token: new.token,
            owner: new.owner,
            leaves,
            count: new.count,
            // A grant that no day counted is not uncounted either.
            day: limits.day.map_or(u64::MAX, |_| self.day.number),
        });
        leaves
    }

    /// Frees `count` of a grant for its owner, at most what is left of it. Says what the minute got back: from when, how many.
    pub(crate) fn give_back(&mut self, token: u64, owner: Owner, count: u32) -> Option<(u64, u64)> {
        let at = self
            .grants
            .binary_search_by_key(&token, |given| given.token);
        let at = at.ok().filter(|at| self.grants[*at].owner == owner)?;
        let given = &mut self.grants[at];
        let back = count.min(given.count);
        given.count -= back;
        let Given { leaves, day, .. } = *given;
        if given.count == 0 {
            self.grants.remove(at);
        }
        if day == self.day.number {
            self.day.used = self.day.used.saturating_sub(back);
        }
        Some((leaves, self.minute.free(owner, leaves, back.into())))
    }

    /// Counts uses that their owner reported, by their leavings; what was not known counts in the day, too. Its grants can no longer
    /// be returned: an entry that now stands for a reported use must stay.
    /// Says whose entries are others now.
    pub(crate) fn report(&mut self, owner: Owner, leaves: Vec<u64>, limits: &Limits) -> Vec<Owner> {
        let Some(limit) = limits.minute.or(limits.day).filter(|_| !leaves.is_empty()) else {
            return Vec::new();
        };
        let total = |minute: &Window| -> u64 {
            let own = minute.of(owner);
            own.iter().map(|(_, amount)| amount).sum()
        };
        let before = total(&self.minute);
        let leaves = leaves.into_iter().map(|leaves| (leaves, 1)).collect();
        let touched = self.minute.report(owner, leaves, limit.into());
        if limits.day.is_some() {
            let new = total(&self.minute).saturating_sub(before);
            let new = u32::try_from(new).unwrap_or(u32::MAX);
            self.day.used = self.day.used.saturating_add(new);
        }
        self.grants.retain(|given| given.owner != owner);
        touched
    }

    /// Counts uses that nobody granted, by their leavings, beside what was. Says whose entries are others now.
    pub(crate) fn used(&mut self, owner: Owner, leaves: Vec<u64>, limits: &Limits) -> Vec<Owner> {
        let Some(limit) = limits.minute.or(limits.day).filter(|_| !leaves.is_empty()) else {
            return Vec::new();
        };
        if limits.day.is_some() {
            let new = u32::try_from(leaves.len()).unwrap_or(u32::MAX);
            self.day.used = self.day.used.saturating_add(new);
        }
        self.minute.add(owner, leaves, limit.into())
    }

    /// Lets go of what has left.
    pub(crate) fn expire(&mut self, now: u64) {
        self.minute.expire(now);
        while self.grants.front().is_some_and(|given| given.leaves <= now) {
            self.grants.pop_front();
        }
    }

    /// Gives back the memory of what ran empty. Says whether nothing is left but the day.
    pub(crate) fn rest(&mut self, now: u64) -> bool {
        self.expire(now);
        let empty = self.minute.is_empty() && self.grants.is_empty();
        if empty {
            (self.minute, self.grants, self.askers) = Default::default();
        }
        empty
    }
}
