//! Calls of one key that are offered at a fixed rate over many sidecars, on connections that are kept, and what each caller saw of them.
//! A call that is late is left out rather than made up for: what a busy machine could not offer, nobody is judged by.

use super::pressure::MINUTE;
use bytes::Bytes;
use purser_tests::admissions::Seen;
use purser_tests::sse_client::Call;
use purser_tests::wire::{Head, Wire};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// One key, and over which sidecars it is called.
#[derive(Clone)]
pub(super) struct Offer {
    /// `namespace/name`.
    pub(super) key: String,
    pub(super) value: String,
    /// Requests in any 60 s.
    pub(super) limit: usize,
    /// How many times the limit is offered.
    pub(super) times: f64,
    pub(super) sidecars: Vec<SocketAddr>,
    /// Where the test's clock begins.
    pub(super) origin: Instant,
}

/// One call, as its caller saw it.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) sidecar: usize,
    pub(super) seen: Seen,
    pub(super) request: String,
    pub(super) status: u16,
    /// The error's code, or why there was no answer.
    pub(super) code: String,
    /// What a refusal's headers lack; empty: nothing.
    pub(super) lacks: String,
}

impl Offer {
    /// So many calls at once, spread over the sidecars, each on a connection of its own.
    pub(super) async fn burst(&self, calls: usize) -> Vec<Made> {
        let mut all = JoinSet::new();
        for number in 0..calls {
            let (offer, sidecar) = (self.clone(), number % self.sidecars.len());
            all.spawn(async move { offer.call(sidecar, &mut None).await });
        }
        all.join_all().await
    }

    /// The steady part, until then.
    pub(super) async fn steady(&self, until: Instant) -> Vec<Made> {
        let each = MINUTE.as_secs_f64() * self.sidecars.len() as f64 / self.limit as f64;
        let every = Duration::from_secs_f64(each / self.times);
        let begun = Instant::now();
        let mut all = JoinSet::new();
        for sidecar in 0..self.sidecars.len() {
            let offer = self.clone();
            let first = begun + every.mul_f64(sidecar as f64 / self.sidecars.len() as f64);
            all.spawn(async move { offer.at_sidecar(sidecar, (first, every, until)).await });
        }
        all.join_all().await.into_iter().flatten().collect()
    }

    async fn at_sidecar(
        &self,
        sidecar: usize,
        (mut due, every, until): (Instant, Duration, Instant),
    ) -> Vec<Made> {
        let (mut made, mut connection) = (Vec::new(), None);
        while due < until {
            tokio::time::sleep_until(due.into()).await;
            made.push(self.call(sidecar, &mut connection).await);
            due += every;
            let now = Instant::now();
            if due < now {
                let late = (now - due).as_secs_f64() / every.as_secs_f64();
                due += every.mul_f64(late.floor());
            }
        }
        made
    }

    async fn call(&self, sidecar: usize, connection: &mut Option<Wire>) -> Made {
        let address = self.sidecars[sidecar];
        let call = Call::chat("m", "hello", false).key(&self.value);
        let bytes = call.bytes(address);
        let wire = match connection.take().filter(|wire| !wire.is_stale()) {
            Some(wire) => Ok(wire),
            None => Wire::connect(address).await,
        };
        let sent_ns = self.now_ns();
        let answer = match wire {
            Ok(wire) => answered(wire, &bytes, connection).await,
            Err(error) => Err(error),
        };
        let seen = Seen {
            sent_ns,
            answered_ns: self.now_ns(),
        };
        let mut made = Made {
            sidecar,
            seen,
            request: String::new(),
            status: 0,
            code: String::new(),
            lacks: String::new(),
        };
        match answer {
            Err(error) => made.code = error.to_string(),
            Ok((head, body)) => {
                made.status = head.status();
                let id = head.header("x-request-id");
                made.request = id.unwrap_or_default().to_owned();
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                made.code = super::sidecar::code(body);
                if made.status == 429 {
                    made.lacks = lacks(&head, self.limit);
                }
            }
        }
        made
    }

    fn now_ns(&self) -> i64 {
        i64::try_from(self.origin.elapsed().as_nanos()).unwrap()
    }
}

async fn answered(
    mut wire: Wire,
    request: &Bytes,
    kept: &mut Option<Wire>,
) -> std::io::Result<(Head, Bytes)> {
    wire.send(request).await?;
    let nothing = || std::io::Error::other("closed without an answer");
    let head = wire.head().await?.ok_or_else(nothing)?;
    let body = wire.body(head.rest()).await?;
    if head.keeps_open() {
        *kept = Some(wire);
    }
    Ok((head, body))
}

const NUMBERS: [&str; 5] = [
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-limit-tokens",
];
const OTHERS: [&str; 3] = [
    "x-ratelimit-reset-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
];

/// What a 429 by the plan's rate does not tell as it must.
fn lacks(head: &Head, limit: usize) -> String {
    let number = |name: &str| {
        head.header(name)
            .and_then(|value| value.parse::<u64>().ok())
    };
    let absent = NUMBERS.iter().filter(|name| number(name).is_none());
    let others = OTHERS.iter().filter(|name| head.header(name).is_none());
    let absent: Vec<&str> = absent.chain(others).copied().collect();
    if !absent.is_empty() {
        return format!("no {}", absent.join(", no "));
    }
    let so = (1..=60).contains(&number("retry-after").unwrap_or(0))
        && number("retry-after-ms").unwrap_or(u64::MAX) <= 59_999
        && number("x-ratelimit-limit-requests") == u64::try_from(limit).ok()
        && number("x-ratelimit-remaining-requests") == Some(0);
    if so {
        String::new()
    } else {
        format!("{head:?}")
    }
}
