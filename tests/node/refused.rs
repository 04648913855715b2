//! What people meet while no operator answers, and when they delete what the operator wrote.

use super::application::{Application, Line, served};
use super::installed::installed;
use super::kubectl::{apply, kubectl, says};
use super::replaced::operators;
use serde_json::json;

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
async fn without_the_configurations_secret_pods_go_on_and_new_ones_are_served_by_the_stream() {
    installed().await;
    let application = Application::alone("deleted", json!({"models": {"allow": ["*"]}})).await;
    application.deploy(1, "load").await;
    says("delete secret -n deleted purser-config").await;
    let old = application.pods().await;
    let busy = |printed: &[Line]| printed.len() > 20;
    let printed = application.until_prints(&old[0], "many calls", busy).await;
    served(&printed, &old[0]);
    apply(&[application.pod("later", "load")]).await;
    let printed = application.until_prints("later", "many calls", busy).await;
    served(&printed, "later");
    application.end().await;
}
