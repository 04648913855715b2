//! One of two channels fails, in every way that a provider can: no call does. Each fault is met twice, once with circuits
//! that shut and probe, once with circuits that never do, so that every call runs into the fault.

use super::setup::{Sidecar, channel, chat, configuration, scaled, storm};
use purser_config::{Channel, Health, SecretText};
use purser_tests::load::{self, Length, Load, Pace, Target};
use purser_tests::provider::{Behaviour, Provider, Script};
use std::time::{Duration, Instant};

const CALLS: usize = 2_000;
/// Nothing shuts such a circuit but refused connections, pauses and bad accounts.
const NEVER: Health = Health {
    consecutive_failures: 1_000_000,
    min_requests: 1_000_000,
    success_rate_percent: 0,
    cooldown_ms: 1,
    max_cooldown_ms: 1,
};

async fn survives(fault: Behaviour) {
    let faulty = Provider::start(fault).await.unwrap();
    for health in [channel(&faulty).health, NEVER] {
        let first = Channel {
            health,
            ..channel(&faulty)
        };
        calls_reach_the_other(first, CALLS / 2).await;
    }
}

/// Waits cost the few calls that find out; the others must not wait.
async fn survives_silence(fault: Behaviour) {
    let faulty = Provider::start(fault).await.unwrap();
    let mut first = channel(&faulty);
    first.timeouts.first_byte_ms = 500;
    first.timeouts.request_ms = 2_000;
    first.health.cooldown_ms = 1_000;
    first.health.max_cooldown_ms = 60_000;
    calls_reach_the_other(first, CALLS).await;
    assert!(faulty.counts().connections > 0, "the fault was never met");
}

async fn calls_reach_the_other(first: Channel, calls: usize) {
    let live = Provider::start(Behaviour::healthy()).await.unwrap();
    let second = Channel {
        priority: 1,
        ..channel(&live)
    };
    let channels = [("faulty", first), ("live", second)];
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    storm(sidecar.address, scaled(calls), "shop/live").await;
}

fn raw(text: &str) -> Behaviour {
    Behaviour::Raw(text.as_bytes().to_vec())
}

#[tokio::test]
async fn a_channel_that_refuses_connections_fails_no_call() {
    survives(Behaviour::Refuses).await;
}

#[tokio::test]
async fn a_channel_that_resets_connections_fails_no_call() {
    survives(raw("")).await;
}

#[tokio::test]
async fn a_channel_that_accepts_and_hangs_fails_no_call() {
    survives_silence(Behaviour::AcceptsAndHangs).await;
}

#[tokio::test]
async fn a_channel_that_answers_500_fails_no_call() {
    survives(Behaviour::status(500)).await;
}

#[tokio::test]
async fn a_channel_that_answers_503_or_529_fails_no_call() {
    survives(Behaviour::status(503).with_header("retry-after", "1")).await;
    survives(Behaviour::status(529)).await;
}

#[tokio::test]
async fn a_channel_that_answers_429_fails_no_call() {
    survives(Behaviour::rate_limited(1)).await;
    survives(Behaviour::error(429, "slow_down", "later")).await;
}

#[tokio::test]
async fn a_channel_with_a_bad_credential_fails_no_call() {
    survives(Behaviour::bad_credential()).await;
}

#[tokio::test]
async fn a_channel_without_money_fails_no_call() {
    survives(Behaviour::out_of_money()).await;
    survives(Behaviour::error(402, "payment_required", "top up")).await;
}

#[tokio::test]
async fn a_channel_that_does_not_know_the_model_fails_no_call() {
    survives(Behaviour::unknown_model()).await;
}

#[tokio::test]
async fn a_channel_that_answers_200_with_an_error_fails_no_call() {
    survives(Behaviour::StreamErrorFirst).await;
}

#[tokio::test]
async fn a_channel_with_an_empty_stream_fails_no_call() {
    survives(Behaviour::EmptyStream).await;
}

#[tokio::test]
async fn a_channel_that_dies_within_its_headers_fails_no_call() {
    survives(Behaviour::DiesInHeaders).await;
}

#[tokio::test]
async fn a_channel_that_cuts_its_body_short_fails_no_call() {
    survives(Behaviour::TruncatedBody).await;
}

#[tokio::test]
async fn a_channel_that_answers_with_a_web_page_fails_no_call() {
    survives(Behaviour::Html200).await;
}

#[tokio::test]
async fn a_channel_with_broken_json_fails_no_call() {
    survives(Behaviour::json(
        200,
        r#"{"choices": [{"message": {"content": "wor"#,
    ))
    .await;
}

