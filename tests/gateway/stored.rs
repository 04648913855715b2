//! What is asked about an answer that one account keeps, and the thoughts of a conversation that are given back: it goes to that account, or
//! goes on without them.

use super::kept::{OTHER, ask, begun, key_of, openai};
use super::setup::{CREDENTIAL, KEY, Sidecar, channel, configuration, plan};
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use serde_json::json;

/// What is kept, read, listed, cancelled and deleted: by which method, below which path.
const VISITS: [(&str, &str); 4] = [
    ("GET", ""),
    ("GET", "/input_items"),
    ("POST", "/cancel"),
    ("DELETE", ""),
];

fn visit(method: &str, id: &str, below: &str) -> Call {
    let call = Call::get(&format!("/v1/responses/{id}{below}"));
    call.method(method).key(KEY)
}

#[tokio::test]
async fn what_is_kept_is_asked_of_the_account_that_keeps_it() {
    let one = Provider::start(Behaviour::healthy()).await.unwrap();
    let two = Provider::start(Behaviour::healthy()).await.unwrap();
    let credentials = [("a/apiKey", CREDENTIAL), ("b/apiKey", OTHER)];
    let (mut first, second) = (openai(&one, &credentials), openai(&two, &credentials));
    first.priority = 1;
    let channels = [("one", first), ("two", second)];
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    let (id, _) = begun(&sidecar).await;
    let made_with = key_of(&two);
    let kept = r#"{"id":"resp_1","object":"response","previous_response_id":"resp_0","usage":{"input_tokens":7,"output_tokens":5,"total_tokens":12}}"#;
    two.set(Behaviour::json(200, kept)).await.unwrap();
    for (method, below) in VISITS {
        for _ in 0..2 {
            let answer = sidecar.ask(visit(method, &id, below)).await;
            assert_eq!(answer.status(), 200, "{method} {below}");
            assert_eq!(answer.header("x-purser-channel"), Some("shop/two"));
            assert_eq!(answer.header("x-purser-model"), None, "nobody knows which");
            let body = answer.json().await.unwrap();
            assert_eq!(body["id"], id.as_str());
            let earlier = body["previous_response_id"].as_str().unwrap();
            assert_eq!(earlier, id.replace("resp_1", "resp_0"));
            let seen = two.last().unwrap();
            let place = format!("/v1/responses/resp_1{below}");
            assert_eq!(
                (seen.method.as_str(), seen.path.as_str()),
                (method, place.as_str())
            );
            assert!(seen.body.is_empty());
            assert_eq!(key_of(&two), made_with);
        }
    }
    assert_eq!(one.calls(), 0);
    let query = "?include[]=a&stream=false&other=x&api-version=1";
    sidecar.ask(visit("GET", &id, query)).await;
    assert_eq!(
        two.last().unwrap().path,
        "/v1/responses/resp_1?include[]=a&stream=false"
    );
}

#[tokio::test]
async fn what_is_kept_comes_once_more_as_a_stream() {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let one = [("a/apiKey", CREDENTIAL)];
    let sidecar = Sidecar::start(&configuration(&[("one", openai(&provider, &one))])).await;
    let (id, _) = begun(&sidecar).await;
    let events = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\"}}\n\n";
    let stream = Behaviour::Status {
        code: 200,
        headers: vec![("content-type".into(), "text/event-stream".into())],
        body: events.into(),
    };
    provider.set(stream).await.unwrap();
    let answer = sidecar.ask(visit("GET", &id, "?stream=true")).await;
    assert_eq!(answer.body().await.unwrap(), events.replace("resp_1", &id));
}

#[tokio::test]
async fn what_is_not_kept_here_is_told_by_whoever_knows() {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let one = [("a/apiKey", CREDENTIAL)];
    let sidecar = Sidecar::start(&configuration(&[("one", openai(&provider, &one))])).await;
    let missing = r#"{"error":{"message":"Response with id 'resp_9' not found.","type":"not_found_error","param":null,"code":null}}"#;
    provider.set(Behaviour::json(404, missing)).await.unwrap();
    let answer = sidecar.ask(visit("GET", "resp_9", "")).await;
    assert_eq!(answer.status(), 404);
    assert!(
        answer.json().await.unwrap()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("resp_9")
    );
    provider.set(Behaviour::healthy()).await.unwrap();
    assert_eq!(
        sidecar.ask(ask(&json!({}))).await.status(),
        200,
        "the model is not blamed"
    );
    let calls = provider.calls();

    for (method, path, status) in [
        ("PUT", "/v1/responses/resp_9", 405),
        ("GET", "/v1/responses/resp_9/cancel", 405),
        ("GET", "/v1/responses/resp_9/other", 404),
        ("GET", "/v1/responses/resp_9%2F..%2Fx", 404),
        ("GET", "/v1/responses/resp_9_px0123456789abcdef", 400),
    ] {
        let answer = sidecar.ask(Call::get(path).method(method).key(KEY)).await;
        assert_eq!(answer.status(), status, "{method} {path}");
    }
    let two = [("a/apiKey", CREDENTIAL), ("b/apiKey", OTHER)];
    let several = Sidecar::start(&configuration(&[("one", openai(&provider, &two))])).await;
    let nowhere = Sidecar::start(&configuration(&[("one", channel(&provider))])).await;
    for sidecar in [&several, &nowhere] {
        let answer = sidecar.ask(visit("DELETE", "resp_9", "")).await;
        assert_eq!(answer.status(), 400);
        assert_eq!(
            answer.json().await.unwrap()["error"]["param"],
            "response_id"
        );
    }
    assert_eq!(provider.calls(), calls, "no provider was asked");
}

