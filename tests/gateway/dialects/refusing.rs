//! What cannot be said to a provider, and what a provider refuses: skipped, or told in the caller's own form.

use super::speech::{ALL, Speech};
use super::{APIS, before, speaking};
use crate::gateway::setup::{CREDENTIAL, KEY, Sidecar, configuration, model};
use purser_config::{Channel, Provider as Api};
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use serde_json::json;

#[tokio::test]
async fn a_channel_that_cannot_say_a_request_is_skipped_without_an_attempt() {
    let deaf = Provider::start(Behaviour::healthy()).await.unwrap();
    let able = Provider::start(Behaviour::healthy()).await.unwrap();
    let other = Channel {
        priority: 1,
        ..speaking(Api::OpenAICompatible, &able)
    };
    let channels = [("deaf", speaking(Api::Anthropic, &deaf)), ("able", other)];
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    let biased = json!({"logit_bias": {"50256": -100}});
    for stream in [false, true] {
        let answer = sidecar.ask(Speech::Chat.call_with(stream, &biased)).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("x-purser-channel"), Some("shop/able"));
        assert_eq!(answer.header("x-purser-attempts"), Some("1"));
    }
    assert_eq!((deaf.calls(), able.calls()), (0, 2));
    // Its circuit was not touched: what it can say goes there.
    let answer = sidecar.ask(Speech::Chat.call(false)).await;
    assert_eq!(answer.header("x-purser-channel"), Some("shop/deaf"));
}

#[tokio::test]
async fn where_nobody_can_say_it_the_refusal_names_parameter_model_and_provider() {
    let (sidecar, provider) = before(Api::Anthropic).await;
    for stream in [false, true] {
        let biased = json!({"logit_bias": {"50256": -100}});
        let answer = sidecar.ask(Speech::Chat.call_with(stream, &biased)).await;
        assert_eq!(answer.status(), 400);
        let body = answer.json().await.unwrap();
        let error = &body["error"];
        assert_eq!(error["code"], "unsupported_parameter", "{body}");
        assert_eq!(error["param"], "logit_bias");
        let message = error["message"].as_str().unwrap();
        for named in ["logit_bias", "`m`", "Anthropic"] {
            assert!(message.contains(named), "{message}");
        }
    }
    assert_eq!(provider.calls(), 0);
}

/// Mistral shares OpenAI's wire, and takes less of it: what is written for OpenAI falls to it in mid-conversation.
#[tokio::test]
async fn a_chat_falls_from_openai_to_mistral_as_that_one_takes_it() {
    let dead = Provider::start(Behaviour::json(503, "{}".to_owned()))
        .await
        .unwrap();
    let able = Provider::start(Behaviour::healthy()).await.unwrap();
    let other = Channel {
        priority: 1,
        ..speaking(Api::Mistral, &able)
    };
    let channels = [("dead", speaking(Api::OpenAI, &dead)), ("able", other)];
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    let asked = json!({
        "user": "u", "store": false, "seed": 3, "max_completion_tokens": 5, "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": "y", "refusal": null, "annotations": []},
            {"role": "user", "name": "ada", "content": "hello"},
        ],
    });
    let answer = sidecar.ask(Speech::Chat.call_with(false, &asked)).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("x-purser-channel"), Some("shop/able"));
    let sent: serde_json::Value = serde_json::from_slice(&able.last().unwrap().body).unwrap();
    let expected = json!({
        "model": "m", "stream": false, "random_seed": 3, "max_tokens": 5, "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": "y"},
            {"role": "user", "content": "ada: hello"},
        ],
    });
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn what_mistral_has_no_words_for_passes_it_over_or_is_refused_by_name() {
    let (sidecar, provider) = before(Api::Mistral).await;
    let stored = json!({"store": true});
    let answer = sidecar.ask(Speech::Chat.call_with(false, &stored)).await;
    assert_eq!(answer.status(), 400);
    let body = answer.json().await.unwrap();
    assert_eq!(body["error"]["code"], "unsupported_parameter", "{body}");
    assert_eq!(body["error"]["param"], "store");
    assert_eq!(provider.calls(), 0);
    let able = Provider::start(Behaviour::healthy()).await.unwrap();
    let other = Channel {
        priority: 1,
        ..speaking(Api::OpenAI, &able)
    };
    let channels = [("deaf", speaking(Api::Mistral, &provider)), ("able", other)];
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    let answer = sidecar.ask(Speech::Chat.call_with(false, &stored)).await;
    assert_eq!(answer.header("x-purser-channel"), Some("shop/able"));
    assert_eq!((provider.calls(), able.calls()), (0, 1));
}

/// OpenAI's word for a sampler that a model which thinks does not take.
const UNSAID: &str = r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0.2 with this model.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}"#;

