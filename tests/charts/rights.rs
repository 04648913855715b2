//! What the chart lets the operator do, against `operator/rbac.yaml`, with which every other test runs it.

use purser_tests::helm::template;
use purser_tests::rights::{Right, documents, rights, rights_of};
use serde_json::Value;
use std::collections::BTreeSet;

const OWN: &str = "purser-system";

fn rendered(case: &str) -> Vec<Value> {
    documents(&template(case).unwrap()).unwrap()
}

fn of_the_operator() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../operator/rbac.yaml");
    documents(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_chart_gives_the_operator_what_it_was_tested_with_and_no_more() {
    let (own, chart) = (of_the_operator(), rendered("default"));
    for (kind, namespace) in [("ClusterRole", None), ("Role", Some(OWN))] {
        let expected = rights(&own, kind, namespace);
        assert!(expected.len() > 5, "{expected:?}");
        assert_eq!(rights(&chart, kind, namespace), expected, "{kind}");
    }
}

#[test]
fn with_some_namespaces_named_it_touches_no_secret_or_key_of_another() {
    let chart = rendered("some-namespaces");
    let cluster = rights(&chart, "ClusterRole", None);
    let scoped = [
        "secrets",
        "pods",
        "events",
        "apikeys",
        "apikeys/status",
        "providerchannels",
        "providerchannels/status",
    ];
    let far: Vec<_> = cluster
        .iter()
        .filter(|[_, resource, ..]| scoped.contains(&resource.as_str()))
        .collect();
    assert_eq!(far, Vec::<&Right>::new());
    let expected = rights(&of_the_operator(), "ClusterRole", None);
    for namespace in ["north", "south"] {
        let there = rights(&chart, "Role", Some(namespace));
        assert_eq!(&cluster | &there, expected, "{namespace}");
    }
}

#[test]
fn for_the_shared_gateway_it_may_write_the_compiled_secret_at_home_and_nothing_more() {
    let (without, with) = (rendered("some-namespaces"), rendered("shared-gateway"));
    for (kind, namespace) in [("ClusterRole", None), ("Role", Some("north"))] {
        let before = rights(&without, kind, namespace);
        assert_eq!(rights(&with, kind, namespace), before, "{kind}");
    }
    let at_home = |chart: &[Value]| rights(chart, "Role", Some(OWN));
    let more = &at_home(&with) - &at_home(&without);
    let compiled = |[group, resource, name, verb]: &Right| {
        let secret = (group.as_str(), resource.as_str()) == ("", "secrets");
        secret && name.starts_with("purser-config") && verb != "*"
    };
    assert!(more.iter().all(compiled), "{more:?}");
    assert_eq!(more.len(), 8 * 3, "eight parts, read, written and deleted");
}

#[test]
fn without_injection_and_warnings_it_may_not_touch_webhooks() {
    let chart = rendered("without-injection");
    let cluster = rights(&chart, "ClusterRole", None);
    assert!(
        !cluster
            .iter()
            .any(|[_, resource, ..]| resource.ends_with("webhookconfigurations"))
    );
    assert!(
        chart
            .iter()
            .all(|one| !one["kind"].as_str().unwrap_or_default().contains("Webhook"))
    );
}

#[test]
fn whoever_edits_a_namespace_writes_its_keys_and_gives_no_credits() {
    let chart = rendered("default");
    let named = |name: &str| {
        chart
            .iter()
            .find(|one| one["metadata"]["name"] == name)
            .unwrap()
    };
    let edit: BTreeSet<Right> = rights_of(named("purser-edit"));
    assert!(
        edit.iter()
            .any(|[_, resource, _, verb]| resource == "apikeys" && verb == "create")
    );
    assert!(
        !edit
            .iter()
            .any(|[_, resource, _, verb]| resource == "plans" || verb == "credit" || verb == "*")
    );
}
