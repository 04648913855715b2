//! Judged as the API server judges.

use super::*;
use serde_json::json;

fn objections(kind: &str, spec: Value) -> Vec<String> {
    let mut object = json!({"apiVersion": "purser.dev/v1alpha1", "kind": kind, "metadata": {"name": "x"}, "spec": spec});
    let objections = Schemas::new().judge(kind, &mut object);
    objections
        .into_iter()
        .map(|one| format!("{}: {}", one.field, one.message))
        .collect()
}

#[test]
fn every_rule_is_run() {
    let schemas = Schemas::new();
    assert_eq!(schemas.kinds.len(), 3);
    for (kind, rules) in &schemas.kinds {
        fn errors(compiled: &CompiledSchema) -> usize {
            compiled.compilation_errors().len()
        }
        assert_eq!(errors(&rules.compiled), 0, "{kind}");
    }
}

#[test]
fn bounds_of_lists_maps_and_texts_hold() {
    let many: Vec<String> = (0..600).map(|at| format!("m{at}")).collect();
    let long = "x".repeat(300);
    let cases = [
        (
            "Plan",
            json!({"models": {"allow": many}}),
            "spec.models.allow: expected at most ",
        ),
        (
            "Plan",
            json!({"fallbacks": [{"model": "a", "to": []}]}),
            "spec.fallbacks[0].to: expected at least 1 entries, found 0",
        ),
        (
            "Plan",
            json!({"displayName": long}),
            "spec.displayName: expected text of 1 to 128 characters, found \"xxxx",
        ),
        (
            "Plan",
            json!({"credits": {"grant": "1,5"}, "prices": []}),
            "spec.credits.grant: expected text of 1 to 19 characters (Credits, a decimal number",
        ),
        (
            "Plan",
            json!({"fallbacks": [{"model": "a", "to": ["b"]}, {"model": "a", "to": ["c"]}]}),
            "spec.fallbacks[1]: expected each entry once",
        ),
        (
            "ApiKey",
            json!({"plan": "p", "expiresAt": "tomorrow"}),
            "spec.expiresAt: expected a time such as",
        ),
        (
            "Plan",
            json!({"maxKeysPerNamespace": 1.5}),
            "spec.maxKeysPerNamespace: expected an integer from 1 to 100000, found 1.5",
        ),
    ];
    for (kind, spec, expected) in cases {
        let objections = objections(kind, spec);
        assert!(
            objections.iter().any(|one| one.starts_with(expected)),
            "expected {expected}\ngot {objections:#?}"
        );
    }
}

#[test]
fn a_status_that_was_copied_along_is_no_matter() {
    let mut object =
        json!({"metadata": {"name": "x"}, "spec": {"plan": "p"}, "status": {"conditions": "?"}});
    assert_eq!(Schemas::new().judge("ApiKey", &mut object), []);
}

#[test]
fn numbers_and_times_are_taken_as_the_api_server_takes_them() {
    let fine = json!({"limits": {"requestsPerMinute": 15.0}, "displayName": null});
    assert_eq!(objections("Plan", fine), Vec::<String>::new());
    let time =
        |text: &str| objections("ApiKey", json!({"plan": "p", "expiresAt": text})).is_empty();
    assert!(time("2036-01-01T00:00:00Z") && time("2036-01-01t00:00:00.5+02:00"));
    assert!(!time("2036-01-01 00:00:00Z") && !time("2036-01-01") && !time("2036-02-30T00:00:00Z"));
}
