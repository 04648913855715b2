//! What the SDKs do by themselves after a refusal: they wait as long as they are told to, and leave alone what waiting cannot mend.

use super::caller::{Ask, BOTH, Came, Sdk};
use super::gateway::{Gateway, KEY, POOR, SUSPENDED, channel};
use purser_tests::provider::{Behaviour, Provider, Script};

/// Lets both SDKs make this call at the same time, each through a gateway and a provider of its own.
async fn each(script: Script, more: &str, ask: &Ask) -> [(Sdk, Came, Provider); 2] {
    let one = async |sdk: Sdk| {
        let provider = Provider::start(script.clone()).await.unwrap();
        let gateway = Gateway::start(&[channel("one", &provider, "[{name: m}]", more)]).await;
        let [came] = sdk.call(&gateway.base_url, [ask.clone()]).await;
        (sdk, came, provider)
    };
    let [python, node] = BOTH;
    let (python, node) = tokio::join!(one(python), one(node));
    [python, node]
}

/// Without a header an SDK would be back within a second. Less than 2 s the gateway waits by itself.
#[tokio::test]
async fn a_rate_limited_provider_is_asked_again_when_it_said() {
    let script = Script::from(vec![Behaviour::rate_limited(3), Behaviour::healthy()]);
    let ask = Ask::of("chat", KEY, "m").retries(1);
    for (sdk, came, provider) in each(script, "", &ask).await {
        came.returned();
        assert!((2.5..10.0).contains(&came.seconds()), "{sdk:?}: {came:?}");
        assert_eq!(provider.calls(), 2, "{sdk:?}");
        let calls = provider.log();
        let apart = calls[1].at - calls[0].at;
        assert!(apart.as_secs_f64() >= 2.5, "{sdk:?}: {apart:?}");
    }
}

#[tokio::test]
async fn a_channel_that_cools_down_is_waited_for() {
    let script = Script::from(vec![
        Behaviour::status(500),
        Behaviour::status(500),
        Behaviour::healthy(),
    ]);
    let more = "health: {consecutiveFailures: 1, cooldown: 3s}";
    let ask = Ask::of("stream", KEY, "m").retries(2);
    for (sdk, came, _) in each(script, more, &ask).await {
        assert_eq!(
            came.returned()["text"],
            "word0 word1 word2 word3 word4 ",
            "{sdk:?}"
        );
        assert!((2.0..15.0).contains(&came.seconds()), "{sdk:?}: {came:?}");
    }
}

/// By itself the Node SDK would wait these 200 s.
#[tokio::test]
async fn a_wait_that_nobody_would_sit_out_is_not_retried() {
    let ask = Ask::of("chat", KEY, "m").retries(2);
    for (sdk, came, provider) in each(Behaviour::rate_limited(200).into(), "", &ask).await {
        let expected = "RateLimitError 429 upstream_rate_limited requests -";
        assert_eq!(came.raised(), expected, "{sdk:?}: {came:?}");
        assert_eq!(
            came.header("x-should-retry"),
            Some("false"),
            "{sdk:?}: {came:?}"
        );
        assert!(came.seconds() < 5.0, "{sdk:?}: {came:?}");
        assert_eq!(provider.calls(), 1, "{sdk:?}");
    }
}

#[tokio::test]
async fn a_suspended_key_is_told_once() {
    let ask = Ask::of("chat", SUSPENDED, "m").retries(2);
    for (sdk, came, provider) in each(Behaviour::healthy().into(), "", &ask).await {
        assert_eq!(came["status"], 403, "{sdk:?}: {came:?}");
        assert_eq!(
            came.header("x-should-retry"),
            Some("false"),
            "{sdk:?}: {came:?}"
        );
        assert!(came.seconds() < 5.0, "{sdk:?}: {came:?}");
        assert_eq!(provider.calls(), 0, "{sdk:?}");
    }
}

/// Neither SDK has a class for 402, which is why it is not 429: they would try that again and again.
#[tokio::test]
async fn a_key_without_credits_is_told_once_and_costs_its_provider_nothing() {
    for stream in ["chat", "stream"] {
        let ask = Ask::of(stream, POOR, "m").retries(2);
        for (sdk, came, provider) in each(Behaviour::healthy().into(), "", &ask).await {
            let class = match sdk {
                Sdk::Python => "APIStatusError",
                Sdk::Node => "APIError",
            };
            let expected = format!("{class} 402 insufficient_quota insufficient_quota -");
            assert_eq!(came.raised(), expected, "{sdk:?}: {came:?}");
            assert_eq!(
                came.header("x-should-retry"),
                Some("false"),
                "{sdk:?}: {came:?}"
            );
            assert!(came.seconds() < 5.0, "{sdk:?}: {came:?}");
            assert_eq!(provider.calls(), 0, "{sdk:?}");
        }
    }
}
