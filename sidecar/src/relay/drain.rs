//! Reads an answer on after its caller left, for a while, because what a call used is told in its last event. Called by `relay` when it is
//! dropped, and by `ledger` at the end of the process. It must never hold up a caller, and never let one pay for what was read here: it
//! makes exact what was read of the prompt, and how much nobody pays.

use super::{Meter, count};
use crate::bill::Bill;
use crate::metrics::{Metrics, Series};
use crate::pool::Incoming;
use http_body_util::BodyExt;
use purser_config::usage::End;
use purser_dialects::Tail;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// The most that is read on at once; whoever leaves then is estimated.
const AT_ONCE: u32 = 32;
/// For how long, and how much of it, in bytes.
const LONGEST: Duration = Duration::from_secs(10);
const MOST: usize = 256 << 10;

/// The answers that are read on in this process.
pub(crate) struct Drains {
    places: Arc<Semaphore>,
    over: watch::Sender<bool>,
}

impl Default for Drains {
    fn default() -> Self {
        Drains {
            places: Arc::new(Semaphore::new(AT_ONCE as usize)),
            over: watch::Sender::new(false),
        }
    }
}

/// Room for one of them, until it is dropped.
pub(super) struct Place {
    over: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl Drains {
    /// A place for one more, where there is one.
    fn place(&self) -> Option<Place> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Place {
            over: self.over.subscribe(),
            _place: place,
        })
    }

    /// Ends all, with what is known by then, and waits until each has settled.
    pub(crate) async fn end(&self) {
        self.over.send_replace(true);
        drop(self.places.acquire_many(AT_ONCE).await);
    }
}

/// One of them.
pub(super) struct Drain {
    bill: Bill,
    /// Where tokens are counted.
    counted: (Arc<Metrics>, Arc<Series>),
    /// When its caller left.
    left: Duration,
    rest: Incoming,
    tail: Tail,
}

impl Drain {
    /// Room to read on, where what is read makes a difference to a bill.
    pub(super) fn place(meter: &Meter) -> Option<Place> {
        meter.bill.drains()?.place()
    }

    /// Takes the bill, and goes on reading in a task of its own.
    pub(super) fn begin(place: Place, meter: &mut Meter, (rest, tail): (Incoming, Tail)) {
        let drain = Drain {
            bill: meter.bill.take(),
            counted: (Arc::clone(&meter.metrics), Arc::clone(&meter.series)),
            left: meter.clock.now(),
            rest,
            tail,
        };
        // Outside of a runtime there is nobody to read; what is dropped settles itself.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(drain.run(place));
        }
    }

    async fn run(mut self, mut place: Place) {
        tokio::select! {
            _ = tokio::time::timeout(LONGEST, self.read()) => {}
            _ = place.over.wait_for(|over| *over) => {}
        }
        // Settled before the place is free: at the end of the process that is what is waited for.
        drop(self);
        drop(place);
    }

    async fn read(&mut self) {
        let mut read = 0;
        while read < MOST && !self.tail.is_done() {
            let Some(Ok(frame)) = self.rest.frame().await else {
                break;
            };
            if let Ok(chunk) = frame.into_data() {
                read += chunk.len();
                self.tail.push(&chunk);
            }
        }
        self.tail.finish();
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        if let (_, Some((usage, guessed))) = count(&self.tail) {
            if guessed {
                self.bill.guessed();
            }
            self.bill.used(usage.tokens());
            self.counted.0.tokens(&self.counted.1, usage);
        }
        self.bill.end_at(End::ClientLeft, self.left);
    }
}
