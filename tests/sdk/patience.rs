//! Streams that say nothing for long: after 15 s the gateway answers 200 and keeps the line open with comments, which an SDK must not
//! notice. What comes then is the answer, or an exception; never silence.

use super::caller::{Ask, BOTH, Came, Sdk};
use super::gateway::{Gateway, KEY, channel};
use purser_tests::provider::{Behaviour, Provider};
use std::time::Duration;

/// Longer than the gateway waits before it answers.
const LONG: f64 = 15.5;

/// Both SDKs at the same time, each with a stream that is slow and with one that never begins.
async fn each(gateway: &Gateway) -> [(Sdk, [Came; 2]); 2] {
    let one = async |sdk: Sdk| {
        let ask = |model| [Ask::of("stream", KEY, model)];
        let url = &gateway.base_url;
        let ([slow], [silent]) =
            tokio::join!(sdk.call(url, ask("slow")), sdk.call(url, ask("silent")));
        (sdk, [slow, silent])
    };
    let [python, node] = BOTH;
    let (python, node) = tokio::join!(one(python), one(node));
    [python, node]
}

#[tokio::test]
async fn a_stream_that_keeps_a_caller_waiting_ends_in_an_answer_or_an_exception() {
    let slow = Behaviour::SlowFirstByte(Duration::from_secs_f64(LONG));
    let slow = Provider::start(slow).await.unwrap();
    let silent = Provider::start(Behaviour::AcceptsAndHangs).await.unwrap();
    let channels = [
        channel("slow", &slow, "[{name: slow}]", ""),
        channel(
            "silent",
            &silent,
            "[{name: silent}]",
            "timeouts: {firstByte: 15500ms}",
        ),
    ];
    let gateway = Gateway::start(&channels).await;
    for (sdk, [slow, silent]) in each(&gateway).await {
        assert_eq!(
            slow.returned()["text"],
            "word0 word1 word2 word3 word4 ",
            "{sdk:?}"
        );
        assert_eq!(
            silent.raised(),
            "APIError - first_token_timeout server_error -",
            "{sdk:?}: {silent:?}"
        );
        for came in [slow, silent] {
            assert!(came.seconds() >= LONG, "{sdk:?}: {came:?}");
        }
    }
    gateway.end().await;
}
