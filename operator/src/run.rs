//! Starts the operator in order and ends it in order. Called by `main`.
//!
//! Order: watches and the admin port at once; then the Lease; then, in `lead`, a first publication; only then streams. At the
//! end: streams first, so that sidecars look for the successor; the Lease last, so that there is one only when we have ended.

use crate::admin::{self, Ready};
use crate::args::{Args, Run};
use crate::certificate;
use crate::clock::Clock;
use crate::lead::Lead;
use crate::lease::{self, Election};
use crate::metrics::Metrics;
use crate::stores;
use crate::watch::{Gone, Watched};
use kube::{Api, Client};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

/// Why the operator could not run on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No cluster, or no credentials for it.
    #[error("finding the cluster (KUBECONFIG, or the pod's own account)")]
    Cluster(#[from] kube::Error),
    /// A port is taken.
    #[error("listening on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// Signals cannot be heard.
    #[error("listening for signals")]
    Signals(#[source] std::io::Error),
    /// Metrics clash.
    #[error("registering metrics")]
    Metrics(#[from] prometheus::Error),
    /// No certificates.
    #[error("making certificates")]
    Certificates(#[from] certificate::Failure),
    /// Windows or ledger cannot be opened with these settings.
    #[error("opening what the authority keeps")]
    Stores(#[from] stores::Failure),
    /// The Lease is gone.
    #[error("leading")]
    Lease(#[from] lease::Failure),
    /// A watch ended.
    #[error(transparent)]
    Watch(#[from] Gone),
    /// A part ended that never should.
    #[error("a part of the operator ended")]
    Ended,
}

/// Runs until SIGTERM, SIGINT or a failure.
pub async fn run(args: Args) -> Result<(), Failure> {
    let run = args.into_run();
    stores::check(&run)?;
    let mut signals = Signals::listen()?;
    let client = Client::try_default().await?;
    let (clock, metrics, ready) = (Clock, Arc::new(Metrics::new()?), Ready::default());
    let streams = listen(run.listen_stream).await?;
    let mut tasks = JoinSet::new();
    let admin = listen(run.listen_metrics).await?;
    tasks.spawn(admin::run(admin, Arc::clone(&metrics), ready.clone()));
    let watched = Arc::new(Watched::start(&client, &run.watch_namespaces, &mut tasks));
    let election = election(&run, &client);
    tracing::info!(
        identity = election.identity,
        lease = election.name,
        "waiting for the lease"
    );
    let (tenure, lease) = tokio::select! {
        taken = election.take(clock) => taken,
        () = signals.end() => return Ok(()),
    };
    tracing::info!(epoch = tenure.epoch, fresh = tenure.fresh, "leading");
    metrics.leader.set(1);
    let identity = election.identity.clone();
    let lead = Lead {
        run,
        client,
        clock,
        metrics,
        ready,
        watched,
        tenure: tenure.clone(),
        identity,
    };
    // From here on the Lease must be kept, whatever takes how long. Leaving the `select` drops every other part, and so
    // every stream.
    let result = tokio::select! {
        failure = election.keep(&tenure, lease) => Err(failure.into()),
        ended = lead.serve(streams, tasks) => ended,
        () = signals.end() => Ok(()),
    };
    tenure.end();
    if result.is_ok() {
        tracing::info!("ending, and giving the lease back");
        let _ = tokio::time::timeout(Duration::from_secs(2), election.release(&tenure)).await;
    }
    result
}

fn election(run: &Run, client: &Client) -> Election {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned());
    let identity = run
        .identity
        .clone()
        .or(host)
        .filter(|name| !name.is_empty());
    Election {
        api: Api::namespaced(client.clone(), &run.namespace),
        name: run.lease_name.clone(),
        identity: identity.unwrap_or_else(|| "purser-operator".to_owned()),
        duration: run.lease_duration,
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::Listen(address, error))
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let on = |kind| signal(kind).map_err(Failure::Signals);
        Ok(Signals {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        })
    }

    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