#[tokio::test]
async fn a_failed_answer_that_is_kept_is_given_without_what_is_ours() {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let one = [("a/apiKey", CREDENTIAL)];
    let sidecar = Sidecar::start(&configuration(&[("one", openai(&provider, &one))])).await;
    let failed = r#"{"id":"resp_1","object":"response","status":"failed","error":{"code":"server_error","message":"of org-AbCdEf0123456789"},"output":[]}"#;
    provider.set(Behaviour::json(200, failed)).await.unwrap();
    let answer = sidecar.ask(visit("GET", "resp_1", "")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.json().await.unwrap()["error"]["message"],
        "of [redacted]"
    );
}

/// An answer with a thought, as a provider gives it, and the items of a conversation that gives it back.
const THOUGHT: &str = r#"{"id":"resp_1","object":"response","output":[{"type":"reasoning","id":"rs_1","summary":[]},{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"hi"}]}],"usage":{"input_tokens":7,"output_tokens":5,"total_tokens":12}}"#;

#[tokio::test]
async fn thoughts_go_back_to_the_account_that_keeps_them_and_to_no_other() {
    let one = Provider::start(Behaviour::json(200, THOUGHT))
        .await
        .unwrap();
    let two = Provider::start(Behaviour::json(200, THOUGHT))
        .await
        .unwrap();
    let credentials = [("a/apiKey", CREDENTIAL), ("b/apiKey", OTHER)];
    let channels = [
        ("one", openai(&one, &credentials)),
        ("two", openai(&two, &credentials)),
    ];
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    let answer = sidecar.ask(ask(&json!({}))).await;
    let by = answer.header("x-purser-channel").unwrap().to_owned();
    let (keeps, other) = if by == "shop/one" {
        (&one, &two)
    } else {
        (&two, &one)
    };
    let made_with = key_of(keeps);
    let output = answer.json().await.unwrap()["output"].clone();
    let id = output[0]["id"].as_str().unwrap();
    assert!(id.starts_with("rs_1_px"), "{output}");
    assert_eq!(output[1]["id"], "msg_1");
    let mut input = output.as_array().unwrap().clone();
    input.push(json!({"role": "user", "content": "and?"}));
    let again = json!({"input": input});
    for _ in 0..6 {
        let answer = sidecar.ask(ask(&again)).await;
        assert_eq!(answer.header("x-purser-channel"), Some(by.as_str()));
        assert_eq!(answer.header("x-purser-removed"), None);
        let sent = keeps.last().unwrap().json()["input"].clone();
        assert_eq!(
            (&sent[0]["id"], &sent[1]["id"]),
            (&json!("rs_1"), &json!("msg_1"))
        );
        assert_eq!(key_of(keeps), made_with);
    }
    assert_eq!(other.calls(), 0);

    let named = json!({"input": [{"type": "item_reference", "id": id}]});
    sidecar.ask(ask(&named)).await;
    assert_eq!(keeps.last().unwrap().json()["input"][0]["id"], "rs_1");
    assert_eq!(key_of(keeps), made_with);

    keeps.set(Behaviour::status(500)).await.unwrap();
    let answer = sidecar.ask(ask(&again)).await;
    assert_eq!(answer.status(), 200);
    let removed = answer.header("x-purser-removed");
    assert_eq!(removed, Some("reasoning-state"));
    let sent = other.last().unwrap().json()["input"].clone();
    assert_eq!(sent[0]["id"], "msg_1", "the thought stays behind: {sent}");
}

#[tokio::test]
async fn nothing_is_written_in_the_background_for_who_is_limited_by_tokens() {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let one = [("a/apiKey", CREDENTIAL)];
    let mut all = configuration(&[("one", openai(&provider, &one))]);
    let behind = json!({"background": true});
    let free = Sidecar::start(&all).await;
    assert_eq!(free.ask(ask(&behind)).await.status(), 200);
    let mut limited = plan(&["*"]);
    limited.tokens_per_minute = Some(1_000);
    limited.max_output_tokens = Some(100);
    all.plans.insert("open".into(), limited);
    let sidecar = Sidecar::start(&all).await;
    let answer = sidecar.ask(ask(&behind)).await;
    assert_eq!(answer.status(), 400);
    let body = answer.json().await.unwrap();
    assert_eq!(body["error"]["param"], "background", "{body}");
    assert_eq!(provider.calls(), 1);
}
