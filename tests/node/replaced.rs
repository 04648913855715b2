//! Pods and operators that are replaced while calls go on.

use super::application::{Application, Line, lines, served};
use super::installed::{SYSTEM, installed};
use super::kubectl::{SOON, says, variable};
use purser_tests::process::Process;
use serde_json::json;
use std::process::Command;

const PODS: usize = 3;

/// Three pods that call without end, on a plan that does not hold them up.
pub(super) async fn loaded(name: &str) -> Application {
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
        says(&format!("wait --for=delete pod -l app.kubernetes.io/component=operator -n {SYSTEM} --timeout=300s")).await;
    } else {
        says(&format!(
            "rollout status deployment/purser-operator -n {SYSTEM} --timeout=300s"
        ))
        .await;
    }
}

/// The output of pods, followed beyond their end.
pub(super) struct Followed(Vec<(String, Process)>);

impl Followed {
    pub(super) async fn begin(application: &Application) -> Self {
        let follow = |pod: String| {
            let mut command = Command::new(variable("PURSER_TEST_NODE_KUBECTL"));
            let line = [
                "logs",
                "-f",
                "-n",
                &application.namespace,
                &pod,
                "-c",
                "app",
            ];
            let process = Process::start("kubectl logs", command.args(line)).unwrap();
            (pod, process)
        };
        Followed(application.pods().await.into_iter().map(follow).collect())
    }

    /// What each printed until its own end: after its last call, and before its sidecar's.
    pub(super) async fn ended(mut self) -> Vec<(String, Vec<Line>)> {
        let mut all = Vec::new();
        for (pod, process) in &mut self.0 {
            let ended = async |process: &Process| {
                let is_over = process.stdout().contains("\"ended\": true");
                is_over.then_some(())
            };
            let waited = process.until("the program's own end", SOON, ended).await;
            waited.unwrap();
            all.push((pod.clone(), lines(&process.stdout())));
        }
        all
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_update_under_load_fails_no_call() {
    let application = loaded("rolling").await;
    let old = application.pods().await;
    let followed = Followed::begin(&application).await;
    for pod in &old {
        let busy = |printed: &[Line]| printed.len() > 20;
        application.until_prints(pod, "many calls", busy).await;
    }
    says("rollout restart deployment/app -n rolling").await;
    application.until_rolled_out().await;
    for (pod, printed) in followed.ended().await {
        assert!(served(&printed, &pod) > 20);
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
    application.go_on("without an operator").await;
    operators(1).await;
    application.go_on("with one again").await;
    application.end().await;
}
