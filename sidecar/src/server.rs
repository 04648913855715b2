//! Accepts connections, speaks HTTP/1.1 and HTTP/2 with prior knowledge on one port, and drains. Called by `run`; it
//! must never look into a request.

mod ending;
mod framing;
mod guarded;
mod opening;

use crate::gateway::Gateway;
use crate::identity::Peer;
use crate::relay::Body;
use crate::shared::Shared;
use guarded::Guarded;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use opening::Opening;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// The most connections at once; more are shed.
const MOST_CONNECTIONS: usize = 4_096;
/// For the head of a request, when nothing else is asked for; also how long an idle connection is kept. Above the pool
/// idle time of any SDK.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// For the first bytes of a connection, by which the protocol is known.
const OPENING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a sidecar's connection to the shared gateway takes new calls, at least and twice that at most: a sidecar makes
/// many calls over one, and without an end to it gateways that are added would get none of them.
const AGE: Duration = Duration::from_secs(30);
/// More than this of a head is refused with 431.
const MOST_HEAD: usize = 64 << 10;

/// Where a process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Ready while there is a configuration.
    Serving,
    /// Not ready any more, and still accepting: an application may end after its sidecar was told to.
    Leaving,
    /// Accepts nothing new; what is under way is finished.
    Draining,
}

/// Who comes in by a port.
#[derive(Clone)]
pub enum Door {
    /// Callers, with keys.
    Callers,
    /// Sidecars, with their pods' tokens.
    Pods(Arc<Shared>),
}

/// Accepts until the phase is `Draining`, then waits for what is under way. A head may take `head`.
pub async fn serve(
    listener: TcpListener,
    (gateway, door): (Arc<Gateway>, Door),
    mut phase: watch::Receiver<Phase>,
    head: Duration,
) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let (alive, mut all_gone) = tokio::sync::mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = phase.wait_for(|phase| *phase == Phase::Draining) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: those in use will come back.
                tracing::warn!(%error, "accepting a connection failed; trying again");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            gateway.metrics.shed.inc();
            continue;
        };
        let (gateway, phase, alive) = (Arc::clone(&gateway), phase.clone(), alive.clone());
        let door = door.clone();
        tokio::spawn(async move {
            match door {
                Door::Callers => connection(stream, gateway, phase, head).await,
                Door::Pods(shared) => pod(stream, (gateway, shared), phase).await,
            }
            drop((permit, alive));
        });
    }
    drop(listener);
    drop(alive);
    let _ = all_gone.recv().await;
}

async fn connection(
    stream: TcpStream,
    gateway: Arc<Gateway>,
    mut phase: watch::Receiver<Phase>,
    head: Duration,
) {
    let _ = stream.set_nodelay(true);
    // On a socket of both families, 127.0.0.1 is ::ffff:127.0.0.1.
    let local = stream
        .peer_addr()
        .is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
    let opened = tokio::select! {
        opened = tokio::time::timeout(head.min(OPENING_TIMEOUT), opening::read(stream)) => opened,
        _ = phase.wait_for(|phase| *phase == Phase::Draining) => return,
    };
    let Ok(Ok((opening, stream))) = opened else {
        return;
    };
    let peer = Arc::new(Peer::new(local));
    let answer = service_fn(move |request: Request<Incoming>| {
        let (gateway, peer) = (Arc::clone(&gateway), Arc::clone(&peer));
        async move { Ok::<Response<Body>, Infallible>(gateway.handle(request, peer).await) }
    });
    match opening {
        Opening::Http1 => http1(Guarded::new(stream), answer, phase, head).await,
        Opening::Http2 => http2(stream, answer, phase).await,
    }
}

/// A sidecar's, for all of its calls.
async fn pod(
    stream: TcpStream,
    (gateway, shared): (Arc<Gateway>, Arc<Shared>),
    mut phase: watch::Receiver<Phase>,
) {
    let _ = stream.set_nodelay(true);
    let age = age(&stream);
    let opened = tokio::select! {
        opened = tokio::time::timeout(OPENING_TIMEOUT, shared.tls(stream)) => opened,
        _ = phase.wait_for(|phase| *phase == Phase::Draining) => return,
    };
    let Ok(Some(stream)) = opened else {
        return;
    };
    let (old, young) = watch::channel(*phase.borrow());
    let aging = async {
        let _ = tokio::time::timeout(age, phase.wait_for(|phase| *phase == Phase::Draining)).await;
        old.send_replace(Phase::Draining);
        std::future::pending::<()>().await;
    };
    let peer = Arc::new(Peer::new(false));
    let answer = service_fn(move |mut request: Request<Incoming>| {
        let (gateway, shared) = (Arc::clone(&gateway), Arc::clone(&shared));
        let peer = Arc::clone(&peer);
        async move {
            shared.vouch(&mut request).await;
            Ok::<Response<Body>, Infallible>(gateway.handle(request, peer).await)
        }
    });
    tokio::select! {
        () = http2(stream, answer, young) => {}
        () = aging => {}
    }
}

/// Those that were opened at once, when a gateway ended, are not all opened again at once: the caller's port tells them apart.
fn age(stream: &TcpStream) -> Duration {
    let port = stream.peer_addr().map_or(0, |peer| u32::from(peer.port()));
    AGE + AGE * (port % 32) / 32
}

async fn http1<I, S>(stream: Guarded<I>, answer: S, phase: watch::Receiver<Phase>, head: Duration)
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: hyper::service::HttpService<Incoming, ResBody = Body, Error = Infallible>,
{
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(stream), answer);
    ending::finish(connection, phase).await;
}

async fn http2<I, S>(stream: I, answer: S, phase: watch::Receiver<Phase>)
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: hyper::service::HttpService<Incoming, ResBody = Body, Error = Infallible> + Send,
    S::Future: Send + 'static,
{
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_header_list_size(16 << 10)
        .max_concurrent_streams(200)
        .serve_connection(TokioIo::new(stream), answer);
    ending::finish(connection, phase).await;
}

#[cfg(test)]
mod tests;
