//! What changed, told; and windows made again from what was told. Part of `Windows`.
//!
//! Invariant: windows that replay all that was told since a whole account, and that account, answer as the ones that told it.

use super::Past;
use super::debit::{Debit, Log};
use super::{Windows, nanos};
use crate::Memory;
use crate::shares::KEPT;
use crate::window::Window;
use purser_config::Name;
use std::time::Duration;

impl Windows {
    /// A new term after `past`. Who was known then counts as lost until it says `Hello`: its slots and its shares are withheld.
    /// `configure` must follow before anything else.
    pub fn resume(now: Duration, epoch: u64, past: Past) -> Self {
        let mut windows = Windows::new(now, epoch, past.memory);
        past.debits
            .into_iter()
            .for_each(|debit| windows.replay(now, debit));
        if past.memory != Memory::Kept {
            return windows;
        }
        for account in windows.keys.values_mut() {
            account.requests.expire(nanos(now));
            account.tokens.expire(nanos(now));
        }
        for channel in windows.channels.values_mut() {
            channel.minute.expire(nanos(now));
        }
        windows
    }

    /// From now on what changes is told.
    pub fn tell(&mut self) {
        self.debits.get_or_insert_default();
    }

    /// What changed since the last call; must be kept before an answer that rests on it is given.
    pub fn debits(&mut self) -> Vec<Debit> {
        self.debits.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// All that is known, as changes of empty windows.
    pub fn account(&self) -> Vec<Debit> {
        let sidecars = self.sidecars.all().into_iter();
        let forgot = self.forgot.map(|forgot| Debit::Forgot(nanos(forgot)));
        let mut all: Vec<Debit> = forgot.into_iter().collect();
        all.extend(sidecars.map(|s| Debit::Sidecar(s.clone())));
        all.extend(self.shares.all().map(|(sidecar, key, requests)| {
            let (sidecar, key) = (sidecar.to_owned(), key.clone());
            Debit::Share {
                sidecar,
                key,
                requests,
            }
        }));
        for (key, known) in sorted(&self.keys) {
            let day = known.requests.day;
            if day.used > 0 {
                all.push(Debit::Day(key.clone(), day.number, day.used));
            }
            has(
                &mut all,
                || Log::Minute(key.clone()),
                &known.requests.minute,
            );
            has(&mut all, || Log::Tokens(key.clone()), &known.tokens);
        }
        for (name, channel) in sorted(&self.channels) {
            has(&mut all, || Log::Channel(name.clone()), &channel.minute);
        }
        let mut holds: Vec<_> = self.holds.all().collect();
        holds.sort_by_key(|(key, id, _)| (*key, *id));
        let holds = holds.into_iter();
        all.extend(
            holds.map(|(key, id, hold)| Debit::Holds(key.clone(), id.clone(), hold.clone())),
        );
        all
    }

    fn replay(&mut self, now: Duration, debit: Debit) {
        match debit {
            Debit::Forgot(at) => {
                let at = Duration::from_nanos(at);
                self.forgot = Some(at);
                self.shares.unheard_until(at + KEPT);
            }
            Debit::Sidecar(sidecar) => {
                self.shares
                    .join(&sidecar.name, sidecar.scope.as_deref(), &[]);
                self.shares.leave(now, &sidecar.name, false);
                self.sidecars.put(sidecar, false);
            }
            Debit::Gone(sidecar) => {
                self.sidecars.gone(&sidecar);
                self.shares.leave(now, &sidecar, true);
            }
            Debit::Share {
                sidecar,
                key,
                requests,
            } => self.shares.believes(&sidecar, &key, requests),
            Debit::Takes(log, owner, leaves, amount) => {
                self.window(log).put(owner, leaves, amount);
            }
            Debit::Frees(log, owner, leaves, amount) => {
                self.window(log).free(owner, leaves, amount);
            }
            Debit::Has(log, owner, slots) => {
                let window = self.window(log);
                window.forget(owner);
                slots
                    .into_iter()
                    .for_each(|(leaves, amount)| window.put(owner, leaves, amount));
            }
            Debit::Day(key, number, used) => {
                let day = &mut self.keys.entry(key).or_default().requests.day;
                (day.number, day.used) = (number, used);
            }
            Debit::Holds(key, id, hold) => self.holds.put(&key, &id, hold),
            Debit::Ends(key, id) => {
                self.holds.remove(&key, &id);
            }
        }
    }

    fn window(&mut self, log: Log) -> &mut Window {
        match log {
            Log::Minute(key) => &mut self.keys.entry(key).or_default().requests.minute,
            Log::Tokens(key) => &mut self.keys.entry(key).or_default().tokens,
            Log::Channel(name) => &mut self.channels.entry(name).or_default().minute,
        }
    }
}

fn sorted<V>(map: &std::collections::HashMap<Name, V>) -> Vec<(&Name, &V)> {
    let mut all: Vec<(&Name, &V)> = map.iter().collect();
    all.sort_by_key(|(name, _)| *name);
    all
}

fn has(all: &mut Vec<Debit>, log: impl Fn() -> Log, window: &Window) {
    for owner in window.owners() {
        all.push(Debit::Has(log(), owner, window.of(owner)));
    }
}
