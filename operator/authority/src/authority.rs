//! The authority behind one door: windows, which decide in memory, and the ledger, which keeps what must never be forgotten. Called by
//! the operator's streams and by `purser up`. It owns the order in which the two are asked, and no rule of either.
//!
//! What needs both is taken from the windows first and given back when the ledger says no: a window frees itself, money does not.
//! A call never waits for the ledger unless its plan is metered, or its key begins to be valid with this very call.

mod answers;
mod office;

use crate::journal::Journal;
use crate::ledger::{
    Activate, Activation, KeepRefused, Ledger, LedgerError, ReserveCredits, Sender,
};
use crate::terms::{KeyTerms, Terms};
use crate::windows::{Moment, Windows};
use answers::{later, not_held, over, refused, too_many};
use purser_config::quota::{
    Ask, Grant, Reserve, ReserveVerdict, Reserved, Return, Settle, Share, Verdict,
};
use purser_config::stream::Hello;
use purser_config::usage::Batch;
use purser_config::{Configuration, Credits, Name, Starts};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;

/// When each key began to be valid on each plan, in unix milliseconds.
pub type Activations = BTreeMap<(Name, String), u64>;

/// Windows and ledger.
pub struct Authority {
    counted: Mutex<Counted>,
    ledger: Ledger,
    terms: RwLock<Arc<Terms>>,
    begun: watch::Sender<Arc<Activations>>,
}

/// Windows, and where each change of them is written before it is answered.
struct Counted {
    windows: Windows,
    journal: Option<Journal>,
    /// Why the last change could not be written.
    fault: Option<String>,
}

/// Whether a key may be asked for at all.
enum Valid {
    /// Until then, in unix milliseconds; `None`: for ever.
    Until(Option<u64>),
    /// It begins with its first call.
    Unbegun,
    /// Not any more.
    Over(u64),
}

impl Counted {
    /// Decides, and writes what changed before anybody hears of it; `None`: it was not written, and may not be told. What is taken stays
    /// taken then, which errs on the safe side.
    fn decide<T>(&mut self, decide: impl FnOnce(&mut Windows) -> T) -> Option<T> {
        let decided = decide(&mut self.windows);
        let Some(journal) = &mut self.journal else {
            return Some(decided);
        };
        match journal.keep(&mut self.windows) {
            Ok(()) => {
                self.fault = None;
                Some(decided)
            }
            Err(error) => {
                if self.fault.is_none() {
                    tracing::error!(%error, "calls of limited keys are not granted");
                }
                self.fault = Some(error.to_string());
                None
            }
        }
    }
}

