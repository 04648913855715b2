//! Puts the rooms together, opens the ports, and ends in order. Called by `main` and by `purser up`.

use crate::admin::{self, Admin};
use crate::clock::Clock;
use crate::gateway::Gateway;
use crate::ledger::{Authority, Ledger, Memory};
use crate::metrics::Metrics;
use crate::server::{self, Phase};
use crate::store::Store;
use anyhow::Context;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Which ports to open.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// Callers.
    pub gateway: SocketAddr,
    /// `/configz`, `/readyz`, `/healthz`, `/metrics`: loopback.
    pub admin: SocketAddr,
    /// `/metrics` and `/healthz` for the pod's address.
    pub metrics: Option<SocketAddr>,
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
    callers: TcpListener,
    admin: TcpListener,
    metrics: Option<TcpListener>,
}

/// Joins the rooms over this authority.
///
/// # Errors
/// When the metrics cannot be registered.
pub fn gateway(
    authority: Arc<dyn Authority>,
    memory: Arc<Memory>,
    clock: Clock,
) -> anyhow::Result<Arc<Gateway>> {
    let metrics = Arc::new(Metrics::new().context("registering the metrics")?);
    let ledger = Arc::new(Ledger::new(authority, memory, clock));
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
            Some(address) => Some(bind(address, "metrics").await?),
            None => None,
        };
        let (callers, admin) = (
            bind(listen.gateway, "callers").await?,
            bind(listen.admin, "administration").await?,
        );
        Ok(Sidecar {
            gateway,
            callers,
            admin,
            metrics,
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
            callers,
            admin,
            metrics,
        } = self;
        let shown = Admin {
            store: Arc::clone(&gateway.store),
            metrics: Arc::clone(&gateway.metrics),
            phase: phases.clone(),
            whole: true,
        };
        let mut open = vec![tokio::spawn(admin::serve(admin, shown.clone()))];
        open.extend(metrics.map(|listener| {
            tokio::spawn(admin::serve(
                listener,
                Admin {
                    whole: false,
                    ..shown
                },
            ))
        }));
        let serving = server::serve(callers, gateway, phases);
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => {}
            () = end => {
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
        }
        open.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

async fn bind(address: SocketAddr, what: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("opening {address} for {what}; is another process using it?"))
}
