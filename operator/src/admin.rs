//! Health and metrics on their own port, without TLS: `/healthz` (the process answers), `/readyz` (it leads and has
//! published; and what its stores suffer from), `/metrics`. Says nothing about any object.

use crate::metrics::Metrics;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

const MOST_CONNECTIONS: usize = 64;

/// Whether the operator serves, and what keeps a part of it from working.
#[derive(Clone, Default)]
pub(crate) struct Ready(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    serves: bool,
    troubles: BTreeMap<&'static str, String>,
}

impl Ready {
    /// It serves, or no longer does.
    pub(crate) fn set(&self, ready: bool) {
        self.lock().serves = ready;
    }

    /// What a part suffers from now, in words for whoever runs it; `None`: it works.
    pub(crate) fn suffers(&self, part: &'static str, trouble: Option<String>) {
        let mut state = self.lock();
        match trouble {
            Some(trouble) => state.troubles.insert(part, trouble),
            None => state.troubles.remove(part),
        };
    }

    /// Troubles alone do not make it unready: without new streams no sidecar would even learn that a key is gone.
    fn page(&self) -> (StatusCode, String) {
        let state = self.lock();
        let (status, mut page) = if state.serves {
            (StatusCode::OK, "ok\n".to_owned())
        } else {
            let page = "not leading, or nothing published yet\n".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, page)
        };
        for (part, trouble) in &state.troubles {
            page.push_str(&format!("{part}: {trouble}\n"));
        }
        (status, page)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        (&Method::GET, "/readyz") => {
            let (status, page) = ready.page();
            (status, page.into())
        }
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

    #[test]
    fn a_trouble_is_told_and_only_a_start_that_waits_for_it_is_unready() {
        let ready = Ready::default();
        ready.suffers("ledger", Some("its disk is full; free some space".into()));
        let (status, page) = ready.page();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(page.contains("ledger: its disk is full"), "{page}");
        ready.set(true);
        assert_eq!(ready.page().0, StatusCode::OK);
        ready.suffers("ledger", None);
        assert_eq!(ready.page().1, "ok\n");
    }
}
