//! Where requests are counted: in this process, or in a store that several replicas share. Part of `Authority`; decides nothing that the
//! windows do not.

use super::together::Together;
use crate::journal::Journal;
use crate::terms::Terms;
use crate::windows::{Moment, Windows};
use purser_config::Name;
use purser_config::quota::{Ask, Grant, Reserve, Reserved, Return, Settle, Share, Use};
use purser_config::stream::Hello;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// An answer and the term that it holds in; `None`: nobody can say now.
pub(super) type Told<T> = Option<(u64, T)>;

/// One of the two.
pub(super) enum Counting {
    Alone(Box<Mutex<Alone>>),
    Together(Box<Together>),
}

/// Windows in memory, and where each change of them is written before it is answered.
pub(super) struct Alone {
    windows: Windows,
    journal: Option<Journal>,
    /// Why the last change could not be written.
    fault: Option<String>,
}

impl Alone {
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

fn lock(alone: &Mutex<Alone>) -> MutexGuard<'_, Alone> {
    alone.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Counting {
    pub(super) fn alone(windows: Windows, journal: Option<Journal>) -> Self {
        let fault = None;
        Counting::Alone(Box::new(Mutex::new(Alone {
            windows,
            journal,
            fault,
        })))
    }

    pub(super) fn configure(&self, now: Duration, terms: Terms) {
        match self {
            Counting::Alone(alone) => {
                lock(alone).decide(|windows| windows.configure(now, terms));
            }
            Counting::Together(together) => together.windows.configure(terms),
        }
    }

    pub(super) async fn hello(
        &self,
        at: Moment,
        sidecar: &str,
        (hello, scope): (&Hello, Option<&str>),
    ) {
        match self {
            Counting::Alone(alone) => {
                lock(alone).decide(|windows| windows.hello(at, sidecar, hello, scope));
            }
            Counting::Together(together) => together.hello(sidecar, hello, scope).await,
        }
    }

    pub(super) async fn lost(&self, now: Duration, sidecar: &str, gone: bool) {
        match self {
            Counting::Alone(alone) => {
                lock(alone).decide(|windows| windows.lost(now, sidecar, gone));
            }
            Counting::Together(together) => together.lost(sidecar, gone).await,
        }
    }

    pub(super) async fn used(&self, at: Moment, sidecar: &str, uses: &[Use]) {
        match self {
            Counting::Alone(alone) => {
                lock(alone).decide(|windows| windows.used(at, sidecar, uses));
            }
            Counting::Together(together) => together.windows.used(sidecar, uses).await,
        }
    }

    pub(super) async fn ask(&self, at: Moment, sidecar: &str, ask: &Ask) -> Told<Grant> {
        match self {
            Counting::Alone(_) => self.ask_now(at, sidecar, ask)?,
            Counting::Together(together) => together.ask(sidecar, ask).await,
        }
    }

    /// The same where it can be said at once; `None`: it takes a question to a store.
    pub(super) fn ask_now(&self, at: Moment, sidecar: &str, ask: &Ask) -> Option<Told<Grant>> {
        let Counting::Alone(alone) = self else {
            return None;
        };
        let mut alone = lock(alone);
        let granted = alone.decide(|windows| windows.ask(at, sidecar, ask));
        let epoch = alone.windows.epoch();
        Some(granted.map(|grant| (epoch, grant)))
    }

    pub(super) async fn give_back(&self, now: Duration, sidecar: &str, back: &Return) {
        match self {
            Counting::Alone(alone) => {
                lock(alone).decide(|windows| windows.give_back(now, sidecar, back));
            }
            Counting::Together(together) => {
                let backs = std::slice::from_ref(back);
                together.windows.give_back(sidecar, backs).await;
            }
        }
    }

    pub(super) async fn hold(
        &self,
        now: Duration,
        sidecar: &str,
        reserve: &Reserve,
    ) -> Told<Reserved> {
        match self {
            Counting::Alone(alone) => {
                let mut alone = lock(alone);
                let held = alone.decide(|windows| windows.hold(now, sidecar, reserve));
                held.map(|held| (alone.windows.epoch(), held))
            }
            Counting::Together(together) => together.hold(sidecar, reserve).await,
        }
    }

    /// In their order: a call that goes on, and then ends, holds nothing.
    pub(super) async fn settle(&self, now: Duration, sidecar: &str, settles: &[Settle]) {
        match self {
            Counting::Alone(alone) => {
                let each = |windows: &mut Windows| {
                    settles
                        .iter()
                        .for_each(|settle| windows.settle(now, sidecar, settle));
                };
                lock(alone).decide(each);
            }
            Counting::Together(together) => together.settle(sidecar, settles).await,
        }
    }

    pub(super) async fn shares_held(&self, now: Duration, sidecar: &str, shares: &[Share]) {
        match self {
            Counting::Alone(alone) => {
                lock(alone).decide(|windows| windows.shares_held(now, sidecar, shares));
            }
            Counting::Together(together) => together.windows.shares_held(sidecar, shares).await,
        }
    }

    pub(super) fn shares_to_tell(&self, now: Duration) -> Vec<(String, Vec<Share>)> {
        match self {
            Counting::Alone(alone) => lock(alone)
                .decide(|windows| windows.shares_to_tell(now))
                .unwrap_or_default(),
            Counting::Together(together) => together.windows.shares_to_tell(),
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        match self {
            Counting::Alone(alone) => lock(alone).windows.epoch(),
            Counting::Together(together) => together.windows.epoch(),
        }
    }

    pub(super) fn fault(&self) -> Option<String> {
        match self {
            Counting::Alone(alone) => lock(alone).fault.clone(),
            Counting::Together(together) => together.fault(),
        }
    }

    pub(super) fn must_return(&self, sidecar: &str) -> bool {
        match self {
            Counting::Alone(_) => false,
            Counting::Together(together) => together.must_return(sidecar),
        }
    }

    pub(super) async fn left_today(&self, at: Moment) -> BTreeMap<Name, u32> {
        match self {
            Counting::Alone(alone) => lock(alone).windows.left_today(at),
            Counting::Together(together) => together.windows.left_today().await,
        }
    }

    /// What replicas tell each other; nothing where there is one.
    pub(super) async fn post(&self, news: Option<&str>) -> Vec<String> {
        match self {
            Counting::Alone(_) => Vec::new(),
            Counting::Together(together) => together.windows.post(news).await.unwrap_or_default(),
        }
    }
}
