//! Many calls of one application at the same time: none of them waits for another's end, nor for a caller who does not read.

use super::setup::{SOON, Sidecar, channel, chat, configuration};
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::End;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// More than one connection of HTTP/2 is usually let carry.
const MANY: u64 = 300;

async fn before(behaviour: Behaviour) -> (Sidecar, Provider) {
    let provider = Provider::start(behaviour).await.unwrap();
    let all = configuration(&[("one", channel(&provider))]);
    (Sidecar::start(&all).await, provider)
}

#[tokio::test]
async fn three_hundred_calls_are_under_way_at_once() {
    let (sidecar, provider) = before(Behaviour::AcceptsAndHangs).await;
    let address = sidecar.address;
    let mut calls = JoinSet::new();
    for call in 0..MANY {
        calls.spawn(async move { chat(call % 2 == 0).send(address).await });
    }
    // Nobody is answered, so whoever reaches the provider does so while all before it are waiting.
    provider.until_calls(MANY).await.unwrap();
}

#[tokio::test]
async fn callers_who_do_not_read_their_answers_hold_up_nobody_else() {
    let (sidecar, provider) = before(Behaviour::HugeLine(64 << 20)).await;
    let mut unread = Vec::new();
    for _ in 0..4 {
        let answer = sidecar.chat(false).await;
        assert_eq!(answer.status(), 200);
        unread.push(answer);
    }
    provider.set(Behaviour::healthy()).await.unwrap();
    // By the end of it all that may be held of the four is held.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        let other = async { sidecar.chat(true).await.stream().await };
        let other = tokio::time::timeout(SOON, other).await;
        assert_eq!(other.expect("it is held up").end, End::Done);
    }
}
