//! What Purser and the pods stand on ends under load: the API server, its store, the operator's process, which has no memory left or is
//! killed without a word. No call fails, and what people change afterwards is enforced.

use super::application::{Application, Line, served};
use super::kubectl::kubectl;
use super::machine::{
    fresh_operator, kill_the_operator, order, starve_the_operator, until_the_api_server_is_ready,
};
use super::metered::{each_call_is_charged_once, metered};
use super::replaced::{loaded, operators};
use purser_tests::figures::{figure, soak};
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// In seconds since 1970.
pub(super) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs_f64()
}

/// Waits for calls after all that there were, and that each was served; how many were made since then, and the longest pause in a pod.
pub(super) async fn all_served(application: &Application, when: &str, since: f64) -> (usize, f64) {
    application.go_on(when).await;
    let (mut calls, mut longest) = (0, 0_f64);
    for (pod, printed) in application.all_at_work().await {
        served(&printed, &pod);
        let times: Vec<f64> = printed.iter().map(Line::at).collect();
        calls += times.iter().filter(|&&at| at > since).count();
        let pauses = times.windows(2).filter(|pair| pair[1] > since);
        longest = pauses.map(|pair| pair[1] - pair[0]).fold(longest, f64::max);
    }
    (calls, longest)
}

/// Suspends the key, and waits until every pod is told so.
async fn a_change_is_enforced(application: &Application) {
    let (name, namespace) = (&application.key, &application.namespace);
    let patch = json!({"spec": {"suspended": true}}).to_string();
    let line = [
        "patch",
        "apikey",
        name,
        "-n",
        namespace,
        "--type=merge",
        "-p",
    ];
    let said = kubectl(&[&line[..], &[&patch]].concat(), "").await;
    assert!(said.good, "{}", said.err);
    for pod in application.pods().await {
        let refused = |printed: &[Line]| {
            let last = printed.last();
            last.is_some_and(|line| line.says("code") == "api_key_suspended")
        };
        let printed = application.until_prints(&pod, "its refusal", refused).await;
        let other = |line: &&Line| !matches!(line.status(), None | Some(200 | 403));
        let others: Vec<&Line> = printed.iter().filter(other).collect();
        assert!(others.is_empty(), "{pod}: {others:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_api_server_is_down_no_call_fails_and_afterwards_changes_are_enforced() {
    let application = loaded("apiless").await;
    let down = Duration::from_secs(if soak() { 120 } else { 25 });
    application.go_on("before").await;
    let since = now();
    order("end kube-apiserver").await;
    // The outage is the thing itself: longer than the operator's Lease.
    tokio::time::sleep(down).await;
    order("start kube-apiserver").await;
    until_the_api_server_is_ready().await;
    let (calls, longest) = all_served(&application, "after the outage", since).await;
    let line = format!(
        "API server down for {} s under load: {calls} calls, none failed, longest pause {longest:.2} s",
        down.as_secs()
    );
    figure("node.txt", &line).unwrap();
    operators(1).await;
    a_change_is_enforced(&application).await;
    application.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_api_servers_store_restarts_no_call_fails_and_afterwards_changes_are_enforced() {
    let application = loaded("storeless").await;
    application.go_on("before").await;
    let since = now();
    order("end etcd").await;
    order("start etcd").await;
    until_the_api_server_is_ready().await;
    let (calls, longest) = all_served(&application, "after the restart", since).await;
    let line = format!(
        "etcd restarted under load: {calls} calls, none failed, longest pause {longest:.2} s"
    );
    figure("node.txt", &line).unwrap();
    operators(1).await;
    a_change_is_enforced(&application).await;
    application.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_operator_is_killed_for_want_of_memory_no_call_fails_and_its_successor_enforces_changes()
 {
    fresh_operator().await;
    let application = loaded("killed").await;
    application.go_on("before").await;
    let since = now();
    starve_the_operator().await;
    let (calls, longest) = all_served(&application, "after the kill", since).await;
    let line = format!(
        "operator OOM-killed under load: {calls} calls, none failed, longest pause {longest:.2} s"
    );
    figure("node.txt", &line).unwrap();
    a_change_is_enforced(&application).await;
    application.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_operator_is_killed_calls_of_a_metered_key_wait_and_each_is_charged_once() {
    fresh_operator().await;
    let application = metered("charged").await;
    application.go_on("before").await;
    kill_the_operator().await;
    application.go_on("after the kill").await;
    each_call_is_charged_once(application).await;
}
