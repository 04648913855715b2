//! Whose value a key has: what a person wrote is the truth, in whatever order objects arrive; what the operator made is nobody
//! else's to know, and is all that it ever deletes.

use super::cluster::{SOON, Said};
use super::operator::{NAMESPACE, World, decoded};
use super::place::Place;
use futures::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longer than the operator waits for a Secret of the same folder before it makes one.
const MADE_BY_THEN: Duration = Duration::from_secs(4);
const ROOMY: &str = "models: {allow: ['*']}, maxKeysPerNamespace: 100";

impl Place {
    pub(super) async fn create_key(&self, name: &str) {
        let object = json!({"apiVersion": "purser.dev/v1alpha1", "kind": "ApiKey",
            "metadata": {"name": name}, "spec": {"plan": self.wide("open")}});
        let path = self.ours("apikeys", "");
        let path = path.trim_end_matches('/');
        self.world.cluster.create(path, &object).await;
    }

    async fn create_secret(&self, name: &str) {
        let object = json!({"metadata": {"name": format!("{name}-key")},
            "stringData": {"apiKey": self.value(name)}});
        let path = self.core("secrets", "");
        self.world.cluster.create(&path, &object).await;
    }

    pub(super) async fn stored(&self, name: &str) -> String {
        let path = self.core("secrets", &format!("{name}-key"));
        let there = |secret: &Value| !secret["data"]["apiKey"].is_null();
        let secret = self.world.cluster.until("the value is there", &path, there);
        String::from_utf8(decoded(&secret.await["data"]["apiKey"])).unwrap()
    }

    pub(super) async fn until_prefix(&self, name: &str, value: &str) {
        let shown = |key: &Value| {
            let prefix = key["status"]["prefix"].as_str().unwrap_or_default();
            let prefix = prefix.trim_end_matches('…');
            !prefix.is_empty() && value.starts_with(prefix)
        };
        let path = self.ours("apikeys", name);
        let what = format!("{name}'s status shows whose value it has");
        self.world.cluster.until(&what, &path, shown).await;
    }
}

/// As whoever has stolen the operator's token.
async fn as_the_operator(place: &Place, words: &[&str]) -> Said {
    let account = format!("--as=system:serviceaccount:{NAMESPACE}:purser-operator");
    let namespace = format!("--namespace={}", place.namespace);
    let own = [account.as_str(), namespace.as_str()];
    let cluster = &place.world.cluster;
    cluster.kubectl(&[words, &own[..]].concat(), "").await
}

#[tokio::test]
async fn the_operators_account_writes_no_secret_that_is_not_its_own() {
    let world = World::shared().await;
    let place = Place::new(&world, "fence").await;
    place.create_secret("theirs").await;
    let touch = ["annotate", "secret", "theirs-key", "touched=yes"];
    let touch = [&touch[..], &["--overwrite"]].concat();
    // API servers obey a new policy within seconds.
    let begun = Instant::now();
    while as_the_operator(&place, &touch).await.good {
        assert!(begun.elapsed() < SOON, "it was never refused");
    }
    let value = r#"{"stringData": {"apiKey": "sk-another"}}"#;
    let ours = "app.kubernetes.io/managed-by=purser";
    let generated = "purser.dev/generated=sha256:0";
    for words in [
        &["patch", "secret", "theirs-key", "-p", value][..],
        &["label", "secret", "theirs-key", ours],
        &["annotate", "secret", "theirs-key", generated],
        &["delete", "secret", "theirs-key"],
        &["create", "secret", "generic", "new"],
    ] {
        let said = as_the_operator(&place, words).await;
        let why = !said.good && said.err.contains("managed-by: purser");
        assert!(why, "{words:?}: {said:?}");
    }
    assert_eq!(place.stored("theirs").await, place.value("theirs"));
    // Its own it still writes, whatever label somebody has put there since.
    place.apply(&[place.plan("open", ROOMY)]).await;
    place.create_key("own").await;
    place.stored("own").await;
    let theirs = ["label", "secret", "own-key", "--overwrite", "-n"];
    let helm = [&place.namespace, "app.kubernetes.io/managed-by=Helm"];
    world.cluster.says(&[&theirs[..], &helm].concat()).await;
    for words in [
        ["annotate", "secret", "own-key", "touched=yes"],
        ["delete", "secret", "own-key", "--wait=false"],
    ] {
        let said = as_the_operator(&place, &words).await;
        assert!(said.good, "{words:?}: {said:?}");
    }
}

