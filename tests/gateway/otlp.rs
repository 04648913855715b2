//! What a collector of OpenTelemetry is told of calls: by which names, whose child each span is, and nothing that is anybody's secret. The
//! collector is a fake that keeps what it is sent; its documents are read by the letter of OTLP's JSON.

use super::metrics::{SHOP_KEY, manifests};
use super::setup::{CREDENTIAL, KEY, SOON, Sidecar, channel, chat, configuration};
use super::shared::not_here;
use purser_config::Channel;
use purser_tests::process::Process;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use serde_json::Value;
use std::net::SocketAddr;

const PROMPT: &str = "canary-of-a-prompt";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

async fn collector(behaviour: Behaviour) -> (Provider, String) {
    let collector = Provider::start(behaviour).await.unwrap();
    let address = format!("http://{}", collector.address());
    (collector, address)
}

fn takes() -> Behaviour {
    Behaviour::json(200, "{}")
}

/// All documents that came to this path.
fn documents(collector: &Provider, path: &str) -> Vec<Value> {
    let log = collector.log();
    let here = log.iter().filter(|one| one.path == path);
    let documents = here.map(|one| {
        assert_eq!(one.method, "POST");
        assert_eq!(one.header("content-type"), Some("application/json"));
        one.json()
    });
    documents.collect()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a Vec<Value> {
    let found = value.pointer(pointer).and_then(Value::as_array);
    found.unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

fn spans(collector: &Provider) -> Vec<Value> {
    let documents = documents(collector, "/v1/traces");
    let all = documents.iter().flat_map(|document| {
        let of = &list(document, "/resourceSpans/0/resource/attributes")[0];
        assert_eq!(of["value"]["stringValue"], "purser", "{of}");
        list(document, "/resourceSpans/0/scopeSpans/0/spans")
    });
    all.cloned().collect()
}

/// The spans without a parent among these, oldest first; those below each follow by `below`.
fn calls(spans: &[Value]) -> Vec<&Value> {
    let mut calls: Vec<&Value> = spans.iter().filter(|span| span["kind"] == 2).collect();
    calls.sort_by_key(|span| nanos(&span["startTimeUnixNano"]));
    calls
}

fn below<'a>(spans: &'a [Value], call: &Value) -> Vec<&'a Value> {
    let of = |span: &&Value| span["parentSpanId"] == call["spanId"];
    let below: Vec<&Value> = spans.iter().filter(of).collect();
    for span in &below {
        assert_eq!(
            (&span["kind"], &span["traceId"]),
            (&3.into(), &call["traceId"])
        );
        let overlap = [(call, *span), (*span, call)];
        for (first, then) in overlap {
            assert!(nanos(&first["startTimeUnixNano"]) <= nanos(&then["endTimeUnixNano"]));
        }
    }
    below
}

fn nanos(moment: &Value) -> u64 {
    moment.as_str().unwrap().parse().unwrap()
}

/// What an attribute says, as text.
fn said(of: &Value, name: &str) -> String {
    let mut all = list(of, "/attributes").iter();
    let found = all.find(|one| one["key"] == name);
    let value = found.map_or(&Value::Null, |one| &one["value"]);
    let text = value["stringValue"].as_str().or(value["intValue"].as_str());
    text.unwrap_or_default().to_owned()
}

fn says(of: &Value, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(said(of, name), *value, "{name} of {of}");
    }
}

/// A busy channel before a good one.
async fn before(busy: Behaviour, collector: &str) -> (Sidecar, [Provider; 2]) {
    let first = Provider::start(busy).await.unwrap();
    let second = Provider::start(Behaviour::healthy()).await.unwrap();
    let other = Channel {
        priority: 1,
        ..channel(&second)
    };
    let all = configuration(&[("one", channel(&first)), ("other", other)]);
    let sidecar = Sidecar::start_with(&all, &["--otlp", collector]).await;
    (sidecar, [first, second])
}

fn traced(stream: bool, flags: &str) -> Call {
    let parent = format!("00-{TRACE}-{CALLER}-{flags}");
    Call::chat("m", PROMPT, stream)
        .key(KEY)
        .header("traceparent", &parent)
}

const GOOD: [(&str, &str); 10] = [
    ("gen_ai.operation.name", "chat"),
    ("gen_ai.provider.name", "openai_compatible"),
    ("gen_ai.request.model", "m"),
    ("gen_ai.response.model", "m"),
    ("gen_ai.usage.input_tokens", "7"),
    ("gen_ai.usage.output_tokens", "5"),
    ("server.address", "127.0.0.1"),
    ("error.type", ""),
    ("purser.key", "shop/key"),
    ("purser.channel", "shop/other"),
];

