//! The shared gateway under load: a HorizontalPodAutoscaler adds pods to it, which take their part of the calls, and its pods are replaced.
//! `shared` brings gateway and callers.

use super::application::Application;
use super::installed::SYSTEM;
use super::kubectl::{LOOK, SOON, get, says, until};
use super::outage::{all_served, now};
use super::scaler::MetricsServer;
use purser_tests::figures::figure;
use purser_tests::sse_client::Call;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Instant;

const SCALER: &str = "hpa -n purser-system purser-gateway";
const PODS: &str = "pods -n purser-system -l app.kubernetes.io/component=gateway";

/// Waits until there are more than one, and more than one answers.
pub(super) async fn grows(application: &Application) {
    let (begun, since) = (Instant::now(), now());
    let server = MetricsServer::start().await;
    // Whatever comes of it: it must not stay.
    let came_of_it = tokio::spawn(until("the gateway grows", SCALER, |scaler| {
        is_active(scaler) && scaler["status"]["currentReplicas"].as_u64() > Some(1)
    }));
    let came_of_it = came_of_it.await;
    server.end().await;
    let scaler = came_of_it.unwrap();
    let (grown, replicas) = (begun.elapsed(), &scaler["status"]["currentReplicas"]);
    share_the_calls().await;
    let shared = begun.elapsed();
    let (calls, longest) = all_served(application, "with more gateways", since).await;
    let line = format!(
        "shared gateway under load: 1 pod became {replicas} in {:.0} s and two of them served calls after {:.0} s; {calls} calls, none failed, longest pause {longest:.2} s",
        grown.as_secs_f64(),
        shared.as_secs_f64(),
    );
    figure("node.txt", &line).unwrap();
}

/// Whether it knows how busy the pods are, and scales them by that.
fn is_active(scaler: &Value) -> bool {
    let conditions = scaler["status"]["conditions"].as_array();
    let mut active = conditions.into_iter().flatten();
    active.any(|one| one["type"] == "ScalingActive" && one["status"] == "True")
}

/// Waits until two gateways have answered calls. A sidecar has one connection for all of its calls.
async fn share_the_calls() {
    let begun = Instant::now();
    loop {
        let mut busy = 0;
        let pods = get(PODS).await;
        for pod in pods["items"].as_array().unwrap() {
            busy += usize::from(has_answered(pod).await);
        }
        if busy > 1 {
            return;
        }
        assert!(begun.elapsed() < SOON, "{busy} of {pods:#} answer calls");
        tokio::time::sleep(LOOK).await;
    }
}

async fn has_answered(pod: &Value) -> bool {
    let Some(address) = pod["status"]["podIP"].as_str() else {
        return false;
    };
    let address = SocketAddr::new(address.parse().unwrap(), 4102);
    // One that is just coming does not listen yet.
    let Ok(page) = Call::get("/metrics").send(address).await else {
        return false;
    };
    let page = page.body().await.unwrap_or_default();
    let page = String::from_utf8_lossy(&page);
    page.lines()
        .any(|line| line.starts_with("purser_requests_total{"))
}

/// All of its pods are replaced by others, and the last of the old ones is gone.
pub(super) async fn is_replaced(application: &Application) {
    let since = now();
    let old = names(&get(PODS).await);
    let deployment = format!("deployment/purser-gateway -n {SYSTEM}");
    says(&format!("rollout restart {deployment}")).await;
    says(&format!("rollout status {deployment} --timeout=240s")).await;
    let is_gone = |pods: &Value| names(pods).iter().all(|name| !old.contains(name));
    until("the old gateways are gone", PODS, is_gone).await;
    let (calls, longest) = all_served(application, "with other gateways", since).await;
    let line = format!(
        "shared gateway's {} pods replaced under load: {calls} calls, none failed, longest pause {longest:.2} s",
        old.len()
    );
    figure("node.txt", &line).unwrap();
}

fn names(pods: &Value) -> Vec<String> {
    let pods = pods["items"].as_array().into_iter().flatten();
    pods.map(|pod| pod["metadata"]["name"].to_string())
        .collect()
}
