//! A sidecar's words to the authority, over a raw stream: what it asks, reserves, settles and ships, and what it is answered.

use super::place::Place;
use super::stream::Stream;
use purser_config::quota::{Ask, Grant, Reserve, ReserveVerdict, Reserved, Settle};
use purser_config::stream::{FromOperator, FromSidecar};
use purser_config::usage::{Batch, End, Record};
use purser_config::{Endpoint, Name};
use std::collections::BTreeMap;

/// One credit.
pub(super) const CREDIT: u64 = 1_000_000;

/// A stream that said Hello.
pub(super) struct Speaker {
    pub(super) stream: Stream,
    spool: String,
    seq: u64,
}

impl Speaker {
    /// One in a pod of this name, whose instance and spool are named after it.
    pub(super) async fn new(place: &Place, pod: &str) -> Self {
        let token = place.token_of_pod(pod).await;
        let mut stream = Stream::open(&place.world, &token).await.ok().unwrap();
        let spool = format!("spool-{}-{pod}", place.namespace);
        stream.hello_with(pod, &spool).await;
        Speaker {
            stream,
            spool,
            seq: 0,
        }
    }

    /// Asks for one request of a key, exactly.
    pub(super) async fn ask(&mut self, key: &Name) -> Grant {
        self.seq += 1;
        let ask = Ask {
            key: key.clone(),
            want: 1,
            ttl_ms: 0,
        };
        let (seq, asks) = (self.seq, vec![ask]);
        self.stream.say(&FromSidecar::Ask { seq, asks });
        let is = |said: &FromOperator| matches!(said, FromOperator::Answer { seq: of, .. } if *of == seq);
        match self.stream.until(is).await {
            FromOperator::Answer { mut grants, .. } => grants.pop().unwrap(),
            _ => unreachable!("only an answer is so"),
        }
    }

    /// One call's worth of a credit, held for this call.
    pub(super) fn credit(&self, key: &Name, id: &str) -> Reserve {
        Reserve {
            id: id.to_owned(),
            key: key.clone(),
            tokens: 0,
            slot: false,
            credits: CREDIT,
            allowance: None,
            channels: vec![],
            others: false,
            spool: self.spool.clone(),
        }
    }

    /// Reserves all of these with one message.
    pub(super) async fn reserve(&mut self, reserves: Vec<Reserve>) -> Vec<Reserved> {
        self.seq += 1;
        let seq = self.seq;
        self.stream.say(&FromSidecar::Reserve { seq, reserves });
        let is = |said: &FromOperator| matches!(said, FromOperator::Reserved { seq: of, .. } if *of == seq);
        match self.stream.until(is).await {
            FromOperator::Reserved { answers, .. } => answers,
            _ => unreachable!("only an answer is so"),
        }
    }

    /// Says that a call was never sent.
    pub(super) fn unsent(&self, key: &Name, id: &str) {
        let (id, key) = (id.to_owned(), key.clone());
        let settle = Settle {
            id,
            key,
            tokens: None,
            goes_on: None,
        };
        self.stream.say(&FromSidecar::Settle(vec![settle]));
    }

    /// Ships records without waiting.
    pub(super) fn send(&self, first: u64, records: Vec<Record>) {
        let spool = self.spool.clone();
        self.stream.say(&FromSidecar::Usage(Batch {
            spool,
            first,
            records,
        }));
    }

    /// Ships records; says up to which number all are kept.
    pub(super) async fn ship(&mut self, first: u64, records: Vec<Record>) -> u64 {
        self.send(first, records);
        let is = |said: &FromOperator| matches!(said, FromOperator::Kept { .. });
        match self.stream.until(is).await {
            FromOperator::Kept { upto, .. } => upto,
            _ => unreachable!("only that is so"),
        }
    }
}

/// Whether it is held.
pub(super) fn is_held(answer: &Reserved) -> bool {
    matches!(answer.verdict, ReserveVerdict::Held { .. })
}

/// A call that was answered, and costs one credit of what was reserved for it.
pub(super) fn record(key: &Name, id: &str) -> Record {
    Record {
        id: id.to_owned(),
        key: key.clone(),
        plan: "plan".to_owned(),
        reservation: Some(id.to_owned()),
        channel: None,
        endpoint: Endpoint::Chat,
        asked: "m".to_owned(),
        served: "m".to_owned(),
        attempts: 1,
        status: 200,
        end: End::Done,
        stream: false,
        tokens: purser_config::price::Tokens::default(),
        estimated: false,
        credits: CREDIT,
        unpaid: 0,
        failures: Vec::new(),
        cost: 0,
        waste: BTreeMap::new(),
        began_ms: 1_795_000_000_000,
        latency_ms: 10,
        first_ms: None,
        user_metadata: BTreeMap::new(),
        pod: String::new(),
    }
}
