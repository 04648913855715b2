//! An operator that is newer than the cluster's definitions: as after an upgrade that forgot them. It serves, says what is old and what
//! mends it, and needs nothing more when that is done. On clusters of their own.

use super::cluster::{API, condition, field_of};
use super::operator::{World, here};
use super::place::Place;
use super::suffers::until_ready_says;
use purser_tests::provider::{Behaviour, Provider};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The command that the operator names.
const MEND: [&str; 3] = ["apply", "--server-side", "-f"];
/// A watch of a kind that was not there is tried again at least every half minute.
const FOUND_BY_THEN: Duration = Duration::from_secs(90);

fn definition(kind: &str) -> Value {
    let text = std::fs::read_to_string(here(&format!("crds/{kind}.yaml"))).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

/// As it was before it had this field.
fn without(kind: &str, part: &str, field: &str) -> Value {
    let mut definition = definition(kind);
    let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let fields = schema["properties"][part]["properties"].as_object_mut();
    assert!(fields.unwrap().remove(field).is_some(), "{kind}: {field}");
    definition
}

/// As it will be when it has a field that nobody here knows.
fn with(kind: &str, field: &str) -> Value {
    let mut definition = definition(kind);
    let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    schema["properties"]["spec"]["properties"][field] = json!({"type": "string"});
    definition
}

/// A plan and a key of it, accepted.
async fn key_of_a_plan(world: &Arc<World>, name: &str) -> Place {
    let place = Place::new(world, name).await;
    let plan = "limits: {requestsPerMinute: 1000}, models: {allow: ['*']}";
    let [secret, key] = place.key("one", "plan");
    place.apply(&[place.plan("plan", plan), secret, key]).await;
    place.until_key("one", "True").await;
    place
}

/// A channel that has a field of a later version, and its provider.
async fn channel_of_tomorrow(place: &Place) -> Provider {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let spec = format!(
        "provider: OpenAICompatible, baseURL: \"{}\", models: [{{name: m}}], tomorrow: soon",
        provider.url()
    );
    let channel = place.object("ProviderChannel", "live", &spec);
    place.apply(&[channel]).await;
    provider
}

/// Whether what the older definitions lack is said, and how to mend it.
fn says_what_lacks(page: &str) -> bool {
    page.starts_with("ok\n")
        && page.contains("definitions: apikeys.purser.dev has no status.requestsUsed; plans.purser.dev has no spec.maxOutputTokens; ")
        && page.contains("`kubectl apply --server-side -f crds/`")
}

/// A plan that needs the definition of this version.
fn newer_plan(place: &Place) -> String {
    let spec = json!({"models": {"allow": ["m"]}, "maxOutputTokens": 7});
    json!({"apiVersion": "purser.dev/v1alpha1", "kind": "Plan", "metadata": {"name": place.wide("newer")}, "spec": spec})
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_with_older_definitions_serves_and_says_what_they_lack_until_they_are_mended() {
    let older = [
        without("plan", "spec", "maxOutputTokens"),
        without("apikey", "status", "requestsUsed"),
        with("providerchannel", "tomorrow"),
    ];
    let world = World::own_with(&older, &["--usage-status-every=1s"]).await;
    let cluster = &world.cluster;
    let place = key_of_a_plan(&world, "older").await;
    let _provider = channel_of_tomorrow(&place).await;
    let sidecars = place.sidecars(1).await;
    let judged = sidecars[0].judged("m", &place.value("one")).await;
    assert_eq!(judged, (200, String::new()), "it serves");

    until_ready_says(&world, says_what_lacks).await;
    assert!(
        world
            .log()
            .contains("plans.purser.dev has no spec.maxOutputTokens"),
        "{}",
        world.log()
    );
    let path = place.ours("apikeys", "one");
    let told = |key: &Value| key["status"]["lastUsed"].is_string();
    let key = cluster
        .until("the rest of its status is written", &path, told)
        .await;
    assert_eq!(key["status"]["requestsUsed"], Value::Null);
    assert_eq!(condition(&key, "Programmed"), "True", "{key:#}");
    let newer = newer_plan(&place);
    let said = cluster.kubectl(&["apply", "-f", "-"], &newer).await;
    assert!(
        !said.good && said.err.contains("unknown field \"spec.maxOutputTokens\""),
        "{said:?}"
    );

    cluster.says(&[&MEND[..], &[&here("crds")]].concat()).await;
    until_ready_says(&world, |page| page == "ok\n").await;
    let counted = |key: &Value| key["status"]["requestsUsed"] == 1;
    cluster
        .until("what was missing is written", &path, counted)
        .await;
    cluster.apply(&newer).await;
    let failed = world
        .log()
        .lines()
        .filter(|line| line.contains("writing a status"))
        .count();
    assert_eq!(failed, 0, "nothing was refused meanwhile: {}", world.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_without_one_of_the_definitions_serves_what_the_others_say_and_takes_it_up_when_it_comes()
 {
    let world = World::own_with(&[definition("plan"), definition("apikey")], &[]).await;
    let cluster = &world.cluster;
    let place = key_of_a_plan(&world, "without").await;
    until_ready_says(&world, |page| {
        page.starts_with("ok\n")
            && page.contains("definitions: providerchannels.purser.dev is not there")
    })
    .await;
    let key = cluster.get(&place.ours("apikeys", "one")).await;
    let said = field_of(&key, "Accepted", "message");
    assert!(said.contains("no channel serves it"), "{said}");
    let sidecars = place.sidecars(1).await;
    let value = place.value("one");
    assert_eq!(
        sidecars[0].judged("m", &value).await,
        (404, "model_not_found".to_owned())
    );

    cluster.says(&[&MEND[..], &[&here("crds")]].concat()).await;
    until_ready_says(&world, |page| page == "ok\n").await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let channel = place.channel("live", &provider.url(), "{name: m}");
    let wait = [
        "wait",
        "--for=condition=Established",
        "--timeout=60s",
        "crd",
        "--all",
    ];
    cluster.says(&wait).await;
    cluster.apply(&channel).await;
    let begun = Instant::now();
    while sidecars[0].judged("m", &value).await != (200, String::new()) {
        assert!(begun.elapsed() < FOUND_BY_THEN, "{}", world.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let path = format!("{API}/namespaces/{}/providerchannels/live", place.namespace);
    let judged = |channel: &Value| condition(channel, "Accepted") == "True";
    cluster.until("the channel is judged", &path, judged).await;
}
