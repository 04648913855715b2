//! Manifests that are applied again and again, as Argo CD and Flux do: nothing changes, so neither needs an exception.

use super::cluster::Cluster;
use super::installed::{HOOK, IMAGE, Installed, WARNINGS};
use super::operator::{NAMESPACE, World};
use purser_tests::helm::{rendered, template};
use purser_tests::port::reserve;
use serde_json::Value;
use std::collections::BTreeMap;

/// Generation and version by kind, namespace and name.
type Versions = BTreeMap<String, (Value, Value)>;

/// What the chart renders but for what Helm alone runs.
fn chart() -> String {
    let rendered = template("default").unwrap();
    let own = rendered.split("\n---\n");
    let own: Vec<&str> = own.filter(|one| !one.contains("helm.sh/hook:")).collect();
    own.join("\n---\n")
}

/// Applies what a chart renders.
async fn apply(cluster: &Cluster, rendered: &str) {
    let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    let said = cluster.kubectl(&apply, rendered).await;
    assert!(said.good, "{}", said.err);
}

/// Which generation and version each of these objects has.
async fn versions(cluster: &Cluster, rendered: &str) -> Versions {
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

/// Applies them and tells their versions then.
async fn applied(cluster: &Cluster, rendered: &str) -> Versions {
    apply(cluster, rendered).await;
    versions(cluster, rendered).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chart_applied_again_changes_nothing_and_leaves_the_operators_ca_in_its_webhook() {
    let installed = Installed::new().await;
    let cluster = &installed.world.cluster;
    let rendered = chart();
    let hook = cluster.get(HOOK).await;
    let bundle = &hook["webhooks"][0]["clientConfig"]["caBundle"];
    assert!(bundle.is_string());
    let first = applied(cluster, &rendered).await;
    assert!(first.len() > 15, "{first:?}");
    assert_eq!(applied(cluster, &rendered).await, first);
    let after = cluster.get(HOOK).await;
    assert_eq!(&after["webhooks"][0]["clientConfig"]["caBundle"], bundle);
}

/// The API server stores a new volume's claim without the phase that it shows of it, and so writes the same claim a second time when it
/// is first applied again, if no controller has written to it before: there is none here.
fn without_claim(of: &Versions) -> Versions {
    let mut others = of.clone();
    others.retain(|name, _| !name.starts_with("\"PersistentVolumeClaim"));
    others
}

/// An operator on a cluster where both charts were applied as they are rendered, and no Helm ever was; it has written its CA.
async fn without_helm(charts: &[String; 2]) -> World {
    let cluster = Cluster::own().await;
    cluster.says(&["create", "namespace", NAMESPACE]).await;
    for rendered in charts {
        apply(&cluster, rendered).await;
    }
    let image = format!("--inject-image={IMAGE}");
    let listen = format!("--listen-webhook={}", reserve().unwrap());
    let world = World::on(cluster, &[&image, &listen, "--warnings"]).await;
    for hook in [HOOK, WARNINGS] {
        let carries = |hook: &Value| {
            let all = hook["webhooks"].as_array().into_iter().flatten();
            let mut all = all.map(|one| &one["clientConfig"]["caBundle"]);
            all.all(Value::is_string)
        };
        let cluster = &world.cluster;
        cluster
            .until("the operator wrote its CA", hook, carries)
            .await;
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn both_charts_applied_again_without_helm_change_nothing_and_differ_in_nothing() {
    let charts = [rendered("purser-crds", &[]).unwrap(), chart()];
    let world = without_helm(&charts).await;
    let cluster = &world.cluster;
    for (rendered, least) in charts.iter().zip([3, 16]) {
        let diff = ["diff", "--server-side", "--force-conflicts", "-f", "-"];
        let differs = cluster.kubectl(&diff, rendered).await;
        assert!(differs.good && differs.out.is_empty(), "{differs:?}");
        let first = versions(cluster, rendered).await;
        assert!(first.len() >= least, "{first:?}");
        let second = applied(cluster, rendered).await;
        assert_eq!(without_claim(&second), without_claim(&first));
        assert_eq!(applied(cluster, rendered).await, second);
    }
    // What a person changes by hand is seen, and put back: the comparison can fail.
    let change = [
        "label",
        "deployment",
        "purser-operator",
        "app.kubernetes.io/name=other",
    ];
    let change = [&change[..], &["--overwrite", "-n", NAMESPACE]].concat();
    cluster.says(&change).await;
    let diff = ["diff", "--server-side", "--force-conflicts", "-f", "-"];
    let differs = cluster.kubectl(&diff, &charts[1]).await;
    assert!(
        !differs.good && differs.out.contains("other"),
        "{differs:?}"
    );
}