#[tokio::test]
async fn a_channel_that_redirects_fails_no_call_and_is_not_followed() {
    let inner = Provider::start(Behaviour::healthy()).await.unwrap();
    let place = format!("{}/chat/completions", inner.url());
    survives(Behaviour::Redirect(307, place)).await;
    assert_eq!(inner.calls(), 0);
}

#[tokio::test]
async fn a_channel_with_a_huge_or_endless_head_fails_no_call() {
    let long = "x".repeat(70 << 10);
    let body = "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    survives(raw(&format!("HTTP/1.1 200 OK\r\nx-long: {long}\r\n{body}"))).await;
    let many: String = (0..101).map(|at| format!("x-{at}: 1\r\n")).collect();
    survives(raw(&format!("HTTP/1.1 200 OK\r\n{many}{body}"))).await;
}

#[tokio::test]
async fn a_channel_that_pings_for_ever_fails_no_call() {
    survives_silence(Behaviour::PingsOnly(Duration::from_millis(20))).await;
}

#[tokio::test]
async fn a_channel_that_hangs_after_the_role_fails_no_call() {
    survives_silence(Behaviour::RoleOnlyThenHang).await;
}

#[tokio::test]
async fn a_channel_that_fails_in_every_way_by_turns_fails_no_call_on_kept_connections() {
    let faults = [
        Behaviour::healthy(),
        Behaviour::status(500),
        Behaviour::status(503),
        Behaviour::Refuses,
        Behaviour::DiesInHeaders,
        Behaviour::TruncatedBody,
        Behaviour::StreamErrorFirst,
        Behaviour::EmptyStream,
        Behaviour::Html200,
        raw("HTTP/1.1 200 OK\r\n"),
    ];
    let script = Script::Chance {
        seed: 5,
        choices: faults.map(|fault| (1, fault)).to_vec(),
    };
    let (faulty, live) = (
        Provider::start(script),
        Provider::start(Behaviour::healthy()),
    );
    let (faulty, live) = (faulty.await.unwrap(), live.await.unwrap());
    let mut channels = [("faulty", channel(&faulty)), ("live", channel(&live))];
    channels[0].1.health = NEVER;
    channels[1].1.priority = 1;
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    for stream in [false, true] {
        let target = Target {
            address: sidecar.address,
            request: chat(stream).bytes(sidecar.address),
            stream,
        };
        let load = Load {
            connections: 32,
            pace: Pace::Closed,
            length: Length::Calls(scaled(CALLS / 2) as u64),
        };
        let report = load::run(&target, &load).await.unwrap();
        assert_eq!(report.failed(), 0, "{:?}", report.outcomes);
    }
    assert!(
        faulty.calls() > scaled(500) as u64,
        "the faults were hardly met"
    );
}

/// Rows 2 and 3: what was not looked at is sent again, and needs no other channel.
#[tokio::test]
async fn a_sole_channel_that_closes_its_connections_after_each_answer_fails_no_call() {
    let body = r#"{"choices":[{"message":{"role":"assistant","content":"word0"}}]}"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
    let answer = raw(&format!("{head}: {}\r\n\r\n{body}", body.len()));
    let sole = Provider::start(answer).await.unwrap();
    let sidecar = Sidecar::start(&configuration(&[("sole", channel(&sole))])).await;
    let target = Target {
        address: sidecar.address,
        request: chat(false).bytes(sidecar.address),
        stream: false,
    };
    let load = Load {
        connections: 16,
        pace: Pace::Closed,
        length: Length::Calls(scaled(CALLS) as u64),
    };
    let report = load::run(&target, &load).await.unwrap();
    assert_eq!(report.failed(), 0, "{:?}", report.outcomes);
}

/// A provider that does these one after another, and a channel to it with one more credential.
async fn with_two_credentials(script: Vec<Behaviour>) -> (Provider, Channel) {
    let provider = Provider::start(script).await.unwrap();
    let mut channel = channel(&provider);
    let mut second = channel.credentials[0].clone();
    second.value = SecretText::new("sk-second");
    channel.credentials.push(second);
    (provider, channel)
}

#[tokio::test]
async fn a_sole_channel_is_asked_once_more_however_many_credentials_it_has() {
    for fault in [Behaviour::status(500), Behaviour::DiesInHeaders] {
        let (provider, sole) = with_two_credentials(vec![fault, Behaviour::healthy()]).await;
        let sidecar = Sidecar::start(&configuration(&[("sole", sole)])).await;
        assert_eq!(sidecar.chat(false).await.status(), 200);
        assert_eq!(provider.calls(), 2);
    }
}

