//! The webhook's listener: TLS and HTTP/1.1, `POST /inject`. `lead` starts it; the API server calls it for each pod that may want a
//! sidecar, and creates none without an answer.

use super::pod::Settings;
use super::review;
use crate::metrics::Metrics;
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
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

const MOST_CONNECTIONS: usize = 256;
/// Longer than any object that etcd holds.
const LONGEST: usize = 4 << 20;
/// For a handshake, and for a request's head.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the file's page.
pub(crate) struct Server {
    /// What sidecars are made of.
    pub(crate) settings: Settings,
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
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let Ok((socket, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (server, acceptor) = (Arc::clone(&self), acceptor.clone());
            tokio::spawn(async move {
                server.connection(socket, acceptor).await;
                drop(place);
            });
        }
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
        let asked = (request.method().clone(), request.uri().path().to_owned());
        if asked != (Method::POST, "/inject".to_owned()) {
            return Ok(said(StatusCode::NOT_FOUND, "here is POST /inject"));
        }
        let body = Limited::new(request.into_body(), LONGEST).collect();
        let Ok(Ok(body)) = tokio::time::timeout(PATIENCE, body).await else {
            return Ok(said(
                StatusCode::BAD_REQUEST,
                "the review was not sent whole",
            ));
        };
        Ok(match review::answer(&body.to_bytes(), &self.settings) {
            Ok(answered) => {
                self.metrics.injected(answered.outcome);
                let mut response = Response::new(Full::from(answered.body));
                let json = header::HeaderValue::from_static("application/json");
                response.headers_mut().insert(header::CONTENT_TYPE, json);
                response
            }
            Err(error) => {
                self.metrics.injected("failed");
                tracing::warn!(%error, "a review cannot be answered");
                said(StatusCode::BAD_REQUEST, &error.to_string())
            }
        })
    }
}

fn said(status: StatusCode, what: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{what}\n")));
    *response.status_mut() = status;
    response
}
