//! What a sidecar logs, as whoever collects it reads it: each line JSON, and each attempt that failed under the id of its call.

use super::setup::{Sidecar, channel, configuration};
use purser_config::Channel;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use serde_json::Value;

#[tokio::test]
async fn each_line_is_json_and_an_attempt_that_failed_names_its_call() {
    let busy = Provider::start(Behaviour::status(503)).await.unwrap();
    let good = Provider::start(Behaviour::healthy()).await.unwrap();
    let second = Channel {
        priority: 1,
        ..channel(&good)
    };
    let all = configuration(&[("busy", channel(&busy)), ("good", second)]);
    let sidecar = Sidecar::start(&all).await;
    let mut requests = Vec::new();
    for stream in [false, true] {
        let answer = sidecar.chat(stream).await;
        requests.push(answer.header("x-request-id").unwrap().to_owned());
        assert_eq!(answer.status(), 200);
        answer.body().await.unwrap();
    }
    // Lines of libraries and of a file that cannot be read are lines like any other.
    sidecar.ask(Call::chat("m", "x", false)).await;
    sidecar.write_bytes(b"{\"keys\": \"a\nline\"");
    let broken = |shown: &Value| shown["error"].is_string();
    sidecar.until_configz("the broken file", broken).await;
    let log = sidecar.printed();
    let read = |line: &str| -> Value {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    let lines: Vec<Value> = log.lines().map(read).collect();
    for line in &lines {
        let has = |name: &str| line[name].is_string();
        assert!(has("timestamp") && has("level"), "{line}");
    }
    let failed = lines
        .iter()
        .filter(|line| line["fields"]["message"] == "attempt failed");
    let failed: Vec<&str> = failed
        .map(|line| line["fields"]["request"].as_str().unwrap())
        .collect();
    assert_eq!(failed, requests);
}
