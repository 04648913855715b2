//! One call's bill: what is held for it, what it used, what it pays. Opened by `ledger` before the first send, carried through `failover`
//! and `relay`, settled once, however the call ends: a bill that is dropped settles itself. It must never be settled twice, and never
//! hold a body.

mod record;

use crate::charge::Stage;
use crate::ledger::{Drawn, Ledger};
use crate::otlp::Trace;
use crate::reject::Reject;
use crate::relay::Drains;
use crate::snapshot::{Caller, Serving};
use crate::spool::Intent;
use http::HeaderValue;
use purser_config::price::{Cost, Micros, Tokens};
use purser_config::quota::{Settle, TokensLeft};
use purser_config::usage::{End, Failure, MAX_FAILURES};
use purser_config::{Endpoint, Name, OnAbort};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// One call's bill. Boxed: it goes along through every future of the call.
pub struct Bill(Option<Box<Open>>);

/// What does not change.
pub(crate) struct Facts {
    pub(crate) id: HeaderValue,
    pub(crate) caller: Arc<Caller>,
    pub(crate) endpoint: Endpoint,
    pub(crate) asked: String,
    pub(crate) stream: bool,
    pub(crate) user: Option<String>,
    /// When it began, by the sidecar's clock and in unix milliseconds.
    pub(crate) began: (Duration, u64),
    /// Tokens that it reads, estimated.
    pub(crate) input: u64,
    /// Whether it asks for what an earlier call has paid: it uses no tokens, and no model.
    pub(crate) stored: bool,
    /// Its place in a trace, where a collector is told.
    pub(crate) trace: Option<Box<Trace>>,
}

/// How a metered call pays.
pub(crate) struct Paid {
    pub(crate) cost: Cost,
    pub(crate) on_abort: OnAbort,
    pub(crate) reserved: Micros,
    /// The allowance that pays; `None`: the call's own reservation.
    pub(crate) drawn: Option<Drawn>,
}

/// A bill that is not settled.
pub(crate) struct Open {
    pub(crate) facts: Facts,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) paid: Option<Paid>,
    /// Whether the authority, or this sidecar in its place, holds something under the call's id.
    pub(crate) held: bool,
    /// The channel with limits that admits the call.
    pub(crate) channel: Option<Name>,
    /// Channels whose accounts are full.
    pub(crate) full: Vec<Name>,
    /// The window of tokens after what the call reserved.
    pub(crate) tokens_left: Option<TokensLeft>,
    /// The most tokens that one answer may have: what the reservation was made by.
    pub(crate) most_output: Option<u64>,
    noted: bool,
    serving: Option<Serving>,
    attempts: u32,
    stage: Stage,
    status: u16,
    content: Option<Duration>,
    tokens: Option<Tokens>,
    /// Part of `tokens` was counted here.
    guessed: bool,
    relayed: u64,
    waste: BTreeMap<Name, Micros>,
    failures: Vec<Failure>,
    ended: Duration,
}

impl Bill {
    /// A bill for a call that holds nothing yet.
    pub(crate) fn new(ledger: &Arc<Ledger>, facts: Facts) -> Self {
        Bill(Some(Box::new(Open {
            facts,
            ledger: Arc::clone(ledger),
            paid: None,
            held: false,
            channel: None,
            full: Vec::new(),
            tokens_left: None,
            most_output: None,
            noted: false,
            serving: None,
            attempts: 0,
            stage: Stage::BeforeSend,
            status: 0,
            content: None,
            tokens: None,
            guessed: false,
            relayed: 0,
            waste: BTreeMap::new(),
            failures: Vec::new(),
            ended: Duration::ZERO,
        })))
    }

    pub(crate) fn open(&mut self) -> Option<&mut Open> {
        self.0.as_deref_mut()
    }

