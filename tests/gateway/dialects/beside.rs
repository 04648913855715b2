//! What is asked beside conversations, across APIs: embeddings, and how many tokens a conversation has.

use super::speaking;
use super::speech::Speech;
use crate::gateway::setup::{KEY, Sidecar, configuration};
use purser_config::{Endpoint, Provider as Api};
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use serde_json::{Value, json};

async fn embedding(api: Api) -> (Sidecar, Provider) {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let mut one = speaking(api, &provider);
    one.models[0].endpoints = vec![Endpoint::Embeddings];
    one.models[0].upstream_name = Some("up".into());
    let sidecar = Sidecar::start(&configuration(&[("one", one)])).await;
    (sidecar, provider)
}

async fn asked(sidecar: &Sidecar, path: &str, body: &Value) -> Value {
    let call = Call::post(path, body.to_string()).key(KEY);
    let answer = sidecar.ask(call).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.unwrap()
}

#[tokio::test]
async fn embeddings_go_from_openai_s_callers_to_gemini_and_back() {
    let (sidecar, provider) = embedding(Api::Gemini).await;
    let body = json!({"model": "m", "input": "hello"});
    let answer = asked(&sidecar, "/v1/embeddings", &body).await;
    assert_eq!(answer["data"][0]["embedding"], json!([0.25, -0.5, 0.125]));
    assert!(answer["usage"]["prompt_tokens"].as_u64().unwrap() > 0);
    let seen = provider.last().unwrap();
    assert_eq!(seen.path, "/v1beta/models/up:batchEmbedContents");
    assert_eq!(seen.json()["requests"][0]["model"], "models/up");
}

#[tokio::test]
async fn embeddings_go_from_gemini_s_callers_to_openai_and_back() {
    let (sidecar, provider) = embedding(Api::OpenAICompatible).await;
    let content = json!({"parts": [{"text": "hello"}]});
    let one = json!({"model": "models/m", "content": content});
    let answer = asked(&sidecar, "/v1beta/models/m:embedContent", &one).await;
    assert_eq!(answer["embedding"]["values"], json!([0.25, -0.5, 0.125]));
    let seen = provider.last().unwrap();
    assert_eq!(seen.path, "/v1/embeddings");
    assert_eq!(seen.json()["model"], "up");
    let path = "/v1beta/models/m:batchEmbedContents";
    let answer = asked(&sidecar, path, &json!({"requests": [one]})).await;
    let values = &answer["embeddings"][0]["values"];
    assert_eq!(*values, json!([0.25, -0.5, 0.125]));
}

#[tokio::test]
async fn tokens_are_counted_by_another_api_that_can() {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let channels = [("one", speaking(Api::Gemini, &provider))];
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]});
    let counted = asked(&sidecar, "/v1/messages/count_tokens", &body).await;
    assert_eq!(counted["input_tokens"], 7);
    let seen = provider.last().unwrap();
    assert_eq!(seen.path, "/v1beta/models/m:countTokens");
}

/// Claude's question about an image at an address.
fn with_image(url: &str) -> Value {
    let image = json!({"type": "image", "source": {"type": "url", "url": url}});
    json!({"model": "m", "messages": [{"role": "user", "content": [image]}]})
}

#[tokio::test]
async fn what_cannot_be_told_to_a_provider_that_counts_is_estimated() {
    let unthinking = json!({"model": "m", "thinking": {"type": "disabled"}, "messages": [{"role": "user", "content": "hello"}]});
    // Nobody serves that name, so that its bytes cannot be had.
    let image = with_image("https://images.invalid.example/a.png");
    for (upstream, body) in [("gemini-2.5-pro", unthinking), ("gemini-2.0-flash", image)] {
        let provider = Provider::start(Behaviour::healthy()).await.unwrap();
        let mut one = speaking(Api::Gemini, &provider);
        one.models[0].upstream_name = Some(upstream.into());
        let sidecar = Sidecar::start(&configuration(&[("one", one)])).await;
        let counted = asked(&sidecar, "/v1/messages/count_tokens", &body).await;
        let counted = counted["input_tokens"].as_u64().unwrap();
        assert!(counted > 0 && counted != 7, "{counted} before {upstream}");
        assert_eq!(provider.calls(), 0, "{upstream}");
    }
}

#[tokio::test]
async fn what_is_counted_may_not_lie_at_a_private_address() {
    for api in [Api::Anthropic, Api::Gemini] {
        let provider = Provider::start(Behaviour::healthy()).await.unwrap();
        let channels = [("one", speaking(api, &provider))];
        let sidecar = Sidecar::start(&configuration(&channels)).await;
        let body = with_image("http://169.254.169.254/latest/meta-data/");
        let call = Call::post("/v1/messages/count_tokens", body.to_string()).key(KEY);
        let answer = sidecar.ask(call).await;
        assert_eq!(answer.status(), 400, "{api:?}");
        let told = answer.json().await.unwrap();
        let told = told["error"]["message"].as_str().unwrap();
        assert!(told.contains("leads to a private"), "{told}");
        assert_eq!(provider.calls(), 0);
    }
}

#[tokio::test]
async fn thoughts_that_another_provider_sealed_stay_here_and_a_header_says_so() {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let channels = [("one", speaking(Api::Anthropic, &provider))];
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    let turns = |thought: Value| {
        json!({"messages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": [thought, {"type": "text", "text": "hi"}]},
            {"role": "user", "content": "go on"}]})
    };
    let unsigned = json!({"type": "thinking", "thinking": "hm", "signature": ""});
    let signed = json!({"type": "thinking", "thinking": "hm", "signature": "c2lnbmVk"});
    for (thought, removed) in [(unsigned, Some("reasoning-state")), (signed, None)] {
        let call = Speech::Messages.call_with(false, &turns(thought));
        let answer = sidecar.ask(call).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("x-purser-removed"), removed);
        let sent = provider.last().unwrap().json();
        let left = sent["messages"][1]["content"].as_array().unwrap().len();
        assert_eq!(left, if removed.is_some() { 1 } else { 2 });
    }
}
