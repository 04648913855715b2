//! Two operators serve at once, and the watches of one stand still. What a sidecar learned from the other is never undone by it: no deleted
//! key returns.

use super::operator::World;
use super::place::Place;
use super::stream::Stream;
use purser_config::Name;
use purser_config::quota::Ask;
use purser_config::stream::{FromOperator, FromSidecar, Version};
use purser_tests::postgres::Postgres;
use purser_tests::redis::Redis;
use purser_tests::service::Service;
use std::time::Duration;

/// A stream's first snapshot, by the keys in it.
fn keys(told: &FromOperator) -> Vec<&str> {
    let FromOperator::Snapshot { configuration, .. } = told else {
        panic!("not a snapshot: {told:?}");
    };
    configuration.keys.keys().map(Name::name).collect()
}

/// The version without the key, as a stream of the operator that sees its deletion tells it.
async fn until_gone(stream: &mut Stream, key: &Name) -> Version {
    let gone = |said: &FromOperator| {
        let FromOperator::Change { gone, .. } = said else {
            return false;
        };
        let named = |one: &purser_config::Resource| one.to_string().ends_with(&key.to_string());
        gone.iter().any(named)
    };
    match stream.until(gone).await {
        FromOperator::Change { version, .. } => version,
        said => panic!("not a change: {said:?}"),
    }
}

/// Whether the authority answers on it.
async fn is_answered(stream: &mut Stream, key: &Name) {
    let (key, want, ttl_ms) = (key.clone(), 1, 0);
    let asks = vec![Ask { key, want, ttl_ms }];
    stream.say(&FromSidecar::Ask { seq: 1, asks });
    let answer = |said: &FromOperator| matches!(said, FromOperator::Answer { seq: 1, .. });
    stream.until(answer).await;
}

async fn stream_of(world: &World, token: &str) -> Stream {
    Stream::open(world, token).await.ok().unwrap()
}

#[tokio::test]
async fn a_replica_whose_watches_are_late_brings_no_deleted_key_back() {
    let (redis, postgres) = (
        Redis::start().await.unwrap(),
        Postgres::start().await.unwrap(),
    );
    let windows = format!("--windows={}", redis.url());
    let ledger = format!("--ledger={}", postgres.url());
    let world = World::own(&[&windows, &ledger]).await;
    let network = Service::start(vec![world.api_server()]).await.unwrap();
    let late = world.beside_at(network.address()).await;
    let place = Place::new(&world, "stale").await;
    let plan = place.plan(
        "plan",
        "limits: {requestsPerMinute: 20}, models: {allow: ['*']}",
    );
    let [one, two] = ["one", "two"].map(|name| place.key(name, "plan"));
    place.apply(&[&[plan], &one[..], &two[..]].concat()).await;
    place.until_key("one", "True").await;
    place.until_key("two", "True").await;
    let token = place.token_of_pod("pod").await;
    let mut fresh = stream_of(&world, &token).await;
    assert_eq!(keys(&fresh.hello("sidecar").await), ["one", "two"]);
    // It knows the token from now on, and the keys.
    let mut before = stream_of(&late, &token).await;
    assert_eq!(keys(&before.hello("before").await), ["one", "two"]);

    network.stands_still(true);
    place
        .world
        .cluster
        .delete(&place.ours("apikeys", "one"))
        .await;
    let version = until_gone(&mut fresh, &Name::new(&place.namespace, "one")).await;
    assert!(version.seen["ApiKey"] > 0, "{version:?}");
    let mut newcomer = stream_of(&late, &token).await;
    let told = newcomer.hello("newcomer").await;
    assert_eq!(keys(&told), ["one", "two"], "it does not know of it");
    let mut moved = stream_of(&late, &token).await;
    moved.say_hello(("sidecar", ""), Some(version));
    is_answered(&mut moved, &Name::new(&place.namespace, "two")).await;
    let configured = |said: &FromOperator| matches!(said, FromOperator::Snapshot { .. });
    // Longer than any watch's pause, and shorter than what a sidecar takes for the end of its connection.
    let early = tokio::time::timeout(Duration::from_secs(3), moved.until(configured)).await;
    assert!(early.is_err(), "it told what it had: {early:?}");

    network.stands_still(false);
    assert_eq!(keys(&moved.until(configured).await), ["two"]);
}
