//! The authority in this process: no stream, so no answer is ever late. Called by the gateway's ledger; `desk` tells it the terms. Under the
//! data directory it forgets nothing: `ledger.db` holds credits, first uses and usage records, `windows/` every debit. Without one it
//! lasts as long as the process.

use anyhow::Context;
use purser_authority::ledger::{KeepRefused, Ledger, Sender};
use purser_authority::{Activations, Memory, Moment, Windows, journal};
use purser_config::Configuration;
use purser_config::quota::{Ask, Grant, Reserve, Reserved, Return, Settle};
use purser_config::stream::Hello;
use purser_config::usage::Batch;
use purser_sidecar::clock::Clock;
use purser_sidecar::ledger::{Answer, Authority, Unreachable};
use purser_sidecar::spool::Spool;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;

/// The one gateway that asks, which can never be cut off.
const SELF: &str = "up";
/// The ledger's file in the data directory.
pub(crate) const LEDGER: &str = "ledger.db";
/// How much usage waits at most for a ledger that passes away with the process, in bytes.
const IN_MEMORY: u64 = 16 << 20;
/// How often what an earlier process left is looked for, and how long it may be silent.
const SWEEP: Duration = Duration::from_secs(30);
const KEPT_MS: u64 = 15 * 60_000;
/// How often entries of another process are looked for.
const FOLLOW: Duration = Duration::from_secs(1);

/// An authority and the clock that it is asked by.
pub(crate) struct Local {
    decides: Arc<purser_authority::Authority>,
    clock: Clock,
    /// Where the ledger is, when nobody named a place.
    passing: Option<TempDir>,
}

impl Local {
    /// What the data directory holds, or a new one that ends with this process; and the spool of the gateway beside it.
    ///
    /// # Errors
    /// When it cannot be read or written, with what to do.
    pub(crate) async fn open(folder: Option<&Path>, clock: Clock) -> anyhow::Result<(Self, Spool)> {
        let Some(folder) = folder else {
            let passing = tempfile::tempdir().context("making a folder for the ledger")?;
            let windows = Windows::new(journal::since_boot(), 1, Memory::Fresh);
            let ledger = Ledger::sqlite(&passing.path().join(LEDGER)).await?;
            let decides = purser_authority::Authority::open(windows, None, ledger).await?;
            let local = Local::over(decides, clock, Some(passing));
            return Ok((local, Spool::memory(IN_MEMORY)));
        };
        super::keybook::make(folder)?;
        let ledger = Ledger::sqlite(&folder.join(LEDGER)).await?;
        let (journal, past) = journal::Journal::open(&folder.join("windows"), &journal::boot()?)?;
        // Terms differ from start to start, whatever the clock on the wall does.
        let epoch = random()? >> 32;
        let windows = Windows::resume(journal::since_boot(), epoch, past);
        let decides = purser_authority::Authority::open(windows, Some(journal), ledger).await?;
        let (spool, recovered) = Spool::open(&folder.join("spool"))?;
        tracing::debug!(?recovered, "the usage spool is open");
        Ok((Local::over(decides, clock, None), spool))
    }

    fn over(decides: purser_authority::Authority, clock: Clock, passing: Option<TempDir>) -> Self {
        Local {
            decides: Arc::new(decides),
            clock,
            passing,
        }
    }

    /// Replaces all terms; before `hello`, and at every reload.
    pub(crate) fn configure(&self, configuration: &Configuration) {
        self.decides.configure(self.moment(), configuration);
    }

    /// The gateway says who it is: a process that the windows do not know yet, whatever was before.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(crate) async fn hello(&self) -> anyhow::Result<()> {
        let instance = random()?;
        let hello = Hello {
            instance: format!("{instance:016x}"),
            version: None,
            uses: Vec::new(),
            shares: Vec::new(),
            holds: Vec::new(),
            tokens: Vec::new(),
            spool: String::new(),
        };
        self.decides.lost(journal::since_boot(), SELF, true).await;
        self.decides.hello(self.moment(), SELF, &hello, None).await;
        Ok(())
    }

    /// Where credits and records are kept.
    pub(crate) fn ledger(&self) -> Ledger {
        self.decides.ledger().clone()
    }

    /// When keys began to be valid; changes when one does.
    pub(crate) fn begun(&self) -> watch::Receiver<Arc<Activations>> {
        self.decides.begun()
    }

    /// Resolves what earlier processes left open, for ever.
    pub(crate) async fn sweep(&self, spool: &Spool) {
        loop {
            tokio::time::sleep(SWEEP).await;
            let alive = BTreeSet::from([spool.life()]);
            let ledger = self.decides.ledger();
            if let Err(error) = ledger.sweep(self.clock.wall_ms(), KEPT_MS, alive).await {
                tracing::error!(%error, "what an earlier process left open stays open for now");
            }
        }
    }

    /// Hears of what `purser renew` writes into the same ledger, for ever. Credits need nobody to follow: each call reads its account.
    pub(crate) async fn follow(&self) {
        if self.passing.is_some() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(FOLLOW).await;
            if let Err(error) = self.decides.catch_up().await {
                tracing::debug!(%error, "renewals of another process are not seen for now");
            }
        }
    }

    fn moment(&self) -> Moment {
        Moment {
            now: journal::since_boot(),
            unix_ms: self.clock.wall_ms(),
        }
    }
}

