//! Reserve before the send: asks the authority for each request and for what it needs beyond, keeps the plan's word while it cannot be
//! asked, and remembers what was used so that a new authority can be told. Survives every reload. Called by `gateway` (reserve) and
//! `failover` (open, admits, spend); `bill` settles. It must never let a request through that nobody granted.
//!
//! ```text
//! request: one request of the window, or one that a lease brought (stock)      -> Reservation
//! hold:    tokens, a slot, credits, a channel's account (want, ahead, allowance, open) -> Bill
//! memory:  what was used and granted, for the Hello and for the time alone
//! ```

mod ahead;
mod allowance;
mod alone;
mod hold;
mod memory;
mod open;
mod request;
mod stock;
mod want;

pub(crate) use allowance::Drawn;
pub use memory::Memory;
pub use request::Reservation;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::otlp::{Collector, Otlp, Trace};
use crate::reject::Reject;
use crate::relay::Drains;
use crate::snapshot::Caller;
use crate::spool::{Spool, ship};
use allowance::Allowances;
use http::HeaderMap;
use open::Open;
use purser_config::quota::{
    Ask, Grant, Hold, Reserve, Reserved, Return, Settle, TokenUse, TokensLeft,
};
use purser_config::usage::{Batch, Record};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// How long a call waits for an authority that is coming back, where its plan does not go on without.
const PATIENCE: Duration = Duration::from_secs(2);
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// How often leases and allowances that nobody uses are looked for.
const TIDY: Duration = Duration::from_secs(1);
/// How often the end looks whether every record is kept.
const FLUSHED: Duration = Duration::from_millis(20);

/// The authority's answer, or word that it cannot be asked.
pub type Answer<A> = Pin<Box<dyn Future<Output = Result<A, Unreachable>> + Send>>;

/// No answer came: there is no connection, or it broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authority cannot be asked")]
pub struct Unreachable;

/// Whoever decides: the operator over a stream, or a value in this process.
pub trait Authority: Send + Sync {
    /// Asks one question.
    fn ask(&self, ask: Ask) -> Answer<Grant>;
    /// Gives back a grant that was not used, or not all of it.
    fn give_back(&self, unused: Return);
    /// Asks for what a call needs beyond its window.
    fn reserve(&self, reserve: Reserve) -> Answer<Reserved>;
    /// Tells that a call is over.
    fn settle(&self, settle: Settle);
    /// Hands usage records over; answers up to which number the spool's are kept for ever.
    fn keep(&self, batch: Batch) -> Answer<u64>;
    /// Whether it can be asked now, as far as is known.
    fn is_here(&self) -> bool {
        true
    }
    /// Whether it can be lost, so that allowances are of use.
    fn is_remote(&self) -> bool {
        false
    }
}

/// What a plan's window looks like, for the `x-ratelimit-*` headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Requests in any 60 s, or in a day where only that is limited or that is what refuses; absent: no limit.
    pub limit: Option<u32>,
    /// What is left of them.
    pub remaining: u32,
    /// Until all of them are there again, in milliseconds.
    pub reset_ms: u64,
    /// Tokens per minute; absent: no limit.
    pub tokens: Option<u64>,
    /// The window of tokens, once it was asked.
    pub tokens_left: Option<TokensLeft>,
}

impl Quota {
    /// The window as a refusal tells it: full, until it is free. Of two limits it is the one that refuses.
    pub fn refused(reject: &Reject, caller: &Caller) -> Option<Quota> {
        let plan = caller.plan.as_ref()?;
        let retry = reject.retry()?;
        let limit = match reject {
            Reject::OverRate { limit, .. } => Some(*limit),
            _ => plan.requests_per_minute.or(plan.requests_per_day),
        };
        Some(Quota {
            limit,
            remaining: 0,
            reset_ms: retry.as_millis() as u64,
            tokens: plan.tokens_per_minute,
            tokens_left: None,
        })
    }
}

