//! One request over HTTP/1.1, by hand, or over HTTP/2 with prior knowledge, and the JSON that it was told. Used by
//! `refusals`; it must never add a header that the request does not name.

use super::super::hostile::exchange;
use super::super::setup::KEY;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use purser_tests::sse_client::Call;
use serde_json::Value;
use std::net::SocketAddr;

#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

/// What came back.
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Value,
}

pub(super) fn post(path: &str, body: &str) -> Request {
    Request {
        method: "POST",
        path: path.into(),
        headers: vec![
            ("authorization", format!("Bearer {KEY}")),
            ("content-type", "application/json".into()),
        ],
        body: body.into(),
    }
}

impl Request {
    /// With this header in place of the one of that name; without it where the value is empty.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            self.headers.push((name, value.into()));
        }
        self
    }

    pub(super) fn and(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }
}

/// Over HTTP/1.1, by hand.
pub(super) async fn over_http1(address: SocketAddr, request: &Request) -> Told {
    let mut call = Call::get(&request.path).method(request.method);
    if !request.body.is_empty() {
        call = Call::post(&request.path, request.body.clone()).method(request.method);
    }
    let mut bytes = String::from_utf8(call.bytes(address).to_vec()).unwrap();
    bytes = bytes.replacen("content-type: application/json\r\n", "", 1);
    let headers = request.headers.iter();
    let lines: String = headers
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    bytes = bytes.replacen("\r\n", &format!("\r\nconnection: close\r\n{lines}"), 1);
    let answer = exchange(address, bytes.as_bytes()).await;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let headers = head.lines().skip(1).map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        (
            name.parse::<http::HeaderName>().unwrap(),
            value.parse().unwrap(),
        )
    });
    Told {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        headers: headers.collect(),
        body: serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}")),
    }
}

/// Over HTTP/2, with prior knowledge.
pub(super) async fn over_http2(address: SocketAddr, request: &Request) -> Told {
    let (parts, body) = sent_over_http2(address, request).await;
    Told {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap(),
    }
}

/// The same, and the answer as it came.
pub(super) async fn sent_over_http2(
    address: SocketAddr,
    request: &Request,
) -> (http::response::Parts, bytes::Bytes) {
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let io = TokioIo::new(socket);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    let serving = tokio::spawn(connection);
    let mut built = http::Request::builder()
        .method(request.method)
        .uri(format!("http://{address}{}", request.path));
    for (name, value) in &request.headers {
        built = built.header(*name, value);
    }
    let built = built
        .body(Full::new(bytes::Bytes::from(request.body.clone())))
        .unwrap();
    let answer = sender.send_request(built).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    serving.abort();
    (parts, body)
}
