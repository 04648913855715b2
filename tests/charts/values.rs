//! Which values the schema lets through.

use purser_tests::helm::{FOR, Said, chart, helm};
use serde_json::{Value, json};

fn rendered_with(values: &Value) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.json");
    std::fs::write(&path, values.to_string()).unwrap();
    let path = path.to_str().unwrap();
    helm(&["template", "purser", &chart("purser"), FOR, "-f", path]).unwrap()
}

#[test]
fn what_would_not_work_is_refused_and_named() {
    let given = json!({"secret": "s"});
    for (values, why) in [
        (json!({"replicas": 2}), "secret"),
        (json!({"replicas": 2, "stores": {"redis": given}}), "secret"),
        (
            json!({"replicas": 2, "stores": {"postgres": given}}),
            "secret",
        ),
        (json!({"stores": {"redis": given}}), "postgres"),
        (json!({"replica": 1}), "replica"),
        (json!({"inject": {"enable": false}}), "enable"),
        (
            json!({"inject": {"failurePolicy": "Sometimes"}}),
            "failurePolicy",
        ),
        (json!({"inject": {"timeoutSeconds": 31}}), "timeoutSeconds"),
        (
            json!({"warnings": {"failurePolicy": "Fail"}}),
            "failurePolicy",
        ),
        (json!({"image": {"pullPolicy": "always"}}), "pullPolicy"),
        (json!({"stores": {"volume": {"siez": "1Gi"}}}), "siez"),
        (
            json!({"console": {"oidc": {"issuer": "https://login.example"}}}),
            "clientId",
        ),
        (
            json!({"console": {"oidc": {"grants": ["ops=admin"]}}}),
            "grants",
        ),
        (json!({"budgets": {"webhook": {"url": "x"}}}), "url"),
        (json!({"payments": {"stripe": {"secrets": "x"}}}), "secrets"),
        (json!({"payments": {"hmac": {"key": ""}}}), "key"),
        (json!({"force": "yes"}), "force"),
        (json!({"otlp": {"endpoint": "collector:4318"}}), "endpoint"),
        (
            json!({"metrics": {"rules": {"thresholds": {"noLeaderSeconds": 9}}}}),
            "noLeaderSeconds",
        ),
        (
            json!({"metrics": {"rules": {"thresholds": {"certificateHours": 48}}}}),
            "certificateHours",
        ),
        (json!({"watchNamespaces": ["Shop"]}), "watchNamespaces"),
        (json!({"watchNamespaces": "shop"}), "watchNamespaces"),
    ] {
        assert_refused(&values, why);
    }
}

#[test]
fn a_gateway_that_would_not_work_is_refused_and_named() {
    for (values, why) in [
        (json!({"gateway": {"replica": 3}}), "replica"),
        (
            json!({"gateway": {"autoscaling": {"targetCPUUtilizationPercentage": 0}}}),
            "targetCPUUtilizationPercentage",
        ),
        (
            json!({"gateway": {"autoscaling": {"enabled": true}, "resources": {"requests": {"cpu": null}}}}),
            "cpu",
        ),
    ] {
        assert_refused(&values, why);
    }
}

fn assert_refused(values: &Value, why: &str) {
    let said = rendered_with(values);
    assert!(!said.good, "{values} was not refused");
    let by_schema = "don't meet the specifications of the schema";
    assert!(said.err.contains(by_schema), "{values}: {}", said.err);
    assert!(said.err.contains(why), "{values}: {}", said.err);
}

#[test]
fn several_replicas_over_shared_stores_and_none_at_all_are_let_through() {
    let both = json!({"redis": {"secret": "r"}, "postgres": {"secret": "p"}});
    for values in [
        json!({"replicas": 3, "stores": both}),
        json!({"replicas": 0}),
        json!({"global": {"of": "a chart around it"}}),
    ] {
        let said = rendered_with(&values);
        assert!(said.good, "{values}: {}", said.err);
    }
}

/// A value that the schema does not know could be written and do nothing; one that it knows and nobody sets has no default.
#[test]
fn every_value_has_a_default_and_a_rule() {
    let read = |name: &str| std::fs::read_to_string(format!("{}/{name}", chart("purser"))).unwrap();
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let defaults: Value = serde_yaml::from_str(&read("values.yaml")).unwrap();
    let mut apart = Vec::new();
    compare(&schema, &schema, &defaults, "", &mut apart);
    assert!(apart.is_empty(), "{apart:#?}");
}

fn compare(root: &Value, schema: &Value, value: &Value, at: &str, apart: &mut Vec<String>) {
    let schema = match schema["$ref"].as_str() {
        Some(name) => root.pointer(name.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    let (Some(rules), Some(values)) = (schema["properties"].as_object(), value.as_object()) else {
        return;
    };
    let closed = schema["additionalProperties"] == false;
    apart.extend((!closed).then(|| format!("{at} takes what nobody knows")));
    for name in rules.keys().chain(values.keys()) {
        let path = format!("{at}.{name}");
        match (rules.get(name), values.get(name)) {
            (Some(rule), Some(value)) => compare(root, rule, value, &path, apart),
            _ if path == ".global" => {}
            (rule, _) => apart.push(format!(
                "{path}: {}",
                if rule.is_some() {
                    "no default"
                } else {
                    "no rule"
                }
            )),
        }
    }
}
