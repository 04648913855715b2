//! The same for one process that is everything: `purser up` with a data directory.

use super::callers::{Callers, Door};
use super::oracle::{Watch, judge, now_ms};
use super::parts::REST;
use super::plans::{KEYS, Key, answers};
use super::scale_out::only_as_promised;
use purser_authority::ledger::Ledger;
use purser_tests::figures::{figure, soak};
use purser_tests::process::Process;
use purser_tests::provider::Provider;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

const NAMESPACE: &str = "shop";
/// From one kill to the next, with calls enough for the while.
const EVERY: Duration = Duration::from_secs(3);
const CALLS_A_KILL: u32 = 1_000;
/// Where the ledger is in the data directory, and how long a dead process's calls are waited for there.
const LEDGER: &str = "ledger.db";
const KEPT_MS: u64 = 15 * 60_000;

fn value(key: Key) -> String {
    format!("sk-up-{}-7Qm2xV9bT4kR8nZ3wY6dJ5fH1cL0pS2g", key.name())
}

fn manifests(provider: &Provider) -> String {
    let object = |kind: &str, metadata: &str, spec: &str| {
        format!(
            "apiVersion: purser.dev/v1alpha1\nkind: {kind}\nmetadata: {{{metadata}}}\nspec: {{{spec}}}\n---\n"
        )
    };
    let url = provider.url();
    let spec = format!("provider: OpenAICompatible, baseURL: \"{url}\", models: [{{name: m}}]");
    let named = |name: &str| format!("name: {name}, namespace: {NAMESPACE}");
    let mut all = object("ProviderChannel", &named("live"), &spec);
    for key in KEYS {
        let (name, value) = (key.name(), value(key));
        all += &object("Plan", &format!("name: {name}"), &key.spec());
        let secret = named(&format!("{name}-key"));
        all += &format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{{secret}}}\nstringData: {{apiKey: {value}}}\n---\n"
        );
        all += &object("ApiKey", &named(name), &format!("plan: {name}"));
    }
    all
}

async fn up(folder: &Path) -> (Process, SocketAddr) {
    let file = format!("--file={}", folder.join("all.yaml").display());
    let data = format!("--data-dir={}", folder.join("data").display());
    let ports = ["--listen=127.0.0.1:0", "--admin=127.0.0.1:0"];
    let arguments = ["up", &file, &data, ports[0], ports[1]];
    let mut process = Process::ours("purser", arguments).unwrap();
    let serves = process.until("it serves", REST, async |process: &Process| {
        let said = process.stdout() + &process.stderr();
        let (_, rest) = said.split_once(" serves http://")?;
        rest.split_once("/v1")?.0.parse().ok()
    });
    let address = serves.await.unwrap();
    (process, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purser_up_that_is_killed_again_and_again_loses_no_call_and_charges_none_twice() {
    let kills = if soak() { 60 } else { 6 };
    let provider = Provider::start(answers()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.yaml"), manifests(&provider)).unwrap();
    let watch = Watch::begin(&provider);
    let (mut process, address) = up(folder.path()).await;
    let door = Door::new(address);
    let began = Instant::now();
    let callers = Callers::start(value, std::slice::from_ref(&door), EVERY / CALLS_A_KILL);
    for _ in 0..kills {
        tokio::time::sleep(EVERY).await;
        door.dies();
        process.kill();
        let address;
        (process, address) = up(folder.path()).await;
        door.moved(address);
    }
    let told = callers.end().await;
    let took = began.elapsed();
    only_as_promised(&told);
    process.end(REST).await.unwrap();
    let file = folder.path().join("data").join(LEDGER);
    let ledger = Ledger::sqlite(&file).await.unwrap();
    // Nobody waits a quarter of an hour here: its end is brought forward.
    let later = now_ms() + KEPT_MS;
    ledger.sweep(later, KEPT_MS, BTreeSet::new()).await.unwrap();
    let found = judge((provider, watch), NAMESPACE, (&told, &ledger)).await;
    let line = format!(
        "kill -9, purser up: {} calls in {} s, killed {kills} times: {}",
        told.calls(),
        took.as_secs(),
        found.line(&told),
    );
    figure("kill.txt", &line).unwrap();
}
