//! Caller and provider of the same API: no byte changes, but for what the sidecar must say in its own words.

use super::speaking;
use super::speech::Speech;
use crate::gateway::setup::{KEY, Sidecar, configuration, plan};
use purser_config::{Channel, Endpoint, Provider as Api};
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use purser_tests::wire::{LAST_CHUNK, chunk};

/// Bodies that a gateway which parses and prints again would change.
const ODD: [(Speech, Api, &str); 3] = [
    (
        Speech::Messages,
        Api::Anthropic,
        "{ \"max_tokens\": 64,\t\"model\":\"m\",\"unknown\":{\"b\":null,\"x\":1e999},\"messages\":[{\"role\":\"user\",\"content\":\"\\u00e9 \\/ é\"}] }",
    ),
    (
        Speech::Generate,
        Api::Gemini,
        "{ \"contents\":[ {\"parts\":[{\"text\":\"\\u00e9\"}]} ],\r\n\"unknown\":-0.0,\"generationConfig\":{ \"topK\":1 } }",
    ),
    (
        Speech::Responses,
        Api::XAI,
        "{\"input\":\"x\", \"model\":\"m\",\"unknown\":[1.10]}",
    ),
];

async fn echo(api: Api, with: impl Fn(&mut Channel)) -> (Sidecar, Provider) {
    let provider = Provider::start(Behaviour::Echo).await.unwrap();
    let mut one = speaking(api, &provider);
    with(&mut one);
    let sidecar = Sidecar::start(&configuration(&[("one", one)])).await;
    (sidecar, provider)
}

#[tokio::test]
async fn a_body_of_the_same_api_passes_untouched_and_so_does_its_answer() {
    for (speech, api, body) in ODD {
        let (sidecar, provider) = echo(api, |_| {}).await;
        let call = speech
            .ask(false, body)
            .header("anthropic-beta", "one,two")
            .header("openai-beta", "x");
        let answer = sidecar.ask(call).await;
        assert_eq!(answer.status(), 200, "{body}");
        assert_eq!(answer.body().await.unwrap(), body);
        let seen = provider.last().unwrap();
        assert_eq!(seen.body, body);
        let anthropic = api == Api::Anthropic;
        assert_eq!(
            seen.header("anthropic-beta"),
            anthropic.then_some("one,two")
        );
        assert_eq!(seen.header("openai-beta").is_some(), api == Api::XAI);
    }
}

#[tokio::test]
async fn only_the_model_and_the_plan_s_limit_change() {
    let cases = [
        (
            Speech::Messages,
            Api::Anthropic,
            r#"{"model":"m","max_tokens":99,"messages":[]}"#,
            r#"{"model":"up","max_tokens":9,"messages":[]}"#,
        ),
        (
            Speech::Messages,
            Api::Anthropic,
            r#"{"max_tokens":5,"model":"m"}"#,
            r#"{"max_tokens":5,"model":"up"}"#,
        ),
        (
            Speech::Generate,
            Api::Gemini,
            r#"{"contents":[]}"#,
            r#"{"generationConfig":{"maxOutputTokens":9},"contents":[]}"#,
        ),
        (
            Speech::Generate,
            Api::Gemini,
            r#"{"generationConfig":{"maxOutputTokens":99}}"#,
            r#"{"generationConfig":{"maxOutputTokens":9}}"#,
        ),
    ];
    for (speech, api, body, sent) in cases {
        let provider = Provider::start(Behaviour::Echo).await.unwrap();
        let mut one = speaking(api, &provider);
        one.models[0].upstream_name = Some("up".into());
        let mut all = configuration(&[("one", one)]);
        let mut limited = plan(&["*"]);
        limited.max_output_tokens = Some(9);
        all.plans.insert("open".into(), limited);
        let sidecar = Sidecar::start(&all).await;
        assert_eq!(sidecar.ask(speech.ask(false, body)).await.status(), 200);
        let seen = provider.last().unwrap();
        assert_eq!(seen.body, sent);
        if api == Api::Gemini {
            assert_eq!(seen.path, "/v1beta/models/up:generateContent");
        }
    }
}

