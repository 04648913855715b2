//! What happens to a node from outside Kubernetes: its servers end and start again, a container is killed, for want of memory or without a
//! word.
//! Servers by the orders that `purser-cluster up` takes (tests/cluster/orders.go), containers by containerd's own command.

use super::installed::installed;
use super::kubectl::{LOOK, SOON, get, kubectl, until};
use super::memory::exhaust;
use super::replaced::operators;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

// tests/cluster/node_place.go names all three.
/// Where pods reach their host.
pub(super) const BRIDGE: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);
const ORDERS: &str = "/run/purser-node/orders.sock";
const CONTAINERD: &str = "/run/purser-node/containerd.sock";

/// Gives an order and waits until it is done.
pub(super) async fn order(words: &str) {
    let mut socket = UnixStream::connect(ORDERS).await.unwrap();
    socket
        .write_all(format!("{words}\n").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "done\n", "{words}");
}

/// Waits until the API server answers again.
pub(super) async fn until_the_api_server_is_ready() {
    let begun = Instant::now();
    loop {
        let said = kubectl(&["get", "--raw", "/readyz"], "").await;
        if said.good {
            return;
        }
        assert!(begun.elapsed() < SOON, "{}", said.err);
        tokio::time::sleep(LOOK).await;
    }
}

const OPERATOR: &str = "pods -n purser-system -l app.kubernetes.io/component=operator";

/// SIGKILL to the container with this status of a pod; its id.
pub(super) fn kill(container: &Value) -> String {
    let id = container["containerID"].as_str().unwrap();
    let bare = id.trim_start_matches("containerd://");
    let mut kill = Command::new("ctr");
    kill.args(["-a", CONTAINERD, "-n", "k8s.io"]);
    kill.args(["tasks", "kill", "-s", "SIGKILL", bare]);
    assert!(kill.status().unwrap().success(), "{id}");
    id.to_owned()
}

/// An operator that has not been killed yet: kubelet waits before it starts a container again that ended a moment ago.
pub(super) async fn fresh_operator() {
    installed().await;
    operators(0).await;
    operators(1).await;
}

/// Kills the operator and waits until another container of the same pod is ready.
pub(super) async fn kill_the_operator() {
    let pods = get(OPERATOR).await;
    let killed = kill(&pods["items"][0]["status"]["containerStatuses"][0]);
    back(&killed).await;
}

/// Lets the operator run into the chart's limit of its memory, and waits until another container of the same pod is ready.
pub(super) async fn starve_the_operator() {
    let pod = get(OPERATOR).await["items"][0].take();
    let container = &pod["status"]["containerStatuses"][0];
    exhaust(&pod, container).await;
    let container = back(container["containerID"].as_str().unwrap()).await;
    let why = &container["lastState"]["terminated"]["reason"];
    assert_eq!(why, "OOMKilled", "{container:#}");
}

/// The status of the operator's container, once it is another than this one, and ready.
async fn back(killed: &str) -> Value {
    let other = |pods: &Value| {
        let container = &pods["items"][0]["status"]["containerStatuses"][0];
        container["ready"] == true && container["containerID"] != killed
    };
    let what = "another container of the operator is ready";
    let mut pods = until(what, OPERATOR, other).await;
    pods["items"][0]["status"]["containerStatuses"][0].take()
}