/// Of a call that failed at the first channel, and not at the second, whose port this is.
fn went_on(spans: &[Value], call: &Value, port: &str) {
    let parent = (call["traceId"].as_str(), call["parentSpanId"].as_str());
    assert_eq!(parent, (Some(TRACE), Some(CALLER)));
    assert_eq!(call["name"], "chat m");
    assert_eq!(call["status"], serde_json::json!({}));
    says(call, &GOOD);
    says(call, &[("server.port", port)]);
    let attempts = below(spans, call);
    let [failed, good] = attempts[..] else {
        panic!("{attempts:#?}")
    };
    let busy = [("error.type", "failed"), ("purser.channel", "shop/one")];
    says(failed, &busy);
    says(failed, &[("http.response.status_code", "503")]);
    assert_eq!(failed["status"]["code"], 2);
    let whole = [("error.type", ""), ("purser.channel", "shop/other")];
    says(good, &whole);
    says(
        good,
        &[("http.response.status_code", "200"), ("server.port", port)],
    );
    says(good, &[("gen_ai.usage.output_tokens", "")]);
}

#[tokio::test]
async fn a_span_is_its_caller_s_child_and_has_its_attempts_below_it() {
    let (collector, address) = collector(takes()).await;
    let (mut sidecar, [first, second]) = before(Behaviour::status(503), &address).await;
    for call in [traced(false, "01"), traced(true, "01"), traced(false, "00")] {
        let answer = sidecar.ask(call).await;
        assert_eq!(answer.status(), 200);
        answer.body().await.unwrap();
    }
    let refuses = Behaviour::error(400, "invalid_request_error", "no");
    first.set(refuses).await.unwrap();
    let refused = sidecar.chat(false).await;
    assert_eq!(refused.status(), 400);
    refused.body().await.unwrap();
    assert!(sidecar.process.end(SOON).await.unwrap().success());

    let spans = spans(&collector);
    let calls = calls(&spans);
    let [one, other, own] = calls[..] else {
        panic!("of four one was not sampled: {calls:#?}")
    };
    for call in [one, other] {
        went_on(&spans, call, &second.address().port().to_string());
    }
    assert!(own["parentSpanId"].is_null() && own["traceId"] != TRACE);
    says(
        own,
        &[("error.type", "400"), ("http.response.status_code", "400")],
    );
    assert_eq!(
        (&own["status"]["code"], below(&spans, own).len()),
        (&2.into(), 1)
    );
}

#[tokio::test]
async fn a_refused_call_has_a_span_without_attempts_that_says_why() {
    let (collector, address) = collector(takes()).await;
    let (mut sidecar, _providers) = before(Behaviour::healthy(), &address).await;
    let unknown = Call::chat(PROMPT, PROMPT, false).key(KEY);
    for call in [unknown, Call::post("/v1/chat/completions", "{").key(KEY)] {
        sidecar.ask(call).await.body().await.unwrap();
    }
    assert!(sidecar.process.end(SOON).await.unwrap().success());
    let spans = spans(&collector);
    let calls = calls(&spans);
    let [unknown, broken] = calls[..] else {
        panic!("{calls:#?}")
    };
    for (call, code, status) in [
        (unknown, "model_not_found", "404"),
        (broken, "invalid_json", "400"),
    ] {
        assert_eq!(call["name"], "chat");
        assert!(below(&spans, call).is_empty());
        says(
            call,
            &[
                ("error.type", code),
                ("http.response.status_code", status),
                ("purser.key", "shop/key"),
                ("gen_ai.usage.input_tokens", ""),
            ],
        );
    }
    let told = serde_json::to_string(&spans).unwrap();
    assert!(!told.contains(PROMPT), "{told}");
}

/// The points of a histogram that came last.
fn points(collector: &Provider, name: &str) -> Vec<Value> {
    let documents = documents(collector, "/v1/metrics");
    let last = documents.last().unwrap();
    let metrics = list(last, "/resourceMetrics/0/scopeMetrics/0/metrics");
    let found = metrics.iter().find(|one| one["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no {name} in {last}"));
    assert_eq!(found["histogram"]["aggregationTemporality"], 2);
    let points = list(found, "/histogram/dataPoints");
    for point in points {
        let counts = list(point, "/bucketCounts").iter().map(nanos);
        assert_eq!(counts.sum::<u64>(), nanos(&point["count"]), "{point}");
        assert_eq!(
            list(point, "/bucketCounts").len(),
            list(point, "/explicitBounds").len() + 1
        );
        assert!(["m", ""].contains(&said(point, "gen_ai.request.model").as_str()));
    }
    points.clone()
}

