//! What one account keeps, named by a later call: it goes to the account that made it, whatever channels and credentials there are, or is
//! refused by name.

use super::setup::{CREDENTIAL, KEY, Sidecar, channel, configuration};
use purser_config::{Channel, Credential, Provider as Api, SecretText};
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use serde_json::{Value, json};

pub(super) const OTHER: &str = "sk-canary-provider-2222222222222222222222222222";

pub(super) fn openai(provider: &Provider, credentials: &[(&str, &str)]) -> Channel {
    let credentials = credentials.iter().map(|(from, value)| Credential {
        from: (*from).into(),
        value: SecretText::new(*value),
    });
    Channel {
        provider: Api::OpenAI,
        credentials: credentials.collect(),
        ..channel(provider)
    }
}

pub(super) fn ask(more: &Value) -> Call {
    let mut body = json!({"model": "m", "input": "x"});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    Call::post("/v1/responses", body.to_string()).key(KEY)
}

/// The answer's id, and who gave it.
pub(super) async fn begun(sidecar: &Sidecar) -> (String, String) {
    let answer = sidecar.ask(ask(&json!({}))).await;
    assert_eq!(answer.status(), 200);
    let by = answer.header("x-purser-channel").unwrap().to_owned();
    let body = answer.json().await.unwrap();
    (body["id"].as_str().unwrap().to_owned(), by)
}

pub(super) fn key_of(provider: &Provider) -> String {
    let seen = provider.last().unwrap();
    seen.header("authorization").unwrap().to_owned()
}

#[tokio::test]
async fn a_later_answer_comes_from_the_channel_that_keeps_the_earlier_one() {
    let one = Provider::start(Behaviour::healthy()).await.unwrap();
    let two = Provider::start(Behaviour::healthy()).await.unwrap();
    let credentials = [("provider/apiKey", CREDENTIAL)];
    let (mut first, second) = (openai(&one, &credentials), openai(&two, &credentials));
    let with = |first: &Channel| configuration(&[("one", first.clone()), ("two", second.clone())]);
    first.priority = 1;
    let sidecar = Sidecar::start(&with(&first)).await;
    let (id, by) = begun(&sidecar).await;
    assert_eq!(by, "shop/two");
    assert_ne!(id, "resp_1", "the caller's id says whose it is");

    first.priority = 0;
    let mut changed = with(&first);
    let second = changed.channels.values_mut().next_back().unwrap();
    second.priority = 9;
    sidecar.write(&changed);
    let moved = async || begun(&sidecar).await.1 == "shop/one";
    while !moved().await {}

    for stream in [false, true] {
        let call = ask(&json!({"previous_response_id": id, "stream": stream}));
        let answer = sidecar.ask(call).await;
        assert_eq!(answer.status(), 200, "stream: {stream}");
        assert_eq!(answer.header("x-purser-channel"), Some("shop/two"));
        assert_eq!(two.last().unwrap().json()["previous_response_id"], "resp_1");
        if stream {
            let stream = format!("{:?}", answer.stream().await);
            assert!(stream.contains(&id), "{stream}");
        } else {
            assert_eq!(answer.json().await.unwrap()["id"], Value::from(id.clone()));
        }
    }
}

#[tokio::test]
async fn and_from_the_same_credential_whatever_turn_it_is() {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let two = [("a/apiKey", CREDENTIAL), ("b/apiKey", OTHER)];
    let sidecar = Sidecar::start(&configuration(&[("one", openai(&provider, &two))])).await;
    let (id, _) = begun(&sidecar).await;
    let made_with = key_of(&provider);
    let mut seen = Vec::new();
    for _ in 0..4 {
        let later = sidecar.ask(ask(&json!({"previous_response_id": id}))).await;
        assert_eq!(later.status(), 200);
        assert_eq!(key_of(&provider), made_with);
        begun(&sidecar).await;
        seen.push(key_of(&provider));
    }
    seen.dedup();
    assert!(seen.len() > 1, "other calls take turns");
}

#[tokio::test]
async fn what_nobody_here_made_goes_where_there_is_one_account_and_else_nowhere() {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let strange = [
        (
            json!({"previous_response_id": "resp_9"}),
            "previous_response_id",
            "resp_9",
        ),
        (json!({"conversation": "conv_9"}), "conversation", "conv_9"),
        (
            json!({"input": [{"type": "item_reference", "id": "msg_9"}]}),
            "input",
            "msg_9",
        ),
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-9"}]}]}),
            "input[0].content[0]",
            "file-9",
        ),
    ];
    let one = [("a/apiKey", CREDENTIAL)];
    let sidecar = Sidecar::start(&configuration(&[("one", openai(&provider, &one))])).await;
    for (more, ..) in &strange {
        assert_eq!(sidecar.ask(ask(more)).await.status(), 200, "{more}");
    }
    let calls = provider.calls();

    let two = [("a/apiKey", CREDENTIAL), ("b/apiKey", OTHER)];
    let sidecar = Sidecar::start(&configuration(&[("one", openai(&provider, &two))])).await;
    let sealed_elsewhere = "resp_9_px0123456789abcdef";
    let gone = (
        json!({"previous_response_id": sealed_elsewhere}),
        "previous_response_id",
        "resp_9",
    );
    for (more, param, id) in strange.iter().chain([&gone]) {
        let answer = sidecar.ask(ask(more)).await;
        assert_eq!(answer.status(), 400, "{more}");
        let body = answer.json().await.unwrap();
        assert_eq!(body["error"]["param"], *param, "{body}");
        assert!(
            body["error"]["message"].as_str().unwrap().contains(id),
            "{body}"
        );
    }
    assert_eq!(provider.calls(), calls, "no provider was asked");
}
