//! What people meet while no operator answers, and when they delete what the operator wrote.

use super::application::{Application, served};
use super::installed::installed;
use super::kubectl::{get, kubectl, says, until};
use super::replaced::operators;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn while_no_operator_answers_pods_that_ask_are_refused_and_others_are_created() {
    installed().await;
    let application = Application::alone("refused", json!({"models": {"allow": ["*"]}})).await;
    operators(0).await;
    let mut pod = application.pod("asks", "once");
    let create = ["create", "-n", "refused", "--dry-run=server", "-f", "-"];
    let said = kubectl(&create, &pod.to_string()).await;
    assert!(
        !said.good && said.err.contains("pod.purser.dev"),
        "{said:?}"
    );
    pod["metadata"]["labels"]["purser.dev/inject"] = "false".into();
    let said = kubectl(&create, &pod.to_string()).await;
    assert!(said.good, "{said:?}");
    operators(1).await;
    pod["metadata"]["labels"]["purser.dev/inject"] = "true".into();
    let said = kubectl(&create, &pod.to_string()).await;
    assert!(said.good, "{said:?}");
    application.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_configuration_secret_is_written_again_and_pods_are_served_meanwhile() {
    installed().await;
    let application = Application::alone("deleted", json!({"models": {"allow": ["*"]}})).await;
    application.deploy(1, "load").await;
    let line = "secret -n deleted purser-config";
    let old = get(line).await["metadata"]["uid"].clone();
    says("delete secret -n deleted purser-config").await;
    let again = |secret: &Value| secret.is_object() && secret["metadata"]["uid"] != old;
    until("the Secret is there again", line, again).await;
    let pods = application.pods().await;
    let printed = application.printed(&pods[0], "app").await;
    served(&printed, &pods[0]);
    application.end().await;
}
