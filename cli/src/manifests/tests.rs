//! What is wrong with a file, told so that it can be found and mended; and what a file says, understood as a cluster would.

use super::*;

fn read(text: &str) -> Manifests {
    let file = File {
        name: "x.yaml".into(),
        text: text.into(),
    };
    Manifests::of(&[file], &Schemas::new())
}

fn faults(text: &str) -> Vec<String> {
    read(text).faults.iter().map(ToString::to_string).collect()
}

fn plan(spec: &str) -> String {
    format!(
        "apiVersion: purser.dev/v1alpha1\nkind: Plan\nmetadata: {{name: free}}\nspec:\n  {spec}\n"
    )
}

fn channel(spec: &str) -> String {
    format!(
        "apiVersion: purser.dev/v1alpha1\nkind: ProviderChannel\nmetadata: {{name: c, namespace: shop}}\nspec:\n  models: [{{name: m}}]\n  {spec}\n"
    )
}

#[test]
fn a_bad_field_is_told_with_file_line_field_and_what_was_expected() {
    let cases = [
        (plan("limits:\n    requestsPerMinute: \"15 \""),
         "x.yaml:6: Plan free: spec.limits.requestsPerMinute: expected an integer from 1 to 10000000, found \"15 \""),
        (plan("limits: {requestsPerMinute: 0}"),
         "x.yaml:5: Plan free: spec.limits.requestsPerMinute: expected an integer from 1 to 10000000, found 0"),
        (plan("limits: {requestPerMinute: 15}"),
         "x.yaml:5: Plan free: spec.limits.requestPerMinute: unknown field, did you mean requestsPerMinute?"),
        (plan("routing: Fastest"),
         "x.yaml:5: Plan free: spec.routing: expected one of Priority, LowestLatency, LowestCost, found \"Fastest\""),
        (plan("models: {allow: gpt-4o}"), "x.yaml:5: Plan free: spec.models.allow: expected a list, found \"gpt-4o\""),
        (plan("logBodies: \"yes\""), "x.yaml:5: Plan free: spec.logBodies: expected true or false, found \"yes\""),
        (plan("displayName: on"), "x.yaml:5: Plan free: spec.displayName: expected text of 1 to 128 characters, found true"),
        (plan("contextPercent: 101"), "x.yaml:5: Plan free: spec.contextPercent: expected an integer from 1 to 100, found 101"),
        (channel("provider: OpenAICompatible"), "x.yaml:4: ProviderChannel shop/c: spec: provider OpenAICompatible"),
        (channel("provider: OpenAI\n  credentials: [{secretRef: {nam: s}}]"),
         "x.yaml:7: ProviderChannel shop/c: spec.credentials[0].secretRef.nam: unknown field, did you mean name?"),
        ("apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {name: a}\nspec: {}\n".into(),
         "x.yaml:4: ApiKey default/a: spec.plan: missing, expected text"),
        ("apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {name: a}\n".into(), "x.yaml:1: ApiKey default/a: spec: missing"),
        ("apiVersion: purser.dev/v1\nkind: ApiKey\nmetadata: {name: a}\n".into(),
         "x.yaml:1: ApiKey default/a: apiVersion: expected purser.dev/v1alpha1, found \"purser.dev/v1\""),
        ("apiVersion: purser.dev/v1alpha1\nkind: Key\nmetadata: {name: a}\n".into(),
         "x.yaml:2: Key a: kind: expected Plan, ApiKey or ProviderChannel, found \"Key\""),
        ("apiVersion: purser.dev/v1alpha1\nkind: Plan\nmetadata:\n  labels: {llm: true}\nspec: {}\n".into(),
         "x.yaml:3: Plan (without a name): metadata.name: missing"),
        ("a: 1\n".into(), "x.yaml:1: object (without a name): expected an object with apiVersion, kind and metadata.name"),
        ("- a\n".into(), "x.yaml:1: object (without a name): expected an object with apiVersion, kind and metadata.name"),
    ];
    for (text, expected) in cases {
        let faults = faults(&text);
        assert!(
            faults
                .first()
                .is_some_and(|fault| fault.starts_with(expected)),
            "{text}\nexpected {expected}\ngot {faults:#?}"
        );
    }
}

#[test]
fn a_rule_of_the_schema_is_told_at_the_field_that_it_is_about() {
    let faults = faults(&plan("validity:\n    months: 1\n    duration: 24h"));
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].starts_with("x.yaml:5: Plan free: spec.validity: "),
        "{faults:?}"
    );
    assert!(
        faults[0].contains("set one of duration and months"),
        "{faults:?}"
    );
}

#[test]
fn every_fault_of_an_object_is_told_at_once() {
    assert_eq!(
        faults(&plan("routing: X\n  contextPercent: 0\n  wrong: 1")).len(),
        3
    );
}

#[test]
fn one_bad_object_holds_up_no_other() {
    let text = format!(
        "{}---\n{}---\n{}",
        plan("routing: X"),
        channel("provider: DeepSeek\n  credentials: [{secretRef: {name: s}}]"),
        "a: 1\n"
    );
    let manifests = read(&text);
    assert_eq!(
        (
            manifests.world.plans.len(),
            manifests.world.channels.len(),
            manifests.refused.len()
        ),
        (0, 1, 2)
    );
    assert!(!manifests.incomplete);
}

