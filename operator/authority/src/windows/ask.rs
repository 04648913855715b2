//! May this key make requests? The minute and the day, both or nothing; one request exactly, or several as a lease. Part of `Windows`.

use super::debit::{Debit, Log};
use super::requests::{Limits, New, Requests};
use super::{AGAIN_MS, Moment, Windows, nanos, note, note_all, until_ms};
use crate::window::{Owner, Withheld};
use purser_config::Name;
use purser_config::quota::{Ask, Grant, LEASE_MS, Limited, Return, Verdict, occupancy_ms};
use std::collections::BTreeMap;
use std::time::Duration;

/// One question whose asker and terms are known.
struct Question<'a> {
    key: &'a Name,
    owner: Owner,
    at: Moment,
    /// How many, and how long one alone may be kept.
    want: (u32, u64),
    limits: Limits,
}

impl Windows {
    /// May this key make requests? What was wanted, or less: several are a lease.
    pub fn ask(&mut self, at: Moment, sidecar: &str, ask: &Ask) -> Grant {
        self.sweep(at.now);
        self.today = self.today.max(at.today());
        let key = &ask.key;
        let terms = self.keys.get(key).and_then(|known| known.terms.as_ref());
        let (Some(owner), Some(terms)) = (self.sidecars.speaks(sidecar, key), terms) else {
            return unknown(key);
        };
        let limits = Limits::of(terms, &self.cut_off(key));
        if limits.minute.is_none() && limits.day.is_none() {
            self.last_token += 1;
            return unlimited(key, self.last_token);
        }
        let ready = self.ready(terms.when_unreachable);
        let question = Question {
            key,
            owner,
            at,
            want: (ask.want, ask.ttl_ms.min(LEASE_MS)),
            limits,
        };
        if at.now < ready {
            return self.learn(&question, self.shares.of(sidecar, key), ready);
        }
        self.judge(&question)
    }

    /// How many requests each key with a limit for the day has left of it, as far as is known: what lost sidecars may be using is not
    /// taken off.
    pub fn left_today(&self, at: Moment) -> BTreeMap<Name, u32> {
        let left = self.keys.iter().filter_map(|(key, account)| {
            let limit = account.terms.as_ref()?.requests_per_day?;
            let mut day = account.requests.day;
            day.turn(at.today());
            Some((key.clone(), limit.saturating_sub(day.used)))
        });
        left.collect()
    }

    fn judge(&mut self, question: &Question) -> Grant {
        let (key, owner, at) = (question.key, question.owner, question.at);
        let (want, alone) = question.want;
        let ends = [LEASE_MS, alone].map(|ttl_ms| self.leaves(at.now, ttl_ms));
        let Some(account) = self.keys.get_mut(key) else {
            return unknown(key);
        };
        let (requests, limits, now) = (&mut account.requests, &question.limits, nanos(at.now));
        requests.expire(now);
        requests.day.turn(at.today());
        let room = requests.minute_room(limits).min(requests.day_room(limits));
        let count = requests.chunk((owner, now), want, room);
        if count == 0 {
            let verdict = question.denied(requests);
            return question.grant(verdict, requests);
        }
        let (ttl_ms, leaves) = if count > 1 {
            (LEASE_MS, ends[0])
        } else {
            (alone, ends[1])
        };
        self.last_token += 1;
        let new = New {
            token: self.last_token,
            owner,
            leaves,
            count,
        };
        let leaves = requests.grant(new, limits);
        let debits = &mut self.debits;
        note(debits, || {
            Debit::Takes(Log::Minute(key.clone()), owner, leaves, count.into())
        });
        if limits.day.is_some() {
            let day = requests.day;
            note(debits, || Debit::Day(key.clone(), day.number, day.used));
        }
        let token = new.token;
        let verdict = Verdict::Granted {
            count,
            ttl_ms,
            token,
        };
        question.grant(verdict, requests)
    }

