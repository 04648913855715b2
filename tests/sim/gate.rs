//! A process that can be frozen: none of its tasks is polled meanwhile, and its clocks go on. Or killed: none ever is again. Used by `pod`
//! and `center`.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// See the file's page.
#[derive(Default)]
pub(super) struct Gate(Mutex<Held>);

#[derive(Default)]
struct Held {
    until: Option<Instant>,
    closed: bool,
    waiting: Vec<Waker>,
}

impl Gate {
    /// Freezes the process for so long, from the next poll on.
    pub(super) fn freeze(self: &Arc<Self>, span: Duration) {
        let until = Instant::now() + span;
        {
            let mut held = self.0.lock().unwrap();
            if held.until.is_some_and(|before| before >= until) {
                return;
            }
            held.until = Some(until);
        }
        let gate = Arc::clone(self);
        tokio::task::spawn_local(async move {
            tokio::time::sleep_until(until).await;
            gate.thaw();
        });
    }

    fn thaw(&self) {
        let mut held = self.0.lock().unwrap();
        if held.until.is_some_and(|until| until <= Instant::now()) {
            held.until = None;
            held.waiting.drain(..).for_each(Waker::wake);
        }
    }

    /// The process is killed: nothing of it is polled any more.
    pub(super) fn close(&self) {
        self.0.lock().unwrap().closed = true;
    }

    /// The future as a part of the process.
    pub(super) fn part<F: Future>(self: &Arc<Self>, future: F) -> Part<F> {
        Part {
            gate: Arc::clone(self),
            future: Box::pin(future),
        }
    }
}

/// One task of a process.
pub(super) struct Part<F> {
    gate: Arc<Gate>,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Part<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        {
            let mut held = self.gate.0.lock().unwrap();
            if held.closed {
                return Poll::Pending;
            }
            if held.until.is_some() {
                held.waiting.push(context.waker().clone());
                return Poll::Pending;
            }
        }
        self.future.as_mut().poll(context)
    }
}