#[test]
fn a_file_that_is_not_yaml_is_refused_whole_with_its_line() {
    let manifests = read(&format!("{}---\nkind: [Plan\n", plan("limits: {}")));
    assert!(manifests.incomplete && manifests.world.plans.is_empty());
    assert!(
        manifests.faults[0].to_string().starts_with("x.yaml:"),
        "{:?}",
        manifests.faults
    );
    assert!(manifests.faults[0].line >= 7);
}

#[test]
fn defaults_are_those_of_the_api_server() {
    let manifests = read(&channel(
        "provider: DeepSeek\n  credentials: [{secretRef: {name: s}}]\n  weight: null",
    ));
    let channel = &manifests.world.channels[0];
    assert_eq!(
        (
            channel.spec.weight,
            channel.spec.credentials[0].secret_ref.key.as_str()
        ),
        (100, "apiKey")
    );
}

#[test]
fn a_secret_is_read_from_base64_and_from_text_and_never_told() {
    let secret =
        |rest: &str| format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n{rest}\n");
    let value = |text: &str, key: &str| {
        let manifests = read(text);
        assert_eq!(manifests.faults, []);
        let secret = manifests.world.secrets[&purser_config::Name::new("default", "s")].clone();
        secret.data[key].reveal().to_owned()
    };
    assert_eq!(
        value(&secret("data: {apiKey: c2stYWJj}"), "apiKey"),
        "sk-abc"
    );
    assert_eq!(
        value(
            &secret("data: {apiKey: c2stYWJj}\nstringData: {apiKey: sk-other}"),
            "apiKey"
        ),
        "sk-other"
    );
    for bad in [
        "data: {apiKey: sk-secret-value}",
        "stringData: {apiKey: 8675309123}",
        "stringData: {apiKey: [sk-secret-value]}",
        "data: sk-secret-value",
    ] {
        let faults = faults(&secret(bad));
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(
            !faults[0].contains("secret-value") && !faults[0].contains("8675309123"),
            "{faults:?}"
        );
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_not_told_either() {
    let key = "apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {name: a}\nspec: {plan: p, keyHash: sk-secret-value}\n";
    let credential = channel("provider: OpenAI\n  credentials: [sk-secret-value]");
    for text in [key.to_owned(), credential] {
        let faults = faults(&text);
        assert!(
            !faults.is_empty() && faults.iter().all(|fault| !fault.contains("secret-value")),
            "{faults:?}"
        );
    }
}

#[test]
fn lists_are_taken_apart_and_keep_their_lines() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: purser.dev/v1alpha1\n  kind: Plan\n  metadata: {name: a}\n  spec: {}\n\
                - apiVersion: purser.dev/v1alpha1\n  kind: Plan\n  metadata: {name: b}\n  spec:\n    routing: X\n";
    let manifests = read(text);
    assert_eq!(manifests.world.plans.len(), 1);
    assert!(
        manifests.faults[0]
            .to_string()
            .starts_with("x.yaml:12: Plan b: spec.routing: "),
        "{:?}",
        manifests.faults
    );
}

#[test]
fn the_last_of_two_objects_of_one_name_counts_and_both_are_named() {
    let text = format!(
        "{}---\n{}",
        plan("displayName: One"),
        plan("displayName: Two")
    );
    let manifests = read(&text);
    assert_eq!(manifests.world.plans.len(), 1);
    assert_eq!(
        manifests.world.plans[0].spec.display_name.as_deref(),
        Some("Two")
    );
    assert_eq!(
        manifests.warnings[0].to_string(),
        "x.yaml:7: Plan free: it is at x.yaml:1 too; the last one counts, as with kubectl"
    );
}

#[test]
fn what_is_not_ours_is_ignored_aloud() {
    let manifests =
        read("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 1}\n");
    assert_eq!(manifests.faults, []);
    assert_eq!(
        manifests.warnings[0].to_string(),
        "x.yaml:1: Deployment web: kind Deployment means nothing to Purser and is ignored"
    );
}

#[test]
fn namespaces_have_their_names_as_labels_written_or_not() {
    let text = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: team, labels: {{llm: \"true\"}}}}\n---\n{}",
        channel("provider: DeepSeek\n  credentials: [{secretRef: {name: s}}]")
    );
    let namespaces = read(&text).world.namespaces;
    assert_eq!(namespaces["team"].len(), 2);
    assert_eq!(namespaces["shop"]["kubernetes.io/metadata.name"], "shop");
}

#[test]
fn a_refused_object_is_carried_over_as_it_was() {
    let before = read(&plan("displayName: Good")).world;
    let mut now = read(&plan("displayName: 5"));
    now.carry_over(&before);
    assert_eq!(
        now.world.plans[0].spec.display_name.as_deref(),
        Some("Good")
    );
    let mut gone = read("");
    gone.carry_over(&before);
    assert!(gone.world.plans.is_empty());
}
