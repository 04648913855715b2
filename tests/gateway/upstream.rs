//! Hostile and broken providers (reliability.md 7, 32 to 36): the call goes to another one, or the answer passes and does
//! no harm.

use super::setup::{KEY, SOON, Sidecar, channel, chat_with_usage, configuration};
use bytes::Bytes;
use purser_config::Channel;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::{Call, End};

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const GOOD: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"good\"}}]}\n\n";

async fn before(first: Behaviour) -> (Sidecar, [Provider; 2]) {
    let first = Provider::start(first).await.unwrap();
    let second = Provider::start(Behaviour::healthy()).await.unwrap();
    let mut one = channel(&first);
    one.timeouts.request_ms = 3_000;
    let other = Channel {
        priority: 1,
        ..channel(&second)
    };
    let sidecar = Sidecar::start(&configuration(&[("one", one), ("other", other)])).await;
    (sidecar, [first, second])
}

fn raw(text: impl Into<Vec<u8>>) -> Behaviour {
    Behaviour::Raw(text.into())
}

fn streams() -> Vec<(&'static str, String)> {
    let long = "x".repeat(3 << 20);
    vec![
        ("an endless line", format!("{EVENTS}data: {long}")),
        (
            "an endless event",
            format!("{EVENTS}{}", "data: x\n".repeat(300_000)),
        ),
        (
            "comments only, then the end",
            format!("{EVENTS}{}", ": ping\n\n".repeat(100)),
        ),
        ("only the last event", format!("{EVENTS}data: [DONE]\n\n")),
    ]
}

fn plain_answers() -> Vec<(&'static str, String)> {
    let json = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let storm = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(10_000);
    vec![
        ("an empty 200", format!("{json}content-length: 0\r\n\r\n")),
        ("no content", "HTTP/1.1 204 No Content\r\n\r\n".into()),
        (
            "a body longer than told",
            format!("{json}content-length: 2\r\n\r\n[1,2,3]"),
        ),
        (
            "a body shorter than told",
            format!("{json}content-length: 20\r\n\r\n{{}}"),
        ),
        (
            "a chunk cut short",
            format!("{json}transfer-encoding: chunked\r\n\r\n20\r\n{{}}"),
        ),
        (
            "packed bytes",
            format!("{json}content-encoding: gzip\r\ncontent-length: 4\r\n\r\n\u{1f}\u{8b}\u{8}"),
        ),
        ("hints without an answer", storm),
        ("another protocol", "SSH-2.0-OpenSSH_9.9\r\n".into()),
        (
            "an upgrade",
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"
                .into(),
        ),
        (
            "two lengths",
            format!("{json}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}"),
        ),
    ]
}

#[tokio::test]
async fn what_no_caller_could_use_goes_to_another_provider() {
    let streams = streams().into_iter().map(|case| (true, case));
    let plain = plain_answers().into_iter().map(|case| (false, case));
    for (stream, (what, answer)) in streams.chain(plain) {
        let (sidecar, [first, second]) = before(raw(answer)).await;
        let answer = sidecar.chat(stream).await;
        let by = answer.header("x-purser-channel").map(str::to_owned);
        assert_eq!(answer.status(), 200, "{what}");
        assert_eq!(by.as_deref(), Some("shop/other"), "{what}");
        assert!(first.calls() > 0 && second.calls() == 1, "{what}");
    }
}

#[tokio::test]
async fn odd_but_whole_streams_pass() {
    let usage = |tokens: &str| {
        format!(
            "data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":{tokens},\"completion_tokens\":{tokens}}}}}\n\n"
        )
    };
    for tail in [
        "data: [DONE]\n\ndata: more\n\n".to_owned(),
        format!("{}{}data: [DONE]\n\n", usage("7"), usage("8")),
        format!("{}data: [DONE]\n\n", usage("1000000000000000000")),
        format!("{}data: [DONE]\n\n", usage("18446744073709551615")),
        format!("{}data: [DONE]\n\n", usage("-5")),
        format!("{}data: [DONE]\n\n", usage("\"many\"")),
        format!("{}data: [DONE]\n\n", usage("1e400")),
        "data: not json\n\ndata: [DONE]\n\n".into(),
    ] {
        let (sidecar, [_first, second]) = before(raw(format!("{EVENTS}{GOOD}{tail}"))).await;
        for _ in 0..2 {
            let answer = sidecar.ask(chat_with_usage()).await;
            let body = answer.body().await.unwrap();
            assert_eq!(body, format!("{GOOD}{tail}"));
        }
        assert_eq!(second.calls(), 0);
        assert_eq!(sidecar.page("/metrics").await.0, 200);
    }
}

#[tokio::test]
async fn usage_that_only_the_sidecar_asked_for_stays_here() {
    let usage =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9}}\n\n";
    let tail = format!("{usage}data: [DONE]\n\n");
    let (sidecar, [first, _second]) = before(raw(format!("{EVENTS}{GOOD}{tail}"))).await;
    let body = sidecar.chat(true).await.body().await.unwrap();
    assert_eq!(body, format!("{GOOD}data: [DONE]\n\n"));
    let sent = String::from_utf8(first.last().unwrap().body.to_vec()).unwrap();
    assert!(
        sent.contains(r#""stream_options":{"include_usage":true}"#),
        "{sent}"
    );
    let metrics = sidecar.page("/metrics").await.1;
    assert!(
        metrics
            .lines()
            .any(|line| line.starts_with("purser_tokens_total") && line.ends_with(" 9")),
        "{metrics}"
    );
    let body = sidecar.ask(chat_with_usage()).await.body().await.unwrap();
    assert_eq!(body, format!("{GOOD}{tail}"));
}

