//! A version that kills a sidecar twice: its operator is told, and what came before it is served.

use super::cluster::{SOON, field_of};
use super::operator::World;
use super::place::Place;
use super::sidecar::Sidecar;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

impl Place {
    async fn kept_in(&self, folder: &Path) -> Sidecar {
        let kept = format!("--last-good={}", folder.display());
        let mut sidecar = self.sidecar("victim", &[&kept]).await;
        sidecar.until_connected().await;
        sidecar
    }

    /// 404: the key is known, and has no model. 401: it is not.
    async fn until_judged(&self, sidecar: &Sidecar, key: &str, status: u16) {
        let begun = Instant::now();
        while sidecar.judged("m", &self.value(key)).await.0 != status {
            assert!(begun.elapsed() < SOON, "{key} is not judged {status}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Waits until the version in force is kept for the next process.
async fn until_kept(sidecar: &Sidecar, folder: &Path) {
    let begun = Instant::now();
    loop {
        let shown: Value = serde_json::from_str(&sidecar.page("/configz").await).unwrap();
        let hash = shown["version"]["hash"].as_str().unwrap().to_owned();
        let link = std::fs::read_link(folder.join("current"));
        if link.is_ok_and(|link| link.to_str().unwrap().ends_with(&hash[..16])) {
            return;
        }
        assert!(begun.elapsed() < SOON, "{hash} is not kept");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_version_that_kills_a_sidecar_twice_is_refused_and_told_in_a_status_until_a_newer_one() {
    let world = World::shared().await;
    let place = Place::new(&world, "quarantine").await;
    let folder = tempfile::tempdir().unwrap();
    let [secret, key] = place.key("one", "open");
    let plan = place.plan("open", "models: {allow: ['*']}");
    place.apply(&[plan, secret, key]).await;
    place.until_key("one", "True").await;
    let mut sidecar = place.kept_in(folder.path()).await;
    place.until_judged(&sidecar, "one", 404).await;
    until_kept(&sidecar, folder.path()).await;

    place.apply(&place.key("two", "open")).await;
    for _ in 0..2 {
        place.until_judged(&sidecar, "two", 404).await;
        until_kept(&sidecar, folder.path()).await;
        sidecar.process.kill();
        sidecar = place.kept_in(folder.path()).await;
    }
    place.until_judged(&sidecar, "one", 404).await;
    place.until_judged(&sidecar, "two", 401).await;
    let path = place.ours("apikeys", "two");
    let refused = |key: &Value| field_of(key, "Programmed", "reason") == "Refused";
    let two = world.cluster.until("two is refused", &path, refused).await;
    let message = field_of(&two, "Programmed", "message");
    assert!(message.contains("is quarantined"), "{message}");
    let programmed = |key: &Value| field_of(key, "Programmed", "status") == "True";
    let one = place.ours("apikeys", "one");
    let what = "one, which the refused version did not touch, is programmed";
    world.cluster.until(what, &one, programmed).await;

    place.apply(&place.key("three", "open")).await;
    for key in ["one", "two", "three"] {
        place.until_judged(&sidecar, key, 404).await;
    }
    world
        .cluster
        .until("two is programmed", &path, programmed)
        .await;
}
