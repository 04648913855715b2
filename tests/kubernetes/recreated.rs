//! Keys that are deleted and made again: the value may be another, but neither a credit, nor a window, nor a trial comes with it.

use super::operator::World;
use super::place::Place;
use super::sidecar::Sidecar;
use purser_tests::provider::{Behaviour, Provider};
use serde_json::Value;

const SPENT: &str = "maxKeysPerNamespace: 2, credits: {grant: '2'}, prices: [{models: ['*'], perRequest: '1'}], validity: {duration: 240h, startsAt: FirstUse}, models: {allow: ['*']}";
const FULL: &str = "limits: {requestsPerMinute: 2, requestsPerDay: 3}, models: {allow: ['*']}";

/// Makes a key, and waits until the sidecar knows it.
async fn make(place: &Place, sidecar: &Sidecar, (name, plan): (&str, &str)) {
    place.apply(&place.key(name, plan)).await;
    place.until_key(name, "True").await;
    known(place, sidecar, name, true).await;
}

async fn delete(place: &Place, sidecar: &Sidecar, name: &str) {
    let cluster = &place.world.cluster;
    let path = place.ours("apikeys", name);
    cluster.delete(&path).await;
    cluster.until("it is gone", &path, Value::is_null).await;
    known(place, sidecar, name, false).await;
}

async fn known(place: &Place, sidecar: &Sidecar, name: &str, wanted: bool) {
    let begun = std::time::Instant::now();
    loop {
        // The list of models costs nothing.
        let is_known = !sidecar.models(&place.value(name)).await.is_empty();
        if is_known == wanted {
            return;
        }
        assert!(begun.elapsed() < super::cluster::SOON, "{name}: {wanted}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn deleting_and_making_keys_again_mints_no_credit_no_trial_and_no_window() {
    let world = World::shared().await;
    let place = Place::new(&world, "recreated").await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let channel = place.channel("live", &provider.url(), "{name: m}");
    let plans = [place.plan("spent", SPENT), place.plan("full", FULL)];
    place.apply(&[&[channel][..], &plans].concat()).await;
    let spool = tempfile::tempdir().unwrap();
    let spool = format!("--spool={}", spool.path().join("spool").display());
    let mut sidecar = place.sidecar("pod", &[&spool]).await;
    sidecar.until_connected().await;
    let judged = async |name: &str| sidecar.judged("m", &place.value(name)).await;
    let poor = (402, "insufficient_quota".to_owned());
    let good = (200, String::new());

    make(&place, &sidecar, ("one", "spent")).await;
    assert_eq!(judged("one").await, good);
    let path = place.ours("apikeys", "one");
    let begun = |key: &Value| !key["status"]["activated"].is_null();
    let began = world.cluster.until("it began", &path, begun).await;
    // The allowance may hold the second one for this very sidecar, which then spends it.
    assert_eq!(judged("one").await, good);
    assert_eq!(judged("one").await, poor);
    delete(&place, &sidecar, "one").await;
    make(&place, &sidecar, ("one", "spent")).await;
    assert_eq!(judged("one").await, poor, "the same name, the same account");
    let again = world.cluster.until("it still began", &path, begun).await;
    assert_eq!(
        again["status"]["activated"], began["status"]["activated"],
        "its time did not begin anew"
    );
    delete(&place, &sidecar, "one").await;

    make(&place, &sidecar, ("two", "spent")).await;
    assert_eq!(judged("two").await, good, "the second of two keys");
    delete(&place, &sidecar, "two").await;
    make(&place, &sidecar, ("three", "spent")).await;
    let refused = judged("three").await;
    assert_eq!(refused.0, 403, "a third name begins no trial: {refused:?}");
    assert_eq!(refused.1, "plan_not_allowed");

    make(&place, &sidecar, ("full", "full")).await;
    let over = (429, "rate_limit_exceeded".to_owned());
    assert_eq!(
        [judged("full").await, judged("full").await],
        [good.clone(), good]
    );
    assert_eq!(judged("full").await, over);
    delete(&place, &sidecar, "full").await;
    make(&place, &sidecar, ("full", "full")).await;
    assert_eq!(judged("full").await, over, "the same window");
    assert_eq!(provider.calls(), 5);
}
