//! What a caller does not notice: that its provider died and another API answers, and that a model is one of llama.cpp's. Runs the programs of
//! `matrix`; owns the mocks that die.

use super::gateway::{Gateway, KEY};
use super::matrix::{ACCOUNT, Mock, expected, family, run};
use super::model_server::is_speech;
use expected::{Dialect, agrees};
use purser_tests::model_server::ModelServer;
use purser_tests::provider::{Behaviour, Provider};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// A channel that is tried after the others.
fn second(channel: &str) -> String {
    format!("{channel}  priority: 1\n")
}

fn line<'a>(lines: &'a [Value], check: &str) -> &'a Value {
    let found = lines.iter().find(|line| line["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no {check} in {lines:?}"));
    assert!(found["raised"].is_null(), "{found}");
    &found["saw"]
}

/// Its provider dies with the request of the sixth turn in hand; thoughts and ids of the one are no hindrance at the other.
#[tokio::test]
async fn an_agent_of_ten_turns_goes_on_at_another_provider() {
    let (openai, anthropic) = (Mock::that_dies_at(5).await, Mock::that_dies_at(5).await);
    let other = Mock::start().await;
    let model = |name: &str, upstream: &str| format!("{{name: {name}, upstreamName: {upstream}}}");
    let (first, then) = ("openai-first", "anthropic-first");
    let channels = [
        family("gpt", "OpenAI", &openai.at("/v1"), &model(first, "gpt-4o")),
        second(&family(
            "claude",
            "Anthropic",
            &other.at("/v1"),
            &model(first, "claude-sonnet-4-5"),
        )),
        family(
            "opus",
            "Anthropic",
            &anthropic.at("/v1"),
            &model(then, "claude-sonnet-4-5"),
        ),
        second(&family(
            "gemini",
            "Gemini",
            &other.at("/v1beta"),
            &model(then, "gemini-2.5-flash"),
        )),
        ACCOUNT.to_owned(),
    ];
    let gateway = Gateway::start(&channels).await;
    let argument = json!({"base": gateway.root(), "key": KEY, "models": []});
    let lines = run("agent.py", &argument).await;
    let told = |before: &str, after: &str| {
        let by = |turn| if turn < 5 { before } else { after };
        let channels: Vec<&str> = (0..10).map(by).collect();
        json!({"steps": [1, 2, 3, 4, 5, 6, 7, 8, 9], "end": "Counted to ten.", "channels": channels})
    };
    assert_eq!(*line(&lines, "openai"), told("shop/gpt", "shop/claude"));
    let seen = line(&lines, "anthropic");
    assert!(agrees(seen, &told("shop/opus", "shop/gemini")), "{seen}");
    assert_eq!(seen["thought"], true, "there were thoughts to lose: {seen}");
    gateway.end().await;
}

/// OpenAI's SDK before a channel of OpenAI's that fails and one of Anthropic's that works: every check passes, streams included.
#[tokio::test]
async fn openai_s_sdk_falls_from_openai_to_anthropic_and_notices_nothing() {
    let (failing, mock) = (
        Provider::start(Behaviour::status(500)).await.unwrap(),
        Mock::start().await,
    );
    let channels = [
        family(
            "gpt",
            "OpenAI",
            &failing.url(),
            "{name: both, upstreamName: gpt-4o}",
        ),
        second(&family(
            "claude",
            "Anthropic",
            &mock.at("/v1"),
            "{name: both, upstreamName: claude-sonnet-4-5}",
        )),
        ACCOUNT.to_owned(),
    ];
    let gateway = Gateway::start(&channels).await;
    let skip = ["completions", "embeddings", "models", "errors"];
    let argument = json!({"base": gateway.root(), "key": KEY, "models": ["both"], "skip": skip});
    for program in ["openai_sdk.py", "openai_sdk.mjs"] {
        let lines = run(program, &argument).await;
        assert_eq!(lines.len(), 11, "{lines:?}");
        for line in lines {
            let check = line["check"].as_str().unwrap();
            let right = expected::expected(program, Dialect::OpenAI, check, "both");
            assert!(agrees(&line["saw"], &right), "{program}: {line}");
        }
    }
    assert!(failing.calls() > 0, "the first channel was tried");
    gateway.end().await;
}

/// Such a small model answers less than this with nothing at times.
const PROMPT: &str = "Tell me a long story about a ship and its purser.";

#[tokio::test]
async fn every_dialect_s_sdk_talks_to_a_real_model() {
    let model = ModelServer::start(Ipv4Addr::LOCALHOST).await.unwrap();
    let url = format!("http://{}/v1", model.address);
    let channel = family(
        "llama",
        "OpenAICompatible",
        &url,
        "{name: smollm2, maxOutputTokens: 100}",
    );
    let gateway = Gateway::start(&[channel, ACCOUNT.to_owned()]).await;
    let skip = [
        "given back",
        "tools",
        "tools streamed",
        "vision",
        "schema",
        "response tools",
        "response schema",
        "embeddings",
        "models",
        "errors",
    ];
    let argument = json!({"base": gateway.root(), "key": KEY, "models": ["smollm2"], "skip": skip, "prompt": PROMPT, "completes": ["smollm2"]});
    let openai = &[
        "chat",
        "stream",
        "response",
        "response streamed",
        "completions",
    ][..];
    for (program, checks) in [
        ("anthropic_sdk.py", &["chat", "stream", "count"][..]),
        ("anthropic_sdk.mjs", &["chat", "stream", "count"]),
        ("google_sdk.py", &["chat", "stream", "count"]),
        ("google_sdk.mjs", &["chat", "stream", "count"]),
        ("openai_sdk.py", openai),
        ("openai_sdk.mjs", openai),
    ] {
        let lines = run(program, &argument).await;
        for check in checks {
            let saw = line(&lines, check);
            let completed = &saw["smollm2"];
            let speaks = match *check {
                "count" => true,
                "completions" => is_speech(&completed["text"]) && is_speech(&completed["streamed"]),
                _ => is_speech(&saw["text"]),
            };
            assert!(speaks, "{program}: {check}: {saw}");
        }
    }
    gateway.end().await;
}
