//! What a sidecar that is gone may still be using of a plan's rate.

use super::cluster::SOON;
use super::operator::World;
use super::place::Place;
use super::pressure::{Caller, Outcome, at_once, figure, press, tally};
use purser_tests::provider::{Behaviour, Provider};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

#[tokio::test]
async fn what_a_killed_sidecar_might_still_use_is_withheld_until_its_pod_is_gone() {
    let world = World::shared().await;
    let place = Place::new(&world, "withheld").await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let [secret, key] = place.key("one", "thirty");
    let documents = [
        place.plan(
            "thirty",
            "limits: {requestsPerMinute: 30}, models: {allow: ['*']}",
        ),
        place.channel("live", &provider.url(), "{name: m}"),
        secret,
        key,
    ];
    place.apply(&documents).await;
    place.until_key("one", "True").await;
    let mut sidecars = place.sidecars(3).await;
    let caller = Caller {
        model: "m",
        key: place.value("one"),
        pause: Duration::from_millis(20),
    };
    // Shares are told at once, and again after a second until they are confirmed; nothing shows when they are.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    drop(sidecars.pop());
    let path = place.ours("apikeys", "one");
    let noticed = |key: &Value| key["status"]["enforced"] == "2/2";
    world
        .cluster
        .until("its end is noticed", &path, noticed)
        .await;
    let addresses: Vec<SocketAddr> = sidecars.iter().map(|one| one.address).collect();
    let good = |outcomes: &[Outcome]| tally(outcomes).get(&(200, "")).copied().unwrap_or(0);
    let (mut first, begun) = (0, Instant::now());
    // What a busy machine was too late to use is given back, and a denial is remembered for a second.
    while first < 20 && begun.elapsed() < SOON {
        first += good(&at_once(&addresses, &caller, 60).await);
    }
    first += good(&at_once(&addresses, &caller, 60).await);
    assert_eq!(first, 20, "ten of thirty might be used by the third");
    world.cluster.delete(&place.core("pods", "pod-2")).await;
    let freed = Instant::now();
    let pressure = press(&addresses, &caller);
    provider.until_calls(30).await.unwrap();
    let taken = freed.elapsed();
    assert_eq!(first + good(&pressure.end().await), 30);
    figure(&format!(
        "a dead pod's share is free again {} ms after its deletion",
        taken.as_millis()
    ));
    assert!(taken < Duration::from_secs(3), "{taken:?}");
}

#[tokio::test]
async fn the_first_call_of_a_new_sidecar_waits_for_its_stream() {
    let world = World::shared().await;
    let place = Place::new(&world, "first").await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let plan =
        "limits: {requestsPerMinute: 30}, whenQuotaUnreachable: Deny, models: {allow: ['*']}";
    let [secret, key] = place.key("one", "strict");
    let channel = place.channel("live", &provider.url(), "{name: m}");
    place
        .apply(&[place.plan("strict", plan), channel, secret, key])
        .await;
    place.until_key("one", "True").await;
    let folder = tempfile::tempdir().unwrap();
    place.mounted_secret(folder.path()).await;
    let config = format!("--config={}", folder.path().display());
    let operator = format!("--operator=https://{}", slow_road(world.stream).await);
    let sidecar = place.sidecar("newcomer", &[&config, &operator]).await;
    let judged = sidecar.judged("m", &place.value("one")).await;
    assert_eq!(judged, (200, String::new()));
}

/// A way to this address on which the first byte takes a while.
async fn slow_road(to: SocketAddr) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut sidecar, _)) = listener.accept().await {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let mut operator = tokio::net::TcpStream::connect(to).await.unwrap();
                // Either may go at any time.
                let _ = tokio::io::copy_bidirectional(&mut sidecar, &mut operator).await;
            });
        }
    });
    address
}