#[tokio::test]
async fn histograms_have_the_conventions_names_and_count_calls_that_are_not_sampled() {
    let (collector, address) = collector(takes()).await;
    let (mut sidecar, _providers) = before(Behaviour::healthy(), &address).await;
    for call in [traced(false, "01"), traced(true, "00"), chat(true)] {
        sidecar.ask(call).await.body().await.unwrap();
    }
    assert!(sidecar.process.end(SOON).await.unwrap().success());
    let count = |name: &str| {
        let points = points(&collector, name);
        points
            .iter()
            .map(|point| nanos(&point["count"]))
            .sum::<u64>()
    };
    assert_eq!(count("gen_ai.client.operation.duration"), 3);
    assert_eq!(
        count("gen_ai.server.time_to_first_token"),
        2,
        "streams have one"
    );
    let tokens = points(&collector, "gen_ai.client.token.usage");
    for (kind, sum) in [("input", 21.0), ("output", 15.0)] {
        let mut of = tokens
            .iter()
            .filter(|point| said(point, "gen_ai.token.type") == kind);
        assert_eq!(of.next().unwrap()["sum"], sum, "{kind}");
    }
}

#[tokio::test]
async fn nothing_that_is_told_is_a_secret_a_prompt_or_an_answer() {
    let (collector, address) = collector(takes()).await;
    let (mut sidecar, [first, _second]) = before(Behaviour::status(500), &address).await;
    let quoted = format!("Incorrect API key provided: {CREDENTIAL}");
    for behaviour in [
        Behaviour::error(401, "invalid_api_key", &quoted),
        Behaviour::error(400, CREDENTIAL, &quoted),
        Behaviour::healthy(),
    ] {
        first.set(behaviour).await.unwrap();
        for stream in [false, true] {
            sidecar
                .ask(traced(stream, "01"))
                .await
                .body()
                .await
                .unwrap();
        }
    }
    assert!(sidecar.process.end(SOON).await.unwrap().success());
    assert!(spans(&collector).len() >= 6);
    for one in collector.log() {
        let told = String::from_utf8(one.body.to_vec()).unwrap();
        for secret in [KEY, CREDENTIAL, "canary", "word0", "Incorrect"] {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
    }
}

#[tokio::test]
async fn a_collector_that_takes_nothing_delays_no_call_and_what_it_missed_is_counted() {
    let (_collector, address) = collector(Behaviour::status(503)).await;
    let (sidecar, _providers) = before(Behaviour::healthy(), &address).await;
    for _ in 0..3 {
        let answer = sidecar.chat(false).await;
        assert_eq!(answer.status(), 200);
        answer.body().await.unwrap();
    }
    let missed = r#"purser_otlp_dropped_total{reason="failed"} 3"#;
    let counted = async {
        while !sidecar.page("/metrics").await.1.contains(missed) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, counted).await.unwrap();
    assert_eq!(sidecar.chat(true).await.status(), 200);
}

#[tokio::test]
async fn purser_up_tells_the_same() {
    let (collector, address) = collector(takes()).await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("shop.yaml"), manifests(&provider)).unwrap();
    let path = files.path().to_str().unwrap();
    let here = "127.0.0.1:0";
    let arguments = [
        "up", "-f", path, "--listen", here, "--admin", here, "--otlp", &address,
    ];
    not_here();
    let mut process = Process::ours("purser", arguments).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let serves = process
        .until_prints(&format!("purser {version} serves http://"), SOON)
        .await
        .unwrap();
    let gateway: SocketAddr = serves.split('/').next().unwrap().parse().unwrap();
    let call = Call::chat("m", PROMPT, false).key(SHOP_KEY);
    assert_eq!(call.send(gateway).await.unwrap().status(), 200);
    assert!(process.end(SOON).await.unwrap().success());
    let spans = spans(&collector);
    let [call] = calls(&spans)[..] else {
        panic!("{spans:#?}")
    };
    says(
        call,
        &[
            ("purser.key", "shop/one"),
            ("purser.plan", "metered"),
            ("purser.attempts", "1"),
        ],
    );
    assert_eq!(below(&spans, call).len(), 1);
}
