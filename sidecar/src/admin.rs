//! What an operator of this process may ask: `/healthz`, `/readyz`, `/configz`, `/metrics`. Served on loopback; the port
//! on the pod's address lacks `/configz`, and is where the kubelet probes. It must never show a credential.

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::server::Phase;
use crate::shared::Shared;
use crate::spool::Spool;
use crate::store::Store;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// What the admin port shows.
#[derive(Clone)]
pub struct Admin {
    /// The configuration in force.
    pub store: Arc<Store>,
    /// The usage records that wait.
    pub spool: Arc<Spool>,
    /// Numbers.
    pub metrics: Arc<Metrics>,
    /// The seam to time.
    pub clock: Clock,
    /// Where the process is in its life.
    pub phase: watch::Receiver<Phase>,
    /// The shared gateway's door, where this process is one: without a certificate nobody comes in there.
    pub door: Option<Arc<Shared>>,
    /// Whether this is the loopback port, with everything.
    pub whole: bool,
}

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, admin: Admin) {
    let room = Arc::new(Semaphore::new(64));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            continue;
        };
        let admin = admin.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let response = admin.answer(&request);
                async move { Ok::<_, Infallible>(response) }
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10));
            // A peer that breaks off is nobody's concern here.
            let _ = builder.serve_connection(TokioIo::new(stream), answer).await;
            drop(permit);
        });
    }
}

impl Admin {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        match request.uri().path() {
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/metrics" => {
                let now = self.clock.wall_ms();
                let rendered = self.metrics.render(&self.store, &self.spool, now);
                text(StatusCode::OK, rendered)
            }
            "/readyz" => self.ready(),
            "/configz" if self.whole => self.configuration(),
            _ => text(
                StatusCode::NOT_FOUND,
                "not found; there are /healthz, /readyz, /configz and /metrics\n",
            ),
        }
    }

    fn ready(&self) -> Response<Full<Bytes>> {
        if *self.phase.borrow() != Phase::Serving {
            return text(StatusCode::SERVICE_UNAVAILABLE, "draining\n");
        }
        if self.door.as_ref().is_some_and(|door| !door.is_open()) {
            let why = "not ready: the operator has made no certificate for sidecars' calls yet\n";
            return text(StatusCode::SERVICE_UNAVAILABLE, why);
        }
        let held = self.store.held();
        if held.ready {
            // It is ready all the same: what is not metered goes on.
            let troubles = [self.spool.trouble(), self.spool.damage()];
            let told = troubles.into_iter().flatten();
            let told: String = told.map(|trouble| format!("spool: {trouble}\n")).collect();
            return text(StatusCode::OK, format!("ready\n{told}"));
        }
        let why = held
            .error
            .unwrap_or_else(|| "no configuration has come yet".into());
        text(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {why}\n"),
        )
    }

    /// Which version is in force, what it holds, and what was wrong last.
    fn configuration(&self) -> Response<Full<Bytes>> {
        let held = self.store.held();
        let faults: Vec<String> = held
            .faults
            .iter()
            .map(|fault| format!("{}: {}", fault.resource, fault.reason))
            .collect();
        let shown = serde_json::json!({
            "version": held.version,
            "loads": held.loads,
            "keys": held.configuration.keys.len(),
            "plans": held.configuration.plans.keys().collect::<Vec<_>>(),
            "channels": held.configuration.channels.keys().collect::<Vec<_>>(),
            "faults": faults,
            "error": held.error,
            "quarantined": held.quarantined,
        });
        let mut response = text(StatusCode::OK, format!("{shown:#}\n"));
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            http::HeaderValue::from_static("application/json"),
        );
        response
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
