//! How refusals are worded and headed: spans, moments, `retry-after`. Called by `reject` and `gateway`.

use super::Reject;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

/// The longest wait that is told as something to wait for; SDKs of one vendor or another ignore longer ones.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(61);

impl Reject {
    /// The headers that go with the refusal: `retry-after`, `retry-after-ms`, `x-should-retry`, `allow`, `connection`.
    ///
    /// A wait of up to 61 s is told as at most 60 s and 59,999 ms, because clients ignore what is longer (research,
    /// data-plane 3.1); longer waits are told truthfully, with `x-should-retry: false`.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(wait) = self.retry() {
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            let millis = wait.as_millis().max(1);
            let (seconds, millis) = if wait <= LONGEST_WAIT {
                (seconds.min(60), millis.min(59_999))
            } else {
                (seconds, millis)
            };
            put(&mut headers, "retry-after", &seconds.to_string());
            put(&mut headers, "retry-after-ms", &millis.to_string());
        }
        if let Some(retry) = self.should_retry() {
            put(
                &mut headers,
                "x-should-retry",
                if retry { "true" } else { "false" },
            );
        }
        if let Reject::Ambiguous(_) = self {
            // Whatever follows on the connection may be part of what was refused.
            put(&mut headers, "connection", "close");
        }
        if let Reject::Method { allow } = self {
            put(&mut headers, "allow", allow);
        }
        headers
    }
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// A span as OpenAI writes it: `12ms`, `1.5s`, `6m0s`.
pub fn span(span: Duration) -> String {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    // Longer than any: it goes with every answer, and so is written without the formatting machinery.
    let mut text = String::with_capacity(32);
    if millis < 1000 {
        digits(&mut text, millis, 1);
        text.push_str("ms");
        return text;
    }
    let (seconds, rest) = (millis / 1000, millis % 1000);
    if seconds >= 60 {
        digits(&mut text, seconds / 60, 1);
        text.push('m');
    }
    digits(&mut text, seconds % 60, 1);
    if rest > 0 {
        text.push('.');
        digits(&mut text, rest, 3);
        text.truncate(text.trim_end_matches('0').len());
    }
    text.push('s');
    text
}

/// Writes a number, with zeros before it up to that many digits.
fn digits(text: &mut String, value: u64, least: usize) {
    if value > 9 || least > 1 {
        digits(text, value / 10, least.saturating_sub(1));
    }
    text.push(char::from(b'0' + (value % 10) as u8));
}

/// Credits as a decimal number: `12`, `0.5`.
pub(super) fn credits(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(super) fn unknown_url(path: &str, hint: Option<&str>) -> String {
    let shown: String = path
        .chars()
        .filter(|letter| !letter.is_control())
        .take(200)
        .collect();
    let hint = hint.unwrap_or(
        "set the SDK's base URL to http://127.0.0.1:4100/v1, without anything after /v1",
    );
    format!("Unknown request URL: {shown}. Check the path; {hint}.")
}
