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
    let millis = span.as_millis();
    if millis < 1000 {
        return format!("{millis}ms");
    }
    let (seconds, rest) = (millis / 1000, millis % 1000);
    let fraction = if rest == 0 {
        String::new()
    } else {
        format!(".{rest:03}").trim_end_matches('0').to_owned()
    };
    if seconds < 60 {
        return format!("{seconds}{fraction}s");
    }
    format!("{}m{}{fraction}s", seconds / 60, seconds % 60)
}

/// A moment in unix milliseconds as RFC 3339.
pub(super) fn moment(at_ms: u64) -> String {
    let at = i64::try_from(at_ms)
        .ok()
        .and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    at.map_or_else(|| format!("{at_ms} ms after 1970"), |at| at.to_string())
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
