//! The configuration changes under load: no call fails, none mixes two versions, and what cannot be read changes nothing.

use super::setup::{SOON, Sidecar, channel, chat, configuration, scaled, serve};
use flate2::Compression;
use flate2::write::GzEncoder;
use purser_config::bundle::{INDEX, Index, part_name};
use purser_config::stream::Version;
use purser_config::{Configuration, Header, Name, SecretText};
use purser_tests::provider::{Behaviour, Provider};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

async fn provider() -> Provider {
    Provider::start(Behaviour::healthy()).await.unwrap()
}

/// Version `number`: its own provider, its own header, its own name for the model; all three must meet at the provider.
fn version(number: u64, providers: &[Provider; 2]) -> Configuration {
    let mut one = channel(&providers[usize::try_from(number / 3 % 2).unwrap()]);
    one.models[0].upstream_name = Some(format!("m-{number}"));
    one.headers = vec![Header {
        name: "x-version".into(),
        value: SecretText::new(number.to_string()),
    }];
    configuration(&[("one", one)])
}

/// Calls without a pause until told to stop; how many there were.
pub(super) fn load(address: SocketAddr, stop: &watch::Receiver<bool>) -> JoinSet<u64> {
    let mut workers = JoinSet::new();
    for worker in 0..4 {
        let stop = stop.clone();
        workers.spawn(async move {
            let mut calls = 0;
            while !*stop.borrow() {
                let stream = (calls + worker) % 2 == 0;
                let answer = chat(stream).send(address).await.unwrap();
                assert_eq!(answer.status(), 200, "call {calls}");
                let body = answer.body().await.unwrap();
                assert!(!stream || body.ends_with(b"data: [DONE]\n\n"), "{body:?}");
                calls += 1;
            }
            calls
        });
    }
    workers
}

