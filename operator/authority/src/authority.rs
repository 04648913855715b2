//! Answers the questions: who asks, whether it may, and what the window says. Owns the windows, drives the shares.
//! Called by the operator's stream and by `purser up`, one call at a time; must never know a clock or a connection.
//!
//! What callers keep to: `configure` before the first `hello` (uses of unknown keys are not kept); `hello` first on every
//! connection; `lost` of an old connection before `hello` of the next one of the same sidecar. And sidecars: once one has
//! composed a Hello, it admits nothing on an answer of an earlier connection.

use crate::shares::{KEPT, Shares};
use crate::window::{Owner, Token, Window, Withheld};
use crate::{Limit, Memory};
use purser_config::Name;
use purser_config::WhenQuotaUnreachable;
use purser_config::quota::{Ask, Grant, Return, Share, Verdict, occupancy_ms};
use purser_config::stream::Hello;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// How long a new authority listens to Hellos before it grants under `Share`.
const LISTENS: Duration = Duration::from_secs(2);
/// When a sidecar may ask again for a key that is not configured, in milliseconds.
const UNKNOWN_AGAIN_MS: u64 = 1_000;
/// How often windows that nobody asks about are looked at.
const SWEEP: Duration = Duration::from_secs(10);

/// A process that speaks, or spoke, for its keys.
#[derive(Debug)]
struct Sidecar {
    instance: String,
    owner: Owner,
    scope: Option<String>,
    connected: bool,
}

/// One key: what it is promised, if it is configured, and what occupies its window, if anything does.
#[derive(Debug, Default)]
struct Account {
    limit: Option<Limit>,
    window: Window,
}

/// The authority of one term.
#[derive(Debug)]
pub struct Authority {
    epoch: u64,
    started: Duration,
    memory: Memory,
    occupancy: Duration,
    accounts: HashMap<Name, Account>,
    sidecars: HashMap<String, Sidecar>,
    shares: Shares,
    last_owner: Owner,
    last_token: u64,
    swept: Duration,
}

impl Authority {
    /// A new term, begun at `now`.
    pub fn new(now: Duration, epoch: u64, memory: Memory) -> Self {
        Authority::with_occupancy(now, epoch, memory, Duration::from_millis(occupancy_ms(0)))
    }

    /// With another occupancy, so that a test can plant a window that is too short and see it found.
    #[doc(hidden)]
    pub fn with_occupancy(now: Duration, epoch: u64, memory: Memory, occupancy: Duration) -> Self {
        Authority {
            epoch,
            started: now,
            memory,
            occupancy,
            accounts: HashMap::new(),
            sidecars: HashMap::new(),
            shares: Shares::new((memory == Memory::Lost).then(|| now + KEPT)),
            last_owner: 0,
            // No token of an older term names a grant of this one: a sidecar may give it back late.
            last_token: (epoch & 0xff_ffff) << 40,
            swept: now,
        }
    }

    /// The term; goes with every answer.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Replaces all limits. Windows stay as long as something occupies them, whatever became of their key.
    pub fn configure(&mut self, now: Duration, limits: BTreeMap<Name, Limit>) {
        let shared = limits
            .iter()
            .filter(|(_, limit)| limit.when_unreachable == WhenQuotaUnreachable::Share);
        let shared =
            shared.filter_map(|(key, limit)| Some((key.clone(), limit.requests_per_minute?)));
        self.shares.configure(&shared.collect());
        self.accounts
            .values_mut()
            .for_each(|account| account.limit = None);
        for (key, limit) in limits {
            self.accounts.entry(key).or_default().limit = Some(limit);
        }
        self.sweep(now);
    }

