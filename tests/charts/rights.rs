//! What the chart lets the operator do, against `operator/rbac.yaml`, with which every other test runs it.

use purser_tests::helm::template;
use serde_json::Value;
use std::collections::BTreeSet;

/// Group, resource, object (or `*`) and verb.
type Right = [String; 4];

const OWN: &str = "purser-system";

fn documents(yaml: &str) -> Vec<Value> {
    let all = yaml
        .split("\n---\n")
        .map(|one| serde_yaml::from_str(one).unwrap());
    all.filter(|one: &Value| !one.is_null()).collect()
}

/// What the operator's roles of this kind allow, in this namespace.
fn rights(documents: &[Value], kind: &str, namespace: Option<&str>) -> BTreeSet<Right> {
    let is_asked = |one: &&Value| {
        let at = one["metadata"]["namespace"].as_str();
        let name = one["metadata"]["name"].as_str().unwrap_or_default();
        one["kind"] == kind && at == namespace && name.starts_with("purser-operator")
    };
    let roles = documents.iter().filter(is_asked);
    roles
        .flat_map(|role| role["rules"].as_array().unwrap())
        .flat_map(rights_of)
        .collect()
}

fn rights_of(rule: &Value) -> Vec<Right> {
    let texts = |name: &str| -> Vec<String> {
        let all = rule[name].as_array().into_iter().flatten();
        all.map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    let names = match texts("resourceNames") {
        names if names.is_empty() => vec!["*".to_owned()],
        names => names,
    };
    let mut all = Vec::new();
    for group in texts("apiGroups") {
        for resource in texts("resources") {
            for name in &names {
                all.extend(
                    texts("verbs")
                        .into_iter()
                        .map(|verb| [group.clone(), resource.clone(), name.clone(), verb]),
                );
            }
        }
    }
    all
}

fn of_the_operator() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../operator/rbac.yaml");
    documents(&std::fs::read_to_string(path).unwrap())
}

#[test]
fn the_chart_gives_the_operator_what_it_was_tested_with_and_no_more() {
    let (own, chart) = (of_the_operator(), documents(&template("default").unwrap()));
    for (kind, namespace) in [("ClusterRole", None), ("Role", Some(OWN))] {
        let expected = rights(&own, kind, namespace);
        assert!(expected.len() > 5, "{expected:?}");
        assert_eq!(rights(&chart, kind, namespace), expected, "{kind}");
    }
}

#[test]
fn with_some_namespaces_named_it_touches_no_secret_or_key_of_another() {
    let chart = documents(&template("some-namespaces").unwrap());
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
fn without_injection_it_may_not_touch_webhooks() {
    let chart = documents(&template("without-injection").unwrap());
    let cluster = rights(&chart, "ClusterRole", None);
    assert!(
        !cluster
            .iter()
            .any(|[_, resource, ..]| resource == "mutatingwebhookconfigurations")
    );
    assert!(
        chart
            .iter()
            .all(|one| one["kind"] != "MutatingWebhookConfiguration")
    );
}

#[test]
fn whoever_edits_a_namespace_writes_its_keys_and_gives_no_credits() {
    let chart = documents(&template("default").unwrap());
    let named = |name: &str| {
        chart
            .iter()
            .find(|one| one["metadata"]["name"] == name)
            .unwrap()
    };
    let edit: BTreeSet<Right> = named("purser-edit")["rules"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(rights_of)
        .collect();
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
