//! Answers: what `walk` ends in; their headers are `head`'s. It must never add a body member that is not in DESIGN 6.

use super::Quota;
use super::head::{head, identify};
use crate::bill::Bill;
use crate::call::Call;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::names;
use crate::reject::{Fault, Reject};
use crate::relay::{Body, Manner, Meter, Relay, Setting, Waiting};
use crate::snapshot::Serving;
use crate::upstream::{Answer, Kind};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use purser_config::usage::End;
use purser_dialects::{Dialect, ErrorBody, count, estimate, render};
use std::sync::Arc;

/// What the headers of an answer tell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    pub(super) quota: Option<Quota>,
    pub(super) attempts: Option<u32>,
    pub(super) replay: bool,
}

impl Told {
    /// As much as is known while no channel was tried.
    pub(super) fn before_attempts(quota: Quota, replay: bool) -> Self {
        Told {
            quota: Some(quota),
            attempts: None,
            replay,
        }
    }
}

/// An answer that was won, and for whom.
pub(super) struct Answered<'a> {
    pub(super) answer: Box<Answer>,
    pub(super) serving: Serving,
    pub(super) told: Told,
    pub(super) call: &'a Call,
    pub(super) metrics: &'a Arc<Metrics>,
    pub(super) clock: Clock,
    pub(super) bill: Bill,
}

pub(super) fn answer(answered: Answered<'_>) -> Response<Body> {
    let (status, headers) = head(&answered);
    let (answer, serving, call, clock, mut meter) = meter(answered, status);
    let body = match *answer {
        Answer::Whole { body, usage, .. } => {
            meter.bill.content(status.as_u16(), meter.content);
            match usage.filter(|_| call.uses_tokens()) {
                Some(usage) => meter.usage(usage),
                None if call.uses_tokens() => {
                    meter.bill.relayed(estimate::output(&body));
                }
                None => {}
            }
            meter.end_at(End::Done, meter.content);
            Body::Whole(Some(body))
        }
        Answer::Refused { told, .. } => {
            meter.bill.answered(status.as_u16());
            meter.end(End::Failed);
            let body = told.render(call.dialect, (status.as_u16(), call.id_text()));
            Body::Whole(Some(body.into()))
        }
        Answer::Flowing(flow) => {
            let id = call.id.to_str().unwrap_or_default().to_owned();
            let reach = serving.reach;
            let manner = Manner::of(call);
            let setting = Setting {
                meter,
                reach,
                manner,
                id,
                clock,
            };
            Body::Relay(Box::new(Relay::new(flow, setting)))
        }
    };
    with(status, headers, body)
}

/// Takes an answer apart: what is to be relayed, and what counts it until its end.
fn meter<'a>(
    answered: Answered<'a>,
    status: StatusCode,
) -> (Box<Answer>, Serving, &'a Call, Clock, Meter) {
    let Answered {
        answer,
        serving,
        call,
        metrics,
        clock,
        bill,
        ..
    } = answered;
    let meter = Meter {
        metrics: Arc::clone(metrics),
        clock,
        began: call.began,
        content: clock.now(),
        series: Arc::clone(&serving.series),
        status: status.as_u16(),
        stream: matches!(&*answer, Answer::Flowing(flow) if flow.kind == Kind::Events),
        bill,
        ended: false,
    };
    (answer, serving, call, clock, meter)
}

/// A stream's answer before its first content.
pub(super) fn waiting(
    id: &HeaderValue,
    (waiting, manner): (Waiting, Manner),
    told: &Told,
) -> Response<Body> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, manner.content_type());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    identify(&mut headers, id, told);
    with(StatusCode::OK, headers, Body::Waiting(Box::new(waiting)))
}

/// The body of an answer that came after its stream was promised: events as they are, anything else as one event.
pub(super) fn as_events(manner: Manner, response: Response<Body>) -> Body {
    let is_success = response.status().is_success();
    match response.into_body() {
        Body::Whole(Some(bytes)) => Body::Whole(Some(manner.whole(&bytes, is_success).into())),
        other => other,
    }
}

/// A refusal of ours in the caller's dialect.
pub(super) fn refusal(
    reject: &Reject,
    dialect: Dialect,
    id: &HeaderValue,
    told: &Told,
) -> Response<Body> {
    let message = reject.message();
    let request_id = id.to_str().unwrap_or_default();
    let body = ErrorBody {
        status: reject.status(),
        kind: reject.kind(),
        code: Some(reject.code()),
        param: reject.param(),
        message: &message,
        request_id,
    };
    let mut headers = reject.headers();
    headers.extend(json_headers());
    identify(&mut headers, id, told);
    let status = StatusCode::from_u16(reject.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    with(
        status,
        headers,
        Body::Whole(Some(render(dialect, &body).into())),
    )
}

/// How many tokens a call reads, where no provider is asked: an estimate, see `purser_dialects::count`.
pub(super) fn counted(call: &Call, told: &Told) -> Result<Response<Body>, Reject> {
    let ask = count::read(call.dialect, &call.body, call.model());
    let ask = ask.map_err(|fault| Reject::Invalid {
        code: Fault::Value,
        param: fault.param,
        message: fault.message,
    })?;
    let body = count::write_answer(call.dialect, count::estimate(&ask));
    let mut headers = json_headers();
    identify(&mut headers, &call.id, told);
    let body = Body::Whole(Some(body.into()));
    Ok(with(StatusCode::OK, headers, body))
}

/// An answer of our own making.
pub(super) fn json(id: &HeaderValue, body: Vec<u8>) -> Response<Body> {
    let mut headers = json_headers();
    headers.insert(&names::REQUEST_ID, id.clone());
    with(
        StatusCode::OK,
        headers,
        Body::Whole(Some(Bytes::from(body))),
    )
}

fn json_headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers
}

fn with(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