    /// Writes down that the call is about to be sent: from here on it has a record, whatever becomes of this process.
    ///
    /// # Errors
    /// When that could not be written and the call is to pay; any other goes on, and its record may be lost.
    pub fn note(&mut self) -> Result<(), Reject> {
        let Some(open) = self.open() else {
            return Ok(());
        };
        if open.noted {
            return Ok(());
        }
        match open.ledger.spool.intent(&open.intent()) {
            Ok(()) => open.noted = true,
            Err(refused) if open.paid.is_some() => {
                return Err(Reject::Backpressure(refused.to_string()));
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// The window of tokens after what the call reserved.
    pub(crate) fn tokens_left(&self) -> Option<TokensLeft> {
        self.0.as_ref()?.tokens_left
    }

    /// The most tokens that one answer may have, where the reservation was made by it.
    pub(crate) fn most_output(&self) -> Option<u64> {
        self.0.as_ref()?.most_output
    }

    /// Whether a channel's account is full.
    pub(crate) fn is_kept_out(&self) -> bool {
        self.0.as_ref().is_some_and(|open| !open.full.is_empty())
    }

    /// Whether it asks for what an earlier call has paid.
    pub(crate) fn is_of_stored(&self) -> bool {
        self.0.as_ref().is_some_and(|open| open.facts.stored)
    }

    /// Whether what is relayed must be counted token by token, because it may have to be paid by.
    pub(crate) fn counts(&self) -> bool {
        self.most_output().is_some()
    }

    /// Who reads its answer on where its caller leaves, because its tokens are paid for or limited. Not of a key whose calls at once are
    /// counted: that one's next call waits for this one's end.
    pub(crate) fn drains(&self) -> Option<&Drains> {
        let open = self.0.as_ref().filter(|_| self.counts())?;
        let plan = open.facts.caller.plan.as_ref()?;
        (plan.concurrent_requests.is_none() && !open.facts.stored).then_some(&open.ledger.drains)
    }

    /// The same bill for somebody else to settle; this one is settled.
    pub(crate) fn take(&mut self) -> Bill {
        Bill(self.0.take())
    }

    /// An attempt at this channel begins.
    pub fn sent(&mut self, serving: &Serving) {
        if let Some(open) = self.open() {
            open.stage = Stage::Attempted;
            open.attempts += 1;
            open.serving = Some(serving.clone());
            if let Some(trace) = &mut open.facts.trace {
                let now = open.ledger.clock.now();
                trace.attempt(serving, now.saturating_sub(open.facts.began.0));
            }
        }
    }

    /// The attempt failed after its provider had reported so much: nobody pays it.
    pub fn wasted(&mut self, tokens: Tokens) {
        let Some(open) = self.open() else { return };
        if let Some(serving) = &open.serving {
            let cost = serving.model().cost.unwrap_or_default().of(&tokens);
            if cost > 0 {
                let wasted = open.waste.entry(serving.reach.lane.name.clone());
                *wasted.or_default() += cost;
            }
        }
    }

    /// An attempt gave nothing.
    pub fn failed(&mut self, failure: Failure) {
        if let Some(open) = self.open()
            && open.failures.len() < MAX_FAILURES
        {
            open.failures.push(failure);
        }
    }

    /// The first content is there, under this status.
    pub fn content(&mut self, status: u16, now: Duration) {
        if let Some(open) = self.open() {
            open.stage = Stage::Streaming;
            open.status = status;
            open.content = Some(now);
        }
    }

    /// The call is answered with an error of the provider, or of ours: it gave no content.
    pub fn answered(&mut self, status: u16) {
        if let Some(open) = self.open() {
            open.status = status;
        }
    }

    /// What the provider says that the call used. The last word counts.
    pub fn used(&mut self, tokens: Tokens) {
        if let Some(open) = self.open() {
            open.tokens = Some(tokens);
        }
    }

    /// What the provider says is not of the whole answer: the rest was counted here.
    pub fn guessed(&mut self) {
        if let Some(open) = self.open() {
            open.guessed = true;
        }
    }

    /// Tokens that went to the caller so far, counted here.
    pub fn relayed(&mut self, tokens: u64) {
        if let Some(open) = self.open() {
            open.relayed = tokens;
        }
    }

    /// All content went to the caller; its last event did not.
    pub fn content_done(&mut self) {
        if let Some(open) = self.open() {
            open.stage = open.stage.max(Stage::ContentDone);
        }
    }

    /// The end, now. Only the first counts.
    pub fn end(&mut self, end: End) {
        if let Some(open) = self.open() {
            let now = open.ledger.clock.now();
            self.end_at(end, now);
        }
    }

    /// The end, at this moment of the sidecar's clock.
    pub fn end_at(&mut self, end: End, now: Duration) {
        if let Some(mut open) = self.0.take() {
            open.ended = now;
            open.settle(end);
        }
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        self.end(End::ClientLeft);
    }
}

impl Open {
    fn settle(mut self: Box<Self>, end: End) {
        let sent = self.stage > Stage::BeforeSend;
        if end == End::Done && self.content.is_some() {
            self.stage = Stage::Whole;
        }
        let reported = self.tokens.is_some() && !self.guessed;
        let counted = Tokens {
            input: self.facts.input,
            output: self.relayed,
            ..Tokens::default()
        };
        let tokens = match self.facts.stored {
            true => Tokens::default(),
            false => self.tokens.unwrap_or(counted),
        };
        self.release(sent.then(|| self.occupied(&tokens)));
        let (ledger, noted) = (Arc::clone(&self.ledger), self.noted);
        let trace = self.facts.trace.take();
        if !sent {
            if noted {
                ledger.spool.withdraw(self.id());
            }
            return;
        }
        if !noted && trace.is_none() {
            return;
        }
        let record = self.into_record(end, tokens, reported);
        if let Some((otlp, trace)) = ledger.otlp().zip(trace) {
            otlp.ended(record.clone(), *trace);
        }
        if noted {
            ledger.record(record);
        }
    }

    /// The tokens of a minute that it takes: none where it failed without content.
    fn occupied(&self, tokens: &Tokens) -> u64 {
        match self.stage {
            Stage::Attempted if self.tokens.is_none() => 0,
            _ => tokens.total(),
        }
    }

    fn release(&self, used: Option<u64>) {
        if self.held {
            let settle = Settle {
                id: self.id().to_owned(),
                key: self.facts.caller.name.clone(),
                tokens: used,
                goes_on: None,
            };
            self.ledger.settle(settle);
        }
        if let (
            None,
            Some(Paid {
                drawn: Some(drawn), ..
            }),
        ) = (used, &self.paid)
        {
            let key = &self.facts.caller.name;
            self.ledger.put_back(key, drawn, drawn.credits);
        }
    }

    fn intent(&self) -> Intent<'_> {
        let paid = self.paid.as_ref();
        let reservation = paid.map(|paid| match &paid.drawn {
            Some(drawn) => drawn.id.as_str(),
            None => self.id(),
        });
        Intent {
            id: self.id().into(),
            key: self.facts.caller.name.clone(),
            plan: (&*self.facts.caller.plan_name).into(),
            reservation: reservation.map(Into::into),
            endpoint: self.facts.endpoint,
            asked: self.facts.asked.as_str().into(),
            stream: self.facts.stream,
            began_ms: self.facts.began.1,
            reserved: paid.map_or(0, |paid| paid.reserved),
            unconfirmed_pays: paid.is_some_and(|paid| paid.on_abort.unconfirmed_pays),
        }
    }

    fn id(&self) -> &str {
        self.facts.id.to_str().unwrap_or_default()
    }
}
