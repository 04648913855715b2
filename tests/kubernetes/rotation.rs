//! A key whose value is replaced: while both values work, both are served; then one.

use super::operator::{World, decoded};
use super::place::Place;
use super::stream::Stream;
use purser_config::stream::FromOperator;
use purser_config::{Key, Name};
use serde_json::Value;

/// What a message says of the key.
fn said<'a>(message: &'a FromOperator, key: &Name) -> Option<&'a Key> {
    match message {
        FromOperator::Change { set, .. } => set.keys.get(key),
        _ => None,
    }
}

#[tokio::test]
async fn both_values_work_for_exactly_the_overlap_and_then_only_the_new_one() {
    let world = World::shared().await;
    let place = Place::new(&world, "rotation").await;
    let plan = place.plan("open", "models: {allow: ['*']}");
    let rotation = "rotation: {every: 8s, overlap: 3s}";
    let spec = format!("plan: {}, {rotation}", place.wide("open"));
    place
        .apply(&[plan, place.object("ApiKey", "one", &spec)])
        .await;
    let name = Name::new(&place.namespace, "one");
    let token = place.token_of_pod("raw").await;
    let mut stream = Stream::open(&world, &token).await.ok().unwrap();
    stream.hello("raw-1").await;
    let path = place.core("secrets", "one-key");
    let made = |secret: &Value| secret["data"]["apiKey"].is_string();
    let first = world.cluster.until("a value is made", &path, made).await;
    let first = decoded(&first["data"]["apiKey"]);
    let two =
        |message: &FromOperator| said(message, &name).is_some_and(|key| key.previous.is_some());
    let both = said(&stream.until(two).await, &name).unwrap().clone();
    let secret = world.cluster.get(&path).await;
    assert_eq!(decoded(&secret["data"]["apiKeyPrevious"]), first);
    assert_ne!(decoded(&secret["data"]["apiKey"]), first);
    overlaps(&secret, both.previous.unwrap().until_ms);
    let one =
        |message: &FromOperator| said(message, &name).is_some_and(|key| key.previous.is_none());
    let alone = said(&stream.until(one).await, &name).unwrap().clone();
    assert_eq!(alone.digests, both.digests, "the new one stays");
    let gone = |secret: &Value| secret["data"]["apiKeyPrevious"].is_null();
    world.cluster.until("the first is gone", &path, gone).await;
    let told = place.reasons_about("one").await;
    assert!(told.contains(&"KeyRotated".to_owned()), "{told:?}");
}

/// What sidecars are told is what the Secret says, and three seconds after the new value was made.
fn overlaps(secret: &Value, until_ms: u64) {
    let annotations = &secret["metadata"]["annotations"];
    let moment = |name: &str| annotations[name].as_str().unwrap()[..19].to_owned();
    let written = |unix_ms| purser_config::calendar::moment(unix_ms)[..19].to_owned();
    assert_eq!(written(until_ms), moment("purser.dev/previous-until"));
    assert_eq!(written(until_ms - 3_000), moment("purser.dev/rotated-at"));
}
