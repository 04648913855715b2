//! The connections of one channel. One that speaks HTTP/1.1 carries one call at a time and is driven by it, in the call's own task
//! (`cable`); one that speaks HTTP/2 is shared by all calls and has a task of its own. Called by `upstream`. It must never send a
//! request again of which a provider may have seen a byte, and never open a connection that `dial` would not.
//!
//! Not hyper-util's client: it gives each connection a task and looks for it by address, so that each piece of an answer wakes two tasks
//! and each call is looked up three times. Measured: 3,800 instructions less a small call, and 730 more a piece of a stream.

mod cable;

use crate::dial::{Dial, Wire};
use bytes::Bytes;
use cable::Cable;
use http::{Request, Response, Uri, uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::client::legacy::connect::Connection as _;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;
use tower_service::Service as _;

/// Below the idle time of any provider known, so that a pooled connection is rarely one that is being closed.
const KEPT: Duration = Duration::from_secs(50);
/// The most connections that are kept without a call.
const MOST: usize = 128;
/// The longest head of an answer.
const LONGEST_HEAD: usize = 1 << 20;

/// What is sent: a body that is here whole.
pub type Sent = Request<Full<Bytes>>;

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No connection could be opened, so nothing was sent.
    #[error("no connection")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// The connection broke before the head of an answer.
    #[error("no answer")]
    Broken {
        /// How.
        source: hyper::Error,
        /// Whether its provider was closing it: it had carried an answer before, and nothing of this one.
        closing: bool,
    },
}

/// The connections of one channel.
pub struct Pool {
    dial: Dial,
    rest: Mutex<Resting>,
}

/// What no call has to itself.
#[derive(Default)]
struct Resting {
    /// HTTP/1.1, and since when each rests; the latest last.
    cables: Vec<(Instant, Box<Cable>)>,
    /// HTTP/2, and when a call took it last.
    shared: Option<(Instant, Shared)>,
    /// Whether somebody will look for what rests too long.
    watched: bool,
}

type Shared = http2::SendRequest<Full<Bytes>>;

/// A connection for one call.
enum Carrier {
    Own(Box<Cable>),
    Shared(Shared),
}

/// A request that did not get an answer; `again`: the request, where no byte of it was sent.
struct Unanswered {
    again: Option<Sent>,
    failure: Failure,
}

impl Unanswered {
    /// `closing`: whether what its connection has done says that it was being closed.
    fn of(mut error: TrySendError<Sent>, closing: bool) -> Self {
        let again = error.take_message();
        let source = error.into_error();
        let failure = Failure::Broken { source, closing };
        Unanswered { again, failure }
    }
}

impl Pool {
    /// No connection yet.
    pub fn new(dial: Dial) -> Arc<Self> {
        let rest = Mutex::default();
        Arc::new(Pool { dial, rest })
    }

    /// Sends a request whose target is absolute, over a connection that rests or a new one.
    ///
    /// # Errors
    /// When there is no connection, or it breaks before the head of the answer.
    pub async fn request(
        self: &Arc<Self>,
        mut request: Sent,
    ) -> Result<Response<Incoming>, Failure> {
        while let Some(carrier) = self.resting() {
            match self.send(carrier, request).await {
                Ok(response) => return Ok(response),
                // It was closed while it rested.
                Err(Unanswered {
                    again: Some(again), ..
                }) => request = again,
                Err(Unanswered { failure, .. }) => return Err(failure),
            }
        }
        let carrier = Box::pin(self.open(request.uri().clone())).await?;
        let sent = self.send(carrier, request).await;
        sent.map_err(|unanswered| unanswered.failure)
    }

    async fn send(
        self: &Arc<Self>,
        carrier: Carrier,
        mut request: Sent,
    ) -> Result<Response<Incoming>, Unanswered> {
        let mut cable = match carrier {
            Carrier::Own(cable) => cable,
            Carrier::Shared(mut shared) => {
                let sent = shared.try_send_request(request).await;
                // The calls of a shared connection hide from each other what it did; HTTP/2 says itself what it did not look at.
                let response = sent.map_err(|error| Unanswered::of(error, false))?;
                return Ok(response.map(|body| Incoming { body, cable: None }));
            }
        };
        let target = request.uri().clone();
        *request.uri_mut() = path_of(&target);
        match cable.send(request).await {
            Ok(response) => {
                let cable = Some((cable, Arc::clone(self)));
                Ok(response.map(|body| Incoming { body, cable }))
            }
            Err(error) => {
                let mut unanswered = Unanswered::of(error, cable.used().was_closing());
                if let Some(again) = &mut unanswered.again {
                    *again.uri_mut() = target;
                }
                Err(unanswered)
            }
        }
    }