    /// A connection begins. `scope` is the namespace that its token speaks for; `None`: all.
    ///
    /// What it reports and what this authority granted to the same instance are two accounts of the same uses; the window
    /// takes, from the newest back, the later of each (`Window::report`): nothing counts twice, and what either knows counts.
    pub fn hello(&mut self, now: Duration, sidecar: &str, hello: &Hello, scope: Option<&str>) {
        let known = self
            .sidecars
            .get(sidecar)
            .filter(|known| known.instance == hello.instance);
        let owner = known.map_or(self.last_owner + 1, |known| known.owner);
        self.last_owner = self.last_owner.max(owner);
        let (instance, connected) = (hello.instance.clone(), true);
        let speaks = Sidecar {
            instance,
            owner,
            scope: scope.map(str::to_owned),
            connected,
        };

        let mut reported: BTreeMap<&Name, Vec<u64>> = BTreeMap::new();
        for uses in hello.uses.iter().filter(|uses| speaks.covers(&uses.key)) {
            let ages = uses.ages_ms.iter().map(|age| Duration::from_millis(*age));
            let occupying = ages.filter(|age| *age < self.occupancy);
            let leaves = occupying.map(|age| nanos(now + (self.occupancy - age)));
            reported.entry(&uses.key).or_default().extend(leaves);
        }
        for (key, leaves) in reported {
            let Some(account) = self.accounts.get_mut(key) else {
                continue;
            };
            if let Some(limit) = account.limit.and_then(|limit| limit.requests_per_minute) {
                account.window.expire(nanos(now));
                account.window.report(owner, leaves, limit);
            }
        }
        self.sidecars.insert(sidecar.to_owned(), speaks);
        self.shares.join(sidecar, scope, &hello.shares);
    }

    /// A connection ended. `gone`: the process ended too, so its share is free at once; otherwise it may use its share for
    /// 10 minutes, and for so long the windows withhold it.
    pub fn lost(&mut self, now: Duration, sidecar: &str, gone: bool) {
        if gone {
            self.sidecars.remove(sidecar);
        } else if let Some(known) = self.sidecars.get_mut(sidecar) {
            known.connected = false;
        }
        self.shares.leave(now, sidecar, gone);
    }

    /// May this key make a request? One grant, one request, whatever was wanted.
    pub fn ask(&mut self, now: Duration, sidecar: &str, ask: &Ask) -> Grant {
        self.sweep(now);
        let key = &ask.key;
        let speaks = self
            .sidecars
            .get(sidecar)
            .filter(|known| known.connected && known.covers(key));
        let account = self.accounts.get_mut(key);
        let (Some(speaks), Some((limit, window))) = (speaks, account.and_then(Account::open))
        else {
            return unknown(key);
        };
        let Some(requests) = limit.requests_per_minute else {
            self.last_token += 1;
            return unlimited(key, self.last_token);
        };
        let withheld = withheld(&self.shares, &self.sidecars, key);
        let (at, leaves) = (nanos(now), nanos(now + self.occupancy));
        let terms = Terms {
            requests,
            withheld,
            at,
            leaves,
        };
        let ready = self.started + learns(self.memory, limit, self.occupancy);
        window.expire(at);
        let verdict = if now < ready {
            let (owner, share) = (speaks.owner, self.shares.of(sidecar, key));
            terms.learn(window, Withheld { owner, share }, ready)
        } else if ask.want > 0 && terms.admit(window) {
            self.last_token += 1;
            let (token, owner) = (self.last_token, speaks.owner);
            window.grant(
                Token {
                    token,
                    leaves,
                    owner,
                },
                requests,
            );
            Verdict::Granted {
                count: 1,
                ttl_ms: 0,
                token,
            }
        } else {
            let next_free_ms = until_ms(at, terms.frees(window));
            Verdict::Denied { next_free_ms }
        };
        terms.grant(key, verdict, window)
    }

    /// A grant was not used. Counts once, and only from the instance that it was given to.
    pub fn give_back(&mut self, now: Duration, sidecar: &str, back: &Return) {
        let Some(known) = self.sidecars.get(sidecar) else {
            return;
        };
        if let Some(account) = self.accounts.get_mut(&back.key) {
            account.window.expire(nanos(now));
            account.window.give_back(back.token, known.owner);
        }
    }

    /// A sidecar says which shares bind it.
    pub fn shares_held(&mut self, now: Duration, sidecar: &str, shares: &[Share]) {
        self.forget(now);
        self.shares.confirm(sidecar, shares);
    }

