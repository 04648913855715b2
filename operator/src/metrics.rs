//! What the operator counts. One struct, no globals; `admin` prints it. Labels come from closed sets only.

use crate::admin::{STORES, Troubles};
use crate::serve::Census;
use prometheus::core::Collector;
use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};
use purser_compile::{ObjectRef, Verdict};
use std::collections::BTreeMap;

/// Every metric, under the prefix `purser_operator`.
pub(crate) struct Metrics {
    registry: Registry,
    /// Passes.
    pub(crate) compiles: IntCounter,
    /// Seconds of a pass's pure part.
    pub(crate) compile_duration: Histogram,
    /// Publications that differed from the one before.
    pub(crate) publications: IntCounter,
    /// Resources that sidecars refused.
    pub(crate) nacks: IntCounter,
    /// 1 while this process leads.
    pub(crate) leader: IntGauge,
    /// Objects that vanished in a relist and are held back.
    pub(crate) held_back: IntGauge,
    /// Pods that asked for a sidecar and have none.
    pub(crate) pods_without_sidecar: IntGauge,
    objects: IntGaugeVec,
    applies: IntCounterVec,
    statuses: IntCounterVec,
    sidecars: IntGauge,
    sidecars_behind: IntGauge,
    certificate_ends: IntGauge,
    stores_at_fault: IntGaugeVec,
    usage_batches: IntCounterVec,
    stream_rejections: IntCounterVec,
    injections: IntCounterVec,
    budget_alarms: IntCounterVec,
    streams_ended: IntCounterVec,
}

struct Register(Registry);