#[tokio::test]
async fn trailers_and_headers_of_a_provider_that_are_not_the_caller_s_stay_here() {
    let body = "transfer-encoding: chunked\r\ntrailer: authorization\r\n\r\n2\r\n{}\r\n0\r\nauthorization: Bearer sk-x\r\n\r\n";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nset-cookie: a=b\r\nopenai-organization: org-1\r\nx-ratelimit-remaining-requests: 3\r\nlocation: http://10.0.0.1/\r\nx-purser-channel: forged\r\nserver: inner\r\n";
    let (sidecar, _providers) = before(raw(format!("{head}{body}"))).await;
    let answer = sidecar.chat(false).await;
    let names: Vec<String> = answer
        .head
        .headers()
        .map(|(name, _)| name.to_owned())
        .collect();
    let expected = [
        "content-length",
        "content-type",
        "date",
        "x-purser-attempts",
        "x-purser-channel",
        "x-purser-model",
        "x-ratelimit-limit-requests",
        "x-ratelimit-limit-tokens",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-requests",
        "x-ratelimit-reset-tokens",
        "x-request-id",
    ];
    let mut sorted = names;
    sorted.sort();
    assert_eq!(sorted, expected);
    assert_eq!(answer.header("x-purser-channel"), Some("shop/one"));
    assert_ne!(answer.header("x-ratelimit-remaining-requests"), Some("3"));
}

#[tokio::test]
async fn an_absurd_wait_is_bounded_or_ignored() {
    let dates = [
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "99999999999999999999",
        "1e300",
    ];
    for wait in ["-5", "soon", "NaN", ""].into_iter().chain(dates) {
        let busy = Behaviour::error(429, "slow_down", "x").with_header("retry-after", wait);
        let provider = Provider::start(busy).await.unwrap();
        let sidecar = Sidecar::start(&configuration(&[("one", channel(&provider))])).await;
        for _ in 0..2 {
            let answer = sidecar.chat(false).await;
            let retry = answer.header("retry-after").unwrap().parse::<u64>();
            let longest = if dates.contains(&wait) { 300 } else { 5 };
            assert!(
                (1..=longest).contains(retry.as_ref().unwrap()),
                "{wait}: {retry:?}"
            );
            assert_eq!(answer.status(), 429, "{wait}");
        }
    }
}

#[tokio::test]
async fn a_prompt_that_speaks_of_money_disables_nothing() {
    let said = "Invalid prompt: 'your credit balance is too low, insufficient_quota, billing'";
    let refusal = Behaviour::error(400, "invalid_request_error", said);
    let (sidecar, [first, second]) = before(refusal).await;
    for _ in 0..10 {
        let answer = sidecar.chat(false).await;
        assert_eq!(answer.status(), 400);
        let told = answer.json().await.unwrap();
        assert_eq!(told["error"]["message"], said);
    }
    assert_eq!((first.calls(), second.calls()), (10, 0));
}

/// The id of an answer that can be gone on from says whose it is; nothing else changes.
fn without_seal(body: Bytes) -> Bytes {
    let text = std::str::from_utf8(&body).unwrap_or_default();
    match text.split_once("resp_1_px") {
        Some((before, after)) => format!("{before}resp_1{}", &after[16..]).into(),
        None => body,
    }
}

#[tokio::test]
async fn every_endpoint_is_carried_to_its_own_path() {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let mut one = channel(&provider);
    use purser_config::Endpoint::{
        Chat, Completions, Embeddings, Images, Moderations, Responses, Speech,
    };
    one.models[0].endpoints = vec![
        Chat,
        Completions,
        Embeddings,
        Images,
        Moderations,
        Responses,
        Speech,
    ];
    let sidecar = Sidecar::start(&configuration(&[("one", one)])).await;
    for path in [
        "chat/completions",
        "completions",
        "responses",
        "embeddings",
        "images/generations",
        "audio/speech",
        "moderations",
    ] {
        let path = format!("/v1/{path}");
        let call = Call::post(&path, r#"{"model":"m","input":"x"}"#);
        let through = sidecar.ask(call.clone().key(KEY)).await;
        assert_eq!(through.status(), 200, "{path}");
        let direct = call.send(provider.address()).await.unwrap();
        assert_eq!(
            through.header("content-type"),
            direct.header("content-type")
        );
        let (came, given) = (through.body().await.unwrap(), direct.body().await.unwrap());
        assert_eq!(without_seal(came), given, "{path}");
        assert_eq!(provider.last().unwrap().path, path);
    }
    for path in ["completions", "responses"] {
        let call = Call::post(&format!("/v1/{path}"), r#"{"model":"m","stream":true}"#).key(KEY);
        let answer = tokio::time::timeout(SOON, sidecar.ask(call)).await.unwrap();
        let stream = answer.stream().await;
        assert!(matches!(stream.end, End::Done | End::Quiet), "{stream:?}");
        assert!(
            stream.errors().is_empty() && stream.events.len() > 3,
            "{stream:?}"
        );
    }
}
