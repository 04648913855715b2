//! Puts the rooms together, opens the ports, and ends in order. Called by `main` and by `purser up`.

use crate::admin::{self, Admin};
use crate::clock::Clock;
use crate::gateway::Gateway;
use crate::ledger::{Authority, Ledger, Memory};
use crate::metrics::Metrics;
use crate::server::{self, Door, Phase};
use crate::shared::Shared;
use crate::spool::Spool;
use crate::store::Store;
use anyhow::Context;
use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long the end waits for an authority that takes the last usage records.
const FLUSH: Duration = Duration::from_secs(3);

/// Which ports to open.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// Callers.
    pub gateway: SocketAddr,
    /// `/configz`, `/readyz`, `/healthz`, `/metrics`: loopback.
    pub admin: SocketAddr,
    /// `/metrics`, `/healthz` and `/readyz` for the pod's address.
    pub metrics: Option<SocketAddr>,
    /// Sidecars, of a process that is the shared gateway.
    pub shared: Option<SocketAddr>,
}

/// How to end.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// How long calls are still accepted after the signal.
    pub linger: Duration,
    /// How long everything may take from the signal on.
    pub grace: Duration,
}

/// A sidecar whose ports are open.
pub struct Sidecar {
    /// The gateway, for whoever feeds it.
    pub gateway: Arc<Gateway>,
    /// How long the head of a request may take, and how long an idle connection is kept.
    pub head_timeout: Duration,
    callers: TcpListener,
    admin: TcpListener,
    metrics: Option<TcpListener>,
    shared: Option<TcpListener>,
    /// Who lets sidecars in.
    pub door: Option<Arc<Shared>>,
}

/// Joins the rooms over this authority.
///
/// # Errors
/// When the metrics cannot be registered.
pub fn gateway(
    authority: Arc<dyn Authority>,
    (memory, spool): (Arc<Memory>, Spool),
    clock: Clock,
) -> anyhow::Result<Arc<Gateway>> {
    let metrics = Arc::new(Metrics::new().context("registering the metrics")?);
    let kept = (Arc::new(spool), Arc::clone(&metrics));
    let ledger = Arc::new(Ledger::new(authority, memory, kept, clock));
    Ok(Arc::new(Gateway::new(
        Arc::new(Store::default()),
        ledger,
        metrics,
        clock,
    )))
}

impl Sidecar {
    /// Opens the ports.
    ///
    /// # Errors
    /// Names the address that could not be opened.
    pub async fn open(gateway: Arc<Gateway>, listen: Listen) -> anyhow::Result<Self> {
        let metrics = match listen.metrics {
            Some(address) => Some(bind_for_others(address, "metrics").await?),
            None => None,
        };
        let shared = match listen.shared {
            Some(address) => Some(bind_for_others(address, "sidecars").await?),
            None => None,
        };
        let (callers, admin) = (
            bind(listen.gateway, "callers").await?,
            bind(listen.admin, "administration").await?,
        );
        Ok(Sidecar {
            gateway,
            head_timeout: server::HEAD_TIMEOUT,
            callers,
            admin,
            metrics,
            shared,
            door: None,
        })
    }

    /// The address that callers use, with the port that was chosen when 0 was asked for.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.callers.local_addr()
    }

    /// The address of the admin port.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Serves until `end` resolves, then drains: not ready at once, accepting for `linger`, done within `grace`.
    pub async fn serve(self, ending: Ending, end: impl Future<Output = ()>) {
        let (phase, phases) = watch::channel(Phase::Serving);
        let Sidecar {
            gateway,
            head_timeout,
            callers,
            admin,
            metrics,
            shared,
            door,
        } = self;
        let shown = Admin {
            store: Arc::clone(&gateway.store),
            spool: Arc::clone(&gateway.ledger.spool),
            metrics: Arc::clone(&gateway.metrics),
            clock: gateway.clock,
            phase: phases.clone(),
            door: door.clone(),
            whole: true,
        };
        let ledger = Arc::clone(&gateway.ledger);
        let mut open = vec![
            tokio::spawn(admin::serve(admin, shown.clone())),
            tokio::spawn(Arc::clone(&ledger).run()),
        ];
        let public = Admin {
            whole: false,
            ..shown
        };
        open.extend(metrics.map(|listener| tokio::spawn(admin::serve(listener, public))));
        let doors = Doors {
            callers,
            pods: shared.zip(door),
            head_timeout,
        };
        let mut serving = std::pin::pin!(doors.serve(gateway, phases));
        tokio::select! {
            () = &mut serving => {}
            () = end => drain(serving, &phase, ending).await,
        }
        flush(&ledger).await;
        open.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Where calls come in.
struct Doors {
    callers: TcpListener,
    pods: Option<(TcpListener, Arc<Shared>)>,
    head_timeout: Duration,
}

impl Doors {
    /// Until all have drained.
    async fn serve(self, gateway: Arc<Gateway>, phases: watch::Receiver<Phase>) {
        let head = self.head_timeout;
        let pods = async {
            if let Some((listener, door)) = self.pods {
                let known = Arc::clone(&door);
                let keep = tokio::spawn(async move { known.keep().await });
                let serves = (Arc::clone(&gateway), Door::Pods(door));
                server::serve(listener, serves, phases.clone(), head).await;
                keep.abort();
            }
        };
        let serves = (Arc::clone(&gateway), Door::Callers);
        let callers = server::serve(self.callers, serves, phases.clone(), head);
        tokio::join!(callers, pods);
    }
}

/// Goes on accepting for a while, then finishes what is under way.
async fn drain(
    mut serving: Pin<&mut impl Future<Output = ()>>,
    phase: &watch::Sender<Phase>,
    ending: Ending,
) {
    tracing::info!(linger = ?ending.linger, grace = ?ending.grace, "ending: not ready any more, finishing what is under way");
    phase.send_replace(Phase::Leaving);
    let drained = async {
        tokio::select! {
            () = tokio::time::sleep(ending.linger) => {}
            () = &mut serving => return,
        }
        phase.send_replace(Phase::Draining);
        serving.await;
    };
    if tokio::time::timeout(ending.grace, drained).await.is_err() {
        tracing::warn!("the grace period is over; calls that are still under way are cut");
    }
}

/// What is recorded here and not taken by an authority is found by the next process, where there is a folder and a next one.
async fn flush(ledger: &Ledger) {
    let _ = tokio::time::timeout(FLUSH, ledger.flush()).await;
    let records = ledger.spool.waiting();
    if records > 0 {
        tracing::warn!(
            records,
            "usage records stay in the spool: no authority took them"
        );
    }
    if let Some(otlp) = ledger.otlp() {
        otlp.flush().await;
    }
}

/// `[::]` is every address of the pod, of both families; where the machine has no IPv6 it is every one of IPv4.
async fn bind_for_others(address: SocketAddr, what: &str) -> anyhow::Result<TcpListener> {
    match bind(address, what).await {
        Err(_) if address.ip() == Ipv6Addr::UNSPECIFIED => {
            let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            bind(address, what).await
        }
        opened => opened,
    }
}

async fn bind(address: SocketAddr, what: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("opening {address} for {what}; is another process using it?"))
}
