//! One request, read and understood: what every attempt of it shares. Built by `gateway`, used by `failover`, `upstream`
//! and `relay`.

use crate::snapshot::Caller;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use purser_config::Endpoint;
use purser_dialects::Scan;
use std::sync::Arc;
use std::time::Duration;

/// One request.
pub struct Call {
    /// `x-request-id`.
    pub id: HeaderValue,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// At which endpoint.
    pub endpoint: Endpoint,
    /// The body as it came.
    pub body: Bytes,
    /// What it says at its top level.
    pub scan: Scan,
    /// The headers that go on to a provider.
    pub forward: HeaderMap,
    /// When it began.
    pub began: Duration,
    /// Whether the body is kept for a second attempt.
    pub replay: bool,
}

impl Call {
    /// The model that was asked for.
    pub fn model(&self) -> &str {
        self.scan
            .model
            .as_ref()
            .map_or("", |member| member.value.as_str())
    }
}

/// Request headers that a provider may see; everything else stays here. Credentials, cookies, organisations and
/// hop-by-hop names are not among them, and `accept-encoding` is ours, because answers are judged as they pass.
const FORWARDED: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    header::ACCEPT,
    header::USER_AGENT,
    header::ACCEPT_LANGUAGE,
];
const FORWARDED_TOO: [&str; 4] = [
    "openai-beta",
    "idempotency-key",
    "traceparent",
    "tracestate",
];

/// The headers of a request that go on to a provider.
pub fn forwarded(from: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    let too = FORWARDED_TOO
        .iter()
        .map(|name| HeaderName::from_static(name));
    for name in FORWARDED.into_iter().chain(too) {
        if let Some(value) = from.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers
}

/// Answer headers that a caller may see. The provider's own limits, cookies, organisation and request id are not.
const RETURNED: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    header::CONTENT_DISPOSITION,
    header::CACHE_CONTROL,
    header::CONTENT_LANGUAGE,
];
const RETURNED_TOO: [&str; 2] = ["openai-processing-ms", "openai-version"];

/// The headers of a provider's answer that go back to the caller.
pub fn returned(from: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    let too = RETURNED_TOO
        .iter()
        .map(|name| HeaderName::from_static(name));
    for name in RETURNED.into_iter().chain(too) {
        if let Some(value) = from.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers
}
