//! Health and metrics on their own port, without TLS: `/healthz` (the process answers), `/readyz` (it leads and has
//! published; and what its stores or definitions suffer from), `/metrics`. Says nothing about any object.

use crate::accept;
use crate::metrics::Metrics;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const MOST_CONNECTIONS: usize = 64;

/// What parts suffer from, in words for whoever runs them.
pub(crate) type Troubles = BTreeMap<Part, String>;

/// What parts are of, as a metric's label.
pub(crate) const STORES: [&str; 2] = ["ledger", "windows"];

/// A part that can keep others from working.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    /// The windows cannot be opened, so nothing is served yet.
    OpeningWindows,
    /// The same of the ledger.
    OpeningLedger,
    /// Windows that were opened.
    Windows,
    /// A ledger that was opened.
    Ledger,
    /// The cluster's definitions of our kinds.
    Definitions,
}

impl Part {
    fn as_str(self) -> &'static str {
        match self {
            Part::OpeningWindows => "opening the windows",
            Part::OpeningLedger => "opening the ledger",
            Part::Windows => "windows",
            Part::Ledger => "ledger",
            Part::Definitions => "definitions",
        }
    }

    /// One of `STORES`, where it is of one.
    pub(crate) fn store(self) -> Option<&'static str> {
        match self {
            Part::OpeningLedger | Part::Ledger => Some("ledger"),
            Part::OpeningWindows | Part::Windows => Some("windows"),
            Part::Definitions => None,
        }
    }
}

/// Whether the operator serves, and what keeps a part of it from working.
#[derive(Clone, Default)]
pub(crate) struct Ready(Arc<watch::Sender<State>>);

#[derive(Default)]
struct State {
    serves: bool,
    troubles: Troubles,
}

impl Ready {
    /// It serves, or no longer does.
    pub(crate) fn set(&self, ready: bool) {
        self.0.send_modify(|state| state.serves = ready);
    }

    /// What a part suffers from now; `None`: it works.
    pub(crate) fn suffers(&self, part: Part, trouble: Option<String>) {
        self.0.send_if_modified(|state| match trouble {
            Some(trouble) => state.troubles.insert(part, trouble.clone()) != Some(trouble),
            None => state.troubles.remove(&part).is_some(),
        });
    }

    /// What parts suffer from.
    pub(crate) fn troubles(&self) -> Troubles {
        self.0.borrow().troubles.clone()
    }

    /// Waits until that may have changed since the last call of the waiting one.
    pub(crate) fn changes(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut state = self.0.subscribe();
        async move {
            if state.changed().await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// Troubles alone do not make it unready: without new streams no sidecar would even learn that a key is gone.
    fn page(&self) -> (StatusCode, String) {
        let state = self.0.borrow();
        let (status, mut page) = if state.serves {
            (StatusCode::OK, "ok\n".to_owned())
        } else {
            let page = "not leading, or nothing published yet\n".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, page)
        };
        for (part, trouble) in &state.troubles {
            page.push_str(&format!("{}: {trouble}\n", part.as_str()));
        }
        (status, page)
    }
}

/// Answers until the process ends.
pub(crate) async fn run(listener: TcpListener, metrics: Arc<Metrics>, ready: Ready) {
    let serve = |socket| serve(socket, Arc::clone(&metrics), ready.clone());
    accept::connections(listener, MOST_CONNECTIONS, serve).await;
}

async fn serve(socket: TcpStream, metrics: Arc<Metrics>, ready: Ready) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = answer(request.method(), request.uri().path(), &metrics, &ready);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(30));
    let _ = http.serve_connection(TokioIo::new(socket), service).await;
}

fn answer(method: &Method, path: &str, metrics: &Metrics, ready: &Ready) -> Response<Full<Bytes>> {
    let (status, body) = match (method, path) {
        (&Method::GET, "/healthz") => (StatusCode::OK, "ok\n".into()),
        (&Method::GET, "/readyz") => {
            let (status, page) = ready.page();
            (status, page.into())
        }
        (&Method::GET, "/metrics") => {
            metrics.suffer(&ready.troubles());
            match metrics.text() {
                Ok(text) => (StatusCode::OK, text.into()),
                Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
            }
        }
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
        ready.suffers(
            Part::Ledger,
            Some("its disk is full; free some space".into()),
        );
        let (status, page) = ready.page();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(page.contains("ledger: its disk is full"), "{page}");
        let metrics = Metrics::new().unwrap();
        answer(&Method::GET, "/metrics", &metrics, &ready);
        let counted = String::from_utf8(metrics.text().unwrap()).unwrap();
        for line in [
            "store_at_fault{store=\"ledger\"} 1",
            "store_at_fault{store=\"windows\"} 0",
        ] {
            assert!(counted.contains(line), "{counted}");
        }
        ready.set(true);
        assert_eq!(ready.page().0, StatusCode::OK);
        ready.suffers(Part::Ledger, None);
        assert_eq!(ready.page().1, "ok\n");
    }
}
