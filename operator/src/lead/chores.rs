//! What goes on for ever beside the streams of an operator that serves. Started by `lead`, and dropped with it; each sleeps, looks and
//! tells, and decides nothing.

use super::OPENS_AGAIN;
use crate::certificate::Certificates;
use crate::metrics::Metrics;
use crate::serve::{Hub, Note};
use crate::watch::{Dirty, Watched};
use purser_authority::Activations;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How soon after a comparison with the cluster the next one is made, at the least.
const PROVES_AGAIN: Duration = Duration::from_millis(100);
/// How often replicas tell each other who is connected, and look what others wrote into the ledger.
const TELLS_OTHERS: Duration = Duration::from_secs(1);

/// From before the stores are open: the webhook presents them, too.
pub(super) async fn turn_certificates(
    certificates: Arc<Certificates>,
    metrics: Arc<Metrics>,
    report: Arc<Notify>,
) {
    loop {
        metrics.presents_until(certificates.ends());
        tokio::time::sleep(certificates.every()).await;
        match certificates.turn().await {
            Ok(true) => report.notify_one(), // The bundle lies in the compiled Secrets.
            Ok(false) => {}
            Err(error) => {
                tracing::error!(error = %error, "turning certificates; the CA that is known signs on")
            }
        }
    }
}

/// A key whose time began has an end, which its sidecars must know.
pub(super) async fn mark_begun(mut begun: watch::Receiver<Arc<Activations>>, dirty: Dirty) {
    while begun.changed().await.is_ok() {
        dirty.mark();
    }
}

/// Compares with the cluster when a sidecar seems to know more of it, until nothing is missing.
pub(super) async fn prove(watched: Arc<Watched>) {
    loop {
        watched.level.wanted().await;
        let mut pause = PROVES_AGAIN;
        while !watched.prove().await {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(OPENS_AGAIN);
        }
        tokio::time::sleep(PROVES_AGAIN).await;
    }
}

pub(super) async fn tell_shares(hub: Arc<Hub>) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        hub.tell_shares();
        hub.recall();
    }
}

/// What replicas must know of each other: whose sidecars run what, and which keys began to be valid.
pub(super) async fn tell_others(hub: Arc<Hub>) {
    loop {
        tokio::time::sleep(TELLS_OTHERS).await;
        let note = hub.note().and_then(|note| serde_json::to_string(&note));
        let Ok(note) = note.inspect_err(|error| tracing::error!(%error, "counting sidecars"))
        else {
            continue;
        };
        let told = hub.authority().post(Some(&note)).await;
        let notes = told.iter().map(|note| serde_json::from_str::<Note>(note));
        hub.hear(notes.filter_map(Result::ok).collect());
        if let Err(error) = hub.authority().catch_up().await {
            tracing::debug!(%error, "what other replicas wrote is not seen for now");
        }
    }
}
