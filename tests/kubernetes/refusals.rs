//! Objects that are wrong: what one object shows is refused at the door, the rest becomes a condition; nobody else is held up.

use super::cluster::{condition, field_of};
use super::operator::World;
use super::place::Place;
use purser_tests::provider::{Behaviour, Provider};

const CREDENTIALS: &str = "credentials: [{secretRef: {name: nowhere}}], models: [{name: m}]";

#[tokio::test]
async fn a_bad_object_of_each_kind_is_refused_with_what_to_do() {
    let world = World::shared().await;
    let place = Place::new(&world, "door").await;
    let openai = |spec: &str| place.object("ProviderChannel", "bad", spec);
    let key = |spec: &str| place.object("ApiKey", "bad", spec);
    let refused = [
        (
            place.plan("bad", "credits: {grant: '5'}, models: {allow: ['*']}"),
            "add prices",
        ),
        (
            place.plan("bad", "limits: {requestsPerMinute: 0}"),
            "requestsPerMinute",
        ),
        (
            place.plan("bad", "validity: {duration: 1h, months: 1}"),
            "set one of duration and months",
        ),
        (
            key("plan: free, secretName: a, keyHash: 'sha256:00'"),
            "not both",
        ),
        (key("displayName: nobody"), "spec.plan: Required value"),
        (
            openai("provider: OpenAICompatible, models: [{name: m}]"),
            "set baseURL",
        ),
        (
            openai("provider: OpenAI, models: [{name: m}]"),
            "add credentials[].secretRef",
        ),
        (
            openai("provider: OpenAi, models: [{name: m}]"),
            "supported values",
        ),
        (
            place.channel("bad", "file:///etc/passwd", "{name: m}"),
            "baseURL must be http",
        ),
    ];
    for (object, advice) in refused {
        let said = world.cluster.kubectl(&["apply", "-f", "-"], &object).await;
        assert!(
            !said.good && said.err.contains(advice),
            "{object}\n{said:?}"
        );
    }
}

#[tokio::test]
async fn what_one_object_cannot_show_becomes_a_condition_and_holds_up_no_other() {
    let world = World::shared().await;
    let place = Place::new(&world, "verdicts").await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let [orphans_secret, orphan] = place.key("orphan", "missing");
    let [secret, good] = place.key("good", "open");
    let documents = [
        orphans_secret,
        orphan,
        place.object(
            "ProviderChannel",
            "empty",
            &format!("provider: OpenAI, {CREDENTIALS}"),
        ),
        place.plan("open", "models: {allow: ['*']}"),
        place.channel("live", &provider.url(), "{name: m}"),
        secret,
        good,
    ];
    place.apply(&documents).await;
    let sidecars = place.sidecars(1).await;
    let orphan = place.until_key("orphan", "False").await;
    assert_eq!(field_of(&orphan, "Accepted", "reason"), "PlanNotFound");
    let advice = field_of(&orphan, "Accepted", "message");
    assert!(advice.contains(&place.wide("missing")), "{advice}");
    let path = place.ours("providerchannels", "empty");
    let judged = |object: &_| condition(object, "Accepted") == "False";
    let empty = world.cluster.until("it is judged", &path, judged).await;
    let advice = field_of(&empty, "Accepted", "message");
    assert!(advice.contains("nowhere"), "it names the secret: {advice}");
    place.until_key("good", "True").await;
    let good = sidecars[0].judged("m", &place.value("good")).await;
    assert_eq!(good, (200, String::new()));
    let (status, code) = sidecars[0].judged("m", &place.value("orphan")).await;
    assert_eq!((status, code.as_str()), (403, "plan_not_found"));
    let events = place.core("events", "");
    let told = |list: &serde_json::Value| list.to_string().contains("PlanNotFound");
    world
        .cluster
        .until("an event tells it", &events, told)
        .await;
}
