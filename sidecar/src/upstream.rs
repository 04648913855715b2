//! One attempt at one channel: send, wait within the limits, and look at what comes until it can be judged. Called by
//! `failover`. It must never decide what happens next, and never send anything to the caller.

mod answer;
mod trouble;

pub use answer::{Answer, Flow, Kind};

use crate::call::{Call, forwarded};
use crate::clock::Clock;
use crate::failover::judge::Outcome;
use crate::snapshot::{Reach, Serving};
use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use purser_dialects::openai::usage_option;
use purser_dialects::{Edit, asks_usage, limit_output, splice};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The longest headers of an honest answer.
const LONGEST_HEAD: usize = 64 << 10;

/// An attempt that ended: how, and what there is to give to the caller (also for a `Stop`, when there is).
pub struct Attempted {
    /// For the judge.
    pub outcome: Outcome,
    /// For the caller, if the judge says so.
    pub answer: Option<Answer>,
}

impl Attempted {
    fn failed(outcome: Outcome) -> Self {
        Attempted {
            outcome,
            answer: None,
        }
    }
}

/// When an attempt has waited long enough. See DESIGN 2 for what each limit means.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    head: Instant,
    whole: Instant,
    idle: Duration,
}

impl Limits {
    fn new(call: &Call, reach: &Reach, clock: &Clock) -> Self {
        let timeouts = reach.channel.timeouts;
        let now = clock.instant(clock.now());
        let whole = now + Duration::from_millis(timeouts.request_ms);
        let head = if call.scan.stream {
            whole.min(now + Duration::from_millis(timeouts.first_byte_ms))
        } else {
            whole
        };
        Limits {
            head,
            whole,
            idle: Duration::from_millis(timeouts.idle_ms),
        }
    }

    /// Until when the next byte must come.
    pub(crate) fn next_byte(&self) -> Instant {
        self.whole.min(Instant::now() + self.idle)
    }
}

/// Sends the call to the channel and looks at the answer until it can be judged.
pub async fn attempt(call: &Call, serving: &Serving, sending: Sending, clock: &Clock) -> Attempted {
    let reach = serving.reach.as_ref();
    let limits = Limits::new(call, reach, clock);
    let (request, asked_usage) = build(call, serving, sending);
    let sent = timeout_at(limits.head, reach.lane.pool.request(request));
    let response = match sent.await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Attempted::failed(trouble::sending(&error)),
        Err(_) => return Attempted::failed(Outcome::TooSlow(late(call))),
    };
    let mut attempted = read(call, response, limits, clock).await;
    if let Some(Answer::Flowing(flow)) = &mut attempted.answer {
        flow.asked_usage = asked_usage;
    }
    attempted
}

/// What an attempt sends beside the call itself.
#[derive(Clone, Copy)]
pub struct Sending {
    /// Which of the channel's credentials.
    pub credential: usize,
    /// The most tokens that one answer may have; absent: what the caller and the model say.
    pub most_output: Option<u64>,
}

async fn read(
    call: &Call,
    response: Response<Incoming>,
    limits: Limits,
    clock: &Clock,
) -> Attempted {
    let head = response.headers().iter();
    let length: usize = head
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if length > LONGEST_HEAD {
        return Attempted::failed(Outcome::Suspicious(
            "it answered with headers of more than 64 KiB".into(),
        ));
    }
    match response.status().as_u16() {
        200..=299 => answer::read(call, response, limits).await,
        300..=399 => Attempted::failed(Outcome::Suspicious(
            "it answered with a redirect, which is never followed".into(),
        )),
        400.. => trouble::read(response, limits, clock).await,
        _ => Attempted::failed(Outcome::Suspicious(
            "it answered with an upgrade that nobody asked for".into(),
        )),
    }
}

/// The code of an answer whose head did not come in time.
fn late(call: &Call) -> &'static str {
    if call.scan.stream {
        "first_token_timeout"
    } else {
        "upstream_timeout"
    }
}

/// The request, and whether usage was asked for that the caller did not ask for.
fn build(call: &Call, serving: &Serving, sending: Sending) -> (Request<Full<Bytes>>, bool) {
    let reach = serving.reach.as_ref();
    let (body, asked_usage) = body(call, serving, sending.most_output);
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = reach.uri(call.endpoint);
    let headers = request.headers_mut();
    *headers = forwarded(&call.headers, &call.id);
    headers.insert(header::HOST, reach.host.clone());
    if let Some(value) = reach.authorizations.get(sending.credential) {
        headers.insert(header::AUTHORIZATION, value.clone());
    }
    for (name, value) in &reach.headers {
        headers.insert(name, value.clone());
    }
    (request, asked_usage)
}

/// The caller's bytes, untouched but for the model's name where the provider has another, the output limit where the plan sets one, and
/// the wish for usage where a stream would not tell it.
fn body(call: &Call, serving: &Serving, most_output: Option<u64>) -> (Bytes, bool) {
    let (name, endpoint) = (serving.upstream_name(), call.endpoint);
    let provider = serving.reach.channel.provider;
    let json = !purser_dialects::is_multipart(endpoint);
    let mut edits = Vec::new();
    if let Some(member) = call
        .scan
        .model
        .as_ref()
        .filter(|member| member.value != name)
    {
        edits.push(Edit::name(&member.span, name, json));
    }
    let mut asked_usage = false;
    if json && call.scan.stream && asks_usage(provider, endpoint) {
        let ask = usage_option::ask(&call.body, &call.scan);
        asked_usage = ask.is_some();
        edits.extend(ask);
    }
    if let Some(most) = most_output.filter(|_| json) {
        edits.extend(limit_output(&call.scan, provider, endpoint, most));
    }
    (splice(&call.body, &mut edits), asked_usage)
}
