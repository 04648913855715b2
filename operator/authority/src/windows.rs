//! The windows: who asks, whether it may, and what all limits over time say. Owns windows, holds and sidecars, drives the shares.
//! Called by the facade, one call at a time; must never know a clock, a connection or a file.
//!
//! What callers keep to: `configure` before the first `hello` (uses of unknown keys are not kept); `hello` first on every
//! connection; `lost` of an old connection before `hello` of the next one of the same sidecar. And sidecars: once one has
//! composed a Hello, it admits nothing on an answer of an earlier connection.

mod ask;
mod debit;
mod hold;
mod holds;
mod replay;
mod report;
mod requests;
mod sidecars;

pub use debit::{Debit, Hold, Log, Past, Seat, Sidecar};

use crate::Memory;
use crate::shares::{KEPT, Shares};
use crate::terms::{KeyTerms, Terms};
use crate::window::{Owner, Window};
use holds::Holds;
use purser_config::quota::{Share, occupancy_ms};
use purser_config::stream::Hello;
use purser_config::{ChannelLimits, Name, WhenQuotaUnreachable};
use requests::Requests;
use sidecars::Sidecars;
use std::collections::HashMap;
use std::time::Duration;

/// How long a new authority listens to Hellos before it grants under `Share`.
const LISTENS: Duration = Duration::from_secs(2);
/// When a sidecar may ask again where time alone says nothing, in milliseconds.
const AGAIN_MS: u64 = 1_000;
/// How often windows that nobody asks about are looked at.
const SWEEP: Duration = Duration::from_secs(10);
const DAY_MS: u64 = 86_400_000;

/// A moment, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Monotonic, since any epoch. With a journal: since boot.
    pub now: Duration,
    /// Unix milliseconds; decides which UTC day it is, and nothing else.
    pub unix_ms: u64,
}

impl Moment {
    fn today(self) -> u64 {
        self.unix_ms / DAY_MS
    }

    fn until_midnight_ms(self) -> u64 {
        DAY_MS - self.unix_ms % DAY_MS
    }
}

/// One key: what it is promised, if it is configured, and what occupies its windows, if anything does.
#[derive(Debug, Default)]
struct Account {
    terms: Option<KeyTerms>,
    requests: Requests,
    tokens: Window,
}

/// One channel's account at its provider.
#[derive(Debug, Default)]
struct Channel {
    limits: Option<ChannelLimits>,
    minute: Window,
}

/// The windows of one term.
#[derive(Debug)]
pub struct Windows {
    epoch: u64,
    started: Duration,
    /// When an authority began that knew nothing of the time before; this one, or one whose journal this one goes on with.
    forgot: Option<Duration>,
    occupancy: Duration,
    keys: HashMap<Name, Account>,
    channels: HashMap<Name, Channel>,
    holds: Holds,
    sidecars: Sidecars,
    shares: Shares,
    last_token: u64,
    today: u64,
    swept: Duration,
    /// What changed since `debits` was last called; `None`: nobody wants to know.
    debits: Option<Vec<Debit>>,
}

impl Windows {
    /// A new term, begun at `now`.
    pub fn new(now: Duration, epoch: u64, memory: Memory) -> Self {
        Windows {
            epoch,
            started: now,
            forgot: (memory == Memory::Lost).then_some(now),
            occupancy: Duration::from_millis(occupancy_ms(0)),
            keys: HashMap::new(),
            channels: HashMap::new(),
            holds: Holds::default(),
            sidecars: Sidecars::default(),
            shares: Shares::new((memory == Memory::Lost).then(|| now + KEPT)),
            // No token of an older term names a grant of this one: a sidecar may give it back late.
            last_token: (epoch & 0xff_ffff) << 40,
            today: 0,
            swept: now,
            debits: None,
        }
    }

    /// With another occupancy, so that a test can plant a window that is too short and see it found.
    #[doc(hidden)]
    #[must_use]
    pub fn occupying(mut self, occupancy: Duration) -> Self {
        self.occupancy = occupancy;
        self
    }

    /// The term; goes with every answer.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Replaces all limits. Windows stay as long as something occupies them, whatever became of their key.
    pub fn configure(&mut self, now: Duration, terms: Terms) {
        let Terms { keys, channels, .. } = terms;
        let shared = keys.iter();
        let shared = shared.filter_map(|(key, terms)| Some((key.clone(), terms.shared()?)));
        self.shares.configure(&shared.collect());
        self.keys
            .values_mut()
            .for_each(|account| account.terms = None);
        for (key, terms) in keys {
            self.keys.entry(key).or_default().terms = Some(terms);
        }
        self.channels
            .values_mut()
            .for_each(|channel| channel.limits = None);
        for (name, limits) in channels {
            self.channels.entry(name).or_default().limits = Some(limits);
        }
        self.sweep(now);
    }

    /// A connection begins. `scope` is the namespace that its token speaks for; `None`: all.
    ///
    /// What it reports and what this authority granted to the same instance are two accounts of the same uses; the window
    /// takes the larger of both at every moment (`Window::report`). Of concurrent requests it holds what it says it does.
    pub fn hello(&mut self, at: Moment, sidecar: &str, hello: &Hello, scope: Option<&str>) {
        let (speaks, replaced) = self.sidecars.hello(sidecar, hello, scope);
        note(&mut self.debits, || Debit::Sidecar(speaks.clone()));
        if let Some(replaced) = replaced {
            self.end_holds(replaced);
        }
        // A container that started again in its pod: nobody else may know of both, where an authority ended between the two.
        for ended in self.sidecars.before(&speaks) {
            self.lost(at.now, &ended, true);
        }
        self.report_uses(at, &speaks, hello);
        self.report_tokens(at.now, &speaks, hello);
        self.report_holds(at.now, &speaks, hello);
        self.shares.join(sidecar, scope, &hello.shares);
        self.note_shares(sidecar, &hello.shares);
    }

