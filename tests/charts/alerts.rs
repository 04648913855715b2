//! The chart's alerts: what promtool says of them, that `alerts.test.yaml` has a moment of either kind for each, and that docs/alerts.md
//! says what to do.

use purser_tests::helm::{FOR, chart, helm};
use purser_tests::promtool::promtool;
use serde_json::Value;
use std::collections::BTreeSet;

const TESTS: &str = include_str!("alerts.test.yaml");
const DOCS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/alerts.md"));

/// What the chart renders with its own thresholds.
pub(super) fn rendered() -> Value {
    let chart = chart("purser");
    let said = helm(&[
        "template",
        "purser",
        &chart,
        "--namespace=purser-system",
        FOR,
        "--set=metrics.rules.enabled=true",
        "--show-only=templates/alerts.yaml",
    ]);
    let said = said.unwrap();
    assert!(said.good, "{}", said.err);
    serde_yaml::from_str(&said.out).unwrap()
}

/// Every alert of these rules.
pub(super) fn alerts(rendered: &Value) -> Vec<&Value> {
    let groups = rendered["spec"]["groups"].as_array().unwrap();
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap());
    rules.collect()
}

pub(super) fn name(alert: &Value) -> &str {
    alert["alert"].as_str().unwrap()
}

#[test]
fn each_alert_fires_when_it_should_and_not_when_it_should_not() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "alerts.yaml",
        &serde_yaml::to_string(&rendered()["spec"]).unwrap(),
    );
    write("alerts.test.yaml", TESTS);
    for line in [
        ["check", "rules", "alerts.yaml"],
        ["test", "rules", "alerts.test.yaml"],
    ] {
        let said = promtool(folder.path(), &line).unwrap();
        assert!(said.good, "{line:?}: {}{}", said.out, said.err);
    }
}

#[test]
fn no_alert_is_without_a_moment_in_which_it_fires_and_one_in_which_it_does_not() {
    let tests: Value = serde_yaml::from_str(TESTS).unwrap();
    let moments = tests["tests"].as_array().unwrap().iter();
    let moments = moments.flat_map(|test| test["promql_expr_test"].as_array().unwrap());
    let moments: Vec<&Value> = moments.collect();
    let rendered = rendered();
    for alert in alerts(&rendered) {
        let of = format!("alertname=\"{}\"", name(alert));
        let own = moments
            .iter()
            .copied()
            .filter(|moment| moment["expr"].as_str().unwrap().contains(&of));
        let (silent, fires): (Vec<&Value>, Vec<&Value>) =
            own.partition(|moment| moment["exp_samples"] == Value::Array(vec![]));
        assert!(!silent.is_empty() && !fires.is_empty(), "{of}");
    }
}

#[test]
fn an_alert_says_how_bad_it_is_what_it_means_and_what_to_do() {
    let rendered = rendered();
    for alert in alerts(&rendered) {
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning"].contains(&severity), "{alert}");
        for text in ["summary", "description"] {
            let text = alert["annotations"][text].as_str().unwrap();
            assert!(text.len() > 20 && !text.contains("<no value>"), "{alert}");
        }
    }
}

#[test]
fn the_docs_tell_of_these_alerts_and_of_no_others() {
    let rendered = rendered();
    let told: BTreeSet<(&str, &str)> = DOCS
        .lines()
        .filter(|line| line.starts_with("| `Purser"))
        .map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let name = cells.next().unwrap().trim_matches('`');
            (name, cells.next().unwrap())
        })
        .collect();
    let known = alerts(&rendered).into_iter();
    let known = known.map(|alert| (name(alert), alert["labels"]["severity"].as_str().unwrap()));
    assert_eq!(told, known.collect());
}
