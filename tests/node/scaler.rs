//! metrics-server on the node's host, by which a HorizontalPodAutoscaler learns how busy pods are. `grown` starts it. It must not stay:
//! an API that is named and does not answer keeps namespaces from being deleted.

use super::kubectl::{LOOK, SOON, apply, says, variable};
use super::machine::BRIDGE;
use purser_tests::port::reserve_at;
use purser_tests::process::Process;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Command;
use std::time::Instant;

/// What this puts into the cluster.
const NAMED: [&str; 3] = [
    "apiservice v1beta1.metrics.k8s.io",
    "service -n kube-system metrics-server",
    "endpointslice -n kube-system metrics-server",
];

/// A running one.
pub(super) struct MetricsServer {
    process: Process,
    _certificate: tempfile::TempDir,
}

impl MetricsServer {
    /// Starts it and names it to the API server, which asks it as soon as it answers.
    pub(super) async fn start() -> Self {
        let address = reserve_at(BRIDGE).unwrap();
        let certificate = tempfile::tempdir().unwrap();
        let kubeconfig = variable("PURSER_TEST_NODE_KUBECONFIG");
        let mut command = Command::new(variable("PURSER_TEST_METRICS_SERVER"));
        for option in ["", "authentication-", "authorization-"] {
            command.arg(format!("--{option}kubeconfig={}", kubeconfig.display()));
        }
        command
            .arg(format!("--cert-dir={}", certificate.path().display()))
            .arg(format!("--bind-address={}", address.ip()))
            .arg(format!("--secure-port={}", address.port()))
            .args(["--kubelet-insecure-tls", "--kubelet-use-node-status-port"])
            .arg("--kubelet-preferred-address-types=InternalIP")
            // The least that it takes, and a question must end before the next.
            .args(["--metric-resolution=10s", "--kubelet-request-timeout=9s"]);
        let process = Process::start("metrics-server", &mut command).unwrap();
        let [service, slice, api] = named(address.port());
        apply(&[service, slice]).await;
        until_led_here(address).await;
        apply(&[api]).await;
        MetricsServer {
            process,
            _certificate: certificate,
        }
    }

    /// Takes it away, and every word of it.
    pub(super) async fn end(mut self) {
        for named in NAMED {
            says(&format!("delete {named}")).await;
        }
        self.process.end(SOON).await.unwrap();
    }
}

/// Waits until the Service leads to this address. Before that it leads out of the machine, and whatever answers there the API server would
/// ask again and again, over the connection that it has.
async fn until_led_here(address: SocketAddr) {
    let begun = Instant::now();
    let here = format!("--to-destination {address}");
    loop {
        let mut list = Command::new("iptables");
        list.args(["--wait", "--table", "nat", "--list-rules"]);
        let rules = list.output().unwrap().stdout;
        if String::from_utf8_lossy(&rules).contains(&here) {
            return;
        }
        assert!(begun.elapsed() < SOON, "no rule leads to {address}");
        tokio::time::sleep(LOOK).await;
    }
}

/// A Service that leads to the host, and its API.
fn named(port: u16) -> [Value; 3] {
    let metadata = json!({"name": "metrics-server", "namespace": "kube-system"});
    let mut of_service = metadata.clone();
    of_service["labels"] = json!({"kubernetes.io/service-name": "metrics-server"});
    [
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 443, "targetPort": port}]}}),
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": of_service, "addressType": "IPv4",
            "ports": [{"port": port, "protocol": "TCP"}],
            "endpoints": [{"addresses": [BRIDGE.to_string()], "conditions": {"ready": true}}],
        }),
        json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {
                "group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
                "insecureSkipTLSVerify": true, "service": {"name": "metrics-server", "namespace": "kube-system"},
            },
        }),
    ]
}