impl Register {
    fn keep<C: Collector + Clone + 'static>(
        &self,
        metric: prometheus::Result<C>,
    ) -> prometheus::Result<C> {
        let metric = metric?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.keep(IntCounter::new(name, help))
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.keep(IntGauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.keep(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn counters(&self, name: &str, help: &str, label: &str) -> prometheus::Result<IntCounterVec> {
        self.keep(IntCounterVec::new(Opts::new(name, help), &[label]))
    }
}

fn compile_duration() -> prometheus::Result<Histogram> {
    let options = HistogramOpts::new(
        "compile_duration_seconds",
        "Seconds of one compilation of the whole world",
    );
    Histogram::with_opts(options.buckets(vec![0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 2.0]))
}

/// At zero from the start, so that the first one is an increase.
fn budget_alarms(make: &Register) -> prometheus::Result<IntCounterVec> {
    let alarms = make.counters(
        "budget_alarms_total",
        "Keys whose credits were found used so far, by percent",
        "percent",
    )?;
    for percent in purser_console::bill::THRESHOLDS {
        alarms.with_label_values(&[&percent.to_string()]);
    }
    Ok(alarms)
}

impl Metrics {
    /// All at zero.
    pub(crate) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new_custom(Some("purser_operator".into()), None)?;
        let make = Register(registry.clone());
        Ok(Metrics {
            compiles: make.counter("compiles_total", "Compilations of the whole world")?,
            compile_duration: make.keep(compile_duration())?,
            publications: make.counter(
                "publications_total",
                "Configurations published because they differed",
            )?,
            nacks: make.counter("nacks_total", "Versions that a sidecar refused in part")?,
            leader: make.gauge("leader", "1 while this process holds the lease")?,
            held_back: make.gauge(
                "held_back",
                "Objects that vanished in a relist and are kept until forced",
            )?,
            pods_without_sidecar: make.gauge(
                "pods_without_sidecar",
                "Pods that asked for a sidecar and have none, as the leader sees it",
            )?,
            objects: make.gauges("objects", "Objects by verdict", &["kind", "verdict"])?,
            applies: make.counters(
                "applies_total",
                "Writes of compiled secrets by outcome",
                "outcome",
            )?,
            statuses: make.counters("statuses_total", "Writes of status by outcome", "outcome")?,
            sidecars: make.gauge("sidecars", "Sidecars that are connected")?,
            sidecars_behind: make.gauge("sidecars_behind", "Of these, those on another version")?,
            certificate_ends: make.gauge(
                "certificate_expires_timestamp_seconds",
                "When the certificate that is presented ends",
            )?,
            stores_at_fault: make.gauges("store_at_fault", "1 while it fails", &["store"])?,
            usage_batches: make.counters("usage_batches_total", "Batches of usage", "outcome")?,
            stream_rejections: make.counters(
                "stream_rejections_total",
                "Streams that were not opened, by reason",
                "reason",
            )?,
            injections: make.counters("injections_total", "Pods it was asked about", "outcome")?,
            budget_alarms: budget_alarms(&make)?,
            streams_ended: make.counters(
                "streams_ended_total",
                "Streams broken off, by reason",
                "reason",
            )?,
            registry,
        })
    }

    /// What is there, and how it was judged.
    pub(crate) fn judged(&self, verdicts: &BTreeMap<ObjectRef, Verdict>) {
        self.objects.reset();
        for (object, verdict) in verdicts {
            let kind = match object {
                ObjectRef::Plan(_) => "Plan",
                ObjectRef::ApiKey(_) => "ApiKey",
                ObjectRef::ProviderChannel(_) => "ProviderChannel",
            };
            let verdict = verdict
                .refused
                .as_ref()
                .map_or("Accepted", |(reason, _)| reason.as_str());
            self.objects.with_label_values(&[kind, verdict]).inc();
        }
    }

    /// Who is connected.
    pub(crate) fn counted(&self, census: &Census) {
        self.sidecars
            .set(i64::try_from(census.total()).unwrap_or(i64::MAX));
        self.sidecars_behind
            .set(i64::try_from(census.behind()).unwrap_or(i64::MAX));
    }

    /// Until when the certificate that is presented is good, in unix seconds.
    pub(crate) fn presents_until(&self, ends: u64) {
        self.certificate_ends
            .set(i64::try_from(ends).unwrap_or(i64::MAX));
    }

    /// Which stores suffer now.
    pub(crate) fn suffer(&self, troubles: &Troubles) {
        for store in STORES {
            let suffers = troubles.keys().any(|part| part.store() == Some(store));
            self.stores_at_fault
                .with_label_values(&[store])
                .set(i64::from(suffers));
        }
    }

    /// A compiled Secret was written, or not.
    pub(crate) fn applied(&self, outcome: &'static str) {
        self.applies.with_label_values(&[outcome]).inc();
    }

    /// A status was written, or not.
    pub(crate) fn reported(&self, outcome: &'static str) {
        self.statuses.with_label_values(&[outcome]).inc();
    }

    /// Usage records were kept, or not.
    pub(crate) fn kept(&self, outcome: &'static str) {
        self.usage_batches.with_label_values(&[outcome]).inc();
    }

    /// A stream was not opened.
    pub(crate) fn refuse_stream(&self, reason: &'static str) {
        self.stream_rejections.with_label_values(&[reason]).inc();
    }

    /// A pod was asked about.
    pub(crate) fn injected(&self, outcome: &'static str) {
        self.injections.with_label_values(&[outcome]).inc();
    }

    /// A key's credits are used so far, and it was told.
    pub(crate) fn alarmed(&self, percent: u8) {
        let label = percent.to_string();
        self.budget_alarms.with_label_values(&[&label]).inc();
    }

    /// A stream was broken off.
    pub(crate) fn end_stream(&self, reason: &'static str) {
        self.streams_ended.with_label_values(&[reason]).inc();
    }

    /// Prometheus' text format.
    pub(crate) fn text(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_registered_once_and_printed() {
        let metrics = Metrics::new().unwrap();
        metrics.refuse_stream("no_token");
        metrics.leader.set(1);
        let text = String::from_utf8(metrics.text().unwrap()).unwrap();
        assert!(
            text.contains("purser_operator_stream_rejections_total{reason=\"no_token\"} 1"),
            "{text}"
        );
        assert!(text.contains("purser_operator_leader 1"));
    }
}
