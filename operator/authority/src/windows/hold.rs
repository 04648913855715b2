//! What a call needs beyond its window: tokens, one of the key's concurrent requests, a channel. All of it is held, or nothing;
//! `settle` ends it. Credits are the ledger's. Part of `Windows`.

use super::debit::{Debit, Hold, Log, Seat};
use super::requests::withheld;
use super::{AGAIN_MS, Windows, nanos, note, until_ms};
use crate::terms::KeyTerms;
use crate::window::Owner;
use purser_config::Name;
use purser_config::quota::{GoesOn, Reserve, ReserveVerdict, Reserved, Settle, TokensLeft};
use std::cmp::Ordering;
use std::time::Duration;

/// The longest id of a call, in bytes.
pub(super) const LONGEST_ID: usize = 128;

/// What is to be taken, once all of it is known to be free.
struct Taking {
    owner: Owner,
    now: Duration,
    tokens: Option<u64>,
    slot: bool,
    /// Which of the candidates, its name, and whether one of its concurrent requests is needed.
    channel: Option<(u32, Name, bool)>,
}

impl Windows {
    /// Holds all that a call needs, or nothing. The same id again, when the call moves on to another channel, adds to what it
    /// holds. The credits of the answer are none: they are the ledger's.
    pub fn hold(&mut self, now: Duration, sidecar: &str, reserve: &Reserve) -> Reserved {
        self.sweep(now);
        if let Some(account) = self.keys.get_mut(&reserve.key) {
            account.tokens.expire(nanos(now));
        }
        for channel in &reserve.channels {
            if let Some(channel) = self.channels.get_mut(channel) {
                channel.minute.expire(nanos(now));
            }
        }
        let verdict = match self.judge_hold(now, sidecar, reserve) {
            Ok(taking) => self.take((&reserve.key, &reserve.id), taking),
            Err(no) => no,
        };
        Reserved {
            id: reserve.id.clone(),
            verdict,
            tokens: self.tokens_left(now, &reserve.key),
            credits_left: None,
        }
    }

    fn judge_hold(
        &self,
        now: Duration,
        sidecar: &str,
        reserve: &Reserve,
    ) -> Result<Taking, ReserveVerdict> {
        let key = &reserve.key;
        let terms = self.keys.get(key).and_then(|known| known.terms.as_ref());
        let (Some(owner), Some(terms)) = (self.sidecars.speaks(sidecar, key), terms) else {
            return Err(ReserveVerdict::Unavailable);
        };
        let before = self.holds.get(key, &reserve.id);
        if reserve.id.len() > LONGEST_ID || before.is_some_and(|hold| hold.owner != owner) {
            return Err(ReserveVerdict::Unavailable);
        }
        let tokens = terms
            .tokens_per_minute
            .filter(|_| reserve.tokens > 0 && before.is_none_or(|hold| hold.tokens.is_none()));
        let slot = terms
            .concurrent_requests
            .filter(|_| reserve.slot && before.is_none_or(|hold| !hold.slot));
        let ready = self.ready(terms.when_unreachable);
        let asks = tokens.is_some() || slot.is_some() || !reserve.channels.is_empty();
        if asks && now < ready {
            let ready_ms = until_ms(nanos(now), nanos(ready));
            return Err(ReserveVerdict::Learning { ready_ms });
        }
        let cut_off = self.cut_off(key);
        if let Some(limit) = tokens {
            self.admits_tokens(now, reserve, &withheld(terms, limit, &cut_off))?;
        }
        if let Some(limit) = slot {
            let withheld = withheld(terms, limit.into(), &cut_off);
            if self.holds.slots(key, &withheld) >= u64::from(limit) {
                return Err(ReserveVerdict::NoSlot { limit });
            }
        }
        Ok(Taking {
            owner,
            now,
            tokens: tokens.map(|_| reserve.tokens),
            slot: slot.is_some(),
            channel: self.choose(nanos(now), reserve, (terms, before))?,
        })
    }

    fn admits_tokens(
        &self,
        now: Duration,
        reserve: &Reserve,
        withheld: &[crate::window::Withheld],
    ) -> Result<(), ReserveVerdict> {
        let account = self.keys.get(&reserve.key);
        let Some((account, limit)) =
            account.and_then(|account| Some((account, account.terms.as_ref()?.tokens_per_minute?)))
        else {
            return Ok(());
        };
        let Some(most) = limit.checked_sub(reserve.tokens) else {
            return Err(ReserveVerdict::NoTokens { next_free_ms: None });
        };
        if account.tokens.load(withheld) <= most {
            return Ok(());
        }
        // What is withheld comes back with who may use it.
        let frees = account.tokens.falls_to(most, withheld);
        let next_free_ms = Some(frees.map_or(AGAIN_MS, |frees| until_ms(nanos(now), frees)));
        Err(ReserveVerdict::NoTokens { next_free_ms })
    }

