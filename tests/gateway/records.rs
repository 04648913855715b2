//! One usage record a call, with every field that a bill, a dispute or a dashboard asks for, and never a word of the body. Through
//! `purser up`; read from its ledger once the process has ended.

use super::setup::SOON;
use super::shared::not_here;
use purser_authority::ledger::{Filter, Ledger};
use purser_config::usage::{End, Fault, Record};
use purser_config::{Endpoint, Name};
use purser_tests::process::Process;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const KEY: &str = "sk-records0-0123456789abcdefghijklmnopqrstuv";
const SECRET: &str = "canary-of-a-prompt";
/// Input 7 and output 5 tokens, as the provider reports them, at 3 and 15 credits a million.
const PRICE: u64 = 7 * 3 + 5 * 15;
/// What the channel's owner pays for the same: 1 and 2 a million.
const COST: u64 = 7 + 5 * 2;

/// A busy channel before a good one, under another name for the model, which has another name yet at its provider.
fn manifests(busy: &Provider, good: &Provider) -> String {
    let channel = |name: &str, url: &str, priority: u32| {
        format!(
            "---\napiVersion: purser.dev/v1alpha1\nkind: ProviderChannel\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{provider: OpenAICompatible, baseURL: '{url}', priority: {priority}, models: [{{name: m, upstreamName: vendor-m, aliases: [nick], cost: {{perMillionTokens: {{input: '1', output: '2'}}}}}}]}}\n"
        )
    };
    format!(
        "apiVersion: purser.dev/v1alpha1\nkind: Plan\nmetadata: {{name: metered}}\nspec: {{models: {{allow: ['*']}}, maxOutputTokens: 50, credits: {{grant: '100'}}, prices: [{{models: ['*'], perMillionTokens: {{input: '3', output: '15'}}}}]}}\n---\n\
         apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {{name: one, namespace: shop}}\nspec: {{plan: metered}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: one-key, namespace: shop}}\nstringData: {{apiKey: {KEY}}}\n{}{}",
        channel("busy", &busy.url(), 0),
        channel("good", &good.url(), 1),
    )
}

/// `purser up` on these folders, and the address that it serves.
pub(super) async fn up(files: &Path, data: &Path) -> (Process, SocketAddr) {
    let (process, address, _) = up_with_admin(files, data).await;
    (process, address)
}

/// The same, and the address of its admin port.
pub(super) async fn up_with_admin(files: &Path, data: &Path) -> (Process, SocketAddr, SocketAddr) {
    let arguments = [
        ["-f", files.to_str().unwrap()],
        ["--data-dir", data.to_str().unwrap()],
        ["--listen", "127.0.0.1:0"],
        ["--admin", "127.0.0.1:0"],
    ];
    let arguments = ["up"].into_iter().chain(arguments.into_iter().flatten());
    not_here();
    let mut process = Process::ours("purser", arguments).unwrap();
    let serves = async |process: &Process| {
        let printed = process.stdout();
        let (_, rest) = printed.split_once(" serves http://")?;
        let (address, rest) = rest.split_once("/v1  (admin http://")?;
        let (admin, _) = rest.split_once(')')?;
        Some((address.parse().ok()?, admin.parse().ok()?))
    };
    let served = process.until("the address it serves", SOON, serves).await;
    let (address, admin) = served.unwrap();
    (process, address, admin)
}

