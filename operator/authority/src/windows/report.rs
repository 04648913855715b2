//! What a sidecar's `Hello` says that it used and holds, joined with what is known. Part of `Windows`.

use super::debit::{Debit, Hold, Log, Seat, Sidecar};
use super::hold::LONGEST_ID;
use super::requests::{Limits, Requests};
use super::{Moment, Windows, nanos, note, note_all};
use crate::window::Owner;
use purser_config::Name;
use purser_config::quota::{self, Use};
use purser_config::stream::Hello;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

impl Windows {
    /// When something so old leaves, if it has not left.
    fn still(&self, now: Duration, age_ms: u64) -> Option<u64> {
        let left = self.occupancy.checked_sub(Duration::from_millis(age_ms))?;
        (left > Duration::ZERO).then(|| nanos(now + left))
    }

    pub(super) fn report_uses(&mut self, at: Moment, speaks: &Sidecar, hello: &Hello) {
        self.today = self.today.max(at.today());
        let own = hello.uses.iter().filter(|uses| speaks.covers(&uses.key));
        for (key, (leaves, earlier)) in self.by_key(at.now, own) {
            self.recount(at, key, |requests, limits| {
                let touched = requests.report(speaks.owner, leaves, limits);
                if limits.day.is_some() {
                    let earlier = u32::try_from(earlier).unwrap_or(u32::MAX);
                    requests.day.used = requests.day.used.saturating_add(earlier);
                }
                touched
            });
        }
    }

    /// A connected sidecar used its shares beside what it was granted.
    pub fn used(&mut self, at: Moment, sidecar: &str, uses: &[Use]) {
        self.today = self.today.max(at.today());
        for (key, (leaves, _)) in self.by_key(at.now, uses.iter()) {
            let Some(owner) = self.sidecars.speaks(sidecar, key) else {
                continue;
            };
            self.recount(at, key, |requests, limits| {
                requests.used(owner, leaves, limits)
            });
        }
    }

    /// Of each key that is told of, when its uses leave, and how many were earlier.
    fn by_key<'a>(
        &self,
        now: Duration,
        uses: impl Iterator<Item = &'a Use>,
    ) -> BTreeMap<&'a Name, (Vec<u64>, u64)> {
        let mut told: BTreeMap<&Name, (Vec<u64>, u64)> = BTreeMap::new();
        for uses in uses {
            let ages = uses.ages_ms.iter();
            let (leaves, earlier) = told.entry(&uses.key).or_default();
            leaves.extend(ages.filter_map(|age| self.still(now, *age)));
            *earlier = earlier.saturating_add(uses.earlier);
        }
        told
    }

    /// Counts in a key's requests, where they are limited; `count` says whose entries are others then.
    fn recount(
        &mut self,
        at: Moment,
        key: &Name,
        count: impl FnOnce(&mut Requests, &Limits) -> Vec<Owner>,
    ) {
        let Some(account) = self.keys.get_mut(key) else {
            return;
        };
        let Some(terms) = &account.terms else {
            return;
        };
        let (limits, requests) = (Limits::of(terms, &[]), &mut account.requests);
        requests.expire(nanos(at.now));
        requests.day.turn(at.today());
        let touched = count(requests, &limits);
        let log = || Log::Minute(key.clone());
        note_all(&mut self.debits, &requests.minute, (touched, &log));
        if limits.day.is_some() {
            let day = requests.day;
            note(&mut self.debits, || {
                Debit::Day(key.clone(), day.number, day.used)
            });
        }
    }

    pub(super) fn report_tokens(&mut self, now: Duration, speaks: &Sidecar, hello: &Hello) {
        let mut told: BTreeMap<&Name, Vec<(u64, u64)>> = BTreeMap::new();
        for tokens in hello.tokens.iter().filter(|t| speaks.covers(&t.key)) {
            let amounts = tokens.amounts.iter();
            let amounts =
                amounts.filter_map(|(age, amount)| Some((self.still(now, *age)?, *amount)));
            told.entry(&tokens.key).or_default().extend(amounts);
        }
        for (key, told) in told {
            let Some(account) = self.keys.get_mut(key) else {
                continue;
            };
            let limit = account.terms.as_ref().and_then(|t| t.tokens_per_minute);
            let (Some(limit), false) = (limit, told.is_empty()) else {
                continue;
            };
            account.tokens.expire(nanos(now));
            let touched = account.tokens.report(speaks.owner, told, limit);
            let log = || Log::Tokens(key.clone());
            note_all(&mut self.debits, &account.tokens, (touched, &log));
            self.pin(key, speaks.owner);
        }
    }

    /// What a call holds of tokens now stands for what was reported, too: its end frees none of them, only their time does.
    fn pin(&mut self, key: &Name, owner: Owner) {
        let own = self.holds.of(owner);
        for (_, id) in own.into_iter().filter(|(of, _)| of == key) {
            let Some(mut hold) = self.holds.get(key, &id).cloned() else {
                continue;
            };
            if let Some((leaves, _)) = &mut hold.tokens {
                *leaves = 0;
                self.put(key, &id, hold);
            }
        }
    }

    /// It holds what it says: what it does not name has ended, and what is not known is held from now on.
    pub(super) fn report_holds(&mut self, now: Duration, speaks: &Sidecar, hello: &Hello) {
        let named: BTreeSet<(&Name, &str)> = hello
            .holds
            .iter()
            .map(|hold| (&hold.key, hold.id.as_str()))
            .collect();
        for (key, id) in self.holds.of(speaks.owner) {
            if !named.contains(&(&key, id.as_str())) {
                self.end_hold(&key, &id);
            }
        }
        for told in hello.holds.iter().filter(|told| speaks.covers(&told.key)) {
            self.report_hold(nanos(now), speaks.owner, told);
        }
    }

    fn report_hold(&mut self, now: u64, owner: Owner, told: &quota::Hold) {
        let (key, id) = (&told.key, &told.id);
        let known = self.keys.get(key).and_then(|known| known.terms.as_ref());
        let Some(terms) = known.filter(|_| id.len() <= LONGEST_ID) else {
            return;
        };
        let before = self.holds.get(key, id).cloned();
        if before.as_ref().is_some_and(|hold| hold.owner != owner) {
            return;
        }
        let mut hold = before.clone().unwrap_or_else(|| Hold {
            owner,
            since: now,
            ..Hold::default()
        });
        hold.slot = told.slot && terms.concurrent_requests.is_some();
        hold.seats.retain_mut(|seat| {
            seat.slot &= told.channel.as_ref() == Some(&seat.channel);
            seat.slot || seat.leaves.is_some()
        });
        let seated = hold.seats.iter().any(|seat| seat.slot);
        let own = |channel: &&Name| !seated && terms.channels.binary_search(channel).is_ok();
        let limited = |channel: &&Name| {
            let known = self.channels.get(channel).and_then(|known| known.limits);
            known.is_some_and(|limits| limits.concurrent_requests.is_some())
        };
        if let Some(channel) = told.channel.as_ref().filter(own).filter(limited) {
            hold.seats.retain(|seat| seat.channel != *channel);
            let (channel, leaves, slot) = (channel.clone(), None, true);
            hold.seats.push(Seat {
                channel,
                leaves,
                slot,
            });
        }
        if before.is_some() || !hold.fades() && self.holds.has_room(key) {
            self.put(key, id, hold);
        }
    }

    fn put(&mut self, key: &Name, id: &str, hold: Hold) {
        note(&mut self.debits, || {
            Debit::Holds(key.clone(), id.to_owned(), hold.clone())
        });
        self.holds.put(key, id, hold);
    }
}