    /// The first candidate that admits the call.
    fn choose(
        &self,
        now: u64,
        reserve: &Reserve,
        (terms, before): (&KeyTerms, Option<&Hold>),
    ) -> Result<Option<(u32, Name, bool)>, ReserveVerdict> {
        let mut shortest = None;
        for (at, name) in (0u32..).zip(&reserve.channels) {
            let limits = self.channels.get(name).and_then(|known| known.limits);
            let Some(limits) = limits.filter(|_| terms.channels.binary_search(name).is_ok()) else {
                continue;
            };
            let sits = |hold: &Hold| hold.seats.iter().any(|s| s.slot && s.channel == *name);
            let slot = limits
                .concurrent_requests
                .filter(|_| !before.is_some_and(sits));
            match self.channel_wait(now, name, (limits.requests_per_minute, slot)) {
                None => return Ok(Some((at, name.clone(), slot.is_some()))),
                Some(wait) => shortest = Some(shortest.map_or(wait, |known: u64| known.min(wait))),
            }
        }
        if reserve.channels.is_empty() || reserve.others {
            return Ok(None);
        }
        let next_free_ms = shortest.unwrap_or(AGAIN_MS);
        Err(ReserveVerdict::ChannelsFull { next_free_ms })
    }

    /// How long until a channel admits a call; `None`: it does now.
    fn channel_wait(
        &self,
        now: u64,
        name: &Name,
        (minute, slots): (Option<u32>, Option<u32>),
    ) -> Option<u64> {
        let window = &self.channels.get(name)?.minute;
        if let Some(limit) = minute.filter(|limit| window.load(&[]) >= u64::from(*limit)) {
            let frees = u64::from(limit)
                .checked_sub(1)
                .and_then(|most| window.falls_to(most, &[]));
            return Some(frees.map_or(AGAIN_MS, |frees| until_ms(now, frees)));
        }
        slots
            .filter(|limit| self.holds.seats(name) >= *limit)
            .map(|_| AGAIN_MS)
    }

    fn take(&mut self, (key, id): (&Name, &str), taking: Taking) -> ReserveVerdict {
        let owner = taking.owner;
        let end = self.leaves(taking.now, 0);
        let before = self.holds.get(key, id).cloned();
        let mut hold = before.clone().unwrap_or_else(|| Hold {
            owner,
            since: nanos(taking.now),
            ..Hold::default()
        });
        let account = self.keys.get_mut(key);
        if let (Some(amount), Some(account)) = (taking.tokens, account) {
            let leaves = account.tokens.take(owner, end, amount);
            hold.tokens = Some((leaves, amount));
            note(&mut self.debits, || {
                Debit::Takes(Log::Tokens(key.clone()), owner, leaves, amount)
            });
        }
        hold.slot |= taking.slot;
        let chosen = taking.channel.map(|(at, name, slot)| {
            self.sit(&mut hold, (name, slot), end);
            at
        });
        let remembers = before.is_some() || !hold.fades() || self.holds.has_room(key);
        let holds = hold.slot || hold.tokens.is_some() || !hold.seats.is_empty();
        if remembers && holds {
            note(&mut self.debits, || {
                Debit::Holds(key.clone(), id.to_owned(), hold.clone())
            });
            self.holds.put(key, id, hold);
        }
        let (channel, credits) = (chosen, 0);
        ReserveVerdict::Held { channel, credits }
    }

    /// One request of a channel. The same channel again is one request more and the same seat.
    fn sit(&mut self, hold: &mut Hold, (name, slot): (Name, bool), end: u64) {
        let Some(channel) = self.channels.get_mut(&name) else {
            return;
        };
        let minute = channel.limits.and_then(|limits| limits.requests_per_minute);
        let leaves = minute.map(|_| channel.minute.take(hold.owner, end, 1));
        if let Some(leaves) = leaves {
            note(&mut self.debits, || {
                Debit::Takes(Log::Channel(name.clone()), hold.owner, leaves, 1)
            });
        }
        match hold.seats.iter_mut().find(|seat| seat.channel == name) {
            Some(seat) => (seat.leaves, seat.slot) = (leaves, seat.slot || slot),
            None => hold.seats.push(Seat {
                channel: name,
                leaves,
                slot,
            }),
        }
    }

