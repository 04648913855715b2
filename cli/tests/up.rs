//! `purser up` as it is typed: what it prints, that the printed line works, that it follows its files, and how it ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

#[path = "up/credits.rs"]
mod credits;
#[path = "up/limits.rs"]
mod limits;
#[path = "up/provider.rs"]
mod provider;
#[path = "up/rotation.rs"]
mod rotation;
#[path = "up/running.rs"]
mod running;
#[path = "up/validity.rs"]
mod validity;

use running::{Up, header, status, write};
use std::process::Command;

#[test]
fn the_demo_answers_the_pasted_line_and_shows_a_failover() {
    let mut up = Up::start(&["--demo"]);
    let (key, body) = up.pasted();
    let answer = up.call(&key, &body);
    assert_eq!(status(&answer), "200", "{answer}");
    assert_eq!(
        (
            header(&answer, "x-purser-channel"),
            header(&answer, "x-purser-attempts")
        ),
        ("demo/steady".into(), "2".into())
    );
    assert!(
        answer.contains("Hello from the steady demo provider"),
        "{answer}"
    );
    let failover = up.wait_for("attempt failed");
    assert!(
        failover.contains("channel=demo/flaky") && failover.contains("503"),
        "{failover}"
    );
    let streamed = up.call(&key, &body.replacen('{', "{\"stream\":true,", 1));
    assert!(streamed.contains("data: [DONE]"), "{streamed}");
    assert_eq!(up.terminate(), Some(0));
}

#[test]
fn the_demo_keeps_its_plan() {
    let mut up = Up::start(&["--demo"]);
    let (key, body) = up.pasted();
    let answers: Vec<String> = (0..21).map(|_| up.call(&key, &body)).collect();
    let served = answers
        .iter()
        .filter(|answer| status(answer) == "200")
        .count();
    assert_eq!(
        (served, status(&answers[20])),
        (20, "429"),
        "{}",
        answers[20]
    );
    assert!(
        (55..=60).contains(&header(&answers[20], "retry-after").parse::<u64>().unwrap()),
        "{}",
        answers[20]
    );
    assert_eq!(status(&up.call("sk-wrong", &body)), "401");
}

const CHANNEL: &str = "apiVersion: purser.dev/v1alpha1\nkind: ProviderChannel\nmetadata: {name: dead}\nspec:\n  provider: OpenAICompatible\n  \
                       baseURL: http://127.0.0.1:9/v1\n  models: [{name: m}]\n";

fn plan_and_key(requests: &str) -> String {
    format!(
        "apiVersion: purser.dev/v1alpha1\nkind: Plan\nmetadata: {{name: p}}\nspec:\n  limits: {{requestsPerMinute: {requests}}}\n  models: {{allow: [\"*\"]}}\n---\n\
         apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {{name: a}}\nspec: {{plan: p}}\n"
    )
}

#[test]
fn files_are_followed_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "channel.yaml", CHANNEL);
    write(folder.path(), "plan.yaml", &plan_and_key("5"));
    let mut up = Up::start(&["-f", &folder.path().display().to_string()]);
    let (key, body) = up.pasted();
    let limit = |up: &Up| header(&up.call(&key, &body), "x-ratelimit-limit-requests");
    assert_eq!(limit(&up), "5");

    write(folder.path(), "plan.yaml", &plan_and_key("7"));
    up.wait_for("reloaded");
    assert_eq!(limit(&up), "7");

    write(
        folder.path(),
        "plan.yaml",
        &plan_and_key("9, [").replace("models", "  models"),
    );
    let line = up.wait_for("plan.yaml:");
    assert!(
        line.contains("plan.yaml:5: not YAML: ") || line.contains("plan.yaml:6: not YAML: "),
        "{line}"
    );
    up.wait_for("the configuration in force stays");
    assert_eq!(limit(&up), "7");

    write(folder.path(), "plan.yaml", &plan_and_key("none"));
    let line = up.wait_for("plan.yaml:");
    assert!(
        line.contains("plan.yaml:5: Plan p: spec.limits.requestsPerMinute: expected an integer"),
        "{line}"
    );
    assert_eq!(limit(&up), "7");

    let second =
        "apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {name: b}\nspec: {plan: p}\n";
    write(folder.path(), "more.yaml", second);
    let made = up.wait_for("key default/b: sk-");
    let other = made.split_whitespace().nth(2).unwrap().to_owned();
    assert_eq!(status(&up.call(&other, &body)), "503");
    std::fs::remove_file(folder.path().join("more.yaml")).unwrap();
    up.wait_for("reloaded  keys=1");
    assert_eq!(status(&up.call(&other, &body)), "401");
}

#[test]
fn generated_keys_and_windows_outlive_the_process_with_a_data_directory() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    write(
        folder.path(),
        "all.yaml",
        &format!("{CHANNEL}---\n{}", plan_and_key("2")),
    );
    let file = folder.path().join("all.yaml").display().to_string();
    let start = || Up::start(&["-f", &file, "--data-dir", &data]);
    let mut first = start();
    first.wait_for("key default/a: sk-");
    let (key, body) = first.pasted();
    assert_ne!(status(&first.call(&key, &body)), "429");
    assert_eq!(first.terminate(), Some(0));

    let mut second = start();
    let (same, _) = second.pasted();
    assert_eq!(same, key);
    assert!(
        !second.seen.iter().any(|line| line.contains("(generated;")),
        "{:?}",
        second.seen
    );
    assert_ne!(status(&second.call(&key, &body)), "429");
    assert_eq!(
        status(&second.call(&key, &body)),
        "429",
        "the use before the restart counts"
    );
    assert_eq!(second.terminate(), Some(0));
}

#[test]
fn it_does_not_start_on_what_it_cannot_read() {
    let purser = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_purser"))
            .arg("up")
            .args(args)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, error) = purser(&[]);
    assert_eq!(code, Some(1));
    assert!(
        error.contains("give -f PATH with manifests, or --demo"),
        "{error}"
    );
    let (code, error) = purser(&["-f", "/nowhere.yaml"]);
    assert_eq!(code, Some(2));
    assert!(
        error.contains("/nowhere.yaml: no such file or folder"),
        "{error}"
    );
}