    /// A connection ended. `gone`: the process ended too, so its share and its slots are free at once; otherwise its calls may
    /// live and it may use its share for 10 minutes, and for so long both are withheld.
    pub fn lost(&mut self, now: Duration, sidecar: &str, gone: bool) {
        self.sidecars.lost(sidecar);
        self.shares.leave(now, sidecar, gone);
        if gone {
            self.end(sidecar);
        }
    }

    /// A sidecar says which shares bind it.
    pub fn shares_held(&mut self, now: Duration, sidecar: &str, shares: &[Share]) {
        self.forget(now);
        self.shares.confirm(sidecar, shares);
        self.note_shares(sidecar, shares);
    }

    /// The shares to send now: what changed since the last call, and every second again what was not confirmed. To be
    /// called after each event and at least every second.
    pub fn shares_to_tell(&mut self, now: Duration) -> Vec<(String, Vec<Share>)> {
        self.sweep(now);
        self.forget(now);
        let tells = self.shares.tell(now);
        for (sidecar, shares) in &tells {
            self.note_shares(sidecar, shares);
        }
        tells
    }

    fn note_shares(&mut self, sidecar: &str, shares: &[Share]) {
        for share in shares {
            let requests = self.shares.of(sidecar, &share.key);
            note(&mut self.debits, || Debit::Share {
                sidecar: sidecar.to_owned(),
                key: share.key.clone(),
                requests,
            });
        }
    }

    /// A process is gone, and all that it held but windows with it.
    fn end(&mut self, sidecar: &str) {
        if let Some(owner) = self.sidecars.gone(sidecar) {
            self.end_holds(owner);
            note(&mut self.debits, || Debit::Gone(sidecar.to_owned()));
        }
    }

    fn end_holds(&mut self, owner: Owner) {
        for (key, id) in self.holds.of(owner) {
            self.end_hold(&key, &id);
        }
    }

    fn end_hold(&mut self, key: &Name, id: &str) -> Option<Hold> {
        let hold = self.holds.remove(key, id)?;
        note(&mut self.debits, || Debit::Ends(key.clone(), id.to_owned()));
        Some(hold)
    }

    fn forget(&mut self, now: Duration) {
        for sidecar in self.shares.forget(now) {
            self.end(&sidecar);
        }
    }

    /// Gives back the memory of windows that ran empty, and forgets their keys if they are not configured.
    fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        self.forget(now);
        let now = nanos(now);
        for (key, id) in self.holds.faded(now) {
            self.end_hold(&key, &id);
        }
        let today = self.today;
        self.keys.retain(|_, account| {
            let requests_rest = account.requests.rest(now);
            let tokens_rest = rests(&mut account.tokens, now);
            let day = account.requests.day;
            let day_over = day.used == 0 || day.number < today;
            account.terms.is_some() || !(requests_rest && tokens_rest && day_over)
        });
        self.channels
            .retain(|_, channel| !rests(&mut channel.minute, now) || channel.limits.is_some());
    }

    /// What lost sidecars may be using of a key's leading limit, by the process that each was.
    fn cut_off(&self, key: &Name) -> Vec<(Owner, u32)> {
        let lost = self.shares.cut_off(key);
        lost.filter_map(|(sidecar, share)| Some((self.sidecars.owner(sidecar)?, share)))
            .collect()
    }

    /// How long after its start an authority knows enough to grant. Under `Share` sidecars go on meanwhile, so it only waits
    /// for their Hellos; under `Deny` it waits until nothing that it might not know of can occupy a window. That lasts through the
    /// restarts of whoever forgot.
    fn ready(&self, when: WhenQuotaUnreachable) -> Duration {
        let known = self.forgot.map(|forgot| forgot + self.occupancy);
        match (known.filter(|known| *known > self.started), when) {
            (None, _) => self.started,
            (Some(_), WhenQuotaUnreachable::Share) => self.started + LISTENS,
            (Some(known), WhenQuotaUnreachable::Deny) => known,
        }
    }

    /// When what is granted now, for `ttl_ms`, leaves.
    fn leaves(&self, now: Duration, ttl_ms: u64) -> u64 {
        let lease = Duration::from_millis(occupancy_ms(ttl_ms) - occupancy_ms(0));
        nanos(now + self.occupancy + lease)
    }
}

/// Lets go of what has left, and of the memory if that is all.
fn rests(window: &mut Window, now: u64) -> bool {
    window.expire(now);
    let empty = window.is_empty();
    if empty {
        *window = Window::default();
    }
    empty
}

fn note(debits: &mut Option<Vec<Debit>>, debit: impl FnOnce() -> Debit) {
    if let Some(debits) = debits {
        debits.push(debit());
    }
}

/// What these owners have in a window now.
fn note_all(
    debits: &mut Option<Vec<Debit>>,
    window: &Window,
    (owners, log): (Vec<Owner>, &dyn Fn() -> Log),
) {
    for owner in owners {
        note(debits, || Debit::Has(log(), owner, window.of(owner)));
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Rounded up: whoever waits so long does not come early.
fn until_ms(now: u64, then: u64) -> u64 {
    then.saturating_sub(now).div_ceil(1_000_000)
}

#[cfg(test)]
mod tests;
