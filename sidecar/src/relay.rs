//! Bytes back to the caller. The first content byte is the commit point: what comes here has passed it. Relays a stream
//! untouched, watches how it ends, and where it breaks ends it honestly. Called by `gateway`; it must never try again.

mod drain;
mod manner;
mod meter;
mod through;
mod waiting;

pub(crate) use drain::Drains;
pub use manner::Manner;
pub use meter::Meter;
pub use through::Through;
pub use waiting::{KEEP_ALIVE_EVERY, Search, Waiting};

use drain::{Drain, Place};

use crate::circuit::Mark;
use crate::clock::{self, Clock};
use crate::lane::Noted;
use crate::pool::Incoming;
use crate::snapshot::Reach;
use crate::upstream::{Flow, Kind};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use purser_config::usage::End;
use purser_dialects::{ErrorBody, Screen, Tail, Usage, render};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// The body of an answer of ours.
pub enum Body {
    /// Here whole.
    Whole(Option<Bytes>),
    /// Relayed from a channel.
    Relay(Box<Relay>),
    /// A stream that waits for its first content, and says so every 15 s.
    Waiting(Box<Waiting>),
    /// The shared gateway's own answer, and its place among the calls that its connection carries.
    Handed(Box<(hyper::body::Incoming, Arc<()>)>),
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
                Body::Handed(handed) => {
                    let aborted = |error: hyper::Error| Aborted(error.to_string());
                    let next = Pin::new(&mut handed.0).poll_frame(context);
                    return next.map(|next| next.map(|next| next.map_err(aborted)));
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
        match self {
            Body::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Body::Handed(handed) => handed.0.is_end_stream(),
            _ => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Body::Handed(handed) => handed.0.size_hint(),
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
    /// How its caller is spoken to.
    pub manner: Manner,
    /// `x-request-id`, for an error's body.
    pub id: String,
    /// The seam to time.
    pub clock: Clock,
}

/// An answer on its way.
pub struct Relay {
    held: VecDeque<Bytes>,
    /// What may go to the caller, where a chunk became several.
    out: VecDeque<Bytes>,
    /// What its bytes become.
    through: Through,
    rest: Option<Incoming>,
    tail: Option<Tail>,
    /// Keeps an error that is cut in two, until it is cleaned.
    screen: Screen,
    idle: Duration,
    /// When something came last.
    last: Instant,
    alarm: Pin<Box<Sleep>>,
    /// Whom the alarm wakes.
    woken: Option<Waker>,
    setting: Setting,
}

impl Relay {
    /// Takes over where the attempt stopped looking.
    pub fn new(flow: Flow, setting: Setting) -> Self {
        let last = Instant::now();
        let alarm = Box::pin(sleep_until(last + flow.idle));
        let (counts, events) = (setting.meter.bill.counts(), flow.kind == Kind::Events);
        let tail = events.then(|| Tail::of(flow.dialect, counts));
        let mut setting = setting;
        let now = setting.clock.now();
        setting.meter.bill.content(flow.status.as_u16(), now);
        Relay {
            held: flow.held.into(),
            out: VecDeque::new(),
            through: flow.through,
            rest: Some(flow.rest),
            tail,
            screen: Screen::new(),
            idle: flow.idle,
            last,
            alarm,
            woken: None,
            setting,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Aborted>>> {
        loop {
            if let Some(chunk) = self.out.pop_front() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            if let Some(chunk) = self.held.pop_front() {
                if let Some(chunk) = self.pass(chunk) {
                    return Poll::Ready(Some(Ok(chunk)));
                }
                continue;
            }
            if self.through.has_failed() {
                return Poll::Ready(self.told());
            }
            let Some(rest) = &mut self.rest else {
                return Poll::Ready(None);
            };
            match Pin::new(rest).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(chunk) = frame.into_data() else {
                        continue;
                    };
                    self.last = Instant::now();
                    if let Some(chunk) = self.pass(chunk) {
                        return Poll::Ready(Some(Ok(chunk)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(self.broken(&format!("it was cut off: {error}")));
                }
                Poll::Ready(None) => return Poll::Ready(self.finish()),
                Poll::Pending => return self.watch(context),
            }
        }
    }

    /// Looks at a chunk. What of it may go on now is returned, or waits in `out` where it is more than one piece.
    fn pass(&mut self, mut chunk: Bytes) -> Option<Bytes> {
        if let Some(tail) = &mut self.tail {
            tail.push(&chunk);
            let quiet = tail.is_quiet() && self.screen.is_empty();
            if !quiet && !matches!(self.through, Through::Interpreter(_)) {
                chunk = self.screen.pass(chunk, tail)?;
            }
        }
        self.through.pass(chunk, &mut self.out)
    }

    /// What was relayed until now, for a bill that no usage may come for, and the usage that came.
    fn count(&mut self) {
        let Some(tail) = &self.tail else { return };
        let (tokens, usage) = count(tail);
        let meter = &mut self.setting.meter;
        meter.bill.relayed(tokens);
        if let Some((usage, guessed)) = usage {
            if guessed {
                meter.bill.guessed();
            }
            meter.usage(usage);
        }
    }

    /// The alarm is set once and looks, when it rings, whether there was silence: setting it anew with every chunk would
    /// cost more than the chunk.
    fn watch(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Aborted>>> {
        let knows = |woken: &Waker| woken.will_wake(context.waker());
        if self.woken.as_ref().is_some_and(knows) && !self.alarm.is_elapsed() {
            return Poll::Pending;
        }
        self.woken = Some(context.waker().clone());
        while self.alarm.as_mut().poll(context).is_ready() {
            let until = self.last + self.idle;
            if Instant::now() >= until {
                return Poll::Ready(self.broken("it fell silent"));
            }
            self.alarm.as_mut().reset(until);
        }
        Poll::Pending
    }

    /// The provider's bytes have ended: well, if its last event was there.
    fn finish(&mut self) -> Option<Result<Bytes, Aborted>> {
        self.rest = None;
        let Some(tail) = &mut self.tail else {
            self.setting.meter.end(End::Done);
            return None;
        };
        tail.finish();
        let (has_error, is_done) = (tail.has_error(), tail.is_done());
        if !(has_error || is_done) {
            return self.broken("it ended without its last event");
        }
        let kept = self.screen.finish(tail);
        self.count();
        if has_error {
            self.mark_failed();
            self.setting.meter.end(End::Broken);
        } else {
            self.setting.meter.end(End::Done);
        }
        let first = kept.and_then(|kept| self.through.pass(kept, &mut self.out));
        let last = self.through.finish();
        if first.is_none() {
            return last.map(Ok);
        }
        self.out.extend(last);
        first.map(Ok)
    }

    /// The caller was told an error within the translation, which ends it, whatever else the provider sends.
    fn told(&mut self) -> Option<Result<Bytes, Aborted>> {
        if self.rest.take().is_some() {
            self.mark_failed();
            self.count();
            self.setting.meter.end(End::Broken);
        }
        None
    }

    /// Ends what cannot be continued: an error event in a stream, an aborted connection otherwise.
    fn broken(&mut self, why: &str) -> Option<Result<Bytes, Aborted>> {
        if self.tail.as_ref().is_some_and(Tail::is_done) {
            // Its last event is there; how its connection ended is nobody's concern.
            return self.finish();
        }
        self.rest = None;
        self.mark_failed();
        self.count();
        self.setting.meter.end(End::Broken);
        tracing::info!(channel = %self.setting.reach.lane.name, request = self.setting.id, why, "answer broke after its first content");
        match self.tail.take() {
            Some(tail) => Some(Ok(self.error_event(&tail, why))),
            None => Some(Err(Aborted(why.to_owned()))),
        }
    }

    fn error_event(&mut self, tail: &Tail, why: &str) -> Bytes {
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
        let manner = self.setting.manner;
        let bytes = match &mut self.through {
            Through::Interpreter(interpreter) => interpreter.fail(&body),
            Through::Array(array) => array.fail(&render(manner.dialect, &body)),
            Through::Nothing | Through::Filter(_) | Through::Renames(_) => {
                [tail.closer(), &manner.event(&body, tail.events())].concat()
            }
        };
        bytes.into()
    }

    /// What goes on after the caller, who pays for what was relayed until now.
    fn drain(&mut self, place: Place) {
        let (Some(rest), Some(mut tail)) = (self.rest.take(), self.tail.take()) else {
            return;
        };
        let (tokens, _) = count(&tail);
        self.setting.meter.bill.relayed(tokens);
        self.held.drain(..).for_each(|chunk| tail.push(&chunk));
        Drain::begin(place, &mut self.setting.meter, (rest, tail));
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

/// Tokens that were written until now, counted here, and the usage that came, and whether part of that is guessed. Of one that is not of
/// the whole answer, what was written is at least what was counted.
fn count(tail: &Tail) -> (u64, Option<(Usage, bool)>) {
    let written = tail.written().map(|written| written.tokens());
    let tokens = written.unwrap_or(tail.events());
    let guessed = !tail.usage_is_whole();
    let usage = tail.usage().map(|mut usage| {
        if guessed {
            usage.completion_tokens = usage.completion_tokens.max(tokens);
            usage.total_tokens = usage.prompt_tokens.saturating_add(usage.completion_tokens);
        }
        (usage, guessed)
    });
    (tokens, usage)
}

/// The caller left, or everything had gone to it: what was relayed until then is what it may pay for.
impl Drop for Relay {
    fn drop(&mut self) {
        if self.setting.meter.ended {
            return;
        }
        let is_done = self.tail.as_ref().is_some_and(Tail::is_done);
        if is_done {
            self.setting.meter.bill.content_done();
        }
        match Drain::place(&self.setting.meter).filter(|_| !is_done) {
            Some(place) => self.drain(place),
            None => self.count(),
        }
        self.setting.meter.end(End::ClientLeft);
    }
}
