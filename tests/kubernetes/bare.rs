//! Pods that ask for a sidecar and have none, and pods that keep variables of their own: each is told of, once, and the first are counted.

use super::operator::World;
use super::place::{ACCOUNT, Place};
use super::suffers::until_says;
use serde_json::{Value, json};

/// A pod that asks for a sidecar, as if it had passed by the webhook so.
fn pod(name: &str, annotations: &Value) -> Value {
    json!({"metadata": {"name": name, "labels": {"purser.dev/inject": "true"}, "annotations": annotations},
        "spec": {"serviceAccountName": ACCOUNT, "containers": [{"name": "app", "image": "app"}]}})
}

/// What Events of that reason say, each with its pod's name.
fn told(list: &Value, reason: &str) -> Vec<(String, String)> {
    let all = list["items"].as_array().into_iter().flatten();
    let ours = all.filter(|event| event["reason"] == reason);
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    ours.map(|event| {
        (
            text(&event["involvedObject"]["name"]),
            text(&event["message"]),
        )
    })
    .collect()
}

#[tokio::test]
async fn a_pod_that_asked_and_got_none_is_told_of_and_counted_until_it_is_gone() {
    let world = World::own(&[]).await;
    let place = Place::new(&world, "bare").await;
    let (pods, kept) = (
        place.core("pods", ""),
        "container app: the OpenAI variables stay",
    );
    let injected = json!({"purser.dev/injected": "image", "purser.dev/kept-env": kept});
    for one in [pod("late", &json!({})), pod("keeps", &injected)] {
        world.cluster.create(&pods, &one).await;
    }
    let events = place.core("events", "");
    let both = |list: &Value| {
        !told(list, "NotInjected").is_empty() && !told(list, "EnvironmentKept").is_empty()
    };
    let list = world.cluster.until("both are told of", &events, both).await;
    let bare = told(&list, "NotInjected");
    assert!(
        bare.len() == 1 && bare[0].0 == "late" && bare[0].1.contains("create it anew"),
        "{bare:?}"
    );
    assert_eq!(
        told(&list, "EnvironmentKept"),
        [("keeps".to_owned(), kept.to_owned())]
    );

    let counts = |count: u32| format!("purser_operator_pods_without_sidecar {count}\n");
    until_says(&world, "/metrics", |page| page.contains(&counts(1))).await;
    world.cluster.delete(&place.core("pods", "late")).await;
    until_says(&world, "/metrics", |page| page.contains(&counts(0))).await;
}
