//! No channel works: what callers are told, and how soon it ends once one is back.

use super::setup::{KEY, Sidecar, channel, chat, configuration};
use purser_config::Channel;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::{Answer, Call};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

struct Pair {
    one: Provider,
    other: Provider,
    sidecar: Sidecar,
}

async fn pair(one: Behaviour, other: Behaviour, with: impl Fn(&mut Channel)) -> Pair {
    let (one, other) = (
        Provider::start(one).await.unwrap(),
        Provider::start(other).await.unwrap(),
    );
    let mut channels = [("one", channel(&one)), ("other", channel(&other))];
    channels.iter_mut().for_each(|(_, channel)| with(channel));
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    Pair {
        one,
        other,
        sidecar,
    }
}

async fn told(answer: Answer) -> (u16, String, Option<u64>) {
    let retry = answer
        .header("retry-after")
        .map(|text| text.parse().unwrap());
    let status = answer.status();
    let body = answer.json().await.unwrap();
    let code = body["error"]["code"].as_str().unwrap().to_owned();
    (status, code, retry)
}

#[tokio::test]
async fn with_both_channels_dead_callers_are_told_when_to_come_back() {
    let pair = pair(Behaviour::Refuses, Behaviour::Refuses, |_| {}).await;
    for stream in [false, true, false, true, false, true] {
        let (status, code, retry) = told(pair.sidecar.chat(stream).await).await;
        assert_eq!((status, code.as_str()), (503, "upstream_unavailable"));
        assert!((1..=60).contains(&retry.unwrap()), "{retry:?}");
    }
    let models = pair.sidecar.models().await;
    assert_eq!(models, ["m"], "a short outage hides nothing");
}

#[tokio::test]
async fn the_status_says_how_the_last_channel_failed() {
    for (fault, status, code) in [
        (Behaviour::status(500), 502, "upstream_unavailable"),
        (Behaviour::status(503), 503, "upstream_unavailable"),
        (Behaviour::status(504), 504, "upstream_unavailable"),
        (Behaviour::Html200, 502, "bad_upstream_response"),
        (Behaviour::bad_credential(), 503, "upstream_unavailable"),
        (Behaviour::out_of_money(), 503, "upstream_unavailable"),
        (Behaviour::unknown_model(), 404, "model_not_found"),
    ] {
        let pair = pair(fault.clone(), fault.clone(), |_| {}).await;
        for call in 0..4 {
            let answer = pair.sidecar.chat(call % 2 == 1).await;
            let (found, named, _) = told(answer).await;
            let known = [(status, code), (503, "upstream_unavailable")];
            let first = [(status, code)];
            let expected = if call == 0 { &first[..] } else { &known[..] };
            assert!(
                expected.contains(&(found, named.as_str())),
                "{fault:?} call {call}: {found} {named}"
            );
        }
    }
}

#[tokio::test]
async fn a_model_that_no_provider_knows_is_not_asked_for_again_and_again() {
    let unknown = Behaviour::unknown_model();
    let pair = pair(unknown.clone(), unknown, |_| {}).await;
    for _ in 0..10 {
        let (status, code, _) = told(pair.sidecar.chat(false).await).await;
        assert_eq!((status, code.as_str()), (404, "model_not_found"));
    }
    assert_eq!(pair.one.calls() + pair.other.calls(), 2);
}

#[tokio::test]
async fn with_all_channels_rate_limited_callers_wait_for_the_first_to_come_back() {
    let (slow, quick) = (Behaviour::rate_limited(40), Behaviour::rate_limited(7));
    let pair = pair(slow, quick, |_| {}).await;
    for _ in 0..5 {
        let (status, code, retry) = told(pair.sidecar.chat(false).await).await;
        assert_eq!((status, code.as_str()), (429, "upstream_rate_limited"));
        assert!((5..=7).contains(&retry.unwrap()), "{retry:?}");
    }
    let calls = (pair.one.calls(), pair.other.calls());
    assert_eq!(calls, (1, 1), "a pause that was asked for is kept");
}

#[tokio::test]
async fn a_channel_that_returns_is_used_again_within_its_cooldown() {
    let longest = Duration::from_millis(1_000);
    let down = Behaviour::status(500);
    let pair = pair(down.clone(), down, |channel| {
        channel.health.cooldown_ms = 500;
        channel.health.max_cooldown_ms = 60_000;
    })
    .await;
    // Many at once fail together; that must not lengthen the cooldown as if each had been a probe.
    let address = pair.sidecar.address;
    let mut calls: JoinSet<_> = (0..64)
        .map(|_| async move { chat(false).send(address).await.unwrap().status() })
        .collect();
    while let Some(status) = calls.join_next().await {
        assert!(status.unwrap() >= 500);
    }
    pair.one.set(Behaviour::healthy()).await.unwrap();
    let models = pair.sidecar.models().await;
    assert_eq!(models, ["m"], "a short outage hides nothing");
    let back = Instant::now();
    while pair.sidecar.chat(false).await.status() != 200 {
        assert!(back.elapsed() < longest, "still out after {longest:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let by = pair.sidecar.chat(false).await;
    assert_eq!(by.header("x-purser-channel"), Some("shop/one"));
}

#[tokio::test]
async fn a_model_whose_channels_are_out_for_a_minute_is_gone_until_one_returns() {
    let down = Behaviour::Refuses;
    let pair = pair(down.clone(), down, |channel| {
        channel.health.cooldown_ms = 3_000;
        channel.health.max_cooldown_ms = 3_000;
    })
    .await;
    let begun = Instant::now();
    let gone = loop {
        let answer = pair.sidecar.chat(false).await;
        if answer.status() == 404 {
            break answer;
        }
        assert_eq!(answer.status(), 503);
        assert!(begun.elapsed() < Duration::from_secs(70), "still 503");
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    assert!(begun.elapsed() >= Duration::from_secs(60));
    assert_eq!(gone.header("x-should-retry"), Some("true"));
    let (_, code, retry) = told(gone).await;
    assert_eq!(code, "model_not_found");
    assert!((1..=60).contains(&retry.unwrap()));
    assert_eq!(pair.sidecar.models().await, Vec::<String>::new());
    let one = pair.sidecar.ask(Call::get("/v1/models/m").key(KEY)).await;
    assert_eq!(one.status(), 404);
    pair.other.set(Behaviour::healthy()).await.unwrap();
    let back = Instant::now();
    while pair.sidecar.chat(true).await.status() != 200 {
        assert!(back.elapsed() < Duration::from_secs(4), "still out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(pair.sidecar.models().await, ["m"]);
}
