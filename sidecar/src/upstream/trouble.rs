//! What went wrong with an attempt: errors of the connection, and answers of 4xx and 5xx. Called by `upstream`.

use super::{Answer, Attempted, Limits};
use crate::clock::Clock;
use crate::failover::judge::{Failed, Outcome};
use crate::pool::{Failure, Incoming};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use purser_dialects::upstream_error::{Told, is_unsupported};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The most of an error's body that is read.
const MOST_READ: usize = 64 << 10;
/// How long an error's body may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// An error before the head of an answer.
pub(super) fn sending(failure: &Failure) -> Outcome {
    let Failure::Broken { closing, .. } = failure else {
        return Outcome::Unreachable(chain(failure));
    };
    let causes = || causes(failure).skip(1);
    if causes().any(was_not_processed) {
        return Outcome::NotSent;
    }
    let closed = causes()
        .filter_map(|cause| cause.downcast_ref::<hyper::Error>())
        .any(|cause| cause.is_incomplete_message() || cause.is_canceled() || cause.is_closed());
    if *closing && (closed || causes().any(is_reset)) {
        return Outcome::NotSent;
    }
    let parse = causes()
        .filter_map(|cause| cause.downcast_ref::<hyper::Error>())
        .any(|cause| cause.is_parse() || cause.is_parse_too_large());
    if parse {
        Outcome::Suspicious(chain(failure))
    } else {
        Outcome::Broken(chain(failure))
    }
}

/// HTTP/2's own word that a request was not looked at.
fn was_not_processed(cause: &(dyn std::error::Error + 'static)) -> bool {
    let Some(error) = cause.downcast_ref::<h2::Error>() else {
        return false;
    };
    error.reason() == Some(h2::Reason::REFUSED_STREAM)
        || (error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR))
}

fn is_reset(cause: &(dyn std::error::Error + 'static)) -> bool {
    let kind = cause
        .downcast_ref::<std::io::Error>()
        .map(std::io::Error::kind);
    matches!(
        kind,
        Some(std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe)
    )
}

fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let this = next?;
        next = this.source();
        Some(this)
    })
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    causes(error)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// An answer of 4xx or 5xx.
pub(super) async fn read(response: Response<Incoming>, limits: Limits, clock: &Clock) -> Attempted {
    let status = response.status();
    let retry_after = retry_after(response.headers(), clock.wall_ms());
    let until = limits.next_byte().min(Instant::now() + PATIENCE);
    let body = timeout_at(until, beginning(response.into_body()))
        .await
        .unwrap_or_default();
    let read = purser_dialects::upstream_error::read(status.as_u16(), &body);
    let told = Told::of(&body);
    let failed = Failed {
        status: if read.bad_key { 401 } else { status.as_u16() },
        unsaid: is_unsupported(told.code.as_deref(), &told.message),
        money: read.money,
        model_unknown: read.model_unknown,
        policy: read.policy,
        retry_after: retry_after.or(read.retry_after),
    };
    let answer = Answer::Refused { status, told };
    Attempted {
        outcome: Outcome::Failed(failed),
        answer: Some(Box::new(answer)),
        used: None,
    }
}

/// The beginning of a body, however it ends.
async fn beginning(mut body: Incoming) -> Bytes {
    let mut held = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Some(data) = frame.data_ref() else {
            continue;
        };
        let room = MOST_READ - held.len();
        held.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
        if held.len() == MOST_READ {
            break;
        }
    }
    held.freeze()
}

/// How long a provider asks to be left alone: `retry-after-ms`, `retry-after` in seconds or as a date, or OpenAI's reset
/// headers when nothing is left. What is negative, absurd or unreadable says nothing.
pub(super) fn retry_after(headers: &HeaderMap, wall_ms: u64) -> Option<Duration> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    let millis = text("retry-after-ms")
        .and_then(|value| value.parse::<f64>().ok())
        .map(|millis| millis / 1000.0);
    let seconds = || text("retry-after").and_then(|value| value.parse::<f64>().ok());
    if let Some(seconds) = millis.or_else(seconds) {
        return (seconds.is_finite() && seconds >= 0.0)
            .then(|| Duration::from_secs_f64(seconds.min(86_400.0)));
    }
    if let Some(date) = text("retry-after").and_then(|value| httpdate::parse_http_date(value).ok())
    {
        let at = date.duration_since(std::time::UNIX_EPOCH).ok()?;
        return at
            .checked_sub(Duration::from_millis(wall_ms))
            .map(|wait| wait.min(Duration::from_secs(86_400)));
    }
    let spent = |kind: &str| text(&format!("x-ratelimit-remaining-{kind}")) == Some("0");
    let reset = |kind: &str| text(&format!("x-ratelimit-reset-{kind}")).and_then(go_span);
    ["requests", "tokens"]
        .into_iter()
        .filter(|kind| spent(kind))
        .filter_map(reset)
        .max()
}

/// A span as Go and OpenAI write it: `12ms`, `1.5s`, `6m0s`.
fn go_span(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|letter: char| letter.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let scale = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    (total.is_finite() && !text.is_empty()).then(|| Duration::from_secs_f64(total.min(86_400.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(headers: &[(&'static str, &str)]) -> Option<u128> {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        retry_after(&headers, 784_111_777_000 - 10_000).map(|wait| wait.as_millis())
    }

    #[test]
    fn a_wait_is_read_in_every_form_that_providers_use() {
        for (headers, expected) in [
            (vec![("retry-after", "7")], Some(7_000)),
            (vec![("retry-after", "0.5")], Some(500)),
            (
                vec![("retry-after", "9"), ("retry-after-ms", "20")],
                Some(20),
            ),
            (
                vec![("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")],
                Some(10_000),
            ),
            (
                vec![
                    ("x-ratelimit-remaining-requests", "0"),
                    ("x-ratelimit-reset-requests", "1m2.5s"),
                ],
                Some(62_500),
            ),
            (
                vec![
                    ("x-ratelimit-remaining-requests", "3"),
                    ("x-ratelimit-reset-requests", "6m0s"),
                ],
                None,
            ),
        ] {
            assert_eq!(told(&headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_hostile_wait_says_nothing_or_is_bounded() {
        for value in ["-1", "soon", "", "NaN", "Sat, 06 Nov 1993 08:49:37 GMT"] {
            assert_eq!(told(&[("retry-after", value)]), None, "{value}");
        }
        for value in ["99999999999", "1e300", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert_eq!(told(&[("retry-after", value)]), Some(86_400_000), "{value}");
        }
    }
}
