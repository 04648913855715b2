//! A call that was refused before anything was sent, as a collector is told of it: a span without attempts, whose error is the refusal's
//! code. Made by `gateway`, which told its caller. It must never say what was asked, not even the model: it may be anything.

use super::{Otlp, Trace};
use crate::clock::{Clock, millis};
use crate::reject::Reject;
use crate::snapshot::Caller;
use purser_config::Endpoint;
use purser_config::price::Tokens;
use purser_config::usage::{End, Record};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is known of a call before it is carried.
pub(crate) struct Known<'a> {
    /// `x-request-id`.
    pub(crate) id: &'a str,
    /// Whose it is.
    pub(crate) caller: &'a Caller,
    /// What it asks for.
    pub(crate) endpoint: Endpoint,
    /// When it began, by the sidecar's clock.
    pub(crate) began: Duration,
    /// Its place in a trace.
    pub(crate) trace: Box<Trace>,
}

impl Otlp {
    /// Tells of it.
    pub(crate) fn refused(&self, known: &Known<'_>, reject: &Reject, clock: Clock) {
        let trace = Trace {
            refused: Some(reject.code()),
            ..Trace::clone(&known.trace)
        };
        let took = millis(clock.now().saturating_sub(known.began));
        let record = Record {
            id: known.id.to_owned(),
            key: known.caller.name.clone(),
            plan: known.caller.plan_name.to_string(),
            reservation: None,
            channel: None,
            endpoint: known.endpoint,
            asked: String::new(),
            served: String::new(),
            attempts: 0,
            status: reject.status(),
            end: End::Failed,
            stream: false,
            tokens: Tokens::default(),
            estimated: false,
            credits: 0,
            unpaid: 0,
            cost: 0,
            waste: BTreeMap::new(),
            failures: Vec::new(),
            began_ms: clock.wall_ms().saturating_sub(took),
            latency_ms: took,
            first_ms: None,
            user_metadata: BTreeMap::new(),
            pod: String::new(),
        };
        self.ended(record, trace);
    }
}