#[tokio::test]
async fn a_thousand_reloads_under_load_fail_no_call_mix_no_versions_and_keep_no_memory() {
    let providers = [provider().await, provider().await];
    let sidecar = Sidecar::start(&version(0, &providers)).await;
    let (stop, stopped) = watch::channel(false);
    let mut workers = load(sidecar.address, &stopped);
    let reloads = scaled(1_000) as u64;
    let (begun, mut after_100) = (Instant::now(), 0);
    for number in 1..=reloads {
        sidecar.write(&version(number, &providers));
        let in_force = |shown: &serde_json::Value| shown["loads"].as_u64() > Some(number);
        sidecar.until_configz("a reload", in_force).await;
        if number == 100 {
            after_100 = sidecar.memory("VmRSS");
        }
    }
    let (took, rss) = (begun.elapsed(), sidecar.memory("VmRSS"));
    stop.send_replace(true);
    let mut calls = 0;
    while let Some(worker) = workers.join_next().await {
        calls += worker.unwrap();
    }
    let rate = reloads as f64 / took.as_secs_f64();
    println!(
        "{reloads} reloads, {rate:.0} a second, {calls} calls; RSS {after_100} KiB after 100, {rss} KiB at the end"
    );
    for (at, provider) in providers.iter().enumerate() {
        let log = provider.log();
        assert!(!log.is_empty());
        for call in log {
            let number: u64 = call.header("x-version").unwrap().parse().unwrap();
            assert_eq!(call.json()["model"], format!("m-{number}"));
            assert_eq!(number / 3 % 2, at as u64, "version {number}");
        }
    }
    assert!(rss < after_100 + 2_048, "{after_100} KiB, then {rss} KiB");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_changes_nothing_and_is_shown() {
    let providers = [provider().await, provider().await];
    let sidecar = Sidecar::start(&version(0, &providers)).await;
    for (good, broken) in [
        "",
        "{",
        "[]",
        r#"{"keys":{},"plans":{},"channels":{},"more":1}"#,
    ]
    .into_iter()
    .enumerate()
    {
        sidecar.write_bytes(broken.as_bytes());
        let told = |shown: &serde_json::Value| shown["error"].is_string();
        let shown = sidecar.until_configz("the error", told).await;
        assert_eq!(shown["loads"], good + 1);
        assert_eq!(sidecar.chat(false).await.status(), 200);
        assert_eq!(sidecar.page("/readyz").await.0, 200);
        sidecar.write(&version(0, &providers));
        sidecar
            .until_configz("the good file again", |shown| shown["error"].is_null())
            .await;
    }
}

#[tokio::test]
async fn a_bad_resource_is_refused_alone() {
    let providers = [provider().await, provider().await];
    let sidecar = Sidecar::start(&version(0, &providers)).await;
    let mut next = version(1, &providers);
    let name = Name::new("shop", "one");
    next.channels.get_mut(&name).unwrap().base_url = "ftp://nowhere".into();
    let mut good = channel(&providers[1]);
    good.models[0].name = "new".into();
    next.channels.insert(Name::new("shop", "two"), good);
    let key = next.keys.get_mut(&Name::new("shop", "key")).unwrap();
    key.channels.push(Name::new("shop", "two"));
    sidecar.write(&next);
    let shown = sidecar
        .until_configz("the fault", |shown| shown["faults"][0].is_string())
        .await;
    let fault = shown["faults"][0].as_str().unwrap();
    assert!(
        fault.contains("channel shop/one") && fault.contains("ftp://nowhere"),
        "{fault}"
    );
    assert_eq!(sidecar.chat(false).await.status(), 200);
    assert_eq!(providers[0].last().unwrap().header("x-version"), Some("0"));
    assert_eq!(sidecar.models().await, ["m", "new"]);
}

#[tokio::test]
async fn an_older_file_put_in_place_is_obeyed() {
    let providers = [provider().await, provider().await];
    let sidecar = Sidecar::start(&version(0, &providers)).await;
    sidecar.restore(&version(7, &providers));
    sidecar
        .until_configz("the backup in force", |shown| shown["loads"] == 2)
        .await;
    sidecar.write_bytes(b"{");
    let told = |shown: &serde_json::Value| shown["error"].is_string();
    sidecar.until_configz("the error", told).await;
    sidecar.restore(&version(7, &providers));
    let fine = |shown: &serde_json::Value| shown["error"].is_null();
    sidecar.until_configz("no error", fine).await;
    assert_eq!(sidecar.chat(false).await.status(), 200);
    let log = providers.iter().flat_map(Provider::log).last().unwrap();
    assert_eq!(log.header("x-version"), Some("7"));
}

/// A mounted Secret as the kubelet makes it: data in a dated folder, `..data` pointing there, each name through it.
fn mount(folder: &Path, number: u64, configuration: &Configuration) {
    let json = serde_json::to_vec(configuration).unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&json).unwrap();
    let part = encoder.finish().unwrap();
    let hash = |bytes: &[u8]| -> String {
        let digest = Sha256::digest(bytes);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let index = Index {
        version: Version {
            published_ms: number,
            hash: hash(&json),
            ..Version::default()
        },
        bytes: json.len(),
        parts: vec![hash(&part)],
        ca_pem: String::new(),
    };
    let dated = folder.join(format!("..{number}"));
    std::fs::create_dir(&dated).unwrap();
    for (name, bytes) in [
        (INDEX.to_owned(), serde_json::to_vec(&index).unwrap()),
        (part_name(0), part),
    ] {
        std::fs::write(dated.join(&name), bytes).unwrap();
        let _ = std::os::unix::fs::symlink(format!("..data/{name}"), folder.join(&name));
    }
    std::os::unix::fs::symlink(dated.file_name().unwrap(), folder.join("..next")).unwrap();
    std::fs::rename(folder.join("..next"), folder.join("..data")).unwrap();
}

#[tokio::test]
async fn every_swap_of_a_mounted_secret_is_obeyed() {
    let providers = [provider().await, provider().await];
    let folder = tempfile::tempdir().unwrap();
    mount(folder.path(), 1, &version(1, &providers));
    let (_process, address, _) = serve(&["--config", folder.path().to_str().unwrap()]).await;
    for number in 2..30 {
        mount(folder.path(), number, &version(number, &providers));
        let begun = Instant::now();
        loop {
            let answer = chat(false).send(address).await.unwrap();
            assert_eq!(answer.status(), 200);
            let model = answer.json().await.unwrap()["model"].clone();
            if model == format!("m-{number}") {
                break;
            }
            assert!(begun.elapsed() < SOON, "still {model}");
        }
    }
}

#[tokio::test]
async fn a_restart_without_its_source_serves_the_last_good_configuration() {
    let providers = [provider().await, provider().await];
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().to_str().unwrap();
    let mut sidecar = Sidecar::start_with(&version(5, &providers), &["--last-good", kept]).await;
    let current = folder.path().join("current");
    let whole = async |_: &purser_tests::process::Process| current.exists().then_some(());
    sidecar
        .process
        .until("the last good one to be kept", SOON, whole)
        .await
        .unwrap();
    sidecar.process.kill();
    let (mut process, address, _) = serve(&["--last-good", kept]).await;
    let begun = process.started();
    assert_eq!(chat(false).send(address).await.unwrap().status(), 200);
    assert!(begun.elapsed() < Duration::from_secs(5));
    process.kill();
    let part = current.join(part_name(0));
    let bytes = std::fs::read(&part).unwrap();
    std::fs::write(&part, &bytes[..bytes.len() / 2]).unwrap();
    let (_damaged, address, admin) = serve(&["--last-good", kept]).await;
    let answer = chat(false).send(address).await.unwrap();
    assert_eq!(
        (answer.status(), answer.header("retry-after")),
        (503, Some("1"))
    );
    let ready = purser_tests::sse_client::Call::get("/readyz")
        .send(admin)
        .await;
    assert_eq!(ready.unwrap().status(), 503);
}
