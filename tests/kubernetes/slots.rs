//! Concurrent requests of a sidecar that died: they may still be under way at a provider, so they stay held until its pod is gone or it
//! says what it holds.

use super::cluster::SOON;
use super::operator::World;
use super::place::Place;
use super::pressure::figure;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use serde_json::Value;
use std::time::{Duration, Instant};

fn endless() -> Behaviour {
    Behaviour::Answers {
        chunks: 100_000,
        interval: Duration::from_millis(50),
    }
}

#[tokio::test]
async fn the_slots_of_a_killed_sidecar_are_held_until_its_pod_is_gone() {
    let world = World::shared().await;
    let place = Place::new(&world, "slots").await;
    let provider = Provider::start(endless()).await.unwrap();
    let plan = "limits: {concurrentRequests: 2}, models: {allow: ['*']}";
    let channel = place.channel("live", &provider.url(), "{name: m}");
    let [secret, key] = place.key("one", "two");
    let plan = place.plan("two", plan);
    place.apply(&[plan, channel, secret, key]).await;
    place.until_key("one", "True").await;
    let mut sidecars = place.sidecars(2).await;
    let value = place.value("one");
    let stream = || Call::chat("m", "hello", true).key(&value);
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut answer = stream().send(sidecars[1].address).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.next().await.unwrap();
        held.push(answer);
    }
    let full = (429, "concurrent_requests".to_owned());
    assert_eq!(sidecars[0].judged("m", &value).await, full);
    let calls = provider.calls();
    drop(sidecars.pop());
    let path = place.ours("apikeys", "one");
    let noticed = |key: &Value| key["status"]["enforced"] == "1/1";
    world
        .cluster
        .until("its end is noticed", &path, noticed)
        .await;
    assert_eq!(
        sidecars[0].judged("m", &value).await,
        full,
        "nobody knows whether its calls are over"
    );
    world.cluster.delete(&place.core("pods", "pod-1")).await;
    let gone = Instant::now();
    let mut free = loop {
        let answer = stream().send(sidecars[0].address).await.unwrap();
        if answer.status() == 200 {
            break answer;
        }
        assert!(gone.elapsed() < SOON, "they are never free");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    figure(&format!(
        "a dead pod's slots are free again {} ms after its deletion",
        gone.elapsed().as_millis()
    ));
    free.next().await.unwrap();
    assert_eq!(provider.calls(), calls + 1, "a refused call goes nowhere");
}
