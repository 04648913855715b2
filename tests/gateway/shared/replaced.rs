//! The shared gateway as its sidecars meet it in a cluster: several pods behind one address, of which one is replaced, or none answers.
//! Part of both runs: it starts all of them by itself.

use super::super::reload::load;
use super::super::setup::{SOON, channel, chat, configuration};
use super::{front, gateway, put};
use purser_config::Configuration;
use purser_tests::port::reserve;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::service::Service;
use rustix::process::Signal;
use std::time::Instant;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// So many calls more.
const SOME: u64 = 40;

async fn before() -> (Provider, TempDir) {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let all: Configuration = configuration(&[("one", channel(&provider))]);
    put(folder.path(), &serde_json::to_vec(&all).unwrap());
    (provider, folder)
}

#[tokio::test]
async fn a_gateway_that_is_replaced_under_load_fails_no_call() {
    let (provider, folder) = before().await;
    let doors = [reserve().unwrap(), reserve().unwrap()];
    let linger = ["--linger", "1", "--grace", "20"];
    let (mut old, _) = gateway(&folder, doors[0], &linger).await;
    let _new = gateway(&folder, doors[1], &[]).await;
    let service = Service::start(doors.to_vec()).await.unwrap();
    let front = front(&folder, service.address(), &[]).await;
    let (stop, stopped) = watch::channel(false);
    let mut callers = load(front.address, &stopped);
    provider.until_calls(SOME).await.unwrap();
    old.signal(Signal::TERM).unwrap();
    assert!(old.until_ended(SOON).await.unwrap().success());
    provider.until_calls(provider.calls() + SOME).await.unwrap();
    stop.send_replace(true);
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
}

#[tokio::test]
async fn while_the_gateway_is_silent_callers_are_told_so_together() {
    let (_provider, folder) = before().await;
    // Connections are made, and nobody ever speaks.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = front(&folder, silent.local_addr().unwrap(), &[]).await;
    let begun = Instant::now();
    let calls = (0..8).map(async |call| chat(call % 2 == 0).send(front.address).await);
    for answer in futures::future::join_all(calls).await {
        let answer = answer.unwrap();
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.status(), 503);
        let told = answer.json().await.unwrap();
        let why = told["error"]["message"].as_str().unwrap();
        assert!(
            why.contains("the shared gateway cannot be reached"),
            "{why}"
        );
    }
    assert!(
        begun.elapsed() < SOON,
        "one after the other: {:?}",
        begun.elapsed()
    );
}
