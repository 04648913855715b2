//! Health and metrics on their own port, without TLS: `/healthz` (the process answers), `/readyz` (it leads and has
//! published), `/metrics`. Says nothing about any object.

use crate::metrics::Metrics;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

const MOST_CONNECTIONS: usize = 64;

/// Whether the operator serves.
#[derive(Clone, Default)]
pub(crate) struct Ready(Arc<AtomicBool>);

impl Ready {
    /// It does, or no longer does.
    pub(crate) fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }
}

/// Answers until the process ends.
pub(crate) async fn run(listener: TcpListener, metrics: Arc<Metrics>, ready: Ready) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((socket, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (metrics, ready) = (Arc::clone(&metrics), ready.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let response = answer(request.method(), request.uri().path(), &metrics, &ready);
                async move { Ok::<_, Infallible>(response) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(30));
            let _ = http.serve_connection(TokioIo::new(socket), service).await;
            drop(place);
        });
    }
}

fn answer(method: &Method, path: &str, metrics: &Metrics, ready: &Ready) -> Response<Full<Bytes>> {
    let (status, body) = match (method, path) {
        (&Method::GET, "/healthz") => (StatusCode::OK, "ok\n".into()),
        (&Method::GET, "/readyz") if ready.0.load(Ordering::Relaxed) => {
            (StatusCode::OK, "ok\n".into())
        }
        (&Method::GET, "/readyz") => (
            StatusCode::SERVICE_UNAVAILABLE,
            "not leading, or nothing published yet\n".into(),
        ),
        (&Method::GET, "/metrics") => match metrics.text() {
            Ok(text) => (StatusCode::OK, text.into()),
            Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
        },
        (&Method::GET, _) => (
            StatusCode::NOT_FOUND,
            "here are /healthz, /readyz and /metrics\n".into(),
        ),
        _ => (StatusCode::METHOD_NOT_ALLOWED, Bytes::new()),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/plain; version=0.0.4"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_only_once_it_serves() {
        let (metrics, ready) = (Metrics::new().unwrap(), Ready::default());
        let status = |path| answer(&Method::GET, path, &metrics, &ready).status();
        assert_eq!(
            (status("/healthz"), status("/readyz")),
            (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE)
        );
        ready.set(true);
        assert_eq!(
            (status("/readyz"), status("/metrics"), status("/")),
            (StatusCode::OK, StatusCode::OK, StatusCode::NOT_FOUND)
        );
    }
}
