//! `purser check`, `key` and `crds` as they are typed: what they print and how they exit.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may fail loudly"
)]

use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn purser(args: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_purser"));
    command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that reads no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn here(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(path)
        .display()
        .to_string()
}

#[test]
fn the_contract_is_accepted_unchanged() {
    let output = purser(&["check", "-f", &here("tests/contract")], "");
    let table = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{table}{}",
        text(&output.stderr)
    );
    assert_eq!(table.lines().count(), 14, "{table}");
    assert!(
        table.starts_with("KIND ") && !table.contains("refused  "),
        "{table}"
    );
    let enterprise = table
        .lines()
        .find(|line| line.starts_with("Plan ") && line.contains(" enterprise-acme "))
        .unwrap();
    assert!(
        enterprise.contains(" warning ") && enterprise.contains("spec.routing"),
        "{enterprise}"
    );
}

#[test]
fn the_examples_are_accepted_without_a_warning() {
    for example in ["../examples/first", "../examples/local-model"] {
        let output = purser(&["check", "-f", &here(example), "-o", "json"], "");
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        let objects = result["objects"].as_array().unwrap();
        assert!(
            objects.len() >= 3 && objects.iter().all(|object| object["verdict"] == "accepted"),
            "{result:#}"
        );
    }
}

#[test]
fn a_refused_object_makes_it_exit_1_and_says_where_it_is() {
    let input = "apiVersion: purser.dev/v1alpha1\nkind: Plan\nmetadata: {name: good}\nspec: {models: {allow: [m]}}\n---\n\
                 apiVersion: purser.dev/v1alpha1\nkind: Plan\nmetadata: {name: bad}\nspec: {routing: X}\n---\n\
                 apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {name: lost}\nspec: {plan: nowhere}\n---\n\
                 apiVersion: purser.dev/v1alpha1\nkind: ProviderChannel\nmetadata: {name: vllm}\n\
                 spec: {provider: OpenAICompatible, baseURL: \"http://127.0.0.1:1/v1\", models: [{name: m}]}\n";
    let output = purser(&["check", "-f", "-"], input);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table}");
    let row = |name: &str| {
        table
            .lines()
            .find(|line| line.contains(name))
            .unwrap()
            .to_owned()
    };
    assert!(row(" good ").contains("accepted"), "{table}");
    assert!(
        row(" bad ").contains(
            "refused   Invalid: (standard input):9: spec.routing: expected one of Priority"
        ),
        "{table}"
    );
    assert!(
        row("default/lost").contains("refused   PlanNotFound"),
        "{table}"
    );
}

#[test]
fn a_broken_file_makes_it_exit_1_beside_good_ones_and_2_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.yaml"), "kind: [Plan\nspec: }\n").unwrap();
    let path = folder.path().display().to_string();
    let output = purser(&["check", "-f", &path], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("broken.yaml:2: not YAML: "),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(
        purser(
            &["check", "-f", &path, "-f", &here("../examples/first")],
            ""
        )
        .status
        .code(),
        Some(1)
    );
    assert_eq!(
        purser(&["check", "-f", "/nowhere"], "").status.code(),
        Some(2)
    );
    assert_eq!(purser(&["check"], "").status.code(), Some(2));
}

#[test]
fn nothing_secret_is_printed() {
    let output = purser(&["check", "-f", &here("tests/contract"), "-o", "json"], "");
    let all = text(&output.stdout) + &text(&output.stderr);
    assert!(
        !all.contains("not-a-real-key") && !all.contains("7Qm2xV9b"),
        "{all}"
    );
}

#[test]
fn a_new_key_comes_with_the_hash_that_an_api_key_takes() {
    let printed = text(&purser(&["key"], "").stdout);
    let hash = printed
        .lines()
        .find_map(|line| line.strip_prefix("hash  "))
        .unwrap();
    assert!(printed.starts_with("key   sk-"), "{printed}");
    let input = format!(
        "apiVersion: purser.dev/v1alpha1\nkind: Plan\nmetadata: {{name: p}}\nspec: {{}}\n---\n\
                         apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {{name: a}}\nspec: {{plan: p, keyHash: \"{hash}\"}}\n"
    );
    let output = purser(&["check", "-f", "-"], &input);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn the_definitions_are_those_of_the_folder() {
    let printed = text(&purser(&["crds"], "").stdout);
    for file in ["plan.yaml", "apikey.yaml", "providerchannel.yaml"] {
        let text =
            std::fs::read_to_string(here("../crds").as_str().to_owned() + "/" + file).unwrap();
        assert!(printed.contains(&text), "{file}");
    }
}