/// xAI's word for a member that a model of its does not take.
const UNSAID_BY_XAI: &str = r#"{"code":"Client specified an invalid argument","error":"Model grok-4 does not support parameter stop."}"#;

#[tokio::test]
async fn what_a_provider_does_not_support_lets_the_next_channel_answer() {
    let able = Provider::start(Behaviour::healthy()).await.unwrap();
    for (api, unsaid, speech) in [
        (Api::OpenAI, UNSAID, Speech::Messages),
        (Api::OpenAI, UNSAID, Speech::Chat),
        (Api::XAI, UNSAID_BY_XAI, Speech::Chat),
    ] {
        let deaf = Provider::start(Behaviour::json(400, unsaid.to_owned()))
            .await
            .unwrap();
        let other = Channel {
            priority: 1,
            ..speaking(Api::Anthropic, &able)
        };
        let channels = [("deaf", speaking(api, &deaf)), ("able", other)];
        let sidecar = Sidecar::start(&configuration(&channels)).await;
        let answer = sidecar.ask(speech.call(false)).await;
        assert_eq!(answer.status(), 200, "{speech:?} at {api:?}");
        assert_eq!(answer.header("x-purser-attempts"), Some("2"));
        // It is told where no other channel is.
        let alone = [("deaf", speaking(api, &deaf))];
        let sidecar = Sidecar::start(&configuration(&alone)).await;
        let answer = sidecar.ask(speech.call(false)).await;
        assert_eq!(answer.status(), 400, "{speech:?} at {api:?}");
        assert_eq!(deaf.calls(), 2);
    }
    assert_eq!(able.calls(), 3);
}

#[tokio::test]
async fn what_a_provider_does_not_support_is_told_where_no_other_channel_answers() {
    let deaf = Provider::start(Behaviour::json(400, UNSAID_BY_XAI.to_owned()))
        .await
        .unwrap();
    let dead = Provider::start(Behaviour::json(503, "{}".to_owned()))
        .await
        .unwrap();
    let other = Channel {
        priority: 1,
        ..speaking(Api::OpenAI, &dead)
    };
    let channels = [("deaf", speaking(Api::XAI, &deaf)), ("dead", other)];
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    let answer = sidecar.ask(Speech::Chat.call(false)).await;
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.header("x-purser-channel"), Some("shop/deaf"));
    let told = answer.json().await.unwrap();
    let message = "Model grok-4 does not support parameter stop.";
    assert_eq!(told["error"]["message"], message, "{told}");
    assert_eq!(deaf.calls(), 1);
    assert!(dead.calls() > 0);
}

#[tokio::test]
async fn a_fault_of_the_caller_s_is_told_at_once_and_no_other_channel_is_asked() {
    let fault = r#"{"error":{"message":"Invalid value: 'x'.","type":"invalid_request_error","param":"messages","code":"invalid_value"}}"#;
    let deaf = Provider::start(Behaviour::json(400, fault.to_owned()))
        .await
        .unwrap();
    let able = Provider::start(Behaviour::healthy()).await.unwrap();
    let other = Channel {
        priority: 1,
        ..speaking(Api::OpenAI, &able)
    };
    let channels = [("deaf", speaking(Api::XAI, &deaf)), ("able", other)];
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    let answer = sidecar.ask(Speech::Chat.call(false)).await;
    assert_eq!(answer.status(), 400);
    assert_eq!((deaf.calls(), able.calls()), (1, 0));
}

