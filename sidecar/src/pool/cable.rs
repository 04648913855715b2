//! One HTTP/1.1 connection, driven by the call that it carries: hyper's two halves of it, the one that asks and the one that reads and
//! writes, are polled together in the call's task. Part of `pool`.
//!
//! The halves wake each other by channels. In one task that would be a wake-up of the task that is just running, and one poll of all
//! of it more for each piece of an answer; so a wake-up that comes while the halves are polled is noted, and they are polled again.

use crate::dial::{Used, Wire};
use crate::pool::Sent;
use bytes::Bytes;
use futures::task::AtomicWaker;
use http::Response;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Connection, SendRequest};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// How often the halves are polled before other tasks have their turn.
const ROUNDS: usize = 8;

/// One connection.
pub(super) struct Cable {
    sender: SendRequest<Full<Bytes>>,
    /// None once it has ended.
    connection: Option<Connection<Wire, Full<Bytes>>>,
    used: Used,
    nudge: Arc<Nudge>,
    /// The same as a waker.
    waker: Waker,
    /// Whom the nudge wakes.
    task: Option<Waker>,
    /// Neither half had anything to do when they were polled last, and both know whom to wake.
    still: bool,
}

impl Cable {
    pub(super) fn new(
        sender: SendRequest<Full<Bytes>>,
        connection: Connection<Wire, Full<Bytes>>,
        used: Used,
    ) -> Self {
        let nudge = Arc::<Nudge>::default();
        let waker = Waker::from(Arc::clone(&nudge));
        let connection = Some(connection);
        Cable {
            sender,
            connection,
            used,
            nudge,
            waker,
            task: None,
            still: false,
        }
    }

    /// What the connection has done.
    pub(super) fn used(&self) -> &Used {
        &self.used
    }

    /// Whether it can carry another call.
    pub(super) fn is_ready(&self) -> bool {
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Sends a request; its answer's body must be polled by `drive`.
    pub(super) async fn send(
        &mut self,
        request: Sent,
    ) -> Result<Response<Incoming>, TrySendError<Sent>> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let mut poll = |context: &mut Context<'_>| answer.as_mut().poll(context);
        poll_fn(|context| self.drive(context, false, &mut poll)).await
    }

    /// Polls the connection and what waits for it, until neither moves. `may_have`: what waits may have something to give that came with
    /// what it gave last; otherwise only the connection can bring it.
    pub(super) fn drive<T>(
        &mut self,
        context: &mut Context<'_>,
        may_have: bool,
        mut waiting: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let was_still = std::mem::take(&mut self.still);
        if was_still {
            // hyper's server asks three times for each piece of an answer; of what has not moved, a look at one flag is enough. The
            // waker is given in any case: a late wake-up may have taken the one before.
            self.nudge.task.register(context.waker());
            if !self.nudge.is_noted() {
                self.still = true;
                return Poll::Pending;
            }
        }
        let is_same = |task: &Waker| task.will_wake(context.waker());
        let is_same = self.task.as_ref().is_some_and(is_same);
        let mut quiet = Context::from_waker(&self.waker);
        if may_have
            && !was_still
            && let Poll::Ready(done) = waiting(&mut quiet)
        {
            return Poll::Ready(done);
        }
        for _ in 0..ROUNDS {
            // A wake-up that was passed on took the waker; from here on none is.
            if self.nudge.note() || !is_same {
                self.nudge.task.register(context.waker());
                self.task = Some(context.waker().clone());
            }
            if let Some(connection) = &mut self.connection
                && Pin::new(connection).poll(&mut quiet).is_ready()
            {
                // How it ended is told to what waits, by what is dropped here at the latest.
                self.connection = None;
            }
            if let Poll::Ready(done) = waiting(&mut quiet) {
                return Poll::Ready(done);
            }
            if self.nudge.pass_on() {
                self.still = true;
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Wakes the call's task, unless it is being polled: then the wake-up is noted. After something came of a poll, wake-ups are
/// still noted only: whoever got it polls again, and a connection that rests has nobody to wake.
#[derive(Default)]
struct Nudge {
    task: AtomicWaker,
    passes: AtomicBool,
    noted: AtomicBool,
}

impl Nudge {
    /// From here on wake-ups are noted; whether they were passed on before.
    fn note(&self) -> bool {
        let passed = self.passes.swap(false, Ordering::SeqCst);
        // Not a store: the poll that follows must see what whoever noted one here did before.
        self.noted.swap(false, Ordering::SeqCst);
        passed
    }

    /// Whether one was noted since the halves were polled last.
    fn is_noted(&self) -> bool {
        self.noted.load(Ordering::SeqCst)
    }

    /// From here on they are passed on; false where one was noted before.
    fn pass_on(&self) -> bool {
        self.passes.store(true, Ordering::SeqCst);
        !self.noted.load(Ordering::SeqCst)
    }
}

impl Wake for Nudge {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.noted.store(true, Ordering::SeqCst);
        if self.passes.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}
