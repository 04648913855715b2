//! Manifests that are applied again and again, as Argo CD and Flux do: nothing changes, so neither needs an exception.

use super::cluster::Cluster;
use super::installed::{HOOK, Installed};
use purser_tests::helm::template;
use serde_json::Value;
use std::collections::BTreeMap;

/// Applies what the chart renders, and tells which version each of its objects has then.
async fn applied(cluster: &Cluster, rendered: &str) -> BTreeMap<String, (Value, Value)> {
    let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    let said = cluster.kubectl(&apply, rendered).await;
    assert!(said.good, "{}", said.err);
    let said = cluster
        .kubectl(&["get", "-f", "-", "-o=json"], rendered)
        .await;
    let all: Value = serde_json::from_str(&said.out).unwrap();
    let versions = all["items"].as_array().unwrap().iter().map(|one| {
        let (metadata, kind) = (&one["metadata"], &one["kind"]);
        let name = format!("{kind} {} {}", metadata["namespace"], metadata["name"]);
        let version = metadata["resourceVersion"].clone();
        (name, (metadata["generation"].clone(), version))
    });
    versions.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chart_applied_again_changes_nothing_and_leaves_the_operators_ca_in_its_webhook() {
    let installed = Installed::new().await;
    let cluster = &installed.world.cluster;
    let rendered = template("default").unwrap();
    let own = rendered.split("\n---\n");
    let own: Vec<&str> = own.filter(|one| !one.contains("helm.sh/hook:")).collect();
    let rendered = own.join("\n---\n");
    let hook = cluster.get(HOOK).await;
    let bundle = &hook["webhooks"][0]["clientConfig"]["caBundle"];
    assert!(bundle.is_string());
    let first = applied(cluster, &rendered).await;
    assert!(first.len() > 15, "{first:?}");
    assert_eq!(applied(cluster, &rendered).await, first);
    let after = cluster.get(HOOK).await;
    assert_eq!(&after["webhooks"][0]["clientConfig"]["caBundle"], bundle);
}
