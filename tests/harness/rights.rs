//! What roles allow, read from rendered manifests, one right at a time. Used by the test roots; it must never ask an API server.

use anyhow::Context;
use serde_json::Value;
use std::collections::BTreeSet;

/// API group, resource (as `apikeys/status`), object (or `*`) and verb.
pub type Right = [String; 4];

/// The documents of a manifest.
pub fn documents(yaml: &str) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    for one in yaml.split("\n---\n") {
        let document: Value = serde_yaml::from_str(one).with_context(|| one.to_owned())?;
        if !document.is_null() {
            all.push(document);
        }
    }
    Ok(all)
}

/// What the operator's roles of this kind allow, in this namespace.
pub fn rights(documents: &[Value], kind: &str, namespace: Option<&str>) -> BTreeSet<Right> {
    let is_asked = |one: &&Value| {
        let at = one["metadata"]["namespace"].as_str();
        let name = one["metadata"]["name"].as_str().unwrap_or_default();
        one["kind"] == kind && at == namespace && name.starts_with("purser-operator")
    };
    documents
        .iter()
        .filter(is_asked)
        .flat_map(rights_of)
        .collect()
}

/// What all rules of one role allow.
pub fn rights_of(role: &Value) -> BTreeSet<Right> {
    let rules = role["rules"].as_array().into_iter().flatten();
    rules.flat_map(of_rule).collect()
}

fn of_rule(rule: &Value) -> Vec<Right> {
    let texts = |name: &str| -> Vec<String> {
        let all = rule[name].as_array().into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let names = match texts("resourceNames") {
        names if names.is_empty() => vec!["*".to_owned()],
        names => names,
    };
    let (resources, verbs) = (texts("resources"), texts("verbs"));
    let mut all = Vec::new();
    for group in texts("apiGroups") {
        for resource in &resources {
            for name in &names {
                let right =
                    |verb: &String| [group.clone(), resource.clone(), name.clone(), verb.clone()];
                all.extend(verbs.iter().map(right));
            }
        }
    }
    all
}
