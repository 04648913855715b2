//! A second provider that no one here wrote (PyPI `llmock`), which has the APIs of OpenAI, Anthropic, Gemini and Mistral: what two strangers
//! both say of an API is not this repository's idea of it. Runs the programs of `matrix` for their chats and streams; owns the process.

use super::caller::tool;
use super::gateway::{Gateway, KEY};
use super::matrix::{ACCOUNT, expected, family, run};
use expected::agrees;
use purser_tests::port::reserve;
use purser_tests::process::Process;
use purser_tests::sse_client::Call;
use serde_json::json;
use std::process::Command;
use std::time::Duration;

/// A model by our name, whose provider it says it is, where that lives there, and the model by its own name.
const MODELS: [(&str, &str, &str, &str); 4] = [
    ("gpt", "OpenAI", "/v1", "gpt-4o"),
    ("claude", "Anthropic", "/anthropic/v1", "claude-sonnet-4-5"),
    ("gemini", "Gemini", "/gemini/v1beta", "gemini-2.5-flash"),
    ("mistral", "Mistral", "/mistral/v1", "mistral-large-latest"),
];
/// Loading it takes seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// The running mock, and its address.
async fn llmock() -> (Process, String) {
    let address = reserve().unwrap();
    let port = address.port().to_string();
    let mut command = Command::new(tool("PURSER_TEST_PYTHON", "python/bin/python"));
    command
        .args(["-m", "llmock.cli", "serve", "--host", "127.0.0.1"])
        .args(["--port", &port, "--response-style", "hello"]);
    let mut process = Process::start("llmock", &mut command).unwrap();
    process
        .until_answers(address, &Call::get("/health"), PATIENCE)
        .await
        .unwrap();
    (process, format!("http://{address}"))
}

#[tokio::test]
async fn every_dialect_s_sdk_sees_another_mock_s_providers_alike() {
    let (_mock, root) = llmock().await;
    let mut channels = vec![ACCOUNT.to_owned()];
    for (name, provider, path, upstream) in MODELS {
        let model = format!("{{name: {name}, upstreamName: {upstream}}}");
        channels.push(family(name, provider, &format!("{root}{path}"), &model));
    }
    let gateway = Gateway::start(&channels).await;
    let only = ["chat", "stream"];
    let models = MODELS.map(|(name, ..)| name);
    let argument = json!({"base": gateway.root(), "key": KEY, "models": models, "only": only});
    let mut wrong = Vec::new();
    for (program, end) in [
        ("openai_sdk.py", "stop"),
        ("openai_sdk.mjs", "stop"),
        ("anthropic_sdk.py", "end_turn"),
        ("anthropic_sdk.mjs", "end_turn"),
        ("google_sdk.py", "STOP"),
        ("google_sdk.mjs", "STOP"),
    ] {
        let lines = run(program, &argument).await;
        assert_eq!(lines.len(), MODELS.len() * only.len(), "{program}");
        for line in lines {
            let known = MODELS.iter().find(|(name, ..)| line["model"] == *name);
            let (.., upstream) = known.unwrap();
            let text = format!("Hello! This is a mock response from {upstream}.");
            let right = json!({"text": text, "finish": end});
            let many = line["check"] != "stream" || line["saw"]["many"] == true;
            if !many || !agrees(&line["saw"], &right) {
                wrong.push(format!("{program}: {line}\n    expected {right}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    gateway.end().await;
}
