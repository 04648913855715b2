//! The webhook's listener: TLS and HTTP/1.1, `POST /inject` and `POST /warn`. `lead` starts it; the API server calls it for each pod that
//! may want a sidecar, and creates none without an answer; and for each of our objects, which it stores with or without one.

use crate::accept;
use crate::inject;
use crate::metrics::Metrics;
use crate::warn::Warnings;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const MOST_CONNECTIONS: usize = 256;
/// Longer than any object that etcd holds.
const LONGEST: usize = 4 << 20;
/// For a handshake, and for a request's head.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the file's page.
pub(crate) struct Server {
    /// What sidecars are made of, where pods get one.
    pub(crate) injects: Option<inject::Settings>,
    /// What is said of our objects, where anything is.
    pub(crate) warns: Option<Warnings>,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
}

impl Server {
    /// Accepts until the process ends.
    pub(crate) async fn run(
        self: Arc<Self>,
        listener: TcpListener,
        certificates: Arc<dyn rustls::server::ResolvesServerCert>,
    ) {
        let mut tls = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(certificates);
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let serve = |socket| Arc::clone(&self).connection(socket, acceptor.clone());
        accept::connections(listener, MOST_CONNECTIONS, serve).await;
    }

    async fn connection(self: Arc<Self>, socket: TcpStream, acceptor: TlsAcceptor) {
        let Ok(Ok(tls)) = tokio::time::timeout(PATIENCE, acceptor.accept(socket)).await else {
            return;
        };
        let service = service_fn(move |request| Arc::clone(&self).answer(request));
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
        let _ = http.serve_connection(TokioIo::new(tls), service).await;
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        if head.method != Method::POST {
            return Ok(lost());
        }
        let body = Limited::new(body, LONGEST).collect();
        let Ok(Ok(body)) = tokio::time::timeout(PATIENCE, body).await else {
            return Ok(said(
                StatusCode::BAD_REQUEST,
                "the review was not sent whole",
            ));
        };
        let body = body.to_bytes();
        Ok(match (head.uri.path(), &self.injects, &self.warns) {
            ("/inject", Some(settings), _) => self.inject(&body, settings),
            ("/warn", _, Some(warnings)) => match warnings.answer(&body).await {
                Ok(body) => json(body),
                Err(error) => unanswered(&error),
            },
            _ => lost(),
        })
    }

    fn inject(&self, body: &[u8], settings: &inject::Settings) -> Response<Full<Bytes>> {
        match inject::answer(body, settings) {
            Ok(inject::Answered { body, outcome }) => {
                self.metrics.injected(outcome);
                json(body)
            }
            Err(error) => {
                self.metrics.injected("failed");
                unanswered(&error)
            }
        }
    }
}

fn json(body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn unanswered(error: &impl std::fmt::Display) -> Response<Full<Bytes>> {
    tracing::warn!(%error, "a review cannot be answered");
    said(StatusCode::BAD_REQUEST, &error.to_string())
}

fn lost() -> Response<Full<Bytes>> {
    said(
        StatusCode::NOT_FOUND,
        "here are POST /inject and POST /warn, where they are switched on",
    )
}

fn said(status: StatusCode, what: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{what}\n")));
    *response.status_mut() = status;
    response
}