#[tokio::test]
async fn a_secret_that_a_person_wrote_is_never_overwritten_in_whatever_order_objects_arrive() {
    let world = World::shared().await;
    let place = Arc::new(Place::new(&world, "orders").await);
    place.apply(&[place.plan("open", ROOMY)]).await;
    let sidecars = place.sidecars(1).await;
    let arrive = |number: u64| {
        let place = Arc::clone(&place);
        async move {
            let name = format!("k{number}");
            let pause = tokio::time::sleep(Duration::from_millis(number * 60));
            match number % 3 {
                0 => {
                    place.create_secret(&name).await;
                    pause.await;
                    place.create_key(&name).await;
                }
                1 => {
                    place.create_key(&name).await;
                    pause.await;
                    place.create_secret(&name).await;
                }
                _ => _ = tokio::join!(place.create_secret(&name), place.create_key(&name)),
            }
        }
    };
    join_all((0..20).map(arrive)).await;
    // Not a wait for something: whatever the operator would wrongly write, it has written by then.
    tokio::time::sleep(MADE_BY_THEN).await;
    for name in (0..20).map(|number| format!("k{number}")) {
        let value = place.value(&name);
        assert_eq!(place.stored(&name).await, value, "{name}");
        place.until_prefix(&name, &value).await;
        let (status, _) = sidecars[0].judged("m", &value).await;
        assert_eq!(status, 404, "{name} is known, and has no model");
    }
}

#[tokio::test]
async fn a_value_that_a_person_puts_in_place_of_a_made_one_is_followed_and_kept() {
    let world = World::shared().await;
    let place = Place::new(&world, "replaced").await;
    place.apply(&[place.plan("open", ROOMY)]).await;
    let sidecars = place.sidecars(1).await;
    place.create_key("one").await;
    let made = place.stored("one").await;
    place.until_prefix("one", &made).await;
    let own = place.value("one");
    let changed = json!({"stringData": {"apiKey": own}});
    let patch = ["patch", "secret", "one-key", "-n", &place.namespace, "-p"];
    world
        .cluster
        .says(&[&patch[..], &[changed.to_string().as_str()]].concat())
        .await;
    place.until_prefix("one", &own).await;
    assert_eq!(
        sidecars[0].judged("m", &own).await.0,
        404,
        "it is a key now"
    );
    assert_eq!(
        sidecars[0].judged("m", &made).await.0,
        401,
        "the made one is none"
    );
    // Its writer's now: it outlives the key.
    let path = place.core("secrets", "one-key");
    let free = |secret: &Value| secret["metadata"]["ownerReferences"].is_null();
    world
        .cluster
        .until("nobody owns the secret", &path, free)
        .await;
    world.cluster.delete(&place.ours("apikeys", "one")).await;
    tokio::time::sleep(MADE_BY_THEN).await;
    assert_eq!(place.stored("one").await, own);
}

#[tokio::test]
async fn a_made_value_is_long_random_and_shown_nowhere_and_goes_with_its_key() {
    let world = World::shared().await;
    let place = Place::new(&world, "made").await;
    place.apply(&[place.plan("open", ROOMY)]).await;
    let [secret, key] = place.key("own", "open");
    place.apply(&[secret, key]).await;
    for name in ["one", "two"] {
        place.create_key(name).await;
    }
    let values = [place.stored("one").await, place.stored("two").await];
    assert_ne!(values[0], values[1]);
    for (name, value) in ["one", "two"].into_iter().zip(&values) {
        let (prefix, random) = value.rsplit_once('-').expect("a part to be found by");
        assert!(prefix.starts_with("sk-"), "{prefix}");
        // 32 letters of five bits each are 160 bits; any larger alphabet has more.
        assert!(random.len() >= 32 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        place.until_prefix(name, value).await;
        is_shown_nowhere(&place, name, value).await;
    }
    for name in ["one", "own"] {
        let said = ["delete", "apikey", name, "-n", &place.namespace];
        world.cluster.says(&said).await;
    }
    let path = place.core("secrets", "one-key");
    world
        .cluster
        .until("the made secret is gone", &path, Value::is_null)
        .await;
    assert_eq!(
        place.stored("own").await,
        place.value("own"),
        "a person's stays"
    );
    assert_eq!(place.stored("two").await, values[1]);
}

async fn is_shown_nowhere(place: &Place, name: &str, value: &str) {
    let cluster = &place.world.cluster;
    let key = cluster.get(&place.ours("apikeys", name)).await.to_string();
    let events = place.core("events", "");
    let told = |list: &Value| list.to_string().contains("KeyGenerated");
    let events = cluster.until("an event tells of it", &events, told).await;
    // The prefix is for people to tell keys apart; half of the value would be too much.
    let half = &value[..value.len() / 2];
    let log = place.world.log();
    for (place, text) in [
        ("status", key),
        ("events", events.to_string()),
        ("log", log),
    ] {
        assert!(!text.contains(half), "{place} shows half of the value");
    }
}
