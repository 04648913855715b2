//! The stream's server: TLS and HTTP/2, `POST /v1/stream`. Judges who calls, then hands each stream to `connection`, which tells the shared
//! gateway everything and anybody else its namespace's part.
//!
//! ```text
//! accept -> TLS -> HTTP/2 -> token: whose? -> connection: Hello, Snapshot, Change … -> hub
//!                                             work: Ask, Reserve, Settle, Usage -> authority
//!                                             scope: what a namespace may know, in which version; change: what differs
//!                                             beside: what the shared gateway asks beside its stream
//! ```
//! Invariant: nothing is read from a body, and no configuration is sent, before the token was judged.

mod beside;
mod bounds;
mod census;
mod change;
mod connection;
mod doors;
mod ended;
mod health;
mod hub;
mod lines;
mod order;
mod others;
mod refusals;
mod scope;
mod spools;
mod token;
mod work;

pub(crate) use census::{Census, Tally};
pub(crate) use connection::carry;
pub(crate) use health::{Ail, Diagnosis};
pub(crate) use hub::Hub;
pub(crate) use others::Note;
#[cfg(test)]
pub(crate) use scope::Scopes;
pub(crate) use scope::{Scope, hex};
pub(crate) use spools::Ailing;
pub(crate) use token::{Caller, Reviewer};

use crate::accept;
use crate::certificate::Certificates;
use crate::clock::Clock;
use crate::gateway::SharedGateway;
use crate::metrics::Metrics;
use bytes::Bytes;
use futures::stream::poll_fn;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use purser_config::stream::{
    CERTIFICATE_PATH, HEARS_OF_SPOOLS, HEARS_OF_USES, INQUIRES, PATH, REVIEW_PATH,
};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

const MOST_CONNECTIONS: usize = 8_192;
/// Lines that wait to be sent on one connection.
const QUEUE: usize = 16;
/// For the TLS handshake, and for the first stream after it.
const HANDSHAKE: Duration = Duration::from_secs(10);

type Body = BoxBody<Bytes, Infallible>;

/// What every connection needs.
pub(crate) struct Server {
    /// Where streams meet.
    pub(crate) hub: Arc<Hub>,
    /// Who calls.
    pub(crate) reviewer: Reviewer,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// For the verdicts' age.
    pub(crate) clock: Clock,
    /// Signs for the shared gateway.
    pub(crate) certificates: Arc<Certificates>,
    /// The shared gateway, if there is one.
    pub(crate) gateway: Option<SharedGateway>,
}

impl Server {
    /// Accepts until the process ends.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener) {
        let certificates: Arc<Certificates> = Arc::clone(&self.certificates);
        let mut tls = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(certificates);
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let serve = |socket| Arc::clone(&self).connection(socket, acceptor.clone());
        accept::connections(listener, MOST_CONNECTIONS, serve).await;
    }

    async fn connection(self: Arc<Self>, socket: TcpStream, acceptor: TlsAcceptor) {
        let tls = match tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)).await {
            Ok(Ok(tls)) => tls,
            Ok(Err(_)) | Err(_) => return self.metrics.refuse_stream("tls"),
        };
        let open = Arc::new(AtomicUsize::new(0));
        let (server, counted) = (Arc::clone(&self), Arc::clone(&open));
        let service =
            service_fn(move |request| Arc::clone(&server).answer(request, Arc::clone(&counted)));
        let mut http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .max_concurrent_streams(8)
            .max_header_list_size(64 << 10);
        http.keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5));
        let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(tls), service));
        let mut looked =
            tokio::time::interval_at(tokio::time::Instant::now() + HANDSHAKE, HANDSHAKE);
        loop {
            tokio::select! {
                _ = connection.as_mut() => return,
                // Whoever holds a connection without a stream holds a place that a sidecar may need.
                _ = looked.tick() => if open.load(Ordering::Relaxed) == 0 {
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        open: Arc<AtomicUsize>,
    ) -> Result<Response<Body>, Infallible> {
        let caller = match self.admit(&request).await {
            Ok(caller) => caller,
            Err(response) => return Ok(*response),
        };
        if request.uri().path() != PATH {
            return Ok(self.beside(&caller, request).await);
        }
        let caller = Caller {
            inquires: request.headers().contains_key(INQUIRES),
            ..caller
        };
        let (sender, mut receiver) = mpsc::channel::<Bytes>(QUEUE);
        open.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            let body = request.into_body();
            let parts = (&*self.hub, &*self.metrics);
            if let Err(ended) = connection::carry(parts, caller, body, sender).await {
                tracing::debug!(why = %ended, "a stream ended");
                self.metrics.end_stream(ended.label());
            }
            open.fetch_sub(1, Ordering::Relaxed);
        });
        let lines = poll_fn(move |context| {
            receiver
                .poll_recv(context)
                .map(|line| line.map(|line| Ok(Frame::data(line))))
        });
        let body = BodyExt::boxed(StreamBody::new(lines));
        let mut response = answer_with(StatusCode::OK, "application/jsonl", body);
        for of in [HEARS_OF_SPOOLS, HEARS_OF_USES] {
            response
                .headers_mut()
                .insert(of, HeaderValue::from_static("1"));
        }
        Ok(response)
    }

    /// Who asks, or the answer that says why it is not heard.
    async fn admit(&self, request: &Request<Incoming>) -> Result<Caller, Box<Response<Body>>> {
        let refuse = |status, code, message: &str| Box::new(self.refuse(status, code, message));
        if ![PATH, REVIEW_PATH, CERTIFICATE_PATH].contains(&request.uri().path()) {
            return Err(refuse(
                StatusCode::NOT_FOUND,
                "unknown_url",
                "a sidecar's path here is /v1/stream",
            ));
        }
        if request.method() != Method::POST {
            let mut response = refuse(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "all that is asked here is asked by POST",
            );
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("POST"));
            return Err(response);
        }
        if !self.hub.answers() {
            let message = "this operator does not lead now; try again";
            return Err(refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "not_leader",
                message,
            ));
        }
        let authorization = request.headers().get(header::AUTHORIZATION);
        let review = self.reviewer.review(authorization, self.clock.now()).await;
        review.map_err(|refused| refuse(refused.status(), refused.code(), &refused.to_string()))
    }

    fn refuse(&self, status: StatusCode, code: &'static str, message: &str) -> Response<Body> {
        self.metrics.refuse_stream(code);
        let error = serde_json::json!({"error": {"code": code, "message": message}}).to_string();
        answer_with(
            status,
            "application/json",
            BodyExt::boxed(Full::from(error)),
        )
    }
}

fn answer_with(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
