//! The authority behind one door: windows, which decide in memory, and the ledger, which keeps what must never be forgotten. Called by
//! the operator's streams and by `purser up`. It owns the order in which the two are asked, and no rule of either.
//!
//! What needs both is taken from the windows first and given back when the ledger says no: a window frees itself, money does not.
//! A call never waits for the ledger unless its plan is metered, or its key begins to be valid with this very call.

mod answers;
mod counting;
mod office;
mod reserving;
mod together;

use crate::journal::Journal;
use crate::ledger::{Activate, Activation, KeepRefused, Ledger, LedgerError, Sale, Sender};
use crate::redis::{Answers, RedisWindows};
use crate::terms::{KeyTerms, Terms};
use crate::windows::{Moment, Windows};
use answers::{later, over, refused, too_many};
use counting::Counting;
use purser_config::quota::{Ask, Grant, Return, Settle, Share, Use, Verdict};
use purser_config::stream::Hello;
use purser_config::usage::Batch;
use purser_config::{Configuration, Name, Starts};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;

/// When each key began to be valid on each plan, in unix milliseconds.
pub type Activations = BTreeMap<(Name, String), u64>;

/// Windows and ledger.
pub struct Authority {
    counting: Counting,
    ledger: Ledger,
    terms: RwLock<Arc<Terms>>,
    begun: watch::Sender<Arc<Activations>>,
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
        Authority::over(Counting::alone(windows, journal), ledger).await
    }

    /// The same over windows that other replicas count in, too. The ledger must be one that they share.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn together(windows: RedisWindows, ledger: Ledger) -> Result<Self, LedgerError> {
        let together = together::Together::new(windows);
        Authority::over(Counting::Together(Box::new(together)), ledger).await
    }

    async fn over(counting: Counting, ledger: Ledger) -> Result<Self, LedgerError> {
        let begun = ledger.activations().await?;
        Ok(Authority {
            counting,
            ledger,
            terms: RwLock::default(),
            begun: watch::Sender::new(Arc::new(begun)),
        })
    }

    /// Replaces all terms; before the first `hello`, and at every publication.
    pub fn configure(&self, at: Moment, configuration: &Configuration) {
        let terms = Terms::of(configuration);
        *self.terms.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(terms.clone());
        self.counting.configure(at.now, terms);
    }

    /// A sidecar's connection begins; `scope`: the namespace that its token speaks for, `None`: all.
    pub async fn hello(&self, at: Moment, sidecar: &str, hello: &Hello, scope: Option<&str>) {
        self.counting.hello(at, sidecar, (hello, scope)).await;
    }

    /// It ended; `gone`: its process too.
    pub async fn lost(&self, now: Duration, sidecar: &str, gone: bool) {
        self.counting.lost(now, sidecar, gone).await;
    }

    /// A connected sidecar used its shares beside what it was granted, because answers were late.
    pub async fn used(&self, at: Moment, sidecar: &str, uses: &[Use]) {
        self.counting.used(at, sidecar, uses).await;
    }

    /// Whether a connected sidecar must say Hello again before it is answered: its connection is to be closed.
    pub fn must_return(&self, sidecar: &str) -> bool {
        self.counting.must_return(sidecar)
    }

    /// May these keys make requests? All answers hold in one term.
    pub async fn ask_all(&self, at: Moment, sidecar: &str, asks: &[Ask]) -> Answers<Grant> {
        let told = asks.iter().map(|ask| self.asked(at, sidecar, ask));
        let told = futures::future::join_all(told).await;
        let epoch = self.counting.epoch();
        let answers = told.into_iter().zip(asks).map(|((of, grant), ask)| {
            if of == epoch {
                grant
            } else {
                refused(&ask.key, later())
            }
        });
        let answers = answers.collect();
        Answers { epoch, answers }
    }

    /// May this key make requests?
    pub async fn ask(&self, at: Moment, sidecar: &str, ask: &Ask) -> Grant {
        self.asked(at, sidecar, ask).await.1
    }

    async fn asked(&self, at: Moment, sidecar: &str, ask: &Ask) -> (u64, Grant) {
        let terms = self.terms();
        let Some(of_key) = terms.keys.get(&ask.key) else {
            return self.window(at, sidecar, ask).await;
        };
        match self.valid(at, &ask.key, of_key) {
            Valid::Until(expires_at_ms) => {
                let (epoch, grant) = self.window(at, sidecar, ask).await;
                let grant = Grant {
                    expires_at_ms,
                    ..grant
                };
                (epoch, grant)
            }
            Valid::Over(ended) => self.now(refused(&ask.key, over(of_key, ended))),
            Valid::Unbegun => self.begin(at, sidecar, (ask, of_key)).await,
        }
    }

    /// The same where it can be said at once: by windows in this process, for every call but the one with which a key begins to be
    /// valid. `None`: `ask` says it.
    pub fn ask_now(&self, at: Moment, sidecar: &str, ask: &Ask) -> Option<Grant> {
        let terms = self.terms();
        let mut expires_at_ms = None;
        if let Some(of_key) = terms.keys.get(&ask.key) {
            match self.valid(at, &ask.key, of_key) {
                Valid::Until(until) => expires_at_ms = until,
                Valid::Over(ended) => return Some(refused(&ask.key, over(of_key, ended))),
                Valid::Unbegun => return None,
            }
        }
        let told = self.counting.ask_now(at, sidecar, ask)?;
        let grant = told.map_or_else(|| refused(&ask.key, later()), |(_, grant)| grant);
        Some(Grant {
            expires_at_ms,
            ..grant
        })
    }

    fn now<T>(&self, answer: T) -> (u64, T) {
        (self.counting.epoch(), answer)
    }

    async fn window(&self, at: Moment, sidecar: &str, ask: &Ask) -> (u64, Grant) {
        let told = self.counting.ask(at, sidecar, ask).await;
        told.unwrap_or_else(|| self.now(refused(&ask.key, later())))
    }

    /// The first call of a key: its window admits it, then its time begins, durably, then it is granted.
    async fn begin(
        &self,
        at: Moment,
        sidecar: &str,
        (ask, terms): (&Ask, &KeyTerms),
    ) -> (u64, Grant) {
        let (epoch, grant) = self.window(at, sidecar, ask).await;
        let Verdict::Granted { token, count, .. } = grant.verdict else {
            return (epoch, grant);
        };
        let key = &ask.key;
        let refusal = match self.activate(at, key, terms).await {
            Ok(Activation::At(began)) => {
                let ends = terms.validity.map(|validity| validity.ends(began));
                match ends {
                    Some(ends) if at.unix_ms >= ends => over(terms, ends),
                    expires_at_ms => {
                        let grant = Grant {
                            expires_at_ms,
                            ..grant
                        };
                        return (epoch, grant);
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
        self.give_back(at.now, sidecar, &back).await;
        (epoch, refused(key, refusal))
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
            sale: Sale {
                at_ms: at.unix_ms,
                price: self.terms().prices.get(&terms.plan).cloned(),
            },
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
    pub async fn give_back(&self, now: Duration, sidecar: &str, back: &Return) {
        self.counting.give_back(now, sidecar, back).await;
    }

    /// Calls ended, or were never sent, or go on without an answer: what they hold in windows is settled, in this order.
    pub async fn settle(&self, at: Moment, sidecar: &str, settles: &[Settle]) {
        self.counting.settle(at.now, sidecar, settles).await;
    }

    /// Gives the credits back that settled calls asked for and do not need.
    pub async fn release(&self, at: Moment, settles: &[Settle]) {
        let back = settles.iter().filter(|settle| settle.gives_credits_back());
        futures::future::join_all(back.map(|settle| self.release_one(at, settle))).await;
    }

    async fn release_one(&self, at: Moment, settle: &Settle) {
        let metered = |terms: &KeyTerms| terms.credits.is_some();
        let metered = self.terms().keys.get(&settle.key).is_some_and(metered);
        if !metered {
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
    pub async fn shares_held(&self, now: Duration, sidecar: &str, shares: &[Share]) {
        self.counting.shares_held(now, sidecar, shares).await;
    }

    /// The shares to send now: to be called after each event and at least every second.
    pub fn shares_to_tell(&self, now: Duration) -> Vec<(String, Vec<Share>)> {
        self.counting.shares_to_tell(now)
    }

    /// Why the windows cannot be kept now, and so grant nothing; `None`: they can.
    pub fn fault(&self) -> Option<String> {
        self.counting.fault()
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
