//! The release's own life: tested, upgraded, rolled back, uninstalled and installed again by Helm, with pods beside it.

use super::application::{Application, Line, served};
use super::installed::{install, installed, run};
use super::kubectl::{SOON, apply, get, kubectl, until_within};
use purser_tests::helm::chart;
use serde_json::{Value, json};
use std::time::Duration;

/// How long what a sidecar holds may stay held: one that ends while no operator is reached gives nothing back, and is lost after ten
/// minutes.
const GIVEN_UP: Duration = SOON.saturating_add(Duration::from_secs(600));

async fn value() -> Value {
    get("secret -n living app-key").await["data"]["apiKey"].clone()
}

async fn operator_logs() -> Value {
    let operator = get("deployment -n purser-system purser-operator").await;
    let env = &operator["spec"]["template"]["spec"]["containers"][0]["env"];
    let all = env.as_array().into_iter().flatten();
    all.filter(|one| one["name"] == "RUST_LOG")
        .map(|one| one["value"].clone())
        .next()
        .unwrap_or_default()
}

/// Another key of the namespace, each of whose calls costs a credit.
async fn paid() -> Application {
    let api = "purser.dev/v1alpha1";
    let plan = json!({
        "models": {"allow": ["*"]}, "credits": {"grant": "10"}, "prices": [{"models": ["*"], "perRequest": "1"}],
    });
    apply(&[
        json!({"apiVersion": api, "kind": "Plan", "metadata": {"name": "living-paid"}, "spec": plan}),
        json!({"apiVersion": api, "kind": "ApiKey", "metadata": {"name": "paid", "namespace": "living"}, "spec": {"plan": "living-paid"}}),
    ])
    .await;
    Application {
        namespace: "living".into(),
        name: "paid".into(),
        key: "paid".into(),
    }
}

/// A pod makes two calls with it, and then so much is left.
async fn spends(paid: &Application, pod: &str, left: &str) {
    let mut one = paid.pod(pod, "once");
    one["spec"]["restartPolicy"] = "Never".into();
    apply(&[one]).await;
    let both = |printed: &[Line]| printed.len() > 1;
    let printed = paid.until_prints(pod, "a call and a stream", both).await;
    served(&printed, pod);
    let tells = |key: &Value| key["status"]["creditsLeft"] == left;
    let key = "apikey -n living paid";
    until_within(GIVEN_UP, "its credits are told", key, tells).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_tests_upgrades_rolls_back_and_uninstalls_and_keys_stay_and_no_webhook_does() {
    installed().await;
    let application = Application::alone("living", json!({"models": {"allow": ["*"]}})).await;
    application.deploy(1, "load").await;
    let key = value().await;
    assert!(key.is_string(), "the operator made a value for the key");
    let paid = paid().await;
    spends(&paid, "before", "8").await;
    run(&["test", "purser"]).await;
    let chart = chart("purser");
    run(&[
        "upgrade",
        "purser",
        &chart,
        "--set=log=debug",
        "--wait",
        "--timeout=6m",
    ])
    .await;
    assert_eq!(operator_logs().await, "debug");
    run(&["rollback", "purser", "--wait", "--timeout=6m"]).await;
    assert_eq!(operator_logs().await, "info");
    run(&["uninstall", "purser", "--wait", "--timeout=6m"]).await;
    assert_eq!(value().await, key, "keys stay");
    assert!(
        get("apikey -n living app").await.is_object(),
        "objects stay"
    );
    let volume = get("persistentvolumeclaim -n purser-system purser-operator").await;
    assert!(volume.is_object(), "credits and usage stay");
    let pod = application.pod("after", "once");
    let create = ["create", "-n", "living", "--dry-run=server", "-f", "-"];
    let said = kubectl(&create, &pod.to_string()).await;
    assert!(said.good, "no webhook is in the way: {said:?}");
    run(&install()).await;
    assert_eq!(value().await, key, "the same key after all");
    spends(&paid, "afterwards", "6").await;
    let pods = application.pods().await;
    let printed = application.printed(&pods[0], "app").await;
    // Calls went on throughout.
    served(&printed, &pods[0]);
    application.end().await;
}
