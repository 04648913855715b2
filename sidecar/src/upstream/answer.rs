//! A 2xx, looked at until it can be judged: a stream until its first content, an answer until its end or one MiB. Called
//! by `upstream`; `relay` carries on from what is held here.

use super::{Attempted, Limits};
use crate::call::Call;
use crate::clock::within;
use crate::failover::judge::{Failed, Outcome};
use crate::intake::Pieces;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use purser_config::Endpoint;
use purser_dialects::{End, Gate, Usage, Verdict, Whole};
use std::time::Duration;

/// The most of an answer that is held before it counts as good: beyond it, constant memory.
const HOLD: usize = 1 << 20;

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
    Flowing(Box<Flow>),
    /// A 4xx of the provider, for the caller if the fault is the caller's.
    Refused { status: StatusCode, body: Bytes },
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
    /// Whether its usage was asked for by us alone, and is not for the caller.
    pub asked_usage: bool,
}

/// How an answer ends well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Events, with a last one.
    Events,
    /// Bytes, with an end.
    Bytes,
}

pub(super) async fn read(call: &Call, response: Response<Incoming>, limits: Limits) -> Attempted {
    match media(media_type(response.headers())) {
        Media::Page => Attempted::failed(Outcome::Unusable("it answered with a web page".into())),
        Media::Events => read_events(response, limits).await,
        _ if call.endpoint == Endpoint::Speech => read_opaque(response, limits).await,
        Media::Json => read_whole(response, limits, true).await,
        Media::Other if call.endpoint == Endpoint::Transcriptions => {
            read_whole(response, limits, false).await
        }
        Media::Other => {
            let other = media_type(response.headers()).to_ascii_lowercase();
            Attempted::failed(Outcome::Unusable(format!(
                "it answered with content-type {other:?}"
            )))
        }
    }
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

/// Reads events until the first content.
async fn read_events(response: Response<Incoming>, limits: Limits) -> Attempted {
    let (parts, mut rest) = response.into_parts();
    let (mut gate, mut held) = (Gate::new(), Vec::new());
    let mut size = 0;
    loop {
        let verdict = match next(&mut rest, limits).await {
            Ok(Some(chunk)) => {
                let verdict = gate.push(&chunk);
                size += chunk.len();
                held.push(chunk);
                verdict
            }
            Ok(None) => match gate.finish() {
                End::Decided(verdict) => verdict,
                End::Empty | End::NoContent => Verdict::Done,
            },
            Err(outcome) => return Attempted::failed(outcome),
        };
        match verdict {
            Verdict::Pending if size > HOLD => {
                return Attempted::failed(Outcome::Suspicious(
                    "a stream of more than 1 MiB without content".into(),
                ));
            }
            Verdict::Pending => {}
            Verdict::Content => {
                let (status, headers) = (parts.status, parts.headers);
                let flow = Flow {
                    status,
                    headers,
                    held,
                    rest,
                    kind: Kind::Events,
                    idle: limits.idle,
                    asked_usage: false,
                };
                return Attempted {
                    outcome: Outcome::Answered,
                    answer: Some(Answer::Flowing(Box::new(flow))),
                };
            }
            other => return refused(other),
        }
    }
}

/// What a stream without content says, and what the caller is given if the fault is the caller's.
fn refused(verdict: Verdict) -> Attempted {
    let Verdict::Error {
        status,
        code,
        kind,
        message,
    } = verdict
    else {
        return Attempted::failed(match verdict {
            Verdict::TooLong => Outcome::Suspicious("an event longer than 1 MiB".into()),
            _ => Outcome::Unusable("a stream that ended without content".into()),
        });
    };
    let said = serde_json::json!({"error": {"message": message, "type": kind, "code": code}});
    let failed = Failed {
        status: status.unwrap_or(503),
        money: purser_dialects::upstream_error::is_money(code.as_deref(), kind.as_deref()),
        model_unknown: code.as_deref() == Some("model_not_found"),
        policy: purser_dialects::upstream_error::is_policy(code.as_deref(), kind.as_deref()),
        retry_after: None,
    };
    let answer = StatusCode::from_u16(failed.status).ok().map(|status| {
        let body = purser_dialects::upstream_error::sanitise(said.to_string().as_bytes());
        Answer::Refused {
            status,
            body: body.into(),
        }
    });
    Attempted {
        outcome: Outcome::Failed(failed),
        answer,
    }
}

/// Reads an answer to its end; relays what is longer than one MiB from there.
async fn read_whole(response: Response<Incoming>, limits: Limits, json: bool) -> Attempted {
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
                asked_usage: false,
            };
            return Attempted {
                outcome: Outcome::Answered,
                answer: Some(Answer::Flowing(Box::new(flow))),
            };
        }
    }
    whole((parts.status, parts.headers), held.join(), json)
}

/// An answer that is here whole, looked at for what it says of itself.
fn whole((status, headers): (StatusCode, HeaderMap), held: Bytes, json: bool) -> Attempted {
    let read = if json {
        Whole::read(&held)
    } else {
        Ok(Whole::default())
    };
    let Ok(Whole {
        usage,
        may_be_error,
    }) = read
    else {
        return Attempted::failed(Outcome::Unusable(
            "it answered with JSON that is broken or cut short".into(),
        ));
    };
    if let Some(attempted) = may_be_error.then(|| fault_within(&held)).flatten() {
        return attempted;
    }
    let answer = Answer::Whole {
        status,
        headers,
        body: held,
        usage,
    };
    Attempted {
        outcome: Outcome::Answered,
        answer: Some(answer),
    }
}

/// The error that a provider reports inside a whole 200, if it does: read as the one event of a stream.
fn fault_within(body: &[u8]) -> Option<Attempted> {
    let mut event = b"data: ".to_vec();
    event.extend(body.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
    event.extend_from_slice(b"\n\n");
    match Gate::new().push(&event) {
        verdict @ Verdict::Error { .. } => Some(refused(verdict)),
        _ => None,
    }
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
                asked_usage: false,
            };
            Attempted {
                outcome: Outcome::Answered,
                answer: Some(Answer::Flowing(Box::new(flow))),
            }
        }
        Ok(None) => Attempted::failed(Outcome::Unusable("an empty answer".into())),
        Err(outcome) => Attempted::failed(outcome),
    }
}

/// The next bytes of an answer, within its limits; `None` at its honest end.
async fn next(body: &mut Incoming, limits: Limits) -> Result<Option<Bytes>, Outcome> {
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