    /// The shares to send now: what changed since the last call, and every second again what was not confirmed. To be
    /// called after each event and at least every second.
    pub fn shares_to_tell(&mut self, now: Duration) -> Vec<(String, Vec<Share>)> {
        self.sweep(now);
        self.forget(now);
        self.shares.tell(now)
    }

    fn forget(&mut self, now: Duration) {
        for sidecar in self.shares.forget(now) {
            self.sidecars.remove(&sidecar);
        }
    }

    /// Gives back the memory of windows that ran empty, and forgets their keys if they are not configured.
    fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        self.forget(now);
        self.accounts.retain(|_, account| {
            account.window.expire(nanos(now));
            if account.window.is_empty() {
                account.window = Window::default();
            }
            account.limit.is_some() || !account.window.is_empty()
        });
    }
}

impl Sidecar {
    fn covers(&self, key: &Name) -> bool {
        self.scope
            .as_deref()
            .is_none_or(|scope| scope == key.namespace())
    }
}

impl Account {
    fn open(&mut self) -> Option<(Limit, &mut Window)> {
        Some((self.limit?, &mut self.window))
    }
}

/// What a question is judged by.
struct Terms {
    requests: u32,
    withheld: Vec<Withheld>,
    at: u64,
    /// When what is granted now leaves.
    leaves: u64,
}

impl Terms {
    fn admit(&self, window: &Window) -> bool {
        window.load(&self.withheld) < self.requests
    }

    /// Under `Share` whoever asks now goes on with its share, and tells nobody before its next Hello.
    fn learn(&self, window: &mut Window, uses: Withheld, ready: Duration) -> Verdict {
        window.assume(uses, self.leaves, self.requests);
        let ready_ms = until_ms(self.at, nanos(ready));
        Verdict::Learning { ready_ms }
    }

    fn frees(&self, window: &Window) -> u64 {
        if self.admit(window) {
            return self.at;
        }
        // Where time alone frees nothing (all is withheld, or the limit is 0), an occupancy is as good a guess as any.
        window
            .frees(self.requests, &self.withheld)
            .unwrap_or(self.leaves)
    }

    fn grant(&self, key: &Name, verdict: Verdict, window: &Window) -> Grant {
        let remaining = match verdict {
            Verdict::Learning { .. } => 0,
            _ => self.requests.saturating_sub(window.load(&self.withheld)),
        };
        let reset_ms = window.empties().map_or(0, |empty| until_ms(self.at, empty));
        let (key, limit) = (key.clone(), Some(self.requests));
        Grant {
            key,
            verdict,
            limit,
            remaining,
            reset_ms,
        }
    }
}

/// What lost sidecars may be using of a key, by the process that each was.
fn withheld(shares: &Shares, sidecars: &HashMap<String, Sidecar>, key: &Name) -> Vec<Withheld> {
    let owner = |sidecar: &str| Some(sidecars.get(sidecar)?.owner);
    let withheld = |(id, share)| {
        Some(Withheld {
            owner: owner(id)?,
            share,
        })
    };
    shares.cut_off(key).filter_map(withheld).collect()
}

/// How long after its start an authority knows enough to grant. Under `Share` sidecars go on meanwhile, so it only waits
/// for their Hellos; under `Deny` it waits until nothing that it might not know of can occupy a window.
fn learns(memory: Memory, limit: Limit, occupancy: Duration) -> Duration {
    match (memory, limit.when_unreachable) {
        (Memory::Fresh, _) => Duration::ZERO,
        (Memory::Lost, WhenQuotaUnreachable::Share) => LISTENS,
        (Memory::Lost, WhenQuotaUnreachable::Deny) => occupancy,
    }
}

fn unknown(key: &Name) -> Grant {
    let verdict = Verdict::Denied {
        next_free_ms: UNKNOWN_AGAIN_MS,
    };
    Grant {
        key: key.clone(),
        verdict,
        limit: None,
        remaining: 0,
        reset_ms: 0,
    }
}

fn unlimited(key: &Name, token: u64) -> Grant {
    let verdict = Verdict::Granted {
        count: 1,
        ttl_ms: 0,
        token,
    };
    Grant {
        key: key.clone(),
        verdict,
        limit: None,
        remaining: u32::MAX,
        reset_ms: 0,
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
