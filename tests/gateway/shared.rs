//! The second run of this test root: the same tests, whose calls go through the shared gateway. `Sidecar::start` then starts two processes:
//! a sidecar that may hold no channel, and the shared gateway, to which it hands each call over by TLS and with its pod's token.
//! `tests/gateway/shared.sh` chooses this run and leaves out what `sidecar_alone.txt` names. It must never change what a test asserts.
//!
//! Both obey files, as in the first run: many of these configurations no object can express (cooldowns of 50 ms, a key with a standing), and
//! an operator's word would take the file's place. So no operator but a stand-in (`operator`) is here, and it says two things: whose token a
//! pod's is, and a certificate. That the real one says both, and what it tells either side, is for `tests/kubernetes/shared.rs`.

mod listed;
mod operator;
mod replaced;

use super::setup::{FILE, SOON, Sidecar, launch, write};
use operator::{GATEWAY_TOKEN, OPERATOR, POD_TOKEN};
use purser_config::Configuration;
use purser_tests::port::reserve;
use purser_tests::process::Process;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What the sidecar obeys, in the folder where the gateway's file is.
const TOLD: &str = "told.json";
/// These are the gateway's alone: a port, and a folder of one process's own.
const ONCE: [&str; 2] = ["--metrics", "--last-good"];

/// A sidecar that hands over.
pub(super) struct Front {
    pub(super) process: Process,
    pub(super) address: SocketAddr,
    pub(super) admin: SocketAddr,
}

/// Whether this is the second run.
pub(super) fn chosen() -> bool {
    match std::env::var("PURSER_TEST_THROUGH") {
        Ok(through) if through == "gateway" => true,
        Ok(through) => panic!("PURSER_TEST_THROUGH={through}: only `gateway` is known"),
        Err(_) => false,
    }
}

/// Called by whatever starts a process that asks no shared gateway: the second run would say nothing of it.
pub(super) fn not_here() {
    assert!(
        !chosen(),
        "this test starts a process by itself: name it in tests/gateway/sidecar_alone.txt, or let it use `Sidecar`"
    );
}

/// Both processes, on what was put into this folder.
pub(super) async fn start(folder: TempDir, more: &[&str]) -> Sidecar {
    let at = reserve().unwrap();
    let gateway = gateway(&folder, at, more).await;
    let front = front(&folder, at, more).await;
    Sidecar::behind(front, gateway, folder)
}

/// The shared gateway at this address, once it has its certificate, and its admin port's.
async fn gateway(folder: &TempDir, at: SocketAddr, more: &[&str]) -> (Process, SocketAddr) {
    let mut all = with_operator(folder, FILE, GATEWAY_TOKEN);
    all.extend(["--shared".into(), at.to_string()]);
    all.extend(more.iter().map(|word| (*word).to_owned()));
    let (process, _, admin) = launch(all).await;
    let begun = Instant::now();
    while !OPERATOR.knows(at).await {
        let late = begun.elapsed() > SOON;
        assert!(!late, "it shows no certificate: {}", process.stderr());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    (process, admin)
}

/// A sidecar that hands over to this address.
async fn front(folder: &TempDir, gateway: SocketAddr, more: &[&str]) -> Front {
    let mut all = with_operator(folder, TOLD, POD_TOKEN);
    all.extend(["--gateway".into(), format!("https://{gateway}")]);
    let too = more.chunks(2).filter(|pair| !ONCE.contains(&pair[0]));
    all.extend(too.flatten().map(|word| (*word).to_owned()));
    let (process, address, admin) = launch(all).await;
    Front {
        process,
        address,
        admin,
    }
}

/// What tells a process of its file, and of the operator, which knows it by this token.
fn with_operator(folder: &TempDir, file: &str, token: &str) -> Vec<String> {
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (ca, mounted) = (at("ca.pem"), at(token));
    std::fs::write(&ca, &OPERATOR.ca_pem).unwrap();
    std::fs::write(&mounted, token).unwrap();
    let operator = format!("https://{}", OPERATOR.address);
    let all = [
        ("--config", at(file)),
        ("--operator", operator),
        ("--operator-ca", ca),
        ("--token", mounted),
    ];
    let words = all.map(|(flag, value)| [flag.to_owned(), value]);
    words.into_iter().flatten().collect()
}

/// Writes this configuration for the gateway, and what the sidecar is told of it. What cannot be read there cannot be read here either.
pub(super) fn put(folder: &Path, configuration: &[u8]) {
    let told = match serde_json::from_slice::<Configuration>(configuration) {
        Ok(whole) => serde_json::to_vec(&handed_over(whole)).unwrap(),
        Err(_) => configuration.to_vec(),
    };
    write(&folder.join(TOLD), &told);
    write(&folder.join(FILE), configuration);
}

/// As `purser_compile::scoped_to` cuts it for a namespace whose keys all reach another one's channels.
fn handed_over(mut whole: Configuration) -> Configuration {
    whole.channels.clear();
    for key in whole.keys.values_mut() {
        key.channels.clear();
        key.via_gateway = true;
    }
    whole
}
