//! Rules, dashboards and docs ask only for what the programs count. The names are read from the two files that register them, since a
//! registry prints no metric before it has a value.

use super::{alerts, dashboards};
use purser_sidecar::metrics::Metrics;
use purser_sidecar::spool::Spool;
use purser_sidecar::store::Store;
use std::collections::BTreeSet;

const OPERATOR: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../operator/src/metrics.rs"
));
const SIDECAR: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../sidecar/src/metrics.rs"
));
const DOCS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/alerts.md"));
/// Where the values of labels are written that rules ask for.
const VALUES: [&str; 4] = [
    "sidecar/src/reject.rs",
    "operator/src/serve/work.rs",
    "operator/src/inject/review.rs",
    "operator/src/webhook/server.rs",
];

/// What makes one series out of a name, and what makes three.
const PLAIN: [&str; 6] = [
    ".counter(",
    ".counters(",
    ".gauge(",
    ".gauges(",
    "(Opts::new(",
    " Opts::new(",
];
const HISTOGRAMS: [&str; 2] = [".seconds(", "HistogramOpts::new("];

/// The literals that stand first in calls of `makers`.
fn literals(source: &str, makers: &[&str]) -> BTreeSet<String> {
    let calls = makers.iter().flat_map(|maker| source.split(maker).skip(1));
    let literal = |rest: &str| {
        Some(
            rest.trim_start()
                .strip_prefix('"')?
                .split('"')
                .next()?
                .to_owned(),
        )
    };
    calls.filter_map(literal).collect()
}

/// Every metric that these lines register, as its series are called.
fn series(source: &str, prefix: &str) -> BTreeSet<String> {
    let plain = literals(source, &PLAIN).into_iter();
    let plain = plain.map(|name| format!("{prefix}{name}"));
    let histograms = literals(source, &HISTOGRAMS).into_iter();
    let parts = histograms
        .flat_map(|name| ["bucket", "sum", "count"].map(|part| format!("{prefix}{name}_{part}")));
    plain.chain(parts).collect()
}

fn exported() -> BTreeSet<String> {
    let operator = series(OPERATOR, "purser_operator_");
    let sidecar = series(SIDECAR, "purser_");
    assert!(
        operator.len() > 15 && sidecar.len() > 15,
        "{operator:?} {sidecar:?}"
    );
    &operator | &sidecar
}

/// The words of a text that can only be series.
fn asked(text: &str) -> BTreeSet<String> {
    let words = text.split(|one: char| one != '_' && !one.is_ascii_alphanumeric());
    let series = words.filter(|word| word.starts_with("purser_"));
    series.map(str::to_owned).collect()
}

fn is_exported(what: &str, asked: &BTreeSet<String>) {
    let exported = exported();
    let missing: Vec<_> = asked.difference(&exported).collect();
    assert!(missing.is_empty(), "{what}: nobody exports {missing:?}");
}

#[test]
fn the_names_that_are_read_here_are_those_that_a_sidecar_prints() {
    let page = Metrics::new().unwrap();
    let page = page.render(&Store::default(), &Spool::memory(0), 0);
    let page = String::from_utf8(page).unwrap();
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let names = samples.filter_map(|line| line.split([' ', '{']).next());
    let printed: BTreeSet<String> = names.map(str::to_owned).collect();
    assert!(printed.len() > 8, "{page}");
    is_exported("the page of a sidecar", &printed);
}

#[test]
fn an_alert_asks_for_what_is_exported() {
    let rendered = alerts::rendered();
    for alert in alerts::alerts(&rendered) {
        let series = asked(&alert.to_string());
        assert!(!series.is_empty());
        is_exported(alerts::name(alert), &series);
    }
}

#[test]
fn a_dashboard_asks_for_what_is_exported() {
    for (file, dashboard) in dashboards::dashboards() {
        is_exported(&file, &asked(&dashboard.to_string()));
    }
}

#[test]
fn the_docs_name_what_is_exported() {
    is_exported("docs/alerts.md", &asked(DOCS));
}

/// A value of a label that nobody sets any more would silence its alert for ever.
#[test]
fn an_alert_asks_for_values_of_labels_that_are_set() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let sources = VALUES.map(|path| std::fs::read_to_string(format!("{root}/{path}")).unwrap());
    let rendered = alerts::rendered();
    for alert in alerts::alerts(&rendered) {
        let quoted = alert["expr"]
            .as_str()
            .unwrap()
            .split('"')
            .skip(1)
            .step_by(2);
        for value in quoted.flat_map(|quoted| quoted.split('|')) {
            let literal = format!("\"{value}\"");
            assert!(
                sources.iter().any(|source| source.contains(&literal)),
                "{}: nobody sets {literal}",
                alerts::name(alert)
            );
        }
    }
}