#[tokio::test]
async fn a_busy_credential_is_waited_for_only_when_no_other_works() {
    let script = vec![Behaviour::rate_limited(2), Behaviour::healthy()];
    let (_provider, sole) = with_two_credentials(script).await;
    let sidecar = Sidecar::start(&configuration(&[("sole", sole)])).await;
    let begun = Instant::now();
    assert_eq!(sidecar.chat(false).await.status(), 200);
    assert!(begun.elapsed() < Duration::from_secs(2), "waited");

    let script = vec![
        Behaviour::bad_credential(),
        Behaviour::healthy(),
        Behaviour::rate_limited(1),
        Behaviour::healthy(),
    ];
    let (provider, sole) = with_two_credentials(script).await;
    let sidecar = Sidecar::start(&configuration(&[("sole", sole)])).await;
    assert_eq!(sidecar.chat(false).await.status(), 200);
    let begun = Instant::now();
    assert_eq!(sidecar.chat(false).await.status(), 200);
    assert!(begun.elapsed() >= Duration::from_secs(1), "did not wait");
    assert_eq!(provider.calls(), 4);
}

#[tokio::test]
async fn a_channel_is_asked_once_more_when_the_others_are_shut() {
    let faults = [
        Behaviour::status(503),
        Behaviour::rate_limited(1),
        Behaviour::DiesInHeaders,
    ];
    for fault in faults {
        let first = Provider::start(vec![Behaviour::healthy(), fault, Behaviour::healthy()]);
        let (first, shut) = (
            first.await.unwrap(),
            Provider::start(Behaviour::bad_credential()).await.unwrap(),
        );
        let mut channels = [("first", channel(&first)), ("shut", channel(&shut))];
        // The one that refuses its credential is met first, and is shut for minutes from then on.
        channels[0].1.priority = 1;
        let sidecar = Sidecar::start(&configuration(&channels)).await;
        for _ in 0..2 {
            assert_eq!(sidecar.chat(false).await.status(), 200);
        }
        assert_eq!((first.calls(), shut.calls()), (3, 1));
    }
}

#[tokio::test]
async fn a_403_for_content_is_the_callers_and_leaves_the_credential_in_use() {
    let moderated = Behaviour::json(
        403,
        r#"{"error":{"code":403,"message":"Your input was flagged","metadata":{"reasons":["violence"],"flagged_input":"..."}}}"#,
    );
    let policy = Behaviour::error(403, "content_policy_violation", "not that");
    for fault in [moderated, policy] {
        let provider = Provider::start(vec![fault, Behaviour::healthy()]);
        let (provider, other) = (
            provider.await.unwrap(),
            Provider::start(Behaviour::healthy()),
        );
        let other = other.await.unwrap();
        let mut channels = [("one", channel(&provider)), ("other", channel(&other))];
        channels[1].1.priority = 1;
        let sidecar = Sidecar::start(&configuration(&channels)).await;
        assert_eq!(sidecar.chat(false).await.status(), 403);
        assert_eq!(sidecar.chat(false).await.status(), 200);
        assert_eq!((provider.calls(), other.calls()), (2, 0));
    }
}

#[tokio::test]
async fn any_other_403_sets_the_credential_or_the_model_aside() {
    for code in [
        "permission_denied",
        "insufficient_quota",
        "model_not_found",
        "unsupported_country_region_territory",
    ] {
        let provider = Provider::start(Behaviour::error(403, code, "content policy, moderation"));
        let (provider, other) = (
            provider.await.unwrap(),
            Provider::start(Behaviour::healthy()),
        );
        let other = other.await.unwrap();
        let mut channels = [("one", channel(&provider)), ("other", channel(&other))];
        channels[1].1.priority = 1;
        let sidecar = Sidecar::start(&configuration(&channels)).await;
        for _ in 0..3 {
            assert_eq!(sidecar.chat(false).await.status(), 200);
        }
        assert_eq!((provider.calls(), other.calls()), (1, 3), "{code}");
    }
}

#[tokio::test]
async fn a_bad_credential_is_set_aside_and_the_good_one_of_the_same_channel_is_used() {
    let script = vec![Behaviour::bad_credential(), Behaviour::healthy()];
    let (provider, sole) = with_two_credentials(script).await;
    let sidecar = Sidecar::start(&configuration(&[("sole", sole)])).await;
    for _ in 0..10 {
        assert_eq!(sidecar.chat(false).await.status(), 200);
    }
    let log = provider.log();
    let keys: Vec<_> = log
        .iter()
        .filter_map(|call| call.header("authorization"))
        .collect();
    assert_eq!(keys.len(), 11);
    assert!(keys[1..].iter().all(|key| *key != keys[0]), "{keys:?}");
}
