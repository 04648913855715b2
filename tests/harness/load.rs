//! Load on an address, closed loop (as fast as answers come) or open loop (at a fixed rate, come what may).
//! Owned by benches and by tests that ask for "no failed call while …". Open loop has no coordinated omission: a call's time counts
//! from the moment it was due, not from the moment somebody was free to send it. It never retries: every failure is in the report.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::wire::{Head, Wire};

/// What is called.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where.
    pub address: SocketAddr,
    /// The request's bytes, head and body; `sse_client::Call::bytes` makes them.
    pub request: Bytes,
    /// A stream counts as good only with its `[DONE]`.
    pub stream: bool,
}

/// How it is called.
#[derive(Clone, Debug)]
pub struct Load {
    /// Connections, kept alive and opened again after a failure.
    pub connections: usize,
    /// When the next call is made.
    pub pace: Pace,
    /// When no more calls are made.
    pub length: Length,
}

/// When the next call is made.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// On each connection, as soon as the last one is answered.
    Closed,
    /// So many each second over all connections; connection i takes every n-th.
    Open {
        /// Calls each second.
        per_second: f64,
    },
}

/// When no more calls are made; those under way are always finished.
#[derive(Clone, Debug)]
pub enum Length {
    /// After so many.
    Calls(u64),
    /// After this time.
    Time(Duration),
    /// When this turns true.
    Until(watch::Receiver<bool>),
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// `200` and other statuses, `refused`, `cut: …`, `no [DONE]`: how often each.
    pub outcomes: BTreeMap<String, u64>,
    /// Of good calls, in nanoseconds, sorted: from due (open) or sent (closed) to the last byte.
    pub latency: Vec<u64>,
    /// Of good streams, the same to the first byte of the body.
    pub first_chunk: Vec<u64>,
    /// Events in good streams.
    pub chunks: u64,
    /// From the first call to the last answer.
    pub elapsed: Duration,
}

impl Report {
    /// Calls answered 200 and whole.
    pub fn good(&self) -> u64 {
        self.outcomes.get("200").copied().unwrap_or(0)
    }

    /// All other calls.
    pub fn failed(&self) -> u64 {
        self.outcomes.values().sum::<u64>() - self.good()
    }

    fn add(&mut self, other: Self) {
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        self.latency.extend(other.latency);
        self.first_chunk.extend(other.first_chunk);
        self.chunks += other.chunks;
    }

    fn record(&mut self, begun: Instant, outcome: Result<Good, String>) {
        match outcome {
            Ok(good) => {
                self.latency.push(nanoseconds(begun.elapsed()));
                self.first_chunk.extend(
                    good.first_chunk
                        .map(|at| nanoseconds(at.saturating_duration_since(begun))),
                );
                self.chunks += good.chunks;
                *self.outcomes.entry("200".into()).or_default() += 1;
            }
            Err(outcome) => *self.outcomes.entry(outcome).or_default() += 1,
        }
    }
}

/// The value that so large a part of `sorted` does not exceed; 0 of nothing.
pub fn quantile(sorted: &[u64], part: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index, rounded on purpose"
    )]
    let index = (part * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(index).copied().unwrap_or(0)
}

/// Runs the load to its end.
pub async fn run(target: &Target, load: &Load) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    match load.pace {
        Pace::Closed => {
            let end = Arc::new(End {
                begun,
                length: load.length.clone(),
                taken: AtomicU64::new(0),
            });
            for _ in 0..load.connections {
                workers.spawn(closed(target.clone(), end.clone()));
            }
        }
        Pace::Open { per_second } => {
            let (senders, receivers): (Vec<_>, Vec<_>) = (0..load.connections)
                .map(|_| mpsc::unbounded_channel())
                .unzip();
            let end = End {
                begun,
                length: load.length.clone(),
                taken: AtomicU64::new(0),
            };
            // A thread of its own: tokio's timer is good to a millisecond only, which is longer than what is measured.
            std::thread::Builder::new()
                .name("pace".into())
                .spawn(move || keep_pace(&end, per_second, &senders))?;
            for due in receivers {
                workers.spawn(open(target.clone(), due));
            }
        }
    }
    let mut report = Report::default();
    while let Some(part) = workers.join_next().await {
        report.add(part.context("a load worker")?);
    }
    report.elapsed = begun.elapsed();
    report.latency.sort_unstable();
    report.first_chunk.sort_unstable();
    Ok(report)
}

struct End {
    begun: Instant,
    length: Length,
    taken: AtomicU64,
}

impl End {
    /// True when one more call is to be made.
    fn take(&self) -> bool {
        match &self.length {
            Length::Calls(calls) => self.taken.fetch_add(1, Ordering::Relaxed) < *calls,
            Length::Time(time) => self.begun.elapsed() < *time,
            Length::Until(stopped) => !*stopped.borrow(),
        }
    }
}

fn keep_pace(end: &End, per_second: f64, connections: &[mpsc::UnboundedSender<Instant>]) {
    let step = Duration::from_secs_f64(1.0 / per_second);
    let mut due = end.begun;
    for connection in connections.iter().cycle() {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // Nobody listens any more when the run was given up.
        if !end.take() || connection.send(due).is_err() {
            return;
        }
        due += step;
    }
}

