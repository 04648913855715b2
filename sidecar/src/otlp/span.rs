//! Calls that ended as OTLP's JSON of spans. Pure; part of `otlp`.
//!
//! The span of a call is a SERVER's, because it is what the caller waits for; those of its attempts are a CLIENT's, below it.

use super::convention::{Attributes, error, operation};
use super::trace::{Trace, span_id};
use purser_config::usage::{Failure, Record};
use serde_json::{Value, json};

const SERVER: u8 = 2;
const CLIENT: u8 = 3;
const NANOS_OF_A_MILLI: u64 = 1_000_000;

/// One document of these calls.
pub(super) fn document(calls: &[(Record, Trace)]) -> Value {
    let spans = calls
        .iter()
        .flat_map(|(record, trace)| spans(record, trace));
    let spans: Vec<Value> = spans.collect();
    json!({"resourceSpans": [{"resource": resource(), "scopeSpans": [{"scope": scope(), "spans": spans}]}]})
}

/// Who tells.
pub(super) fn resource() -> Value {
    let mut all = Attributes::default();
    all.text("service.name", "purser");
    all.text("service.version", env!("CARGO_PKG_VERSION"));
    if let Ok(pod) = std::env::var("HOSTNAME") {
        all.text("service.instance.id", pod);
    }
    json!({"attributes": all.json()})
}

pub(super) fn scope() -> Value {
    json!({"name": "purser-sidecar", "version": env!("CARGO_PKG_VERSION")})
}

fn spans(record: &Record, trace: &Trace) -> Vec<Value> {
    let model = trace
        .attempts
        .last()
        .map_or(record.asked.as_str(), |(serving, _)| &serving.model().name);
    let mut call = json!({
        "traceId": trace.id,
        "spanId": trace.span,
        "name": format!("{} {model}", operation(record.endpoint)).trim_end(),
        "kind": SERVER,
        "startTimeUnixNano": nanos(record.began_ms),
        "endTimeUnixNano": nanos(record.began_ms + record.latency_ms),
        "attributes": Attributes::of_span(record, trace).json(),
        "status": status(error(record, trace)),
    });
    if let Some(parent) = &trace.parent {
        call["parentSpanId"] = parent.as_str().into();
    }
    let mut all = vec![call];
    all.extend((0..trace.attempts.len()).filter_map(|at| attempt(record, trace, at)));
    all
}

/// The attempts that gave nothing come first, each with its failure; the one after them lasted until the call's end.
fn attempt(record: &Record, trace: &Trace, at: usize) -> Option<Value> {
    let (serving, after) = trace.attempts.get(at)?;
    let failure = record.failures.get(at);
    let began = record.began_ms + crate::clock::millis(*after);
    let whole = record.began_ms + record.latency_ms;
    let ended = failure.map_or(whole, |failure| began + failure.took_ms);
    let why = match failure {
        Some(Failure { fault, .. }) => Some(fault.as_str().to_owned()),
        None => error(record, trace),
    };
    let mut attributes = Attributes::of_attempt(record, serving);
    let status_code = failure.map_or(Some(record.status), |failure| failure.status);
    if let Some(code) = status_code.filter(|code| *code > 0) {
        attributes.number("http.response.status_code", code.into());
    }
    if let Some(why) = &why {
        attributes.text("error.type", why);
    }
    Some(json!({
        "traceId": trace.id,
        "spanId": span_id(),
        "parentSpanId": trace.span,
        "name": format!("{} {}", operation(record.endpoint), serving.upstream_name()),
        "kind": CLIENT,
        "startTimeUnixNano": nanos(began),
        "endTimeUnixNano": nanos(ended.max(began)),
        "attributes": attributes.json(),
        "status": status(why),
    }))
}

fn status(error: Option<String>) -> Value {
    match error {
        Some(why) => json!({"code": 2, "message": why}),
        None => json!({}),
    }
}

/// As OTLP's JSON says a moment.
pub(super) fn nanos(unix_ms: u64) -> String {
    unix_ms.saturating_mul(NANOS_OF_A_MILLI).to_string()
}