#[tokio::test]
async fn a_body_that_is_not_of_its_api_is_refused_before_any_provider_is_called() {
    let (sidecar, provider) = before(Api::Gemini).await;
    for (speech, body) in [
        (Speech::Chat, r#"{"model":"m","messages":"hello"}"#),
        (
            Speech::Messages,
            r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":7}]}"#,
        ),
    ] {
        let answer = sidecar.ask(speech.ask(false, body)).await;
        assert_eq!(answer.status(), 400, "{speech:?}");
        let told = answer.json().await.unwrap();
        assert!(speech.is_error(400, &told), "{told}");
    }
    assert_eq!(provider.calls(), 0);
}

#[tokio::test]
async fn a_provider_s_refusal_is_told_in_the_caller_s_own_form_and_without_what_is_ours() {
    let says = format!("no such thing for key {CREDENTIAL} in org-AbCdEf0123456789");
    let bodies = [
        (
            Api::OpenAICompatible,
            json!({"error": {"message": says, "type": "invalid_request_error", "param": "messages", "code": "invalid_value"}}),
        ),
        (
            Api::Anthropic,
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": says}, "request_id": "req_theirs"}),
        ),
        (
            Api::Gemini,
            json!({"error": {"code": 400, "message": says, "status": "INVALID_ARGUMENT"}}),
        ),
    ];
    for (api, body) in bodies {
        let refusal = Behaviour::json(400, body.to_string());
        let provider = Provider::start(refusal).await.unwrap();
        let channels = [("one", speaking(api, &provider))];
        let sidecar = Sidecar::start(&configuration(&channels)).await;
        for speech in ALL {
            for stream in [false, true] {
                let answer = sidecar.ask(speech.call(stream)).await;
                assert_eq!(answer.status(), 400, "{speech:?} before {api:?}");
                let told = answer.json().await.unwrap();
                assert!(speech.is_error(400, &told), "{speech:?}: {told}");
                let text = told.to_string();
                assert!(
                    text.contains("no such thing for key [redacted] in [redacted]"),
                    "{text}"
                );
                assert!(!text.contains("req_theirs"), "{text}");
            }
        }
    }
}

/// A status and a body of this API that say that its account or its model is not to be used.
const UNFIT: [(Api, u16, &str); 8] = [
    (
        Api::Anthropic,
        401,
        r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#,
    ),
    (
        Api::Anthropic,
        429,
        r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#,
    ),
    (
        Api::Anthropic,
        404,
        r#"{"type":"error","error":{"type":"not_found_error","message":"model: m"}}"#,
    ),
    (
        Api::Anthropic,
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#,
    ),
    (
        Api::OpenAI,
        400,
        r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: up***56. You can obtain an API key from https://console.x.ai."}"#,
    ),
    (
        Api::Gemini,
        400,
        r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
    ),
    (
        Api::Gemini,
        429,
        r#"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"60s"}]}}"#,
    ),
    (
        Api::Gemini,
        404,
        r#"{"error":{"code":404,"message":"models/m is not found","status":"NOT_FOUND"}}"#,
    ),
];

#[tokio::test]
async fn a_bad_key_a_busy_account_and_an_unknown_model_are_known_in_every_api() {
    let live = Provider::start(Behaviour::healthy()).await.unwrap();
    for (api, code, body) in UNFIT {
        let mut headers = vec![("content-type".into(), "application/json".into())];
        if api == Api::Anthropic {
            headers.push(("retry-after".into(), "60".into()));
        }
        let body = body.to_owned();
        let faulty = Behaviour::Status {
            code,
            headers,
            body,
        };
        let faulty = Provider::start(faulty).await.unwrap();
        let other = Channel {
            priority: 1,
            ..speaking(Api::OpenAICompatible, &live)
        };
        let channels = [("faulty", speaking(api, &faulty)), ("live", other)];
        let sidecar = Sidecar::start(&configuration(&channels)).await;
        for _ in 0..3 {
            let answer = sidecar.ask(Speech::Messages.call(false)).await;
            assert_eq!(answer.status(), 200);
        }
        assert_eq!(faulty.calls(), 1, "{api:?} was asked again after {code}");
    }
}

#[tokio::test]
async fn a_model_that_does_not_converse_is_not_asked_to() {
    for api in APIS {
        let provider = Provider::start(Behaviour::healthy()).await.unwrap();
        let mut one = speaking(api, &provider);
        one.models[0].endpoints = vec![purser_config::Endpoint::Embeddings];
        one.models.push(model("other"));
        let sidecar = Sidecar::start(&configuration(&[("one", one)])).await;
        for speech in ALL {
            let answer = sidecar.ask(speech.call(false)).await;
            assert_eq!(answer.status(), 404, "{speech:?} before {api:?}");
            let told = answer.json().await.unwrap();
            assert!(speech.is_error(404, &told), "{told}");
        }
        assert_eq!(provider.calls(), 0);
    }
}

#[tokio::test]
async fn tokens_are_counted_by_the_caller_s_own_api_or_else_here() {
    let asks = [
        (
            Api::Anthropic,
            "/v1/messages/count_tokens",
            r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#,
            "input_tokens",
        ),
        (
            Api::Gemini,
            "/v1beta/models/m:countTokens",
            r#"{"contents":[{"parts":[{"text":"hello"}]}]}"#,
            "totalTokens",
        ),
    ];
    for (own, path, body, member) in asks {
        for api in [own, Api::OpenAICompatible] {
            let (sidecar, provider) = before(api).await;
            let answer = sidecar.ask(Call::post(path, body).key(KEY)).await;
            assert_eq!(answer.status(), 200, "{path}");
            let counted = answer.json().await.unwrap()[member].as_u64().unwrap();
            assert_eq!(counted == 7, api == own, "{counted}");
            assert!(counted > 0);
            assert_eq!(provider.calls(), u64::from(api == own));
        }
    }
}
