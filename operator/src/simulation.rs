//! The operator's streams and all that answers them, without a cluster, a socket, a thread or a clock of their own: what `tests/sim` runs.
//! Puts the same rooms together as `lead` does for the real ones. Nothing of the program calls it, and it must never hold a rule.

use crate::clock::Clock;
pub use crate::clock::Simulated;
use crate::lease::Tenure;
use crate::metrics::Metrics;
use crate::serve::{Caller, Hub, carry};
use crate::stores::{begin_term, windows};
use bytes::Bytes;
use hyper::body::Body;
use purser_authority::Authority;
use purser_authority::ledger::Ledger;
use purser_config::Configuration;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// One operator that leads, from its start to its kill.
pub struct Operator {
    hub: Hub,
    metrics: Metrics,
}

/// What one starts from.
pub struct Start<'a> {
    /// Its volume.
    pub volume: &'a Path,
    /// The ledger's file, perhaps on another one.
    pub ledger: &'a Path,
    /// Which boot of its machine this is.
    pub boot: &'a str,
    /// The term; the first one is 1.
    pub epoch: u64,
    /// Its machine's clocks.
    pub clock: Simulated,
    /// What it publishes.
    pub configuration: Configuration,
    /// For how long a grant occupies its window, where a fault is planted; `None`: as long as it must.
    pub occupancy: Option<Duration>,
}

/// Whose stream it is.
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
}

impl Operator {
    /// Opens what it keeps and publishes. The future is the ledger's work.
    ///
    /// # Errors
    /// What it cannot open.
    pub async fn start(
        start: Start<'_>,
    ) -> anyhow::Result<(Self, impl Future<Output = ()> + use<>)> {
        let clock = Clock::Simulated(start.clock);
        let tenure = Tenure::granted(clock, start.epoch);
        let (mut windows, journal) = windows(start.volume, start.boot, (&tenure, clock.now()))?;
        if let Some(occupancy) = start.occupancy {
            windows = windows.occupying(occupancy);
        }
        let (ledger, work) = Ledger::sqlite_here(start.ledger).await?;
        let mut work = Box::pin(work);
        let opening = Authority::open(windows, Some(journal), ledger);
        let authority = tokio::select! {
            biased;
            opened = opening => opened?,
            () = &mut work => anyhow::bail!("the ledger ended"),
        };
        begin_term(start.volume, start.epoch)?;
        let hub = Hub::new(clock, tenure, Arc::default(), Arc::new(authority));
        hub.publish(Arc::new(start.configuration));
        let metrics = Metrics::new()?;
        Ok((Operator { hub, metrics }, work))
    }

    /// Carries a stream until it ends; says why it did.
    pub async fn carry(
        &self,
        pod: Pod,
        body: impl Body<Data = Bytes, Error = hyper::Error> + Unpin,
        out: mpsc::Sender<Bytes>,
    ) -> String {
        let caller = Caller {
            namespace: pod.namespace,
            service_account: "sidecar".to_owned(),
            pod: Some(pod.uid),
            pod_name: None,
            gateway: false,
            inquires: false,
        };
        match carry((&self.hub, &self.metrics), caller, body, out).await {
            Ok(()) => "closed".to_owned(),
            Err(ended) => ended.to_string(),
        }
    }

    /// To be called every half second, as in `lead`.
    pub fn tell_shares(&self) {
        self.hub.tell_shares();
    }

    /// Resolves what sidecars left that have been silent for so long; as `sweep`.
    ///
    /// # Errors
    /// What the ledger cannot do.
    pub async fn sweep(&self, kept: Duration) -> anyhow::Result<u64> {
        let kept_ms = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
        let (ledger, at) = (self.hub.authority().ledger(), self.hub.moment());
        Ok(ledger.sweep(at.unix_ms, kept_ms, self.hub.spools()).await?)
    }

    /// Windows and ledger.
    pub fn authority(&self) -> &Arc<Authority> {
        self.hub.authority()
    }
}
