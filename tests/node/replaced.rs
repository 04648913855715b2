//! Pods and operators that are replaced while calls go on.

use super::application::{Application, Line, lines, served};
use super::installed::{SYSTEM, installed};
use super::kubectl::{SOON, says, variable};
use purser_tests::process::Process;
use serde_json::json;
use std::process::Command;

const PODS: usize = 3;

async fn loaded(name: &str) -> Application {
    installed().await;
    let plan = json!({
        "models": {"allow": ["*"]}, "limits": {"requestsPerMinute": 20_000}, "whenQuotaUnreachable": "Share",
    });
    let application = Application::alone(name, plan).await;
    application.deploy(PODS, "load").await;
    application
}

/// Scales the operator, and waits until it is so.
pub(super) async fn operators(count: usize) {
    says(&format!(
        "scale deployment/purser-operator -n {SYSTEM} --replicas={count}"
    ))
    .await;
    if count == 0 {
        says(&format!("wait --for=delete pod -l app.kubernetes.io/component=operator -n {SYSTEM} --timeout=120s")).await;
    } else {
        says(&format!(
            "rollout status deployment/purser-operator -n {SYSTEM} --timeout=120s"
        ))
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_update_under_load_fails_no_call() {
    let application = loaded("rolling").await;
    let old = application.pods().await;
    let mut followers: Vec<_> = old
        .iter()
        .map(|pod| {
            let mut command = Command::new(variable("PURSER_TEST_NODE_KUBECTL"));
            command.args(["logs", "-f", "-n", "rolling", pod, "-c", "app"]);
            Process::start("kubectl logs", &mut command).unwrap()
        })
        .collect();
    for pod in &old {
        let busy = |printed: &[Line]| printed.len() > 20;
        application.until_prints(pod, "many calls", busy).await;
    }
    says("rollout restart deployment/app -n rolling").await;
    application.until_rolled_out().await;
    for (pod, follower) in old.iter().zip(&mut followers) {
        // It ended by itself, after its last call, and its sidecar after it.
        let ended =
            async |follower: &Process| follower.stdout().contains("\"ended\": true").then_some(());
        follower
            .until("the program's own end", SOON, ended)
            .await
            .unwrap();
        assert!(served(&lines(&follower.stdout()), pod) > 20);
    }
    for pod in application
        .pods()
        .await
        .iter()
        .filter(|pod| !old.contains(pod))
    {
        let busy = |printed: &[Line]| printed.len() > 20;
        let printed = application.until_prints(pod, "many calls", busy).await;
        served(&printed, pod);
    }
    application.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_is_scaled_to_none_and_back_under_load_fails_no_call() {
    let application = loaded("headless").await;
    operators(0).await;
    for (round, count) in [("without an operator", 1), ("with one again", 1)] {
        for (pod, before) in application.all_printed().await {
            let pod = pod.split('/').nth(1).unwrap();
            let busy = |printed: &[Line]| printed.len() > before.len() + 40;
            let printed = application.until_prints(pod, round, busy).await;
            served(&printed, pod);
        }
        operators(count).await;
    }
    application.end().await;
}