impl Authority {
    /// Windows as they are, and a ledger. `journal`: where the windows are kept for the next process; `None`: they are not.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn open(
        windows: Windows,
        journal: Option<Journal>,
        ledger: Ledger,
    ) -> Result<Self, LedgerError> {
        let begun = ledger.activations().await?;
        Ok(Authority {
            counted: Mutex::new(Counted {
                windows,
                journal,
                fault: None,
            }),
            ledger,
            terms: RwLock::default(),
            begun: watch::Sender::new(Arc::new(begun)),
        })
    }

    /// Replaces all terms; before the first `hello`, and at every publication.
    pub fn configure(&self, at: Moment, configuration: &Configuration) {
        let terms = Terms::of(configuration);
        *self.terms.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(terms.clone());
        self.counted()
            .decide(|windows| windows.configure(at.now, terms));
    }

    /// A sidecar's connection begins; `scope`: the namespace that its token speaks for, `None`: all.
    pub fn hello(&self, at: Moment, sidecar: &str, hello: &Hello, scope: Option<&str>) {
        self.counted()
            .decide(|windows| windows.hello(at, sidecar, hello, scope));
    }

    /// It ended; `gone`: its process too.
    pub fn lost(&self, now: Duration, sidecar: &str, gone: bool) {
        self.counted()
            .decide(|windows| windows.lost(now, sidecar, gone));
    }

    /// The term; goes with every answer.
    pub fn epoch(&self) -> u64 {
        self.counted().windows.epoch()
    }

    /// May this key make requests?
    pub async fn ask(&self, at: Moment, sidecar: &str, ask: &Ask) -> Grant {
        match self.ask_now(at, sidecar, ask) {
            Ok(grant) => grant,
            Err(terms) => self.begin(at, sidecar, (ask, &terms)).await,
        }
    }

    /// The same where it can be said at once: for every call but the one with which a key begins to be valid.
    ///
    /// # Errors
    /// That one, with the key's terms.
    pub fn ask_now(&self, at: Moment, sidecar: &str, ask: &Ask) -> Result<Grant, Box<KeyTerms>> {
        let terms = self.terms();
        let Some(of_key) = terms.keys.get(&ask.key) else {
            return Ok(self.window(at, sidecar, ask));
        };
        match self.valid(at, &ask.key, of_key) {
            Valid::Until(expires_at_ms) => Ok(Grant {
                expires_at_ms,
                ..self.window(at, sidecar, ask)
            }),
            Valid::Over(ended) => Ok(refused(&ask.key, over(of_key, ended))),
            Valid::Unbegun => Err(Box::new(of_key.clone())),
        }
    }

    fn window(&self, at: Moment, sidecar: &str, ask: &Ask) -> Grant {
        let granted = self
            .counted()
            .decide(|windows| windows.ask(at, sidecar, ask));
        granted.unwrap_or_else(|| refused(&ask.key, later()))
    }

    /// The first call of a key: its window admits it, then its time begins, durably, then it is granted.
    async fn begin(&self, at: Moment, sidecar: &str, (ask, terms): (&Ask, &KeyTerms)) -> Grant {
        let grant = self.window(at, sidecar, ask);
        let Verdict::Granted { token, count, .. } = grant.verdict else {
            return grant;
        };
        let key = &ask.key;
        let refusal = match self.activate(at, key, terms).await {
            Ok(Activation::At(began)) => {
                let ends = terms.validity.map(|validity| validity.ends(began));
                match ends {
                    Some(ends) if at.unix_ms >= ends => over(terms, ends),
                    expires_at_ms => {
                        return Grant {
                            expires_at_ms,
                            ..grant
                        };
                    }
                }
            }
            Ok(Activation::TooMany { max }) => too_many(terms, max),
            Err(error) => {
                tracing::error!(%key, %error, "a key's first call waits: that its time begins cannot be kept");
                later()
            }
        };
        let back = Return {
            key: key.clone(),
            token,
            count,
        };
        self.give_back(at.now, sidecar, &back);
        refused(key, refusal)
    }

    async fn activate(
        &self,
        at: Moment,
        key: &Name,
        terms: &KeyTerms,
    ) -> Result<Activation, LedgerError> {
        let creation = terms
            .validity
            .is_some_and(|validity| validity.starts == Starts::Creation);
        let begins = terms.created_ms.filter(|_| creation);
        let activate = Activate {
            key: key.clone(),
            plan: terms.plan.clone(),
            max_keys: terms.max_keys_per_namespace,
            at_ms: begins.unwrap_or(at.unix_ms),
        };
        let activation = self.ledger.activate(activate).await?;
        if let Activation::At(began) = activation {
            let of = (key.clone(), terms.plan.clone());
            self.remember(of, began);
        }
        Ok(activation)
    }

    fn remember(&self, of: (Name, String), began: u64) {
        self.begun.send_if_modified(|begun| {
            let new = begun.get(&of) != Some(&began);
            if new {
                Arc::make_mut(begun).insert(of, began);
            }
            new
        });
    }

    /// Requests that were granted and not used.
    pub fn give_back(&self, now: Duration, sidecar: &str, back: &Return) {
        self.counted()
            .decide(|windows| windows.give_back(now, sidecar, back));
    }

    /// Holds all that a call needs beyond its window, or nothing.
    pub async fn reserve(&self, at: Moment, sidecar: &str, reserve: &Reserve) -> Reserved {
        let terms = self.terms();
        let of_key = terms.keys.get(&reserve.key);
        if let Some(of_key) = of_key
            && let Valid::Over(ended) = self.valid(at, &reserve.key, of_key)
            && let Verdict::Refused { code, message } = over(of_key, ended)
        {
            return not_held(reserve, ReserveVerdict::Refused { code, message });
        }
        let held = self
            .counted()
            .decide(|windows| windows.hold(at.now, sidecar, reserve));
        let Some(held) = held else {
            return not_held(reserve, ReserveVerdict::Unavailable);
        };
        let channel = match &held.verdict {
            ReserveVerdict::Held { channel, .. } if reserve.credits > 0 => *channel,
            _ => return held,
        };
        let Some((of_key, credits)) = of_key.and_then(|terms| Some((terms, terms.credits?))) else {
            return held;
        };
        let verdict = match self.pay(at, reserve, (of_key, credits)).await {
            Ok((credits, left)) => {
                return Reserved {
                    verdict: ReserveVerdict::Held { channel, credits },
                    credits_left: Some(left),
                    ..held
                };
            }
            Err(verdict) => verdict,
        };
        let unsent = Settle {
            id: reserve.id.clone(),
            key: reserve.key.clone(),
            tokens: None,
        };
        self.counted()
            .decide(|windows| windows.settle(at.now, sidecar, &unsent));
        not_held(reserve, verdict)
    }

    /// Credits for a call, and what is left.
    async fn pay(
        &self,
        at: Moment,
        reserve: &Reserve,
        (terms, credits): (&KeyTerms, Credits),
    ) -> Result<(u64, u64), ReserveVerdict> {
        let wanted = ReserveCredits {
            id: reserve.id.clone(),
            key: reserve.key.clone(),
            plan: terms.plan.clone(),
            credits,
            max_keys: terms.max_keys_per_namespace,
            amount: reserve.credits,
            allowance: reserve.allowance,
            spool: reserve.spool.clone(),
            unconfirmed_pays: terms.unconfirmed_pays,
            wall_ms: at.unix_ms,
        };
        match self.ledger.reserve(wanted).await {
            Ok(Ok(held)) => Ok((held.credits, held.left)),
            Ok(Err(refused)) => Err(ReserveVerdict::NoCredits { left: refused.left }),
            Err(error) => {
                tracing::error!(key = %reserve.key, %error, "a call is refused: its credits cannot be reserved");
                Err(ReserveVerdict::Unavailable)
            }
        }
    }

    /// A call ended, or was never sent; then its credits go back.
    pub async fn settle(&self, at: Moment, sidecar: &str, settle: &Settle) {
        self.counted()
            .decide(|windows| windows.settle(at.now, sidecar, settle));
        let metered = |terms: &KeyTerms| terms.credits.is_some();
        let metered = self.terms().keys.get(&settle.key).is_some_and(metered);
        if settle.tokens.is_some() || !metered {
            return;
        }
        let released = self
            .ledger
            .release(settle.key.clone(), settle.id.clone(), at.unix_ms);
        if let Err(error) = released.await {
            // The sweep gives them back, later.
            tracing::warn!(key = %settle.key, %error, "credits of a call that was not sent stay reserved for now");
        }
    }

    /// Keeps usage records for ever; says up to which number of their spool all are kept.
    ///
    /// # Errors
    /// When the ledger cannot write; the batch may be sent again.
    pub async fn keep(
        &self,
        at: Moment,
        sender: Sender,
        batch: Batch,
    ) -> Result<Result<u64, KeepRefused>, LedgerError> {
        let kept = self.ledger.keep(sender, batch, at.unix_ms).await?;
        Ok(kept.map(|kept| kept.upto))
    }

    /// Shares that a sidecar confirms.
    pub fn shares_held(&self, now: Duration, sidecar: &str, shares: &[Share]) {
        self.counted()
            .decide(|windows| windows.shares_held(now, sidecar, shares));
    }

    /// The shares to send now: to be called after each event and at least every second.
    pub fn shares_to_tell(&self, now: Duration) -> Vec<(String, Vec<Share>)> {
        self.counted()
            .decide(|windows| windows.shares_to_tell(now))
            .unwrap_or_default()
    }

    /// Why the windows cannot be kept now, and so grant nothing; `None`: they can.
    pub fn fault(&self) -> Option<String> {
        self.counted().fault.clone()
    }

    /// When keys began to be valid; changes when one does.
    pub fn begun(&self) -> watch::Receiver<Arc<Activations>> {
        self.begun.subscribe()
    }

    /// The ledger, for what only it knows.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.terms.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn valid(&self, at: Moment, key: &Name, terms: &KeyTerms) -> Valid {
        let Some(validity) = terms.validity else {
            return Valid::Until(None);
        };
        let of = (key.clone(), terms.plan.clone());
        match self
            .begun
            .borrow()
            .get(&of)
            .map(|began| validity.ends(*began))
        {
            None => Valid::Unbegun,
            Some(ends) if at.unix_ms >= ends => Valid::Over(ends),
            ends => Valid::Until(ends),
        }
    }
}
