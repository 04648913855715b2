//! What kubectl prints when somebody writes an object that will not work with the others: the chart's validating webhook, asked by a real
//! API server. Whatever is said, and whether or not anybody answers, the object is stored.

use super::cluster::{API, SOON};
use super::installed::Installed;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The chart's own bound on an answer, and what a busy machine adds.
const STORED_BY_THEN: Duration = Duration::from_secs(20);

fn document(kind: &str, (namespace, name): (&str, &str), spec: &Value) -> String {
    let object = json!({"apiVersion": "purser.dev/v1alpha1", "kind": kind, "spec": spec,
        "metadata": {"name": name, "namespace": namespace}});
    object.to_string()
}

/// Its Secret is not there, which is nobody's business here.
fn channel(namespace: &str, models: &Value) -> String {
    let credentials = json!([{"secretRef": {"name": "later"}}]);
    let spec = json!({"provider": "OpenAI", "credentials": credentials, "models": models});
    document("ProviderChannel", (namespace, "openai"), &spec)
}

fn plan(name: &str, models: &[&str]) -> String {
    document("Plan", ("", name), &json!({"models": {"allow": models}}))
}

fn key(namespace: &str, name: &str, plan: &str) -> String {
    document("ApiKey", (namespace, name), &json!({"plan": plan}))
}

/// What kubectl prints beside the result; the object must be stored.
async fn warned(installed: &Installed, objects: &[String]) -> String {
    let list: Vec<Value> = objects
        .iter()
        .map(|one| serde_json::from_str(one).unwrap())
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": list});
    let said = installed
        .world
        .cluster
        .kubectl(&["apply", "-f", "-"], &list.to_string())
        .await;
    assert!(said.good, "{said:?}");
    said.err
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_warns_of_a_plan_that_is_missing_and_of_models_that_no_channel_has_and_all_is_stored()
 {
    let installed = Installed::shared().await;
    let at = "warned";
    installed.namespace(at, json!({})).await;
    installed.reach_warnings(at).await;
    let models = json!([{"name": "gpt"}, {"name": "embed"}]);
    let in_order = [
        channel(at, &models),
        plan("warned-free", &["gpt", "emb*"]),
        key(at, "good", "warned-free"),
    ];
    assert_eq!(
        warned(&installed, &in_order).await,
        "",
        "in the order of need"
    );

    let lost = warned(&installed, &[key(at, "lost", "warned-nowhere")]).await;
    let expected = "Warning: ApiKey warned/lost: it will not be accepted: plan \"warned-nowhere\" does not exist";
    assert!(lost.starts_with(expected), "{lost}");

    let wide = [
        plan("warned-wide", &["gpt", "claude-*"]),
        key(at, "wide", "warned-wide"),
    ];
    let wide = warned(&installed, &wide).await;
    for expected in [
        "Warning: Plan warned-wide: no channel that it lists has \"claude-*\"",
        "Warning: ApiKey warned/wide: no channel that serves it has \"claude-*\", which plan \"warned-wide\" allows",
    ] {
        assert!(wide.contains(expected), "{wide}");
    }

    let less = warned(&installed, &[channel(at, &json!([{"name": "gpt"}]))]).await;
    let expected = "Warning: ProviderChannel warned/openai: with this, no channel that plan \"warned-free\" lists has \"emb*\"";
    assert!(less.contains(expected), "{less}");
    let cluster = &installed.world.cluster;
    for path in ["apikeys/lost", "apikeys/wide", "providerchannels/openai"] {
        let stored = cluster.get(&format!("{API}/namespaces/{at}/{path}")).await;
        assert!(stored.is_object(), "{path} is not stored");
    }
    let stored = cluster
        .get(&format!("{API}/namespaces/{at}/providerchannels/openai"))
        .await;
    assert_eq!(stored["spec"]["models"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_operator_and_with_one_that_does_not_answer_everything_is_stored_without_a_word()
{
    let installed = Installed::new().await;
    let at = "unwarned";
    installed.namespace(at, json!({})).await;
    installed.reach_warnings(at).await;
    installed.world.kill();
    let stored = async |name: &str| {
        let begun = Instant::now();
        let said = warned(&installed, &[key(at, name, "nowhere")]).await;
        assert_eq!(said, "", "nobody could say anything");
        assert!(begun.elapsed() < STORED_BY_THEN, "{:?}", begun.elapsed());
        let path = format!("{API}/namespaces/{at}/apikeys/{name}");
        assert!(installed.world.cluster.get(&path).await.is_object());
    };
    stored("nobody-listens").await;
    let silent = installed.silent_webhook().await;
    stored("nobody-answers").await;
    let connected = tokio::time::timeout(SOON, silent.accept()).await;
    assert!(connected.is_ok(), "the API server asked");
}
