//! A 2xx, looked at until it can be judged: an answer until its end or one MiB; a stream is `stream`'s, an answer that is translated
//! `translate`'s. Called by `upstream`; `relay` carries on from what is held here.

use super::build::Sent;
use super::{Attempted, Limits, stream, translate};
use crate::call::Call;
use crate::clock::{Clock, within};
use crate::failover::judge::Outcome;
use crate::intake::Pieces;
use crate::pool::Incoming;
use crate::relay::Through;
use crate::way::Way;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::BodyExt;
use purser_config::Endpoint;
use purser_dialects::upstream_error::Told;
use purser_dialects::{Dialect, Usage, Whole};
use std::time::Duration;

/// The most of an answer that is held before it counts as good: beyond it, constant memory.
pub(super) const HOLD: usize = 1 << 20;

/// What there is to give to the caller.
#[allow(missing_docs, reason = "the variants say what their fields hold")]
pub enum Answer {
    /// An answer that is here whole.
    Whole {
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
        usage: Option<Usage>,
    },
    /// An answer that has begun well.
    Flowing(Flow),
    /// A 4xx of the provider, for the caller if the fault is the caller's.
    Refused { status: StatusCode, told: Told },
}

/// An answer that has begun well: what is held, and the rest of it.
pub struct Flow {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// What was looked at, to be relayed first, as it came.
    pub held: Vec<Bytes>,
    /// What is still to come.
    pub rest: Incoming,
    /// How it ends well.
    pub kind: Kind,
    /// How long it may be silent.
    pub idle: Duration,
    /// Whose API it is written in.
    pub dialect: Dialect,
    /// What its bytes become on their way to the caller.
    pub through: Through,
}

/// How an answer ends well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Events, with a last one.
    Events,
    /// Bytes, with an end.
    Bytes,
}

pub(super) async fn read(
    (call, sent): (&Call, Sent),
    response: Response<Incoming>,
    (limits, clock): (Limits, &Clock),
) -> Attempted {
    let asked = (call, sent);
    match (sent.way, media(media_type(response.headers()))) {
        (_, Media::Page) => {
            Attempted::failed(Outcome::Unusable("it answered with a web page".into()))
        }
        (Way::Translated { .. } | Way::Embedded | Way::Counted, Media::Json) => {
            translate::read_whole(asked, response, (limits, clock)).await
        }
        (Way::Translated { .. }, Media::Events) if call.scan.stream => {
            stream::read(asked, response, (limits, clock)).await
        }
        (Way::Translated { .. } | Way::Embedded | Way::Counted, _) => {
            unexpected(response.headers())
        }
        (Way::Untouched, Media::Events) => stream::read(asked, response, (limits, clock)).await,
        _ if call.endpoint == Endpoint::Speech => read_opaque(response, limits).await,
        // An answer that is kept may be one that failed: that is what was asked for.
        (Way::Untouched, Media::Json) if call.stored.is_some() => {
            read_whole(response, limits, None).await
        }
        (Way::Untouched, Media::Json) => read_whole(response, limits, Some(sent.dialect)).await,
        (Way::Untouched, Media::Other) if purser_dialects::is_multipart(call.endpoint) => {
            read_whole(response, limits, None).await
        }
        (Way::Untouched, Media::Other) => unexpected(response.headers()),
    }
}

fn unexpected(headers: &HeaderMap) -> Attempted {
    let kind = media_type(headers).to_ascii_lowercase();
    let why = format!("it answered with content-type {kind:?}");
    Attempted::failed(Outcome::Unusable(why))
}

/// What an answer says that it is.
enum Media {
    Page,
    Events,
    /// Also what says nothing.
    Json,
    Other,
}

fn media(kind: &str) -> Media {
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    if kind.is_empty() || is("application/json") {
        Media::Json
    } else if is("text/event-stream") {
        Media::Events
    } else if is("text/html") || is("application/xhtml+xml") {
        Media::Page
    } else {
        Media::Other
    }
}

