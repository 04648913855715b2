//! Callers that never rest, and what became of each of their calls. Each call carries its number, so that what a provider got can
//! be matched with when it was sent: an admission lies between the two.

use purser_tests::checker::worst_window;
use purser_tests::figures;
pub(super) use purser_tests::figures::soak;
use purser_tests::provider::Provider;
use purser_tests::sse_client::Call;
use purser_tests::wire::Head;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the plan's limit is about.
pub(super) const MINUTE: Duration = Duration::from_secs(60);

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// One call and its answer.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) number: u64,
    pub(super) sidecar: usize,
    pub(super) sent: Instant,
    pub(super) status: u16,
    /// The error's code, or why there was no answer.
    pub(super) code: String,
    pub(super) head: Option<Head>,
}

/// Callers at work.
pub(super) struct Pressure {
    stop: watch::Sender<bool>,
    workers: JoinSet<Vec<Outcome>>,
}

/// Who calls what, how often.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) model: &'static str,
    pub(super) key: String,
    /// Between an answer and the next call.
    pub(super) pause: Duration,
}

/// One caller on each sidecar, until told to end.
pub(super) fn press(sidecars: &[SocketAddr], caller: &Caller) -> Pressure {
    let (stop, stopped) = watch::channel(false);
    let mut workers = JoinSet::new();
    for (sidecar, address) in sidecars.iter().copied().enumerate() {
        let (caller, mut stopped) = (caller.clone(), stopped.clone());
        workers.spawn(async move {
            let mut outcomes = Vec::new();
            while !*stopped.borrow() {
                outcomes.push(call(sidecar, address, &caller).await);
                let _ = tokio::time::timeout(caller.pause, stopped.changed()).await;
            }
            outcomes
        });
    }
    Pressure { stop, workers }
}

/// So many calls at once, spread over the sidecars.
pub(super) async fn at_once(
    sidecars: &[SocketAddr],
    caller: &Caller,
    calls: usize,
) -> Vec<Outcome> {
    let mut all = JoinSet::new();
    for number in 0..calls {
        let sidecar = number % sidecars.len();
        let (caller, address) = (caller.clone(), sidecars[sidecar]);
        all.spawn(async move { call(sidecar, address, &caller).await });
    }
    all.join_all().await
}

impl Pressure {
    /// Ends it, and tells all outcomes in the order of their sending.
    pub(super) async fn end(self) -> Vec<Outcome> {
        self.stop.send_replace(true);
        let mut all: Vec<Outcome> = self
            .workers
            .join_all()
            .await
            .into_iter()
            .flatten()
            .collect();
        all.sort_by_key(|outcome| outcome.sent);
        all
    }
}

async fn call(sidecar: usize, address: SocketAddr, caller: &Caller) -> Outcome {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let sent = Instant::now();
    let call = Call::chat(caller.model, &number.to_string(), false).key(&caller.key);
    let (status, code, head) = match call.send(address).await {
        Err(error) => (0, format!("{error:#}"), None),
        Ok(answer) => {
            let head = answer.head.clone();
            match answer.json().await {
                Ok(body) => (head.status(), super::sidecar::code(body), Some(head)),
                Err(error) => (0, format!("{error:#}"), Some(head)),
            }
        }
    };
    Outcome {
        number,
        sidecar,
        sent,
        status,
        code,
        head,
    }
}

/// One call that reached the provider: admitted after `sent`, and before `arrived`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admission {
    pub(super) sent: Instant,
    pub(super) arrived: Instant,
}

/// What the provider got of these calls, in the order of arrival.
pub(super) fn admissions(provider: &Provider, outcomes: &[Outcome]) -> Vec<Admission> {
    let sent: BTreeMap<u64, Instant> = outcomes.iter().map(|one| (one.number, one.sent)).collect();
    let number = |body: Value| body["messages"][0]["content"].as_str()?.parse::<u64>().ok();
    let mut all: Vec<Admission> = provider
        .log()
        .into_iter()
        .filter_map(|call| {
            let sent = *sent.get(&number(call.json())?)?;
            let arrived = call.at;
            Some(Admission { sent, arrived })
        })
        .collect();
    all.sort_by_key(|one| one.arrived);
    all
}

/// The most admissions that surely lay in one half-open window of a minute: all between the earliest moment at which the first
/// could have been admitted and the latest for the last. What a busy machine does between admission and arrival cannot raise it.
pub(super) fn surely_in_a_minute(all: &[Admission]) -> usize {
    let count = |last: &Admission| {
        let earlier = all.iter().filter(|one| one.arrived <= last.arrived);
        earlier
            .filter(|one| last.arrived.saturating_duration_since(one.sent) < MINUTE)
            .count()
    };
    all.iter().map(count).max().unwrap_or(0)
}

/// The most arrivals in one half-open window of a minute.
pub(super) fn arrived_in_a_minute(all: &[Admission]) -> usize {
    let Some(first) = all.first() else { return 0 };
    let since = |one: &Admission| (one.arrived - first.arrived).as_nanos() as u64;
    worst_window(&mut all.iter().map(since).collect::<Vec<_>>(), MINUTE)
}

/// Whatever was called was answered well.
pub(super) fn none_failed(outcomes: &[Outcome], promise: &str) {
    let seen = tally(outcomes);
    assert_eq!(seen.keys().collect::<Vec<_>>(), [&(200, "")], "{promise}");
}

/// How often each answer was given.
pub(super) fn tally(outcomes: &[Outcome]) -> BTreeMap<(u16, &str), usize> {
    let mut tally = BTreeMap::new();
    for outcome in outcomes {
        *tally
            .entry((outcome.status, outcome.code.as_str()))
            .or_default() += 1;
    }
    tally
}

/// A figure for people, and for the file that the README quotes.
pub(super) fn figure(line: &str) {
    figures::figure("kubernetes.txt", line).unwrap();
}