impl Authority for Local {
    fn ask(&self, ask: Ask) -> Answer<Grant> {
        let at = self.moment();
        match self.decides.ask_now(at, SELF, &ask) {
            Some(grant) => Box::pin(std::future::ready(Ok(grant))),
            None => {
                let decides = Arc::clone(&self.decides);
                Box::pin(async move { Ok(decides.ask(at, SELF, &ask).await) })
            }
        }
    }

    fn give_back(&self, unused: Return) {
        let decides = Arc::clone(&self.decides);
        tokio::spawn(async move {
            decides
                .give_back(journal::since_boot(), SELF, &unused)
                .await;
        });
    }

    fn reserve(&self, reserve: Reserve) -> Answer<Reserved> {
        let (decides, at) = (Arc::clone(&self.decides), self.moment());
        Box::pin(async move { Ok(decides.reserve(at, SELF, &reserve).await) })
    }

    fn settle(&self, settle: Settle) {
        let (decides, at) = (Arc::clone(&self.decides), self.moment());
        tokio::spawn(async move {
            decides
                .settle(at, SELF, std::slice::from_ref(&settle))
                .await;
            decides.release(at, &[settle]).await;
        });
    }

    fn keep(&self, batch: Batch) -> Answer<u64> {
        let (decides, at) = (Arc::clone(&self.decides), self.moment());
        let sender = Sender {
            namespace: None,
            pod: SELF.to_owned(),
        };
        Box::pin(async move {
            match decides.keep(at, sender, batch).await {
                Ok(Ok(upto) | Err(KeepRefused::Gap { upto })) => Ok(upto),
                Ok(Err(refused)) => {
                    tracing::error!(?refused, "usage records are refused");
                    Err(Unreachable)
                }
                Err(error) => {
                    tracing::error!(%error, "usage records wait in the spool");
                    Err(Unreachable)
                }
            }
        })
    }
}

fn random() -> anyhow::Result<u64> {
    getrandom::u64().map_err(|error| anyhow::anyhow!("reading the system's random source: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::quota::Verdict;
    use purser_config::{Key, Name, Plan, Standing};

    fn configuration(plan: Plan) -> Configuration {
        let key = Key {
            digests: vec![],
            standing: Standing::Good,
            previous: None,
            plan: "free".into(),
            models: vec![],
            expires_at_ms: None,
            created_ms: None,
            plan_expires_at_ms: None,
            service_accounts: vec![],
            channels: vec![],
            via_gateway: false,
        };
        Configuration {
            keys: [(Name::new("shop", "a"), key)].into(),
            plans: [("free".to_owned(), plan)].into(),
            ..Configuration::default()
        }
    }

    async fn open(folder: Option<&Path>) -> Local {
        let (local, _) = Local::open(folder, Clock::start()).await.unwrap();
        local.configure(&configuration(Plan {
            requests_per_minute: Some(2),
            ..Plan::default()
        }));
        local.hello().await.unwrap();
        local
    }

    async fn ask(local: &Local) -> Verdict {
        let key = Name::new("shop", "a");
        let ask = Ask {
            key,
            want: 1,
            ttl_ms: 0,
        };
        local.ask(ask).await.unwrap().verdict
    }

    #[tokio::test]
    async fn a_run_that_was_killed_leaves_its_windows_to_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(Some(folder.path())).await;
        assert!(matches!(ask(&first).await, Verdict::Granted { .. }));
        drop(first);
        let second = open(Some(folder.path())).await;
        assert!(matches!(ask(&second).await, Verdict::Granted { .. }));
        assert!(
            matches!(ask(&second).await, Verdict::Denied { next_free_ms, .. } if (59_000..=60_200).contains(&next_free_ms))
        );
    }

    #[tokio::test]
    async fn without_a_data_directory_every_start_is_fresh() {
        for _ in 0..2 {
            let local = open(None).await;
            assert!(matches!(ask(&local).await, Verdict::Granted { .. }));
            assert!(matches!(ask(&local).await, Verdict::Granted { .. }));
            assert!(matches!(ask(&local).await, Verdict::Denied { .. }));
        }
    }
}
