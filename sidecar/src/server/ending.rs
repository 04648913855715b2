//! A connection until its end, which is a graceful one once its process drains. Called by `server`.

use super::Phase;
use hyper_util::server::graceful::GracefulConnection;
use std::fmt::Display;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio::sync::watch;

/// Runs a connection; once the phase is `Draining`, lets it finish what it has.
pub(super) async fn finish<C>(connection: C, mut phase: watch::Receiver<Phase>)
where
    C: GracefulConnection,
    C::Error: Display,
{
    let mut connection = pin!(connection);
    let news = phase.clone();
    let mut drained = pin!(phase.wait_for(|phase| *phase == Phase::Draining));
    let mut told: Option<Waker> = None;
    // Asked anew only where there is news, or another task asks: each piece of a stream comes through here.
    let knows = |told: &Option<Waker>, context: &Context<'_>| {
        let is_told = |told: &Waker| told.will_wake(context.waker());
        told.as_ref().is_some_and(is_told) && !news.has_changed().unwrap_or(true)
    };
    let ended = poll_fn(|context| {
        if let Poll::Ready(ended) = connection.as_mut().poll(context) {
            return Poll::Ready(Some(ended));
        }
        if knows(&told, context) {
            return Poll::Pending;
        }
        told = Some(context.waker().clone());
        drained.as_mut().poll(context).map(|_| None)
    });
    let ended = match ended.await {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
