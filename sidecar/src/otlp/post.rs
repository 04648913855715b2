//! Sends one document to the collector, within a time limit. Part of `otlp`. It must never be given an address but the command line's.

use crate::dial::Dial;
use crate::link::chain;
use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::time::Duration;

/// For the connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// For all of it.
const WITHIN: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const LONGEST: usize = 64 << 10;

pub(super) struct Post {
    client: Result<Client<Dial, Full<Bytes>>, String>,
    /// Without a slash at its end.
    base: String,
}

impl Post {
    /// To this collector.
    pub(super) fn to(collector: &Uri) -> Self {
        let dial = Dial::new(CONNECT_WITHIN, None).map_err(|error| error.to_string());
        Post {
            client: dial.map(|dial| Client::builder(TokioExecutor::new()).build(dial)),
            base: collector.to_string().trim_end_matches('/').to_owned(),
        }
    }

    pub(super) async fn send(&self, path: &str, document: &Value) -> Result<(), String> {
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let mut request = Request::new(Full::new(Bytes::from(document.to_string())));
        *request.method_mut() = http::Method::POST;
        let uri = format!("{}{path}", self.base);
        *request.uri_mut() = uri.parse().map_err(|_| format!("{uri} is no address"))?;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json);
        let agent = HeaderValue::from_static(concat!("purser/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(header::USER_AGENT, agent);
        let asked = async {
            let answer = client
                .request(request)
                .await
                .map_err(|error| chain(&error))?;
            let status = answer.status();
            // A connection whose answer was read can be used again.
            let _ = Limited::new(answer.into_body(), LONGEST).collect().await;
            match status.is_success() {
                true => Ok(()),
                false => Err(format!("it answered {status}")),
            }
        };
        let late = |_| format!("no answer within {} s", WITHIN.as_secs());
        let asked = tokio::time::timeout(WITHIN, asked);
        asked.await.unwrap_or_else(|elapsed| Err(late(elapsed)))
    }
}
