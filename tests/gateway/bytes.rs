//! Bytes pass as they are, in both directions, and only where they belong.

use super::setup::{CREDENTIAL, KEY, Sidecar, channel, configuration, model};
use purser_config::Endpoint;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use purser_tests::wire::{LAST_CHUNK, chunk};
use std::time::Duration;

/// Bodies that a gateway which parses and prints again would change.
const ODD: [&str; 6] = [
    r#"{ "z":1,	"a" : [ ] ,"model":"m", "unknown_member":{"b":null,"a":{}} }"#,
    r#"{"model":"m","n":1e2,"x":1E999,"y":-0.0,"z":123456789012345678901234567890,"w":1.10}"#,
    r#"{"model":"m","messages":[{"role":"user","content":"\u00e9\ud83d\ude00\/ é 😀 \u0000"}]}"#,
    r#"{"mod\u0065l":"m","messages":[]}"#,
    "{\r\n\"messages\":[{\"a\":1,\"a\":2}],\r\n\"model\":\"\\u006d\"}",
    r#"{"model":"m","base_url":"http://127.0.0.1:1","api_base":"http://127.0.0.1:1","extra_headers":{"x":"y"},"user_config":{}}"#,
];

async fn echo(with: impl Fn(&mut purser_config::Channel)) -> (Sidecar, Provider) {
    let provider = Provider::start(Behaviour::Echo).await.unwrap();
    let mut one = channel(&provider);
    with(&mut one);
    let sidecar = Sidecar::start(&configuration(&[("one", one)])).await;
    (sidecar, provider)
}

fn post(body: impl Into<bytes::Bytes>) -> Call {
    Call::post("/v1/chat/completions", body).key(KEY)
}

#[tokio::test]
async fn a_body_passes_untouched_and_so_does_its_answer() {
    let (sidecar, provider) = echo(|_| {}).await;
    for body in ODD {
        let answer = sidecar.ask(post(body)).await;
        assert_eq!(answer.status(), 200, "{body}");
        assert_eq!(answer.body().await.unwrap(), body);
        assert_eq!(provider.last().unwrap().body, body);
    }
}