    fn tokens_left(&self, now: Duration, key: &Name) -> Option<TokensLeft> {
        let account = self.keys.get(key)?;
        let terms = account.terms.as_ref()?;
        let limit = terms.tokens_per_minute?;
        let withheld = withheld(terms, limit, &self.cut_off(key));
        let empties = account.tokens.empties();
        Some(TokensLeft {
            limit,
            remaining: limit.saturating_sub(account.tokens.load(&withheld)),
            reset_ms: empties.map_or(0, |empty| until_ms(nanos(now), empty)),
        })
    }

    /// A call ended, or was never sent, or goes on. Counts once, and only from the process that holds it.
    pub fn settle(&mut self, now: Duration, sidecar: &str, settle: &Settle) {
        let key = &settle.key;
        let owner = self.sidecars.speaks(sidecar, key);
        let holder = self.holds.get(key, &settle.id).map(|hold| hold.owner);
        if let (Some(owner), Some(alone)) = (owner, settle.goes_on) {
            if holder.is_none_or(|holder| holder == owner) {
                self.goes_on((now, owner), (key, &settle.id), alone);
            }
            return;
        }
        if owner.is_none() || holder != owner {
            return;
        }
        let Some(hold) = self.end_hold(key, &settle.id) else {
            return;
        };
        self.settle_tokens(now, key, (&hold, settle.tokens.unwrap_or(0)));
        if settle.tokens.is_none() {
            hold.seats
                .iter()
                .for_each(|seat| self.unsend(hold.owner, seat));
        }
    }

    /// Counts what a call holds that nobody granted, beside what it was granted after all.
    fn goes_on(
        &mut self,
        (now, owner): (Duration, Owner),
        (key, id): (&Name, &str),
        alone: GoesOn,
    ) {
        let known = self.keys.get(key).and_then(|known| known.terms.as_ref());
        let Some(terms) = known.filter(|_| id.len() <= LONGEST_ID) else {
            return;
        };
        let before = self.holds.get(key, id);
        if before.is_none() && !self.holds.has_room(key) {
            return;
        }
        let amount = alone.tokens.min(terms.tokens_per_minute.unwrap_or(0));
        let lacks = amount > 0 && before.is_none_or(|hold| hold.tokens.is_none());
        let slot = alone.slot && terms.concurrent_requests.is_some();
        let taking = Taking {
            owner,
            now,
            tokens: lacks.then_some(amount),
            slot: slot && before.is_none_or(|hold| !hold.slot),
            channel: None,
        };
        if taking.tokens.is_none() && !taking.slot {
            return;
        }
        if let Some(account) = self.keys.get_mut(key) {
            account.tokens.expire(nanos(now));
        }
        self.take((key, id), taking);
    }

    /// What it used of what it held: less frees the rest, more is a debt from now on.
    fn settle_tokens(&mut self, now: Duration, key: &Name, (hold, used): (&Hold, u64)) {
        let end = self.leaves(now, 0);
        let (Some((leaves, held)), Some(account)) = (hold.tokens, self.keys.get_mut(key)) else {
            return;
        };
        let (owner, log) = (hold.owner, || Log::Tokens(key.clone()));
        account.tokens.expire(nanos(now));
        let limit = account.terms.as_ref().and_then(|t| t.tokens_per_minute);
        match used.cmp(&held) {
            Ordering::Less => {
                let freed = account.tokens.free(owner, leaves, held - used);
                note(&mut self.debits, || {
                    Debit::Frees(log(), owner, leaves, freed)
                });
            }
            Ordering::Greater => {
                // More than the whole limit would block no longer than the limit does.
                let debt = (used - held).min(limit.unwrap_or(0));
                let leaves = account.tokens.take(owner, end, debt);
                note(&mut self.debits, || {
                    Debit::Takes(log(), owner, leaves, debt)
                });
            }
            Ordering::Equal => {}
        }
    }

    fn unsend(&mut self, owner: Owner, seat: &Seat) {
        if let (Some(channel), Some(leaves)) = (self.channels.get_mut(&seat.channel), seat.leaves) {
            channel.minute.free(owner, leaves, 1);
            note(&mut self.debits, || {
                Debit::Frees(Log::Channel(seat.channel.clone()), owner, leaves, 1)
            });
        }
    }
}