/// A gateway before Claude with a plan that lets an answer have so many tokens.
async fn limited(most: u64) -> (Sidecar, Provider) {
    let provider = Provider::start(Behaviour::Echo).await.unwrap();
    let mut one = speaking(Api::Anthropic, &provider);
    one.models[0].upstream_name = Some("claude-opus-4-5".into());
    let mut all = configuration(&[("one", one)]);
    let mut limited = plan(&["*"]);
    limited.max_output_tokens = Some(most);
    all.plans.insert("open".into(), limited);
    (Sidecar::start(&all).await, provider)
}

#[tokio::test]
async fn a_plan_s_limit_leaves_room_for_thoughts_or_says_that_it_does_not() {
    let thinks = r#"{"model":"m","max_tokens":8000,"messages":[],"thinking":{"type":"enabled","budget_tokens":2048}}"#;
    let (sidecar, provider) = limited(1_500).await;
    let answer = sidecar.ask(Speech::Messages.ask(false, thinks)).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        provider.last().unwrap().body,
        r#"{"model":"claude-opus-4-5","max_tokens":1500,"messages":[],"thinking":{"type":"enabled","budget_tokens":1200}}"#
    );
    let (sidecar, provider) = limited(500).await;
    let chat =
        r#"{"model":"m","messages":[{"role":"user","content":"x"}],"reasoning_effort":"low"}"#;
    for (speech, body) in [(Speech::Messages, thinks), (Speech::Chat, chat)] {
        let answer = sidecar.ask(speech.ask(false, body)).await;
        assert_eq!(answer.status(), 400);
        let told = answer.json().await.unwrap()["error"]["message"].to_string();
        assert!(told.contains("thinks in 1024 tokens at least"), "{told}");
        assert!(told.contains("your plan"), "{told}");
        assert!(told.contains("leaves 500 for an answer"), "{told}");
    }
    assert!(provider.last().is_none());
}

/// A thought of Gemini's that its caller gives back, and a chat of mistralai 3.7's.
#[tokio::test]
async fn openai_is_told_nothing_that_only_purser_or_mistral_knows() {
    let given = r#"{"model":"m","input":[{"type":"reasoning","id":"rs_5f0c1d2e-0000-4a00-8b00-00000000000f_0","summary":[]},{"id":"fc_5f0c1d2e-0000-4a00-8b00-00000000000f_1","type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}"#;
    let sent = r#"{"model":"m","input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}"#;
    let mistrals =
        r#"{"model":"m","messages":[],"safe_prompt":false,"tool_choice":"any","random_seed":3}"#;
    let openais = r#"{"model":"m","messages":[],"tool_choice":"required","seed":3}"#;
    for (speech, body, sent, removed) in [
        (Speech::Responses, given, sent, true),
        (Speech::Responses, sent, sent, false),
        (Speech::Chat, mistrals, openais, false),
        (Speech::Chat, openais, openais, false),
    ] {
        let provider = Provider::start(Behaviour::Echo).await.unwrap();
        let channels = [("one", speaking(Api::OpenAI, &provider))];
        let sidecar = Sidecar::start(&configuration(&channels)).await;
        let answer = sidecar.ask(speech.ask(false, body)).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("x-purser-removed").is_some(), removed);
        assert_eq!(provider.last().unwrap().body, sent);
    }
}

/// A provider that answers with these bytes of a stream, cut in pieces of a size.
async fn streams(api: Api, events: &str, size: usize) -> (Sidecar, Provider) {
    let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n".to_vec();
    events
        .as_bytes()
        .chunks(size)
        .for_each(|piece| bytes.extend(chunk(piece)));
    bytes.extend(LAST_CHUNK);
    let provider = Provider::start(Behaviour::Raw(bytes)).await.unwrap();
    let channels = [("one", speaking(api, &provider))];
    (Sidecar::start(&configuration(&channels)).await, provider)
}

const MESSAGE: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":1}}}\n\nevent: ping\ndata: {}\n\nevent: content_block_delta\r\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"é\"},\"odd\":1e999}\r\n\r\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
const CHUNKS: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"é\"}]}}],\"odd\":1e999}\r\n\r\ndata: {\"candidates\": [{\"finishReason\":\"STOP\"}]}\r\n\r\n";

