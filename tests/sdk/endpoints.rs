//! Every endpoint, as an SDK sees it: what the provider said arrives, and the provider was asked for its own model's name.

use super::caller::{Ask, BOTH, Sdk};
use super::gateway::{Gateway, KEY, channel};
use purser_tests::provider::{Behaviour, Provider};
use serde_json::{Value, json};

const WORDS: &str = "word0 word1 word2 word3 word4 ";
/// The bytes that the provider speaks, in hexadecimal.
const SPEECH: &str = "fffb900080fe0d0a00ff";

async fn healthy() -> (Provider, Gateway) {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let endpoints =
        "Chat, Completions, Responses, Embeddings, Images, Speech, Transcriptions, Moderations";
    let models = format!(
        "[{{name: ours, upstreamName: theirs, endpoints: [{endpoints}]}}, {{name: org/large}}]"
    );
    let gateway = Gateway::start(&[channel("one", &provider, &models, "")]).await;
    (provider, gateway)
}

fn asks() -> [Ask; 15] {
    let of = |what| Ask::of(what, KEY, "ours");
    [
        of("chat"),
        of("stream"),
        of("stream").with(json!({"stream_options": {"include_usage": true}})),
        of("completion"),
        of("embedding").with(json!({"encoding_format": "float"})),
        of("image"),
        of("edit"),
        of("speech"),
        of("transcription"),
        of("moderation"),
        of("response"),
        of("response stream"),
        of("count"),
        Ask::new("models", KEY),
        Ask::of("model", KEY, "org/large"),
    ]
}

fn expected() -> [Value; 15] {
    let stream =
        |chunks, usage| json!({"text": WORDS, "chunks": chunks, "finish": "stop", "usage": usage});
    [
        json!({"text": WORDS, "finish": "stop", "usage": 12}),
        stream(7, Value::Null),
        stream(8, json!(12)),
        json!(WORDS),
        json!([0.25, -0.5, 0.125]),
        json!("iVBORw0KGgo="),
        json!("iVBORw0KGgo="),
        json!(SPEECH),
        json!(WORDS),
        json!(false),
        json!(WORDS),
        json!({"text": WORDS, "first": "response.created", "last": "response.completed", "whole": WORDS}),
        json!(7),
        json!(["org/large", "ours"]),
        json!("org/large"),
    ]
}

#[tokio::test]
async fn every_endpoint_answers_both_sdks_as_the_provider_does() {
    let (provider, gateway) = healthy().await;
    for sdk in BOTH {
        provider.forget();
        let came = sdk.call(&gateway.base_url, asks()).await;
        for ((came, expected), ask) in came.iter().zip(expected()).zip(asks()) {
            assert_eq!(*came.returned(), expected, "{sdk:?}: {ask:?}");
            assert!(came.header("x-request-id").is_some(), "{sdk:?}: {came:?}");
        }
        let calls = provider.log();
        assert_eq!(
            calls.len(),
            13,
            "{sdk:?}: models are answered by the gateway"
        );
        for call in calls {
            let body = String::from_utf8_lossy(&call.body).into_owned();
            assert!(
                body.contains("theirs") && !body.contains("ours"),
                "{sdk:?}: {}: {body}",
                call.path
            );
        }
    }
    gateway.end().await;
}

/// Unless told otherwise both SDKs ask for base64 and decode it.
#[tokio::test]
async fn embeddings_in_base64_arrive_as_numbers() {
    let (provider, gateway) = healthy().await;
    let body = json!({"object": "list", "model": "theirs", "usage": {"prompt_tokens": 1, "total_tokens": 1},
        "data": [{"object": "embedding", "index": 0, "embedding": "AACAPgAAAL8AAAA+"}]});
    let in_base64 = Behaviour::json(200, body.to_string());
    provider.set(in_base64).await.unwrap();
    for sdk in BOTH {
        let [came] = sdk
            .call(&gateway.base_url, [Ask::of("embedding", KEY, "ours")])
            .await;
        assert_eq!(*came.returned(), json!([0.25, -0.5, 0.125]), "{sdk:?}");
        assert_eq!(
            provider.last().unwrap().json()["encoding_format"],
            "base64",
            "{sdk:?}"
        );
    }
}

/// What people paste wrongly most often; the SDKs add their paths to whatever the base URL is.
#[tokio::test]
async fn a_base_url_with_a_slash_at_its_end_works() {
    let (_provider, gateway) = healthy().await;
    let base_url = format!("{}/", gateway.base_url);
    for sdk in BOTH {
        let [came] = sdk.call(&base_url, [Ask::of("chat", KEY, "ours")]).await;
        assert_eq!(came.returned()["text"], WORDS, "{sdk:?}");
    }
}

#[tokio::test]
async fn an_answer_names_its_channel_its_model_its_attempts_and_an_id_that_the_provider_has_too() {
    let (provider, gateway) = healthy().await;
    let [came] = Sdk::Python
        .call(&gateway.base_url, [Ask::of("chat", KEY, "ours")])
        .await;
    let told =
        ["channel", "model", "attempts"].map(|name| came.header(&format!("x-purser-{name}")));
    assert_eq!(told, [Some("shop/one"), Some("ours"), Some("1")]);
    let call = provider.last().unwrap();
    let id = call.header("x-request-id").unwrap();
    assert_eq!(
        came.header("x-request-id"),
        Some(format!("req_{id}").as_str())
    );
    // llama.cpp's Python server, for one, answers 400 to an id that is not a UUID.
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12], "{id}");
}