async fn closed(target: Target, end: Arc<End>) -> Report {
    let mut report = Report::default();
    let mut connection = None;
    while end.take() {
        let sent = Instant::now();
        report.record(sent, call(&mut connection, &target).await);
    }
    report
}

async fn open(target: Target, mut dues: mpsc::UnboundedReceiver<Instant>) -> Report {
    let mut report = Report::default();
    let mut connection = None;
    while let Some(due) = dues.recv().await {
        report.record(due, call(&mut connection, &target).await);
    }
    report
}

struct Good {
    first_chunk: Option<Instant>,
    chunks: u64,
}

async fn call(connection: &mut Option<Wire>, target: &Target) -> Result<Good, String> {
    let mut wire = match connection.take().filter(|wire| !wire.is_stale()) {
        Some(wire) => wire,
        None => Wire::connect(target.address)
            .await
            .map_err(|_| "refused".to_owned())?,
    };
    let cut = |error: std::io::Error| format!("cut: {error}");
    wire.send(&target.request).await.map_err(cut)?;
    let head = wire.head().await.map_err(cut)?.ok_or("cut: no answer")?;
    let outcome = receive(&mut wire, &head, target.stream)
        .await
        .map_err(cut)?;
    if head.keeps_open() {
        *connection = Some(wire);
    }
    match head.status() {
        200 => outcome.ok_or_else(|| "no [DONE]".to_owned()),
        status => Err(status.to_string()),
    }
}

/// Reads the body; nothing when it is a stream that was not whole.
async fn receive(wire: &mut Wire, head: &Head, stream: bool) -> std::io::Result<Option<Good>> {
    let mut rest = head.rest();
    let mut good = Good {
        first_chunk: None,
        chunks: 0,
    };
    let mut events = BytesMut::new();
    while let Some(piece) = wire.part(&mut rest).await? {
        if stream {
            good.first_chunk.get_or_insert_with(Instant::now);
            events.extend_from_slice(&piece);
        }
    }
    good.chunks = memchr::memmem::find_iter(&events, b"\n\n").count() as u64;
    Ok((!stream || events.ends_with(b"data: [DONE]\n\n")).then_some(good))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{Behaviour, Provider};
    use crate::sse_client::Call;

    fn target(provider: &Provider, stream: bool) -> Target {
        let request = Call::chat("m", "hello", stream).bytes(provider.address());
        Target {
            address: provider.address(),
            request,
            stream,
        }
    }

    #[tokio::test]
    async fn a_closed_loop_makes_exactly_the_calls_asked_for_on_the_connections_asked_for() {
        let provider = Provider::start(Behaviour::healthy()).await.unwrap();
        let load = Load {
            connections: 4,
            pace: Pace::Closed,
            length: Length::Calls(200),
        };
        let report = run(&target(&provider, false), &load).await.unwrap();
        assert_eq!(
            (report.good(), report.failed(), provider.calls()),
            (200, 0, 200)
        );
        assert!(
            provider.counts().connections <= 4,
            "{:?}",
            provider.counts()
        );
    }

    #[tokio::test]
    async fn failures_are_counted_by_kind_and_a_stream_without_done_is_one() {
        let faults = vec![
            Behaviour::healthy(),
            Behaviour::status(503),
            Behaviour::StreamErrorFirst,
            Behaviour::DiesInHeaders,
        ];
        let provider = Provider::start(faults).await.unwrap();
        let load = Load {
            connections: 1,
            pace: Pace::Closed,
            length: Length::Calls(4),
        };
        let report = run(&target(&provider, true), &load).await.unwrap();
        let kinds: Vec<_> = report
            .outcomes
            .iter()
            .map(|(kind, count)| (kind.as_str(), *count))
            .collect();
        assert_eq!(
            kinds,
            [
                ("200", 1),
                ("503", 1),
                ("cut: the peer closed inside a head", 1),
                ("no [DONE]", 1)
            ]
        );
        provider.set(Behaviour::Refuses).await.unwrap();
        let report = run(&target(&provider, true), &load).await.unwrap();
        assert_eq!(report.outcomes["refused"], 4);
    }

    #[tokio::test]
    async fn an_open_loop_counts_from_when_a_call_was_due() {
        let provider = Provider::start(Behaviour::SlowFirstByte(Duration::from_millis(50)))
            .await
            .unwrap();
        // One connection, 10 ms apart, each call 50 ms: the tenth waits for nine others. A closed loop would report 50 ms throughout.
        let load = Load {
            connections: 1,
            pace: Pace::Open { per_second: 100.0 },
            length: Length::Calls(10),
        };
        let report = run(&target(&provider, false), &load).await.unwrap();
        assert_eq!(report.good(), 10);
        assert!(
            quantile(&report.latency, 1.0) >= 400_000_000,
            "{:?}",
            report.latency
        );
    }

    #[test]
    fn quantiles_of_little_are_what_one_expects() {
        assert_eq!(quantile(&[], 0.5), 0);
        assert_eq!(
            (quantile(&[1, 2, 3], 0.5), quantile(&[1, 2, 3], 1.0)),
            (2, 3)
        );
    }
}
