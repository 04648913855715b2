//! Events say what happened to an object, and one that happens again is counted in the one that tells of it.

use super::installed::installed;
use super::kubectl::{apply, says, until};
use serde_json::{Value, json};

const NAMESPACE: &str = "again";
const KEY: &str = "apikey -n again planless";
const EVENTS: &str = "events.events.k8s.io -n again";

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_happens_again_is_counted_in_the_one_that_tells_of_it() {
    installed().await;
    let plan = json!({"apiVersion": "purser.dev/v1alpha1", "kind": "Plan", "metadata": {"name": "comes-and-goes"},
        "spec": {"models": {"allow": ["*"]}}});
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    let key = json!({"apiVersion": "purser.dev/v1alpha1", "kind": "ApiKey",
        "metadata": {"name": "planless", "namespace": NAMESPACE}, "spec": {"plan": "comes-and-goes"}});
    apply(&[namespace, key]).await;
    for _ in 0..2 {
        until("the key is refused for want of its plan", KEY, |key| {
            accepted(key, "False")
        })
        .await;
        apply(std::slice::from_ref(&plan)).await;
        until("the key is accepted", KEY, |key| accepted(key, "True")).await;
        says("delete plan comes-and-goes").await;
    }
    until("an event has a series", EVENTS, |events| {
        let events = events["items"].as_array().into_iter().flatten();
        let mut of_key = events.filter(|event| event["regarding"]["name"] == "planless");
        of_key.any(|event| event["series"]["count"].as_u64() >= Some(2))
    })
    .await;
    says("delete namespace again --wait=false").await;
}

fn accepted(key: &Value, status: &str) -> bool {
    let mut conditions = key["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|one| one["type"] == "Accepted" && one["status"] == status)
}
