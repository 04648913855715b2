//! What calls took, as the histograms of OpenTelemetry's conventions for generative AI: sums since the process began. Part of `otlp`. Pure.

use super::convention::Attributes;
use super::span::{nanos, resource, scope};
use purser_config::price::Tokens;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// The conventions' own, in seconds.
const DURATION: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
const FIRST_TOKEN: [f64; 16] = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// Sums since the start.
const CUMULATIVE: u8 = 2;

/// All of them.
pub(super) struct Histograms {
    since_ms: u64,
    duration: Histogram,
    tokens: Histogram,
    first_token: Histogram,
}

/// One, by what its points are about.
struct Histogram {
    name: &'static str,
    unit: &'static str,
    bounds: &'static [f64],
    points: HashMap<Attributes, Point>,
}

#[derive(Clone, Default)]
struct Point {
    sum: f64,
    /// By bucket; the last has what is above all bounds.
    counts: Vec<u64>,
}

impl Histograms {
    pub(super) fn since(since_ms: u64) -> Self {
        Histograms {
            since_ms,
            duration: Histogram::new(("gen_ai.client.operation.duration", "s"), &DURATION),
            tokens: Histogram::new(("gen_ai.client.token.usage", "{token}"), &TOKENS),
            first_token: Histogram::new(("gen_ai.server.time_to_first_token", "s"), &FIRST_TOKEN),
        }
    }

    pub(super) fn duration(&mut self, of: &Attributes, took: Duration) {
        self.duration.record(of, took.as_secs_f64());
    }

    pub(super) fn first_token(&mut self, of: &Attributes, took: Duration) {
        self.first_token.record(of, took.as_secs_f64());
    }

    pub(super) fn tokens(&mut self, of: &Attributes, tokens: Tokens) {
        for (kind, count) in [("input", tokens.input), ("output", tokens.output)] {
            let mut of = of.clone();
            of.text("gen_ai.token.type", kind);
            self.tokens.record(&of, count as f64);
        }
    }

    /// As OTLP's JSON has them; none: nothing was recorded.
    pub(super) fn document(&self, now_ms: u64) -> Option<Value> {
        let all = [&self.duration, &self.tokens, &self.first_token];
        let told = all.into_iter().filter(|one| !one.points.is_empty());
        let metrics: Vec<Value> = told.map(|one| one.json((self.since_ms, now_ms))).collect();
        (!metrics.is_empty()).then(|| {
            json!({"resourceMetrics": [{"resource": resource(), "scopeMetrics": [{"scope": scope(), "metrics": metrics}]}]})
        })
    }
}

impl Histogram {
    fn new((name, unit): (&'static str, &'static str), bounds: &'static [f64]) -> Self {
        Histogram {
            name,
            unit,
            bounds,
            points: HashMap::new(),
        }
    }

    /// A bucket has what is at most its bound.
    fn record(&mut self, of: &Attributes, value: f64) {
        let point = self.points.entry(of.clone()).or_insert_with(|| Point {
            sum: 0.0,
            counts: vec![0; self.bounds.len() + 1],
        });
        point.sum += value;
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = point.counts.get_mut(at) {
            *count += 1;
        }
    }

    fn json(&self, (since_ms, now_ms): (u64, u64)) -> Value {
        let points = self.points.iter().map(|(of, point)| {
            let count: u64 = point.counts.iter().sum();
            let counts = point.counts.iter().map(u64::to_string);
            json!({
                "attributes": of.json(),
                "startTimeUnixNano": nanos(since_ms),
                "timeUnixNano": nanos(now_ms),
                "count": count.to_string(),
                "sum": point.sum,
                "bucketCounts": counts.collect::<Vec<_>>(),
                "explicitBounds": self.bounds,
            })
        });
        json!({
            "name": self.name,
            "unit": self.unit,
            "histogram": {"aggregationTemporality": CUMULATIVE, "dataPoints": points.collect::<Vec<_>>()},
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_bucket_whose_bound_it_does_not_exceed() {
        let mut histogram = Histogram::new(("n", "s"), &DURATION);
        let of = Attributes::default();
        for value in [0.0, 0.01, 0.011, 81.92, 100.0] {
            histogram.record(&of, value);
        }
        let told = histogram.json((1, 2));
        let point = &told["histogram"]["dataPoints"][0];
        let counts: Vec<&str> = point["bucketCounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|count| count.as_str().unwrap())
            .collect();
        assert_eq!(counts.len(), DURATION.len() + 1);
        assert_eq!(
            (counts[0], counts[1], counts[13], counts[14]),
            ("2", "1", "1", "1")
        );
        assert_eq!(
            (&point["count"], &point["timeUnixNano"]),
            (&"5".into(), &"2000000".into())
        );
    }
}
