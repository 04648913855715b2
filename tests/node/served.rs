//! The card's last line: a pod of an ordinary program calls the sidecar beside it, and is served.

use super::application::{Application, Line};
use super::installed::{SHOP, installed};
use super::kubectl::{apply, get, says, until};
use serde_json::{Value, json};

const ANSWER: &str = "Hello from steady";

fn checkout(name: &str) -> Application {
    Application {
        namespace: SHOP.into(),
        name: name.into(),
        key: "checkout".into(),
    }
}

/// A call and a stream, each of which went past the provider that fails.
fn is_served(printed: &[Line], who: &str) {
    let call = &printed[0];
    assert_eq!(call.status(), Some(200), "{who}: {printed:?}");
    assert_eq!(call.says("said"), ANSWER, "{who}: {printed:?}");
    assert_eq!(call.says("channel"), "shop/steady", "{who}: {printed:?}");
    assert_eq!(call.says("attempts"), "2", "{who}: {printed:?}");
    assert_eq!(printed[1].says("stream"), ANSWER, "{who}: {printed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_program_without_any_configuration_is_served_stream_and_failover_included() {
    installed().await;
    let application = checkout("ordinary");
    application.deploy(1, "serve").await;
    let pods = application.pods().await;
    let is_done = |printed: &[Line]| printed.len() > 1;
    let printed = application
        .until_prints(&pods[0], "a call and a stream", is_done)
        .await;
    is_served(&printed, "the application");
    let pod = get(&format!("pod -n {SHOP} {}", pods[0])).await;
    let statuses = ["containerStatuses", "initContainerStatuses"];
    for status in statuses.map(|kind| &pod["status"][kind][0]) {
        assert_eq!(
            (&status["ready"], &status["restartCount"]),
            (&json!(true), &json!(0))
        );
    }
    says(&format!("delete deployment -n {SHOP} ordinary")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_completes_and_its_init_container_was_served_before_it() {
    installed().await;
    let application = checkout("job");
    apply(&[application.job()]).await;
    let is_over = |job: &Value| job["status"]["succeeded"] == 1 || job["status"]["failed"] == 1;
    let job = until("the Job is over", &format!("job -n {SHOP} job"), is_over).await;
    let pods = application.pods().await;
    for container in ["before", "app"] {
        let printed = application.printed(&pods[0], container).await;
        is_served(&printed, container);
    }
    assert_eq!(job["status"]["succeeded"], 1, "{job:#}");
    says(&format!("delete job -n {SHOP} job")).await;
}
