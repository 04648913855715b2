//! Starts the operator in order and ends it in order. Called by `main`.
//!
//! Order: watches and the admin port at once; then the Lease; then, in `lead`, a first publication; only then streams. At the
//! end: streams first, so that sidecars look for the successor; the Lease last, so that there is one only when we have ended.
//! Where replicas share their stores, all of them serve at once, and the Lease says only which one writes.

use crate::admin::{self, Ready};
use crate::args::{Args, Run};
use crate::certificate;
use crate::clock::Clock;
use crate::definitions::Definitions;
use crate::lead::{Lead, Listeners};
use crate::lease::{self, Election, Tenure};
use crate::metrics::Metrics;
use crate::stores;
use crate::watch::{Gone, Watched};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
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
    /// The identity provider's settings make no sense.
    #[error("setting up the identity provider: {0}")]
    SignIn(String),
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
    let sign_in = run.oidc.settings().map_err(Failure::SignIn)?;
    let mut signals = Signals::listen()?;
    let client = Client::try_default().await?;
    let (clock, metrics, ready) = (Clock::System, Arc::new(Metrics::new()?), Ready::default());
    let listeners = listeners(&run).await?;
    let mut tasks = JoinSet::new();
    let admin = listen(run.listen_metrics).await?;
    tasks.spawn(admin::run(admin, Arc::clone(&metrics), ready.clone()));
    let watched = watched(&run, &client, &ready, &mut tasks);
    let election = election(&run, &client);
    let identity = election.identity.clone();
    tracing::info!(identity, lease = election.name, "waiting for the lease");
    let shared = run.windows.is_some();
    let (leads, led) = watch::channel(!shared);
    let term = match shared {
        true => None,
        false => tokio::select! {
            term = alone(&election, clock, &metrics) => Some(term),
            () = signals.end() => return Ok(()),
        },
    };
    let tenure = match &term {
        Some((tenure, _)) => tenure.clone(),
        None => Tenure::shared(clock),
    };
    let lead = Lead {
        run,
        sign_in,
        client,
        clock,
        metrics: Arc::clone(&metrics),
        ready,
        watched,
        tenure,
        leads: led,
        identity,
    };
    let office = Office::new(election, clock, leads, metrics);
    // From here on the Lease must be kept, whatever takes how long. Leaving the `select` drops every other part, and so
    // every stream.
    let result = tokio::select! {
        failure = office.hold(term) => Err(failure.into()),
        ended = lead.serve(listeners, tasks) => ended,
        () = signals.end() => Ok(()),
    };
    office.leave(result.is_ok()).await;
    result
}

/// What the cluster holds, and whether it has our kinds at all.
fn watched(run: &Run, client: &Client, ready: &Ready, tasks: &mut JoinSet<()>) -> Arc<Watched> {
    let definitions = Definitions::default();
    tasks.spawn(definitions.clone().run(client.clone(), ready.clone()));
    let namespaces = &run.watch_namespaces;
    Arc::new(Watched::start(client, namespaces, definitions, tasks))
}

/// Waits until this is the one operator.
async fn alone(election: &Election, clock: Clock, metrics: &Metrics) -> (Tenure, Lease) {
    let (tenure, lease) = election.take(clock).await;
    tracing::info!(epoch = tenure.epoch, fresh = tenure.fresh, "leading");
    metrics.leader.set(1);
    (tenure, lease)
}

/// The Lease, while this process has it or wants it.
struct Office {
    election: Election,
    clock: Clock,
    leads: watch::Sender<bool>,
    metrics: Arc<Metrics>,
    held: Mutex<Option<Tenure>>,
}

impl Office {
    fn new(
        election: Election,
        clock: Clock,
        leads: watch::Sender<bool>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Office {
            election,
            clock,
            leads,
            metrics,
            held: Mutex::default(),
        }
    }

    /// Keeps the term. `None`: takes one whenever there is one to be had, for ever; else its loss is the end.
    async fn hold(&self, term: Option<(Tenure, Lease)>) -> lease::Failure {
        if let Some((tenure, lease)) = term {
            self.holds(Some(tenure.clone()));
            return self.election.keep(&tenure, lease).await;
        }
        loop {
            let (tenure, lease) = self.election.take(self.clock).await;
            tracing::info!(epoch = tenure.epoch, "leading: this replica writes");
            self.holds(Some(tenure.clone()));
            self.tell(true);
            let failure = self.election.keep(&tenure, lease).await;
            tracing::warn!(%failure, "this replica writes no more");
            self.holds(None);
            self.tell(false);
        }
    }

    fn tell(&self, leads: bool) {
        self.metrics.leader.set(i64::from(leads));
        self.leads.send_replace(leads);
    }

    fn holds(&self, tenure: Option<Tenure>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = tenure;
    }

    /// Answers nothing more, and gives the Lease back if all went well.
    async fn leave(&self, well: bool) {
        let held = self
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(tenure) = held else {
            return;
        };
        tenure.end();
        if well {
            tracing::info!("ending, and giving the lease back");
            let release = self.election.release(&tenure);
            let _ = tokio::time::timeout(Duration::from_secs(2), release).await;
        }
    }
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

async fn listeners(run: &Run) -> Result<Listeners, Failure> {
    let streams = listen(run.listen_stream).await?;
    let webhook = match run.inject_image.is_some() || run.warnings {
        true => Some(listen(run.listen_webhook).await?),
        false => None,
    };
    let console = match run.listen_console {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    Ok(Listeners {
        streams,
        webhook,
        console,
    })
}

/// `[::]` is every address, of both families; where the machine has no IPv6 it is every one of IPv4.
async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let opened = match TcpListener::bind(address).await {
        Err(_) if address.ip() == Ipv6Addr::UNSPECIFIED => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        opened => opened,
    };
    opened.map_err(|error| Failure::Listen(address, error))
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