#[tokio::test]
async fn a_stream_of_the_same_api_passes_untouched_however_it_is_cut() {
    for (speech, api, events) in [
        (Speech::Messages, Api::Anthropic, MESSAGE),
        (Speech::Generate, Api::Gemini, CHUNKS),
    ] {
        for size in [1, 7, events.len()] {
            let (sidecar, _provider) = streams(api, events, size).await;
            let answer = sidecar.ask(speech.call(true)).await;
            assert_eq!(answer.header("content-type"), Some("text/event-stream"));
            assert_eq!(answer.body().await.unwrap(), events, "in pieces of {size}");
        }
    }
}

#[tokio::test]
async fn a_stream_of_gemini_s_is_one_array_for_who_does_not_ask_for_events() {
    let (sidecar, _provider) = streams(Api::Gemini, CHUNKS, 5).await;
    let call = Call::post("/v1beta/models/m:streamGenerateContent", "{}").key(KEY);
    let answer = sidecar.ask(call).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let expected = "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"é\"}]}}],\"odd\":1e999},\r\n{\"candidates\": [{\"finishReason\":\"STOP\"}]}]";
    assert_eq!(answer.body().await.unwrap(), expected);
}

#[tokio::test]
async fn embeddings_go_to_gemini_s_own_path() {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let mut one = speaking(Api::Gemini, &provider);
    one.models[0].endpoints = vec![Endpoint::Embeddings];
    let sidecar = Sidecar::start(&configuration(&[("one", one)])).await;
    for verb in ["embedContent", "batchEmbedContents"] {
        let path = format!("/v1beta/models/m:{verb}");
        let answer = sidecar.ask(Call::post(&path, "{}").key(KEY)).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(provider.last().unwrap().path, path);
    }
}

/// An error after content, with what is ours in it, as each API writes one.
const FAILING: [(Speech, Api, &str); 4] = [
    (
        Speech::Chat,
        Api::OpenAICompatible,
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\ndata: {\"error\":{\"message\":\"key sk-proj-AbCdEf0123456789 of org-AbCdEf0123456789\",\"type\":\"server_error\"}}\n\n",
    ),
    (
        Speech::Responses,
        Api::OpenAI,
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"hi\"}\n\nevent: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\",\"message\":\"key sk-proj-AbCdEf0123456789 of org-AbCdEf0123456789\"}}}\n\n",
    ),
    (
        Speech::Messages,
        Api::Anthropic,
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"hi\"}}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"key sk-proj-AbCdEf0123456789 of org-AbCdEf0123456789\"}}\n\n",
    ),
    (
        Speech::Generate,
        Api::Gemini,
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\"}]}}]}\n\ndata: {\"error\":{\"code\":500,\"message\":\"key sk-proj-AbCdEf0123456789 of org-AbCdEf0123456789\",\"status\":\"INTERNAL\"}}\n\n",
    ),
];

#[tokio::test]
async fn an_error_within_a_stream_loses_what_is_ours_however_it_is_cut() {
    for (speech, api, events) in FAILING {
        let clean = events
            .replace("sk-proj-AbCdEf0123456789", "[redacted]")
            .replace("org-AbCdEf0123456789", "[redacted]");
        for size in [1, 7, 60, 150, 200, events.len()] {
            let (sidecar, _provider) = streams(api, events, size).await;
            let answer = sidecar.ask(speech.call(true)).await;
            let body = answer.body().await.unwrap();
            let body = String::from_utf8_lossy(&body).into_owned();
            assert_eq!(body, clean, "{speech:?} in pieces of {size}");
        }
    }
}

#[tokio::test]
async fn what_a_provider_calls_otherwise_is_renamed_and_what_it_refuses_left_out() {
    let (sidecar, provider) = echo(Api::Mistral, |_| {}).await;
    let body = r#"{"model":"m","max_completion_tokens":5,"stream":true,"stream_options":{"include_usage":true},"messages":[]}"#;
    let answer = sidecar.ask(Speech::Chat.ask(true, body)).await;
    assert_eq!(answer.status(), 200);
    let sent = r#"{"model":"m","max_tokens":5,"stream":true,"messages":[]}"#;
    assert_eq!(provider.last().unwrap().body, sent);
}