fn call(stream: bool, more: Value) -> Call {
    let mut body = json!({
        "model": "nick",
        "stream": stream,
        "user": "team:search|run:7| nonsense |who: me ",
        "messages": [{"role": "user", "content": SECRET}],
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    Call::post("/v1/chat/completions", body.to_string()).key(KEY)
}

/// Sends it, reads all of its answer, and says its id and its status.
async fn sent(address: SocketAddr, call: Call) -> (String, u16) {
    let answer = call.send(address).await.unwrap();
    let id = answer.header("x-request-id").unwrap().to_owned();
    let status = answer.status();
    let _ = answer.body().await;
    (id, status)
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// All records, and the ledger that has them.
pub(super) async fn read(data: &std::path::Path) -> (Ledger, Vec<Record>) {
    let ledger = Ledger::sqlite(&data.join("ledger.db")).await.unwrap();
    let filter = Filter {
        limit: 100,
        ..Filter::default()
    };
    let records = ledger.records(filter).await.unwrap();
    (ledger, records)
}

#[tokio::test]
async fn a_record_has_every_field_of_its_call_and_nothing_of_its_body() {
    let busy = Provider::start(Behaviour::status(503)).await.unwrap();
    let good = Provider::start(Behaviour::healthy()).await.unwrap();
    let [files, data] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let written = manifests(&busy, &good);
    std::fs::write(files.path().join("shop.yaml"), written).unwrap();
    let (mut process, address) = up(files.path(), data.path()).await;
    let before = now_ms();
    let plain = sent(address, call(false, json!({}))).await;
    let stream = sent(address, call(true, json!({}))).await;
    let slow = Behaviour::SlowFirstByte(Duration::from_millis(80));
    good.set(slow).await.unwrap();
    let slow = sent(address, call(true, json!({}))).await;
    good.set(Behaviour::Raw(without_usage())).await.unwrap();
    let estimated = sent(address, call(true, json!({}))).await;
    good.set(Behaviour::DiesMidStream(2)).await.unwrap();
    let broken = sent(address, call(true, json!({}))).await;
    good.set(Behaviour::status(500)).await.unwrap();
    let failed = sent(address, call(false, json!({}))).await;
    let refused = sent(address, call(false, json!({"model": "nobody"}))).await;
    let after = now_ms();
    assert!(process.end(SOON).await.unwrap().success());

    let (ledger, records) = read(data.path()).await;
    assert_eq!(records.len(), 6, "what is refused has none: {records:?}");
    assert!(records.iter().all(|one| one.id != refused.0));
    let of = |(id, _): &(String, u16)| records.iter().find(|one| one.id == *id).unwrap();
    for one in &records {
        common(one, (before, after));
    }
    let (first, second) = (of(&plain), of(&stream));
    assert_eq!((first.attempts, first.stream), (2, false));
    assert_eq!((first.status, first.end), (200, End::Done));
    assert_eq!(lost(first), [("shop/busy", Fault::Failed, Some(503))]);
    for one in [first, second, of(&slow)] {
        assert_eq!((one.tokens.input, one.tokens.output), (7, 5), "{one:?}");
        assert!(!one.estimated, "reported: {one:?}");
        assert_eq!((one.credits, one.cost), (PRICE, COST), "{one:?}");
    }
    assert!(second.stream);
    let slow = of(&slow);
    let first_ms = slow.first_ms.unwrap();
    assert!((80..=slow.latency_ms).contains(&first_ms), "{slow:?}");
    assert_eq!((of(&broken).end, of(&broken).status), (End::Broken, 200));
    guessed(of(&estimated));
    cost_nothing(of(&failed), failed.1);
    let account = ledger.accounts(after).await.unwrap();
    let paid: u64 = records.iter().map(|one| one.credits).sum();
    assert_eq!(account[&Name::new("shop", "one")].credits_used, paid);
    assert_eq!(ledger.verify().await.unwrap(), []);
    nowhere(data.path());
}

#[tokio::test]
async fn what_an_attempt_used_that_gave_nothing_is_its_channels_waste_and_no_part_of_the_price() {
    let events = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":0,\"total_tokens\":9}}\n\ndata: {\"error\":{\"code\":503,\"message\":\"overloaded\"}}\n\n";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close";
    let behaviour = Behaviour::Raw(format!("{head}\r\n\r\n{events}").into_bytes());
    let busy = Provider::start(behaviour).await.unwrap();
    let good = Provider::start(Behaviour::healthy()).await.unwrap();
    let [files, data] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    std::fs::write(files.path().join("shop.yaml"), manifests(&busy, &good)).unwrap();
    let (mut process, address) = up(files.path(), data.path()).await;
    let (id, status) = sent(address, call(true, json!({}))).await;
    assert_eq!(status, 200);
    assert!(process.end(SOON).await.unwrap().success());
    let (_, records) = read(data.path()).await;
    let one = records.iter().find(|one| one.id == id).unwrap();
    let waste: Vec<_> = one.waste.iter().collect();
    assert_eq!(
        waste,
        [(&Name::new("shop", "busy"), &9)],
        "9 tokens at 1 a million"
    );
    assert_eq!((one.credits, one.cost), (PRICE, COST), "{one:?}");
}

/// An answer of a provider that knows no such option as usage.
fn without_usage() -> Vec<u8> {
    let events = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"some words of an answer\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let length = events.len();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close";
    format!("{head}\r\ncontent-length: {length}\r\n\r\n{events}").into_bytes()
}

fn guessed(one: &Record) {
    assert!(one.estimated, "{one:?}");
    assert!(one.tokens.output > 0 && one.tokens.input > 0);
    assert!(one.credits > 0, "{one:?}");
}

fn cost_nothing(one: &Record, status: u16) {
    let last = lost(one).last().copied();
    assert_eq!(last, Some(("shop/good", Fault::Failed, Some(500))));
    assert_eq!((one.end, one.status), (End::Failed, status));
    assert_eq!((one.credits, one.cost, one.first_ms), (0, 0, None));
}

/// The attempts that gave nothing, each within its call and after the one before.
fn lost(one: &Record) -> Vec<(&str, Fault, Option<u16>)> {
    let mut until = 0;
    for failure in &one.failures {
        assert!(failure.at_ms >= until, "{one:?}");
        until = failure.at_ms + failure.took_ms;
    }
    assert!(until <= one.latency_ms, "{one:?}");
    let lost = one.failures.iter();
    lost.map(|failure| (failure.channel.as_str(), failure.fault, failure.status))
        .collect()
}

/// What all of them have in common.
fn common(one: &Record, (before, after): (u64, u64)) {
    assert_eq!(
        (one.key.to_string(), one.plan.as_str()),
        ("shop/one".into(), "metered")
    );
    assert_eq!(one.endpoint, Endpoint::Chat);
    assert_eq!(
        (one.asked.as_str(), one.served.as_str()),
        ("nick", "vendor-m")
    );
    let channel = one.channel.as_ref().map(ToString::to_string);
    assert_eq!(channel.as_deref(), Some("shop/good"), "{one:?}");
    assert_eq!(one.reservation.as_deref(), Some(one.id.as_str()));
    assert!((before..=after).contains(&one.began_ms), "{one:?}");
    assert!(
        one.attempts >= 1 && one.latency_ms <= after - before,
        "{one:?}"
    );
    let labels: Vec<_> = one.user_metadata.iter().collect();
    let wanted = [("run", "7"), ("team", "search"), ("who", "me")];
    let labels: Vec<_> = labels
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(labels, wanted);
    assert!(!serde_json::to_string(one).unwrap().contains(SECRET));
}

/// The prompt is in no file that outlives the process.
fn nowhere(folder: &Path) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            nowhere(&path);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let found = memchr::memmem::find(&bytes, SECRET.as_bytes());
        assert_eq!(found, None, "{}", path.display());
    }
}
