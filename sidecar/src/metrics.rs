//! What Prometheus sees. Labels come from closed enums or from names that an administrator chose, never from a caller:
//! no key, no user, no model string. Counted by `gateway`, `ledger`, `failover`, `relay` and `bill`; shown by `admin`.

mod decision;
mod series;

pub use decision::Decision;
pub use series::Series;

use crate::circuit::State;
use crate::spool::Spool;
use crate::store::Store;
use decision::Decisions;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};
use purser_config::Name;
use purser_config::price::Micros;
use purser_config::usage::Fault;
use purser_dialects::Usage;
use series::Found;

/// Every metric of the sidecar.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    rejects: IntCounterVec,
    attempts: IntCounterVec,
    failovers: IntCounterVec,
    decisions: Decisions,
    charged: IntCounterVec,
    untold: IntCounterVec,
    duration: HistogramVec,
    first_content: HistogramVec,
    tokens: IntCounterVec,
    streams: IntCounterVec,
    /// Calls that are being answered.
    pub in_flight: IntGauge,
    channel_shut: IntGaugeVec,
    config_loads: IntGauge,
    config_faults: IntGauge,
    config_published: IntGauge,
    spool_waiting: IntGauge,
    spool_oldest: IntGauge,
    spool_lost: IntGauge,
    spool_at_fault: IntGauge,
    /// Whether the operator's stream is up.
    pub connected: IntGauge,
    /// Connections that were turned away because there were too many.
    pub shed: IntCounter,
}

const SECONDS: [f64; 12] = [
    0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0,
];

/// Of a key, by which it is over a limit.
const LIMITS: [&str; 3] = [
    "rate_limit_exceeded",
    "concurrent_requests",
    "insufficient_quota",
];

/// Makes metrics and registers them under the prefix `purser_`.
struct Maker(Registry);

