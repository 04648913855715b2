//! Tells a collector of calls that ended, by OTLP over HTTP with JSON: a span for each and one for each of its attempts, and histograms, all
//! named as OpenTelemetry's conventions for generative AI have it. Off until `--otlp` names a collector. `ledger` begins a trace, `bill` ends
//! it, `gateway` tells of what it refuses, `run` waits for the last. It must never make a call wait, never hold more than `WAITING` of them, and never see a prompt, an answer
//! or a key's value: it is given records.
//!
//! The crates of OpenTelemetry were refused here: `opentelemetry-otlp` (0.33, with JSON over hyper's client, no second HTTP stack) brings
//! seventeen crates that a sidecar has not, and its batches are sent from a thread of their own, or within tokio by a feature that is called
//! experimental. What is sent are two documents of a format that is stable.

mod convention;
mod histogram;
mod post;
mod refused;
mod span;
mod trace;

pub(crate) use refused::Known;
pub(crate) use trace::Trace;

use crate::clock::Clock;
use crate::metrics::Metrics;
use convention::Attributes;
use histogram::Histograms;
use http::Uri;
use post::Post;
use purser_config::usage::Record;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// The most calls that wait to be told.
const WAITING: usize = 2_048;
/// The most calls of one document.
const BATCH: usize = 256;
/// How long a call waits for others.
const EVERY: Duration = Duration::from_secs(2);
/// How often histograms are told.
const HISTOGRAMS_EVERY: Duration = Duration::from_secs(10);
/// How often a document is sent before it is dropped.
const TRIES: u32 = 3;
/// How long the end of the process waits for the last calls.
const LAST: Duration = Duration::from_secs(2);

/// What the task is told.
enum Word {
    Ended(Box<(Record, Trace)>),
    /// Send everything now, once, and say when it is done.
    Last(oneshot::Sender<()>),
}

/// The way to the task that tells.
pub(crate) struct Otlp {
    words: mpsc::Sender<Word>,
    metrics: Arc<Metrics>,
}

/// The address of a collector; `/v1/traces` and `/v1/metrics` are added to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector(Uri);

/// What is no address of a collector.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no address such as http://collector:4318")]
pub struct InvalidCollector(String);

impl FromStr for Collector {
    type Err = InvalidCollector;

    fn from_str(text: &str) -> Result<Self, InvalidCollector> {
        let wrong = || InvalidCollector(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let called = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority();
        let named = authority.is_some_and(|who| !who.as_str().contains('@'));
        let plain = uri.query().is_none();
        match called && named && plain {
            true => Ok(Collector(uri)),
            false => Err(wrong()),
        }
    }
}

impl Otlp {
    /// Starts the task, inside a tokio runtime.
    pub(crate) fn start(collector: &Collector, metrics: &Arc<Metrics>, clock: Clock) -> Self {
        let (words, heard) = mpsc::channel(WAITING);
        let teller = Teller {
            post: Post::to(&collector.0),
            histograms: Histograms::since(clock.wall_ms()),
            batch: Vec::new(),
            fails: false,
            metrics: Arc::clone(metrics),
            clock,
        };
        tokio::spawn(teller.run(heard));
        Otlp {
            words,
            metrics: Arc::clone(metrics),
        }
    }

    /// A call ended. One that there is no room for is dropped, and counted.
    pub(crate) fn ended(&self, record: Record, trace: Trace) {
        let word = Word::Ended(Box::new((record, trace)));
        if self.words.try_send(word).is_err() {
            self.metrics.untold("full", 1);
        }
    }