fn media_type(headers: &HeaderMap) -> &str {
    let text = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    match text {
        "application/json" => text,
        _ => text.split(';').next().unwrap_or_default().trim(),
    }
}

/// Reads an answer to its end; relays what is longer than one MiB from there. `json`: in whose API it is JSON.
async fn read_whole(
    response: Response<Incoming>,
    limits: Limits,
    json: Option<Dialect>,
) -> Attempted {
    let (parts, mut rest) = response.into_parts();
    let mut held = Pieces::default();
    loop {
        match next(&mut rest, limits).await {
            Ok(Some(chunk)) => held.push(chunk),
            Ok(None) => break,
            Err(outcome) => return Attempted::failed(outcome),
        }
        if held.length() > HOLD {
            let (status, headers) = (parts.status, parts.headers);
            let flow = Flow {
                status,
                headers,
                held: vec![held.join()],
                rest,
                kind: Kind::Bytes,
                idle: limits.idle,
                dialect: Dialect::OpenAI,
                through: Through::Nothing,
            };
            return Attempted::answered(Answer::Flowing(flow));
        }
    }
    whole((parts.status, parts.headers), held.join(), json)
}

/// An answer that is here whole, looked at for what it says of itself.
fn whole(
    (status, headers): (StatusCode, HeaderMap),
    held: Bytes,
    json: Option<Dialect>,
) -> Attempted {
    let usage = match json.map(|dialect| looked_at(dialect, &held)) {
        Some(Err(attempted)) => return *attempted,
        Some(Ok(usage)) => usage,
        None => None,
    };
    let answer = Answer::Whole {
        status,
        headers,
        body: held,
        usage,
    };
    Attempted::answered(answer)
}

/// What a whole answer says that it used; an attempt that failed where it is no JSON, or reports an error.
pub(super) fn looked_at(dialect: Dialect, held: &[u8]) -> Result<Option<Usage>, Box<Attempted>> {
    let Ok(Whole {
        usage,
        may_be_error,
    }) = Whole::of(dialect, held)
    else {
        return Err(Box::new(Attempted::failed(Outcome::Unusable(
            "it answered with JSON that is broken or cut short".into(),
        ))));
    };
    let fault = may_be_error.then(|| stream::fault_within(dialect, held));
    fault
        .flatten()
        .map_or(Ok(usage), |fault| Err(Box::new(fault)))
}

/// Sound and the like: good from its first byte.
async fn read_opaque(response: Response<Incoming>, limits: Limits) -> Attempted {
    let (parts, mut rest) = response.into_parts();
    match next(&mut rest, limits).await {
        Ok(Some(first)) => {
            let flow = Flow {
                status: parts.status,
                headers: parts.headers,
                held: vec![first],
                rest,
                kind: Kind::Bytes,
                idle: limits.idle,
                dialect: Dialect::OpenAI,
                through: Through::Nothing,
            };
            Attempted::answered(Answer::Flowing(flow))
        }
        Ok(None) => Attempted::failed(Outcome::Unusable("an empty answer".into())),
        Err(outcome) => Attempted::failed(outcome),
    }
}

/// The next bytes of an answer, within its limits; `None` at its honest end.
pub(super) async fn next(body: &mut Incoming, limits: Limits) -> Result<Option<Bytes>, Outcome> {
    loop {
        match within(|| limits.next_byte(), body.frame()).await {
            None => return Err(Outcome::TooSlow("first_token_timeout")),
            Some(None) => return Ok(None),
            Some(Some(Err(error))) => {
                return Err(Outcome::Broken(format!(
                    "the answer was cut short: {error}"
                )));
            }
            Some(Some(Ok(frame))) => {
                if let Some(data) = frame.into_data().ok().filter(|data| !data.is_empty()) {
                    return Ok(Some(data));
                }
            }
        }
    }
}
