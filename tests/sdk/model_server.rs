//! What a person does who calls a real model through Purser. Used by `local_model` and `kubernetes`, so that both see the same.

use super::caller::{Ask, Came, Sdk};
use super::errors::OVER_RATE;
use purser_tests::model_server;
use serde_json::json;

/// What the caller is given, and what it is to find.
pub(super) struct Promise<'a> {
    pub(super) base_url: &'a str,
    pub(super) key: &'a str,
    /// The plan's requests per minute, none of which is used yet.
    pub(super) rate: usize,
    /// The channel to the real model, NAMESPACE/NAME; a dead one stands before it.
    pub(super) channel: &'a str,
}

/// A chat, which fails over from the dead channel; a stream; and calls until the plan's rate is used up.
pub(super) async fn call_a_real_model(promise: Promise<'_>) {
    let ask = |what| {
        Ask::of(what, promise.key, "smollm2").with(json!({"max_tokens": 16, "temperature": 0}))
    };
    let mut asks = vec![ask("chat"), ask("stream")];
    asks.resize(promise.rate, ask("chat").with(json!({"max_tokens": 1})));
    asks.extend([ask("chat"), ask("stream")]);
    let came = Sdk::Python.calls(promise.base_url, &asks).await;
    let (admitted, refused) = came.split_at(promise.rate);

    let chat = admitted[0].returned();
    assert!(is_speech(&chat["text"]), "{chat}");
    assert!(chat["usage"].as_u64() > Some(1), "{chat}");
    assert_eq!(
        admitted[0].header("x-purser-attempts"),
        Some("2"),
        "the first channel is dead: {:?}",
        admitted[0]
    );

    let stream = admitted[1].returned();
    assert!(
        is_speech(&stream["text"]) && stream["chunks"].as_u64() > Some(3),
        "{stream}"
    );
    assert!(stream["finish"].is_string(), "{stream}");

    for came in admitted {
        came.returned();
        assert_eq!(
            came.header("x-purser-channel"),
            Some(promise.channel),
            "{came:?}"
        );
    }
    refused
        .iter()
        .for_each(|came| check_over_rate(came, promise.rate));
}

/// Whether it has a few letters at least.
pub(super) fn is_speech(text: &serde_json::Value) -> bool {
    text.as_str().is_some_and(model_server::is_speech)
}

fn check_over_rate(came: &Came, rate: usize) {
    assert_eq!(came.raised(), OVER_RATE, "{came:?}");
    assert_eq!(
        came.header("x-ratelimit-limit-requests"),
        Some(rate.to_string().as_str()),
        "{came:?}"
    );
    assert_eq!(
        came.header("x-ratelimit-remaining-requests"),
        Some("0"),
        "{came:?}"
    );
    let wait = came
        .header("retry-after")
        .and_then(|wait| wait.parse().ok());
    assert!(
        wait.is_some_and(|wait: u64| (1..=60).contains(&wait)),
        "{came:?}"
    );
}
