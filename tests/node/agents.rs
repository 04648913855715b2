//! A node whose agents end and start again while there is no operator: what was admitted comes up, and serves from the Secret.

use super::application::{Application, Line, served};
use super::installed::{MODEL, installed};
use super::kubectl::{apply, get, kubectl, until};
use super::machine::{kill, order};
use super::replaced::operators;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

const HELD: &str = "pod -n restarted held";

#[tokio::test(flavor = "multi_thread")]
async fn with_no_operator_a_restarted_node_serves_on_and_admitted_pods_come_up_and_serve() {
    installed().await;
    let application = Application::alone("restarted", json!({"models": {"allow": ["*"]}})).await;
    application.deploy(1, "load").await;
    hold(&application).await;
    let what = "the configuration's Secret has the key's channel, too";
    until(what, "secret -n restarted purser-config", has_the_model).await;
    operators(0).await;
    order("restart agents").await;
    let running = application
        .pods()
        .await
        .into_iter()
        .find(|name| name != "held")
        .unwrap();
    let known = |printed: &[Line]| !printed.is_empty();
    let before = application.until_prints(&running, "its calls", known);
    let before = before.await.len();
    let goes_on = |printed: &[Line]| printed.len() > before + 20;
    let printed = application
        .until_prints(&running, "calls after the restart", goes_on)
        .await;
    served(&printed, &running);
    // Now the pod that was admitted before may be scheduled.
    let gates = r#"[{"op": "remove", "path": "/spec/schedulingGates"}]"#;
    let patch = "patch pod held -n restarted --type=json -p".split(' ');
    let patch: Vec<&str> = patch.chain([gates]).collect();
    let said = kubectl(&patch, "").await;
    assert!(said.good, "{}", said.err);
    let called = |printed: &[Line]| printed.len() > 1;
    until("the admitted pod runs", HELD, |pod| {
        pod["status"]["phase"] == "Running"
    })
    .await;
    let printed = application
        .until_prints("held", "a call and a stream", called)
        .await;
    served(&printed, "held");
    a_killed_sidecar_comes_back(&application).await;
    operators(1).await;
    application.end().await;
}

/// It is written as soon as there is a key, and again once its channel is there; a configuration this small is one part of it.
fn has_the_model(secret: &Value) -> bool {
    let unpacked = || {
        let part = STANDARD.decode(secret["data"]["part-0"].as_str()?).ok()?;
        std::io::read_to_string(GzDecoder::new(part.as_slice())).ok()
    };
    unpacked().is_some_and(|text| text.contains(MODEL))
}

/// A pod that is admitted, and waits.
async fn hold(application: &Application) {
    let mut pod = application.pod("held", "load");
    pod["spec"]["schedulingGates"] = json!([{"name": "purser.dev/hold"}]);
    apply(&[pod]).await;
}

async fn a_killed_sidecar_comes_back(application: &Application) {
    let pod = get(HELD).await;
    kill(&pod["status"]["initContainerStatuses"][0]);
    let is_back = |pod: &Value| {
        let sidecar = &pod["status"]["initContainerStatuses"][0];
        sidecar["restartCount"] == 1 && sidecar["ready"] == true
    };
    until("the killed sidecar is ready again", HELD, is_back).await;
    let before = application.printed("held", "app").await.len();
    let goes_on = |printed: &[Line]| printed.len() > before + 10;
    let printed = application
        .until_prints("held", "calls again", goes_on)
        .await;
    served(&printed[before..], "held");
}