/// The sidecar's side of every limit.
pub struct Ledger {
    /// The usage records of this process.
    pub spool: Arc<Spool>,
    pub(crate) clock: Clock,
    /// Where decisions are counted.
    pub(crate) metrics: Arc<Metrics>,
    authority: Arc<dyn Authority>,
    memory: Arc<Memory>,
    held: Mutex<Open>,
    purses: Mutex<Allowances>,
    /// Answers that are read on after their callers left.
    pub(crate) drains: Drains,
    /// Who else is told of calls; absent: nobody.
    otlp: OnceLock<Otlp>,
    /// A question's way to the authority and back, of late, in microseconds.
    round_trip: AtomicU64,
}

impl Ledger {
    /// A ledger over this authority; `memory` is shared with the link that says Hello.
    pub fn new(
        authority: Arc<dyn Authority>,
        memory: Arc<Memory>,
        (spool, metrics): (Arc<Spool>, Arc<Metrics>),
        clock: Clock,
    ) -> Self {
        let inherited = spool.alone.inherit(clock.wall_ms());
        memory.inherit(&inherited, (clock.now(), clock.today()));
        Ledger {
            spool,
            clock,
            metrics,
            authority,
            memory,
            held: Mutex::default(),
            purses: Mutex::default(),
            drains: Drains::default(),
            otlp: OnceLock::new(),
            round_trip: AtomicU64::new(0),
        }
    }

    /// What calls hold that are under way, for a Hello.
    pub fn holds(&self) -> Vec<Hold> {
        self.held().holds()
    }

    /// What an earlier connection granted is not surely held any more: to be called before the Hello of another.
    pub fn begin_anew(&self) {
        self.memory.begin_anew();
        self.purses().begin_anew();
    }

    /// Tokens that still count, for a Hello.
    pub fn token_uses(&self) -> Vec<TokenUse> {
        let now = self.clock.now();
        self.held().token_uses(now)
    }

    /// From now on a collector is told of calls, too. Once; later words are not heard.
    pub fn tell(&self, collector: &Collector) {
        let start = || Otlp::start(collector, &self.metrics, self.clock);
        self.otlp.get_or_init(start);
    }

    /// Who is told of calls beside the authority.
    pub(crate) fn otlp(&self) -> Option<&Otlp> {
        self.otlp.get()
    }

    /// A call's place in a trace, where somebody is told.
    pub(crate) fn trace(&self, headers: &HeaderMap) -> Option<Box<Trace>> {
        let trace = |_| Box::new(Trace::of(headers));
        self.otlp.get().map(trace)
    }

    /// A call's record, to be kept for ever.
    pub(crate) fn record(&self, record: Record) {
        self.spool.outcome(record);
    }

    /// Ships records and gives back what is not used, for as long as it is polled.
    pub async fn run(self: Arc<Self>) {
        let send = |batch| {
            let kept = self.authority.keep(batch);
            async move { kept.await.map_err(|_| ship::Unreachable) }
        };
        let tidy = async {
            loop {
                tokio::time::sleep(TIDY).await;
                self.tidy(false);
            }
        };
        tokio::join!(
            ship::ship(&self.spool, send),
            Arc::clone(&self.spool).run(),
            tidy
        );
    }

    /// Waits until every record is kept, and gives everything back that is held ahead. To be called at the end, while `run` runs.
    pub async fn flush(&self) {
        self.drains.end().await;
        // Records first: what is given back before them pays for none of them. And what was asked for may yet come.
        let waits = || self.spool.waiting() > 0 || self.purses().is_asking();
        while waits() && self.authority.is_here() {
            tokio::time::sleep(FLUSHED).await;
        }
        self.tidy(true);
        // Nobody answers what is given back; it needs a moment to be sent.
        tokio::time::sleep(FLUSHED).await;
    }

    fn held(&self) -> MutexGuard<'_, Open> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn purses(&self) -> MutexGuard<'_, Allowances> {
        self.purses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