    /// A connection that can be used at once.
    fn resting(&self) -> Option<Carrier> {
        let mut rest = self.rest();
        if let Some((since, shared)) = &mut rest.shared
            && shared.is_ready()
            && since.elapsed() < KEPT
        {
            *since = Instant::now();
            return Some(Carrier::Shared(shared.clone()));
        }
        let (since, cable) = rest.cables.pop()?;
        if since.elapsed() < KEPT {
            return Some(Carrier::Own(cable));
        }
        // Those below it rest for longer.
        rest.cables.clear();
        None
    }

    async fn open(self: &Arc<Self>, to: Uri) -> Result<Carrier, Failure> {
        let wire: Wire = self
            .dial
            .clone()
            .call(to)
            .await
            .map_err(Failure::Unreachable)?;
        let broken = |source: hyper::Error| Failure::Unreachable(source.into());
        if !wire.connected().is_negotiated_h2() {
            let used = wire.used().clone();
            let mut builder = http1::Builder::new();
            builder.max_buf_size(LONGEST_HEAD);
            let (sender, connection) = builder.handshake(wire).await.map_err(broken)?;
            return Ok(Carrier::Own(Box::new(Cable::new(sender, connection, used))));
        }
        // Another call may have been faster.
        if let Some(carrier) = self.resting() {
            return Ok(carrier);
        }
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5))
            .adaptive_window(true)
            .handshake(wire)
            .await
            .map_err(broken)?;
        tokio::spawn(connection);
        self.share(&sender);
        Ok(Carrier::Shared(sender))
    }

    /// Where several calls open one at once, the last is kept; the others end with their calls.
    fn share(self: &Arc<Self>, shared: &Shared) {
        let mut rest = self.rest();
        rest.shared = Some((Instant::now(), shared.clone()));
        self.watch(&mut rest);
    }

    /// Keeps a connection whose call is over.
    fn keep(self: &Arc<Self>, cable: Box<Cable>) {
        if !cable.is_ready() {
            return;
        }
        let mut rest = self.rest();
        if rest.cables.len() < MOST {
            rest.cables.push((Instant::now(), cable));
            self.watch(&mut rest);
        }
    }

    /// Sees to it that what rests too long is closed.
    fn watch(self: &Arc<Self>, rest: &mut Resting) {
        if !std::mem::replace(&mut rest.watched, true) {
            tokio::spawn(tidy(Arc::downgrade(self)));
        }
    }

    fn rest(&self) -> MutexGuard<'_, Resting> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resting {
    /// Lets go of what rests too long; whether nothing is left.
    fn tidy(&mut self) -> bool {
        self.cables.retain(|(since, _)| since.elapsed() < KEPT);
        self.shared = self
            .shared
            .take()
            .filter(|(since, shared)| !shared.is_closed() && since.elapsed() < KEPT);
        self.watched = !self.cables.is_empty() || self.shared.is_some();
        !self.watched
    }
}

async fn tidy(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(KEPT).await;
        let Some(pool) = pool.upgrade() else { return };
        if pool.rest().tidy() {
            return;
        }
    }
}

/// What HTTP/1.1 asks for of a target whose host is in a header.
fn path_of(target: &Uri) -> Uri {
    let mut parts = uri::Parts::default();
    parts.path_and_query = target.path_and_query().cloned();
    Uri::from_parts(parts).unwrap_or_default()
}

/// The body of an answer as it comes. Read to its end, it gives its connection back; dropped before, it closes it, which is how a
/// provider hears that nobody listens any more.
pub struct Incoming {
    body: hyper::body::Incoming,
    cable: Option<(Box<Cable>, Arc<Pool>)>,
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Incoming { body, cable } = &mut *self;
        let Some((driven, _)) = cable else {
            return Pin::new(body).poll_frame(context);
        };
        // A body of known length is here whole where its head is, or soon; the pieces of a stream come one by one.
        let is_sized = body.size_hint().exact().is_some();
        let next = |context: &mut Context<'_>| Pin::new(&mut *body).poll_frame(context);
        let next = ready!(driven.drive(context, is_sized, next));
        if next.is_none()
            && let Some((cable, pool)) = cable.take()
        {
            pool.keep(cable);
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
