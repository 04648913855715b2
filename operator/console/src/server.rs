//! HTTP/1.1 for people and programs: limits, headers that every answer carries, and dispatch by the table. Called by the operator and by
//! `purser up`. It must never know what a call does.

use crate::answer::Failure;
use crate::ask::Ask;
use crate::console::Console;
use crate::page;
use crate::routes::{Found, find};
use crate::who;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::percent_decode_str;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// The most connections at once; more wait.
const MOST_CONNECTIONS: usize = 256;
/// For the head of a request, and as long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// For a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest body, in bytes.
const LONGEST: usize = 1 << 20;
/// As much of a longer one is read before it is refused, in bytes.
const THROWN_AWAY: usize = 64 << 20;

/// Scripts, styles and calls of this very address alone; nobody may frame it.
const POLICY: &str = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// An invoice has a style of its own, and nothing else.
const PRINTED: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
const ALWAYS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Accepts until it is dropped.
pub async fn serve(listener: TcpListener, console: Arc<Console>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((socket, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: those in use will come back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let console = Arc::clone(&console);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let console = Arc::clone(&console);
                async move { Ok::<_, Infallible>(answer(console, request).await) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(64 << 10);
            // A reader that goes away is no news.
            let _ = http.serve_connection(TokioIo::new(socket), service).await;
            drop(place);
        });
    }
}

async fn answer(console: Arc<Console>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let file = page::answer(request.uri().path(), request.headers()).filter(|_| is_read);
    let is_file = file.is_some();
    let mut response = match file {
        Some(file) => file,
        None => called(console, request)
            .await
            .unwrap_or_else(Failure::into_response),
    };
    let headers = response.headers_mut();
    if !is_file
        && headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
    {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(PRINTED),
        );
    }
    for (name, value) in ALWAYS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    if !is_file {
        let nothing = HeaderValue::from_static("no-store");
        headers.insert(header::CACHE_CONTROL, nothing);
    }
    response
}

async fn called(
    console: Arc<Console>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Failure> {
    let (parts, body) = request.into_parts();
    let Found { route, id } = find(&parts.method, parts.uri.path())?;
    let caller = who::admit(&console, route.who, &parts.headers).await?;
    let id = percent_decode_str(id).decode_utf8();
    let id = id.map_err(|_| Failure::new(400, "the path is not UTF-8"))?;
    let ask = Ask {
        console,
        caller,
        id: id.into_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        body: read(body, &parts.headers).await?,
        headers: parts.headers,
    };
    let reply = (route.call)(ask).await?;
    Ok(reply.into_response())
}

async fn read(mut body: Incoming, headers: &HeaderMap) -> Result<Bytes, Failure> {
    let told = headers.get(header::CONTENT_LENGTH);
    let told = told.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let reading = async {
        if told.is_some_and(|length| length > LONGEST) {
            return Err(too_long(body).await);
        }
        match Limited::new(&mut body, LONGEST).collect().await {
            Ok(whole) => Ok(whole.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Err(too_long(body).await)
            }
            Err(_) => Err(Failure::new(400, "the body broke off")),
        }
    };
    let read = tokio::time::timeout(BODY_TIMEOUT, reading).await;
    read.unwrap_or_else(|_| {
        Err(Failure::new(
            400,
            "the body was not sent whole within 30 seconds",
        ))
    })
}

/// Most callers read no answer before they have sent all, and a connection that is closed on what they send resets
/// them: so the rest is read and thrown away, as far as is bearable.
async fn too_long(body: Incoming) -> Failure {
    let mut rest = Limited::new(body, THROWN_AWAY);
    while let Some(Ok(_)) = rest.frame().await {}
    Failure::new(
        413,
        "the body is longer than 1 MiB, which is the most that is read",
    )
}
