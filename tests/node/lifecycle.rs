//! The release's own life: tested, upgraded, rolled back, uninstalled and installed again by Helm, with pods beside it.

use super::application::{Application, served};
use super::installed::{install, installed, run};
use super::kubectl::{get, kubectl};
use purser_tests::helm::chart;
use serde_json::{Value, json};

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

#[tokio::test(flavor = "multi_thread")]
async fn helm_tests_upgrades_rolls_back_and_uninstalls_and_keys_stay_and_no_webhook_does() {
    installed().await;
    let application = Application::alone("living", json!({"models": {"allow": ["*"]}})).await;
    application.deploy(1, "load").await;
    let key = value().await;
    assert!(key.is_string(), "the operator made a value for the key");
    run(&["test", "purser"]).await;
    let chart = chart("purser");
    run(&[
        "upgrade",
        "purser",
        &chart,
        "--set=log=debug",
        "--wait",
        "--timeout=3m",
    ])
    .await;
    assert_eq!(operator_logs().await, "debug");
    run(&["rollback", "purser", "--wait", "--timeout=3m"]).await;
    assert_eq!(operator_logs().await, "info");
    run(&["uninstall", "purser", "--wait", "--timeout=3m"]).await;
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
    let pods = application.pods().await;
    let printed = application.printed(&pods[0], "app").await;
    // Calls went on throughout.
    served(&printed, &pods[0]);
    application.end().await;
}