    /// Waits until what ended so far is told, for a short while.
    pub(crate) async fn flush(&self) {
        let (done, told) = oneshot::channel();
        let last = async {
            if self.words.send(Word::Last(done)).await.is_ok() {
                let _ = told.await;
            }
        };
        let _ = tokio::time::timeout(LAST, last).await;
    }
}

/// The task.
struct Teller {
    post: Post,
    histograms: Histograms,
    batch: Vec<(Record, Trace)>,
    /// Whether the last document was not taken.
    fails: bool,
    metrics: Arc<Metrics>,
    clock: Clock,
}

impl Teller {
    async fn run(mut self, mut words: mpsc::Receiver<Word>) {
        let mut histograms_at = Instant::now() + HISTOGRAMS_EVERY;
        loop {
            let last = match self.gather(&mut words, histograms_at).await {
                Gathered::Batch => None,
                Gathered::Last(done) => Some(done),
                Gathered::End => return,
            };
            let tries = if last.is_some() { 1 } else { TRIES };
            self.tell_spans(tries).await;
            if last.is_some() || Instant::now() >= histograms_at {
                histograms_at = Instant::now() + HISTOGRAMS_EVERY;
                self.tell_histograms().await;
            }
            if let Some(done) = last {
                // Whoever asked may be gone.
                let _ = done.send(());
            }
        }
    }

    /// Until a document is full, or its first call has waited long enough, or histograms are due.
    async fn gather(
        &mut self,
        words: &mut mpsc::Receiver<Word>,
        histograms_at: Instant,
    ) -> Gathered {
        let mut until = histograms_at;
        while self.batch.len() < BATCH {
            match timeout_at(until, words.recv()).await {
                Ok(Some(Word::Ended(call))) => {
                    self.count(&call.0, &call.1);
                    if call.1.sampled {
                        self.batch.push(*call);
                        until = until.min(Instant::now() + EVERY);
                    }
                }
                Ok(Some(Word::Last(done))) => return Gathered::Last(done),
                Ok(None) => return Gathered::End,
                Err(_) => break,
            }
        }
        Gathered::Batch
    }

    fn count(&mut self, record: &Record, trace: &Trace) {
        let attributes = Attributes::of_call(record, trace);
        self.histograms
            .duration(&attributes, Duration::from_millis(record.latency_ms));
        if record.stream
            && let Some(first) = record.first_ms
        {
            self.histograms
                .first_token(&attributes, Duration::from_millis(first));
        }
        if record.endpoint.reports_tokens() && trace.refused.is_none() {
            self.histograms.tokens(&attributes, record.tokens);
        }
    }

    async fn tell_spans(&mut self, tries: u32) {
        if self.batch.is_empty() {
            return;
        }
        let document = span::document(&self.batch);
        if !self.tell(("/v1/traces", &document), tries).await {
            self.metrics.untold("failed", self.batch.len() as u64);
        }
        self.batch.clear();
    }

    /// They are sums since the start: those that were not taken are in the next.
    async fn tell_histograms(&mut self) {
        if let Some(document) = self.histograms.document(self.clock.wall_ms()) {
            self.tell(("/v1/metrics", &document), 1).await;
        }
    }

    async fn tell(&mut self, (path, document): (&str, &serde_json::Value), tries: u32) -> bool {
        for left in (0..tries).rev() {
            match self.post.send(path, document).await {
                Ok(()) => {
                    self.fails = false;
                    return true;
                }
                Err(error) if !self.fails => {
                    self.fails = true;
                    tracing::warn!(
                        error,
                        path,
                        "the collector does not take what --otlp tells it"
                    );
                }
                Err(error) => tracing::debug!(error, path, "the collector does not take it"),
            }
            if left > 0 {
                tokio::time::sleep(EVERY).await;
            }
        }
        false
    }
}

enum Gathered {
    Batch,
    Last(oneshot::Sender<()>),
    End,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_a_web_address_without_a_password() {
        for good in ["http://collector:4318", "https://otel.example/otlp/"] {
            assert!(good.parse::<Collector>().is_ok(), "{good}");
        }
        for wrong in [
            "",
            "collector:4318",
            "grpc://c:4317",
            "http://a:b@c",
            "http://c/?x=y",
        ] {
            assert!(wrong.parse::<Collector>().is_err(), "{wrong}");
        }
    }
}
