//! One attempt at one channel: send, wait within the limits, and look at what comes until it can be judged. Called by
//! `failover`. It must never decide what happens next, and never send anything to the caller.

mod answer;
mod build;
mod seal;
mod stream;
mod translate;
mod trouble;

pub use answer::{Answer, Flow, Kind};

use crate::call::Call;
use crate::clock::Clock;
use crate::failover::judge::Outcome;
use crate::pool::Incoming;
use crate::snapshot::{Reach, Serving};
use crate::way::Way;
use build::{Sent, build};
use http::Response;
use purser_config::Endpoint;
use purser_dialects::Usage;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The longest headers of an honest answer.
const LONGEST_HEAD: usize = 64 << 10;

/// An attempt that ended: how, and what there is to give to the caller (also for a `Stop`, when there is).
pub struct Attempted {
    /// For the judge.
    pub outcome: Outcome,
    /// For the caller, if the judge says so.
    pub answer: Option<Box<Answer>>,
    /// What the provider reported of an attempt that gave nothing.
    pub used: Option<Usage>,
}

impl Attempted {
    fn failed(outcome: Outcome) -> Self {
        Attempted {
            outcome,
            answer: None,
            used: None,
        }
    }

    fn answered(answer: Answer) -> Self {
        Attempted {
            outcome: Outcome::Answered,
            answer: Some(Box::new(answer)),
            used: None,
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
    fn new(call: &Call, reach: &Reach, now: Instant) -> Self {
        let timeouts = reach.channel.timeouts;
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

/// Sends the call to the channel, now, and looks at the answer until it can be judged.
pub async fn attempt(
    call: &Call,
    serving: &Serving,
    sending: Sending,
    (clock, now): (&Clock, Duration),
) -> Attempted {
    let reach = serving.reach.as_ref();
    let limits = Limits::new(call, reach, clock.instant(now));
    let Some((request, sent)) = build(call, serving, sending) else {
        let why = "no request could be made for it; see its baseURL and its model's upstreamName";
        return Attempted::failed(Outcome::Unusable(why.into()));
    };
    let response = timeout_at(limits.head, reach.lane.pool.request(request));
    let response = match response.await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Attempted::failed(trouble::sending(&error)),
        Err(_) => return Attempted::failed(Outcome::TooSlow(late(call))),
    };
    let mut attempted = read((call, sent), response, limits, clock).await;
    if sent.way == Way::Untouched && call.endpoint == Endpoint::Responses {
        seal::seal(&mut attempted, call, (reach, sending.credential));
    }
    if let Outcome::Failed(failed) = &mut attempted.outcome {
        // What is not found is the answer.
        failed.model_unknown &= call.stored.is_none();
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
    asked: (&Call, Sent),
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
        200..=299 => answer::read(asked, response, (limits, clock)).await,
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
