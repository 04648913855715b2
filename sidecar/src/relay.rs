//! Bytes back to the caller. The first content byte is the commit point: what comes here has passed it. Relays a stream
//! untouched, watches how it ends, and where it breaks ends it honestly. Called by `gateway`; it must never try again.

mod meter;
mod waiting;

pub use meter::Meter;
pub use waiting::{KEEP_ALIVE_EVERY, Search, Waiting};

use crate::circuit::Mark;
use crate::clock::{self, Clock};
use crate::lane::Noted;
use crate::snapshot::Reach;
use crate::upstream::{Flow, Kind};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use purser_config::Endpoint;
use purser_dialects::{Dialect, ErrorBody, Tail, render_event, render_responses_event};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep_until};

/// The body of an answer of ours.
pub enum Body {
    /// Here whole.
    Whole(Option<Bytes>),
    /// Relayed from a channel.
    Relay(Box<Relay>),
    /// A stream that waits for its first content, and says so every 15 s.
    Waiting(Box<Waiting>),
}

/// An answer that broke after its first content and cannot say so within itself: the connection is ended.
#[derive(Debug, thiserror::Error)]
#[error("the provider broke off its answer: {0}")]
pub struct Aborted(String);

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        loop {
            match &mut *self {
                Body::Whole(bytes) => {
                    return Poll::Ready(
                        bytes
                            .take()
                            .filter(|bytes| !bytes.is_empty())
                            .map(|bytes| Ok(Frame::data(bytes))),
                    );
                }
                Body::Relay(relay) => {
                    return relay
                        .poll(context)
                        .map(|next| next.map(|next| next.map(Frame::data)));
                }
                Body::Waiting(waiting) => match waiting.poll(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(waiting::Step::Bytes(bytes)) => {
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                    Poll::Ready(waiting::Step::Turn(body)) => *self = body,
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Body::Whole(bytes) if bytes.as_ref().is_none_or(Bytes::is_empty))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            _ => SizeHint::default(),
        }
    }
}

/// What a relay needs beside the flow.
pub struct Setting {
    /// Counts the call when it ends, however it ends.
    pub meter: Meter,
    /// Whose answer it is.
    pub reach: Arc<Reach>,
    /// In which dialect an error is told.
    pub dialect: Dialect,
    /// At which endpoint.
    pub endpoint: Endpoint,
    /// `x-request-id`, for an error's body.
    pub id: String,
    /// The seam to time.
    pub clock: Clock,
}

/// An answer on its way.
pub struct Relay {
    held: VecDeque<Bytes>,
    rest: Option<Incoming>,
    tail: Option<Tail>,
    idle: Duration,
    last: Duration,
    alarm: Pin<Box<Sleep>>,
    setting: Setting,
}

impl Relay {
    /// Takes over where the attempt stopped looking.
    pub fn new(flow: Flow, setting: Setting) -> Self {
        let last = setting.clock.now();
        let alarm = Box::pin(sleep_until(setting.clock.instant(last + flow.idle)));
        let tail = (flow.kind == Kind::Events).then(Tail::new);
        Relay {
            held: flow.held.into(),
            rest: Some(flow.rest),
            tail,
            idle: flow.idle,
            last,
            alarm,
            setting,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Aborted>>> {
        if let Some(chunk) = self.held.pop_front() {
            return Poll::Ready(Some(Ok(self.pass(chunk))));
        }
        loop {
            let Some(rest) = &mut self.rest else {
                return Poll::Ready(None);
            };
            match Pin::new(rest).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(chunk) = frame.into_data() else {
                        continue;
                    };
                    self.last = self.setting.clock.now();
                    return Poll::Ready(Some(Ok(self.pass(chunk))));
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(self.broken(&format!("it was cut off: {error}")));
                }
                Poll::Ready(None) => return Poll::Ready(self.finish()),
                Poll::Pending => return self.watch(context),
            }
        }
    }

    fn pass(&mut self, chunk: Bytes) -> Bytes {
        if let Some(tail) = &mut self.tail {
            tail.push(&chunk);
        }
        chunk
    }

    /// The alarm is set once and looks, when it rings, whether there was silence: setting it anew with every chunk would
    /// cost more than the chunk.
    fn watch(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Aborted>>> {
        while self.alarm.as_mut().poll(context).is_ready() {
            let until = self.last + self.idle;
            if self.setting.clock.now() >= until {
                return Poll::Ready(self.broken("it fell silent"));
            }
            let at = self.setting.clock.instant(until);
            self.alarm.as_mut().reset(at);
        }
        Poll::Pending
    }

    /// The provider's bytes have ended: well, if its last event was there.
    fn finish(&mut self) -> Option<Result<Bytes, Aborted>> {
        self.rest = None;
        let Some(tail) = &mut self.tail else {
            self.setting.meter.end("done");
            return None;
        };
        tail.finish();
        if let Some(usage) = tail.usage() {
            self.setting.meter.usage(usage);
        }
        if tail.has_error() {
            self.mark_failed();
            self.setting.meter.end("broken");
            return None;
        }
        if tail.is_done() {
            self.setting.meter.end("done");
            return None;
        }
        self.broken("it ended without its last event")
    }

    /// Ends what cannot be continued: an error event in a stream, an aborted connection otherwise.
    fn broken(&mut self, why: &str) -> Option<Result<Bytes, Aborted>> {
        if self.tail.as_ref().is_some_and(Tail::is_done) {
            // Its last event is there; how its connection ended is nobody's concern.
            return self.finish();
        }
        self.rest = None;
        self.mark_failed();
        self.setting.meter.end("broken");
        tracing::info!(channel = %self.setting.reach.lane.name, request = self.setting.id, why, "answer broke after its first content");
        match &self.tail {
            Some(tail) => Some(Ok(self.error_event(tail, why))),
            None => Some(Err(Aborted(why.to_owned()))),
        }
    }

    fn error_event(&self, tail: &Tail, why: &str) -> Bytes {
        let message =
            format!("The provider's stream broke off: {why}. What was sent before is incomplete.");
        let body = ErrorBody {
            status: 502,
            kind: "server_error",
            code: Some("upstream_unavailable"),
            param: None,
            message: &message,
            request_id: &self.setting.id,
        };
        let mut bytes = tail.closer().to_vec();
        bytes.extend(event(
            self.setting.endpoint,
            self.setting.dialect,
            &body,
            tail.events(),
        ));
        bytes.into()
    }

    fn mark_failed(&self) {
        let Setting { reach, clock, .. } = &self.setting;
        let mark = Mark::Failure {
            weight: 1,
            refused_connection: false,
            retry_after: None,
        };
        reach.lane.note(&Noted {
            now: clock.now(),
            mark,
            credential: false,
            health: &reach.channel.health,
            draw: clock::fraction(clock::draw()),
        });
    }
}

/// An error event as the endpoint's callers read it.
pub(crate) fn event(
    endpoint: Endpoint,
    dialect: Dialect,
    body: &ErrorBody<'_>,
    sequence: u64,
) -> Vec<u8> {
    if endpoint == Endpoint::Responses {
        render_responses_event(body, sequence)
    } else {
        render_event(dialect, body)
    }
}
