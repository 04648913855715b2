//! The dashboards in `charts/purser/dashboards`, without a Grafana: that they are whole, that nothing in them lies on another thing, that
//! Prometheus understands what they ask, and that the chart hands them out as they are.

use super::alerts;
use purser_tests::helm::{chart, template};
use purser_tests::promtool::promtool;
use purser_tests::rights::documents;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// By the name of the file.
pub(super) fn dashboards() -> BTreeMap<String, Value> {
    let folder = format!("{}/dashboards", chart("purser"));
    let files = std::fs::read_dir(folder).unwrap();
    let read = files.map(|file| {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_str(&text).unwrap())
    });
    read.collect()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a Vec<Value> {
    value.pointer(pointer).and_then(Value::as_array).unwrap()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

/// What a dashboard asks of Prometheus, for its panels and for its variables.
pub(super) fn questions(dashboard: &Value) -> Vec<&str> {
    let panels = list(dashboard, "/panels").iter();
    let targets = panels.flat_map(|panel| list(panel, "/targets"));
    targets.map(|target| text(target, "/expr")).collect()
}

#[test]
fn every_panel_is_whole_and_lies_beside_the_others() {
    for (file, dashboard) in dashboards() {
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for panel in list(&dashboard, "/panels") {
            let at = format!("{file}: {}", text(panel, "/title"));
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{at}: its id");
            assert_eq!(text(panel, "/datasource/uid"), "${datasource}", "{at}");
            assert!(text(panel, "/description").ends_with('.'), "{at}");
            assert!(!text(panel, "/fieldConfig/defaults/unit").is_empty());
            let targets = list(panel, "/targets").iter();
            let names: BTreeSet<_> = targets.map(|target| text(target, "/refId")).collect();
            assert_eq!(names.len(), list(panel, "/targets").len(), "{at}");
            let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(x < 24 && taken.insert((x, y)), "{at} lies on another");
                }
            }
        }
    }
}

#[test]
fn every_variable_that_is_used_is_there_and_the_first_is_the_data_source() {
    for (file, dashboard) in dashboards() {
        let variables = list(&dashboard, "/templating/list");
        assert_eq!(text(&variables[0], "/type"), "datasource", "{file}");
        let known: BTreeSet<&str> = variables.iter().map(|one| text(one, "/name")).collect();
        for question in questions(&dashboard) {
            for used in question.split('$').skip(1) {
                let end = used.find(|one: char| one != '_' && !one.is_alphanumeric());
                let used = &used[..end.unwrap_or(used.len())];
                assert!(
                    used == "__rate_interval" || known.contains(used),
                    "{file}: ${used}"
                );
            }
        }
    }
}

#[test]
fn prometheus_understands_what_is_asked() {
    let mut rules = Vec::new();
    for dashboard in dashboards().values() {
        for question in questions(dashboard) {
            let expr = question.replace("$__rate_interval", "5m").replace('$', "");
            rules.push(json!({"record": format!("asked_{}", rules.len()), "expr": expr}));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = json!({"groups": [{"name": "asked", "rules": rules}]});
    std::fs::write(folder.path().join("asked.yaml"), file.to_string()).unwrap();
    let said = promtool(folder.path(), &["check", "rules", "asked.yaml"]).unwrap();
    assert!(said.good, "{}{}", said.out, said.err);
}

#[test]
fn an_alert_that_a_panel_names_is_there() {
    let rendered = alerts::rendered();
    let known: BTreeSet<&str> = alerts::alerts(&rendered)
        .into_iter()
        .map(alerts::name)
        .collect();
    for dashboard in dashboards().values() {
        for panel in list(dashboard, "/panels") {
            let words = text(panel, "/description").split(|one: char| !one.is_ascii_alphanumeric());
            let named = words.filter(|word| word.starts_with("Purser"));
            let unknown: Vec<_> = named.filter(|word| !known.contains(word)).collect();
            assert!(unknown.is_empty(), "{unknown:?}");
        }
    }
}

#[test]
fn the_chart_hands_them_out_as_they_are() {
    let rendered = documents(&template("everything").unwrap()).unwrap();
    let labelled = |one: &&Value| one["metadata"]["labels"]["grafana_dashboard"] == "1";
    let mut handed = BTreeMap::new();
    for map in rendered.iter().filter(labelled) {
        assert_eq!(map["kind"], "ConfigMap");
        for (file, content) in map["data"].as_object().unwrap() {
            let content = content.as_str().unwrap();
            handed.insert(file.clone(), serde_json::from_str(content).unwrap());
        }
    }
    assert_eq!(handed, dashboards());
}