    /// Under `Share` whoever asks now goes on with its share, and tells nobody before its next Hello.
    fn learn(&mut self, question: &Question, share: u32, ready: Duration) -> Grant {
        let (key, owner) = (question.key, question.owner);
        let (now, leaves) = (nanos(question.at.now), self.leaves(question.at.now, 0));
        let Some(account) = self.keys.get_mut(key) else {
            return unknown(key);
        };
        let requests = &mut account.requests;
        requests.expire(now);
        if let Some(limit) = question.limits.minute {
            let share = share.into();
            let assumed = Withheld { owner, share };
            let touched = requests.minute.assume(assumed, leaves, limit.into());
            let log = || Log::Minute(key.clone());
            note_all(&mut self.debits, &requests.minute, (touched, &log));
        }
        let ready_ms = until_ms(now, nanos(ready));
        question.grant(Verdict::Learning { ready_ms }, requests)
    }

    /// Requests of a grant were not used. Each counts once, and only from the instance that it was given to.
    pub fn give_back(&mut self, now: Duration, sidecar: &str, back: &Return) {
        let (Some(owner), Some(account)) =
            (self.sidecars.owner(sidecar), self.keys.get_mut(&back.key))
        else {
            return;
        };
        let requests = &mut account.requests;
        requests.expire(nanos(now));
        let Some((leaves, freed)) = requests.give_back(back.token, owner, back.count) else {
            return;
        };
        let (key, day) = (&back.key, requests.day);
        note(&mut self.debits, || {
            Debit::Frees(Log::Minute(key.clone()), owner, leaves, freed)
        });
        if day.used > 0 || day.number > 0 {
            note(&mut self.debits, || {
                Debit::Day(key.clone(), day.number, day.used)
            });
        }
    }
}

impl Question<'_> {
    /// The limit that holds longest.
    fn denied(&self, requests: &Requests) -> Verdict {
        let (limits, now) = (&self.limits, nanos(self.at.now));
        let mut wait = (0, Limited::Minute);
        if let Some(limit) = limits.minute.filter(|_| requests.minute_room(limits) == 0) {
            let below = u64::from(limit).checked_sub(1);
            let frees = below.and_then(|most| requests.minute.falls_to(most, &limits.cut_off));
            // Where time alone frees nothing (all is withheld, or the limit is 0), a window is as good a guess as any.
            let frees_ms = frees.map(|frees| until_ms(now, frees));
            wait.0 = frees_ms.unwrap_or(occupancy_ms(0));
        }
        if let Some(limit) = limits.day.filter(|_| requests.day_room(limits) == 0) {
            let midnight = self.at.until_midnight_ms();
            let over = requests.day.used >= limit;
            // What a cut-off sidecar may be using comes back with it.
            let wait_ms = if over {
                midnight
            } else {
                midnight.min(AGAIN_MS)
            };
            if wait_ms > wait.0 {
                wait = (wait_ms, Limited::Day);
            }
        }
        let (next_free_ms, by) = wait;
        Verdict::Denied { next_free_ms, by }
    }

    fn grant(&self, verdict: Verdict, requests: &Requests) -> Grant {
        let room = match self.limits.minute {
            Some(_) => requests.minute_room(&self.limits),
            None => requests.day_room(&self.limits),
        };
        let learning = matches!(verdict, Verdict::Learning { .. });
        let empties = requests.minute.empties();
        let empties = empties.filter(|_| self.limits.minute.is_some());
        Grant {
            key: self.key.clone(),
            verdict,
            limit: self.limits.minute,
            remaining: if learning { 0 } else { room },
            reset_ms: empties.map_or(0, |empty| until_ms(nanos(self.at.now), empty)),
            expires_at_ms: None,
        }
    }
}

fn unknown(key: &Name) -> Grant {
    let verdict = Verdict::Denied {
        next_free_ms: AGAIN_MS,
        by: Limited::Minute,
    };
    without_limit(key, verdict, 0)
}

fn unlimited(key: &Name, token: u64) -> Grant {
    let (count, ttl_ms) = (1, 0);
    let verdict = Verdict::Granted {
        count,
        ttl_ms,
        token,
    };
    without_limit(key, verdict, u32::MAX)
}

fn without_limit(key: &Name, verdict: Verdict, remaining: u32) -> Grant {
    Grant {
        key: key.clone(),
        verdict,
        limit: None,
        remaining,
        reset_ms: 0,
        expires_at_ms: None,
    }
}