#[tokio::test]
async fn only_the_model_changes_where_the_provider_calls_it_otherwise() {
    let (sidecar, provider) =
        echo(|channel| channel.models[0].upstream_name = Some("up/\"stream".into())).await;
    for body in ODD {
        assert_eq!(sidecar.ask(post(body)).await.status(), 200, "{body}");
        let [before, after] = ["\"m\"", "\"\\u006d\""].map(|name| body.rfind(name));
        let (at, length) = before.map_or_else(|| (after.unwrap(), 8), |at| (at, 3));
        let mut expected = body.to_owned();
        expected.replace_range(at..at + length, r#""up/\"stream""#);
        assert_eq!(provider.last().unwrap().body, expected);
    }
}

#[tokio::test]
async fn what_names_no_model_to_moderate_with_goes_to_openais_default() {
    let (sidecar, provider) = echo(|channel| {
        let one = &mut channel.models[0];
        one.name = "omni-moderation-latest".into();
        one.upstream_name = Some("up".into());
        one.endpoints = vec![Endpoint::Moderations];
    })
    .await;
    let call = Call::post("/v1/moderations", r#"{ "input":"x" }"#).key(KEY);
    assert_eq!(sidecar.ask(call).await.status(), 200);
    let seen = provider.last().unwrap();
    assert_eq!(seen.path, "/v1/moderations");
    assert_eq!(seen.body, r#"{"model":"up", "input":"x" }"#);
}

#[tokio::test]
async fn a_form_passes_untouched_but_for_its_model() {
    let form = |name: &str| {
        let sound = "\u{0}\u{1}--xy\r\n-xyz--\r\n\"";
        format!(
            "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n{sound}\r\n\
             --xyz\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n{name}\r\n--xyz--\r\n"
        )
    };
    for upstream in ["m", "whisper-large"] {
        let (sidecar, provider) = echo(|channel| {
            channel.models[0].endpoints = vec![Endpoint::Transcriptions];
            channel.models[0].upstream_name = Some(upstream.into());
        })
        .await;
        let kind = "multipart/form-data; boundary=xyz";
        let call = Call::post("/v1/audio/transcriptions", form("m"));
        let mut text = String::from_utf8(call.bytes(sidecar.address).to_vec()).unwrap();
        text = text.replace("application/json", kind);
        text = text.replacen("\r\n", &format!("\r\nauthorization: Bearer {KEY}\r\n"), 1);
        let answer = super::hostile::exchange(sidecar.address, text.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with(&form(upstream)), "{answer}");
        let seen = provider.last().unwrap();
        assert_eq!(seen.body, form(upstream));
        assert_eq!(seen.header("content-type"), Some(kind));
    }
}

/// Headers that a provider must not see, or not as they are, and two that it may.
fn not_ours(evil: &str) -> Vec<(&'static str, String)> {
    let url = format!("http://{evil}/");
    let host = format!("host={evil}");
    [
        ("openai-organization", "org-mine"),
        ("openai-project", "proj"),
        ("cookie", "a=b"),
        ("x-forwarded-host", evil),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-original-url", "/admin"),
        ("x-rewrite-url", &url),
        ("forwarded", &host),
        ("x-purser-channel", evil),
        ("proxy-authorization", "Basic eDp5"),
        ("te", "trailers"),
        ("keep-alive", "timeout=5"),
        ("x-api-key", KEY),
        ("api-key", KEY),
        ("accept-encoding", "gzip, br"),
        ("idempotency-key", "idem-1"),
        ("user-agent", "OpenAI/Python 2.0"),
        ("connection", "authorization, x-api-key, keep-alive"),
    ]
    .map(|(name, value): (_, &str)| (name, value.to_owned()))
    .to_vec()
}

#[tokio::test]
async fn what_is_not_the_provider_s_business_stays_here() {
    let (sidecar, provider) = echo(|_| {}).await;
    let elsewhere = Provider::start(Behaviour::healthy()).await.unwrap();
    let evil = elsewhere.address().to_string();
    let mut call = post(format!(
        r#"{{"model":"m","api_base":"http://{evil}","base_url":"http://{evil}/v1"}}"#
    ));
    for (name, value) in not_ours(&evil) {
        call = call.header(name, &value);
    }
    let answer = sidecar.ask(call).await;
    assert_eq!(answer.status(), 200);
    let seen = provider.last().unwrap();
    let mut names: Vec<String> = seen
        .headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    names.sort();
    let expected = "accept-encoding authorization content-length content-type host idempotency-key user-agent x-request-id";
    assert_eq!(names.join(" "), expected);
    let bearer = format!("Bearer {CREDENTIAL}");
    assert_eq!(seen.header("authorization"), Some(bearer.as_str()));
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(
        seen.header("host"),
        Some(provider.address().to_string().as_str())
    );
    assert_eq!(seen.path, "/v1/chat/completions");
    assert!(!String::from_utf8_lossy(&seen.body).contains("canary"));
    let query = Call::post(
        &format!("/v1/chat/completions?base_url=http://{evil}&api-version=1&key={KEY}"),
        r#"{"model":"m"}"#,
    );
    assert_eq!(sidecar.ask(query).await.status(), 200);
    assert_eq!(provider.last().unwrap().path, "/v1/chat/completions");
    assert_eq!(elsewhere.counts().connections, 0);
}

#[tokio::test]
async fn a_stream_s_bytes_pass_untouched_however_they_are_cut() {
    let events = ": hello\n\ndata:{\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\r\n\r\nid: 7\nevent: x\ndata: {\"choices\": [ {\"delta\":{\"content\":\"é😀\"} } ],\ndata:  \"odd\":1e999}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\r\rretry: 10\n\ndata: [DONE]\n\n";
    for size in [1, 2, 3, 7, 64, events.len()] {
        let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n".to_vec();
        events
            .as_bytes()
            .chunks(size)
            .for_each(|piece| bytes.extend(chunk(piece)));
        bytes.extend(LAST_CHUNK);
        let provider = Provider::start(Behaviour::Raw(bytes)).await.unwrap();
        let sidecar = Sidecar::start(&configuration(&[("one", channel(&provider))])).await;
        let answer = sidecar.chat(true).await;
        assert_eq!(
            answer.header("content-type"),
            Some("text/event-stream; charset=utf-8")
        );
        assert_eq!(answer.body().await.unwrap(), events, "in pieces of {size}");
    }
}

#[tokio::test]
async fn a_plain_answer_passes_byte_by_byte_too() {
    let slow = Behaviour::Trickle(Duration::from_micros(50));
    let provider = Provider::start(slow).await.unwrap();
    let sidecar = Sidecar::start(&configuration(&[("one", channel(&provider))])).await;
    let through = sidecar.chat(false).await.body().await.unwrap();
    let direct = super::setup::chat(false).send(provider.address()).await;
    assert_eq!(through, direct.unwrap().body().await.unwrap());
}

#[tokio::test]
async fn an_answer_of_64_mib_passes_in_constant_memory() {
    let provider = Provider::start(Behaviour::HugeLine(64 << 20))
        .await
        .unwrap();
    let sidecar = Sidecar::start(&configuration(&[("one", channel(&provider))])).await;
    let answer = sidecar.chat(false).await;
    // A caller who reads late: what comes meanwhile must wait at the provider.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let body = answer.body().await.unwrap();
    assert!(body.len() > 64 << 20 && body.ends_with(b"}]}"));
    let peak = sidecar.memory("VmHWM");
    println!("64 MiB answer: peak {peak} KiB");
    assert!(peak < 40 << 10, "{peak} KiB");
}

#[tokio::test]
async fn a_body_of_10_mib_passes_once_and_one_of_33_mib_does_not() {
    let (sidecar, provider) = echo(|channel| channel.models.push(model("other"))).await;
    let body = |mib: usize| format!(r#"{{"model":"m","input":"{}"}}"#, "x".repeat(mib << 20));
    let small = sidecar.ask(post(body(1))).await;
    assert_eq!(
        (small.status(), small.header("x-purser-replay")),
        (200, None)
    );
    let large = sidecar.ask(post(body(10))).await;
    assert_eq!(large.header("x-purser-replay"), Some("off"));
    assert_eq!(
        (large.status(), large.body().await.unwrap()),
        (200, body(10).into())
    );
    assert_eq!(provider.last().unwrap().body, body(10));
    for _ in 0..5 {
        let refused = sidecar.ask(post(body(33))).await;
        assert_eq!(refused.status(), 413);
        let told = refused.json().await.unwrap();
        assert_eq!(told["error"]["code"], "request_too_large");
    }
    assert_eq!(provider.calls(), 2);
}