impl Maker {
    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        let made = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        let made = IntGauge::new(name, help)?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        let made = IntCounter::new(name, help)?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn shut_channels(&self) -> prometheus::Result<IntGaugeVec> {
        let help = "1 while a channel's circuit lets no traffic through";
        let made = IntGaugeVec::new(Opts::new("channel_shut", help), &["channel"])?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    /// Refusals for which somebody is woken are at zero from the start, so that the first one is an increase.
    fn rejects(&self) -> prometheus::Result<IntCounterVec> {
        let made = self.counters("rejects_total", "Calls that were refused", &["reason"])?;
        for reason in LIMITS {
            made.with_label_values(&[reason]);
        }
        Ok(made)
    }

    fn failovers(&self) -> prometheus::Result<IntCounterVec> {
        let help = "Calls that left a channel for another, by what was wrong";
        self.counters("failovers_total", help, &["channel", "reason"])
    }

    fn decisions(&self) -> prometheus::Result<Decisions> {
        let help = "What was decided about the quota of calls";
        let made = self.counters("quota_decisions_total", help, &["decision"])?;
        Ok(Decisions::new(&made))
    }

    fn charged(&self) -> prometheus::Result<IntCounterVec> {
        let help = "Millionths of a credit that calls paid";
        self.counters("charged_microcredits_total", help, &["plan"])
    }

    fn untold(&self) -> prometheus::Result<IntCounterVec> {
        let help = "Calls that a collector was not told of";
        let made = self.counters("otlp_dropped_total", help, &["reason"])?;
        for reason in ["full", "failed"] {
            made.with_label_values(&[reason]);
        }
        Ok(made)
    }

    fn seconds(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<HistogramVec> {
        let made = HistogramVec::new(
            HistogramOpts::new(name, help).buckets(SECONDS.into()),
            labels,
        )?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }
}

impl Metrics {
    /// Registers them all.
    ///
    /// # Errors
    /// Only if two had the same name.
    pub fn new() -> prometheus::Result<Self> {
        let make = Maker(Registry::new_custom(Some("purser".into()), None)?);
        let by_channel = &["plan", "channel", "model", "status"];
        let by_model = &["plan", "model", "direction"];
        let by_lane = &["plan", "channel"];
        let whole = "From the head of a request to the end of its answer";
        let first = "From the head of a request to the first content of its answer";
        Ok(Metrics {
            requests: make.counters("requests_total", "Answered calls", by_channel)?,
            rejects: make.rejects()?,
            attempts: make.counters("attempts_total", "Attempts", &["channel", "outcome"])?,
            failovers: make.failovers()?,
            decisions: make.decisions()?,
            charged: make.charged()?,
            untold: make.untold()?,
            tokens: make.counters("tokens_total", "Tokens reported", by_model)?,
            streams: make.counters("stream_ends_total", "How streams ended", &["end"])?,
            duration: make.seconds("request_duration_seconds", whole, by_lane)?,
            first_content: make.seconds("first_content_seconds", first, by_lane)?,
            in_flight: make.gauge("requests_in_flight", "Calls that are being answered")?,
            config_loads: make.gauge("config_loads", "Configurations put in force")?,
            config_faults: make.gauge("config_faults", "Resources refused last")?,
            config_published: make.gauge("config_published_timestamp_seconds", "Its version")?,
            spool_waiting: make.gauge("spool_waiting", "Usage records without an authority yet")?,
            spool_oldest: make.gauge("spool_oldest_seconds", "Age of the oldest of them")?,
            spool_lost: make.gauge("spool_lost", "Usage records that there was no room for")?,
            spool_at_fault: make.gauge("spool_at_fault", "1 while metered calls are refused")?,
            connected: make.gauge("operator_connected", "1 while the operator's stream is up")?,
            channel_shut: make.shut_channels()?,
            shed: make.counter("connections_shed_total", "Connections over the limit")?,
            registry: make.0,
        })
    }

    /// A call that a channel answered.
    pub fn answered(&self, series: &Series, status: u16) {
        if status == 200 {
            return self.found(series).answered.inc();
        }
        let Series {
            plan,
            channel,
            model,
            ..
        } = series;
        let labels = [&**plan, channel.as_str(), &**model, status_text(status)];
        self.requests.with_label_values(&labels).inc();
    }

    /// A call that we refused.
    pub fn rejected(&self, reason: &'static str) {
        self.rejects.with_label_values(&[reason]).inc();
    }

    /// One attempt; without a `fault` it was answered.
    pub fn attempt(&self, series: &Series, fault: Option<Fault>) {
        match fault {
            None => self.found(series).attempted.inc(),
            Some(fault) => self
                .attempts
                .with_label_values(&[series.channel.as_str(), fault.as_str()])
                .inc(),
        }
    }

    /// A call left this channel for another.
    pub fn left(&self, channel: &Name, why: Fault) {
        let labels = [channel.as_str(), why.as_str()];
        self.failovers.with_label_values(&labels).inc();
    }

    /// What was decided about a call's quota.
    pub fn decided(&self, decision: Decision) {
        self.decisions.count(decision);
    }

    /// Calls that no collector is told of: too many waited (`full`), or it did not take them (`failed`).
    pub(crate) fn untold(&self, why: &'static str, calls: u64) {
        self.untold.with_label_values(&[why]).inc_by(calls);
    }

    /// What a key pays for a call that ended.
    pub fn charged(&self, series: &Series, credits: Micros) {
        self.found(series).charged.inc_by(credits);
    }

    /// The end of an answer, its duration, and the time to its first content, in seconds.
    pub fn ended(&self, series: &Series, seconds: f64, first_content: f64) {
        let found = self.found(series);
        found.duration.observe(seconds);
        found.first_content.observe(first_content);
    }

    /// Tokens that a provider reported.
    pub fn tokens(&self, series: &Series, usage: Usage) {
        let found = self.found(series);
        found.input.inc_by(usage.prompt_tokens);
        found.output.inc_by(usage.completion_tokens);
    }

    fn found<'a>(&self, series: &'a Series) -> &'a Found {
        let Series {
            plan,
            channel,
            model,
            ..
        } = series;
        series.found.get_or_init(|| Found {
            answered: self.requests.with_label_values(&[
                &**plan,
                channel.as_str(),
                &**model,
                "200",
            ]),
            attempted: self
                .attempts
                .with_label_values(&[channel.as_str(), "answered"]),
            duration: self
                .duration
                .with_label_values(&[&**plan, channel.as_str()]),
            first_content: self
                .first_content
                .with_label_values(&[&**plan, channel.as_str()]),
            input: self.tokens.with_label_values(&[plan, model, "input"]),
            output: self.tokens.with_label_values(&[plan, model, "output"]),
            charged: self.charged.with_label_values(&[plan]),
        })
    }

    /// How a stream ended: `done`, `broken`, `left`.
    pub fn stream_end(&self, end: &'static str) {
        self.streams.with_label_values(&[end]).inc();
    }

    /// The text that Prometheus scrapes.
    pub fn render(&self, store: &Store, spool: &Spool, wall_ms: u64) -> Vec<u8> {
        let count = |records: u64| i64::try_from(records).unwrap_or(i64::MAX);
        self.spool_waiting.set(count(spool.waiting()));
        // Where it is being read back from disk, it is as old as it was.
        if let Some(ended) = spool.oldest() {
            let age = ended.map_or(0, |ended| wall_ms.saturating_sub(ended) / 1000);
            self.spool_oldest.set(count(age));
        }
        self.spool_lost.set(count(spool.lost()));
        let at_fault = spool.trouble().is_some();
        self.spool_at_fault.set(i64::from(at_fault));
        let summary = store.summary();
        self.config_loads.set(summary.loads as i64);
        self.config_faults.set(summary.faults as i64);
        self.config_published
            .set((summary.published_ms / 1000) as i64);
        self.channel_shut.reset();
        for lane in store.lanes().all() {
            let shut = lane.state() != State::Flowing;
            self.channel_shut
                .with_label_values(&[lane.name.as_str()])
                .set(i64::from(shut));
        }
        let mut text = Vec::new();
        // Only a broken writer can fail here, and a vector is none.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        text
    }
}

/// Statuses as labels, without formatting on the hot path.
fn status_text(status: u16) -> &'static str {
    match status {
        200..=299 => "2xx",
        400 => "400",
        404 => "404",
        413 => "413",
        422 => "422",
        _ => "other",
    }
}
