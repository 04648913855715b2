//! A sidecar whose usage spool suffers, where people look: on `/readyz` of its pod, as an Event on the pod and in the condition `Recorded`
//! of the keys whose calls it carries, with what to do; and gone when it is mended.

use super::cluster::{SOON, condition, field_of};
use super::operator::World;
use super::place::Place;
use super::sidecar::Sidecar;
use super::volume::{Volume, fill};
use purser_tests::provider::{Behaviour, Provider};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const METERED: &str =
    "credits: {grant: '1000'}, prices: [{models: ['*'], perRequest: '1'}], models: {allow: ['*']}";
/// More than a page of a disk holds records.
const MOST_CALLS: usize = 100;

/// A namespace with a channel, and a key whose calls cost credits.
async fn scene(world: &Arc<World>, name: &str, provider: &Provider) -> Place {
    let place = Place::new(world, name).await;
    let [secret, key] = place.key("one", "plan");
    let channel = place.channel("live", &provider.url(), "{name: m}");
    let plan = place.plan("plan", METERED);
    place.apply(&[channel, plan, secret, key]).await;
    place.until_key("one", "True").await;
    place
}

/// Calls until one is answered so: within so many calls a disk's last page is used up, and within seconds it is tried again.
async fn until_judged(place: &Place, sidecar: &Sidecar, wanted: (u16, &str)) {
    let begun = Instant::now();
    for call in 0.. {
        let (status, code) = sidecar.judged("m", &place.value("one")).await;
        if (status, code.as_str()) == wanted {
            return;
        }
        let patient = call < MOST_CALLS || begun.elapsed() < SOON;
        assert!(patient, "{status} {code}, and not {wanted:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the key's calls cannot be recorded for that reason; returns what it says of it.
async fn until_told(place: &Place, reason: &'static str) -> String {
    let so = |key: &Value| field_of(key, "Recorded", "reason") == reason;
    let path = place.ours("apikeys", "one");
    let cluster = &place.world.cluster;
    let key = cluster.until(reason, &path, so).await;
    assert_eq!(condition(&key, "Recorded"), "False");
    field_of(&key, "Recorded", "message").to_owned()
}

async fn until_gone(place: &Place) {
    let so = |key: &Value| condition(key, "Recorded").is_empty();
    let path = place.ours("apikeys", "one");
    let cluster = &place.world.cluster;
    cluster.until("nothing is said of it", &path, so).await;
}

/// What the pod's Event of that reason says.
async fn event(place: &Place, pod: &str, reason: &str) -> String {
    let of = |list: &Value| -> Option<String> {
        let all = list["items"].as_array().into_iter().flatten();
        let mut ours = all.filter(|one| {
            let on = &one["involvedObject"];
            one["reason"] == reason && on["kind"] == "Pod" && on["name"] == pod
        });
        Some(ours.next()?["message"].as_str()?.to_owned())
    };
    let path = place.core("events", "");
    let there = |list: &Value| of(list).is_some();
    let cluster = &place.world.cluster;
    of(&cluster.until("there is an Event", &path, there).await).unwrap()
}

#[tokio::test]
async fn a_sidecars_full_disk_is_told_on_its_pod_and_on_the_keys_until_there_is_room_again() {
    let world = World::shared().await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let place = scene(&world, "spool-full", &provider).await;
    let volume = Volume::new();
    let (script, spool) = (
        volume.script(),
        format!("--spool={}", volume.at().display()),
    );
    let under = Volume::under(&script);
    let mut sidecar = place.sidecar_under(&under, ("full", &[&spool])).await;
    sidecar.until_connected().await;
    until_judged(&place, &sidecar, (200, "")).await;
    until_gone(&place).await;

    fill(&volume.file("filler"));
    until_judged(&place, &sidecar, (503, "accounting_backpressure")).await;
    let told = until_told(&place, "SpoolRefuses").await;
    let pod = format!("pod {}/full: cannot write the usage spool", place.namespace);
    assert!(
        told.starts_with("1 of 1 sidecars cannot record calls"),
        "{told}"
    );
    assert!(told.contains(&pod), "{told}");
    assert!(told.contains("make room on its disk"), "{told}");
    let on_pod = event(&place, "full", "SpoolRefuses").await;
    assert!(on_pod.contains("make room on its disk"), "{on_pod}");
    let page = sidecar.page("/readyz").await;
    assert!(
        page.contains("spool: cannot write the usage spool"),
        "{page}"
    );

    std::fs::remove_file(volume.file("filler")).unwrap();
    until_gone(&place).await;
    until_judged(&place, &sidecar, (200, "")).await;
    assert_eq!(sidecar.page("/readyz").await, "ready\n");
}

/// Turns the last bit of the one segment that is there.
fn damage(spool: &Path) {
    let files = std::fs::read_dir(spool).unwrap().flatten();
    let mut segments = files.filter(|file| file.path().extension().is_some_and(|of| of == "seg"));
    let segment = segments.next().unwrap().path();
    let mut bytes = std::fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&segment, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_spool_is_told_on_the_pod_and_on_the_keys_until_what_was_set_aside_is_removed() {
    let world = World::shared().await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let place = scene(&world, "spool-damaged", &provider).await;
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let argument = format!("--spool={}", spool.display());
    let mut sidecar = place.sidecar("damaged", &[&argument]).await;
    sidecar.until_connected().await;
    until_judged(&place, &sidecar, (200, "")).await;
    sidecar.process.kill();
    damage(&spool);

    let mut sidecar = place.sidecar("damaged", &[&argument]).await;
    sidecar.until_connected().await;
    let told = until_told(&place, "SpoolDamaged").await;
    let aside = spool.join("0000000000000001.bad");
    for part in [
        aside.to_str().unwrap(),
        "Look at the disk, then remove them",
    ] {
        assert!(told.contains(part), "{told}");
        let on_pod = event(&place, "damaged", "SpoolDamaged").await;
        assert!(on_pod.contains(part), "{on_pod}");
    }
    let page = sidecar.page("/readyz").await;
    assert!(page.contains("were damaged"), "{page}");
    // It serves all the same.
    until_judged(&place, &sidecar, (200, "")).await;

    std::fs::remove_file(&aside).unwrap();
    until_gone(&place).await;
    assert_eq!(sidecar.page("/readyz").await, "ready\n");
}
