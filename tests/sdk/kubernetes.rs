//! The whole line, real at both ends: a person applies objects to a real API server, the operator and a sidecar run as processes,
//! the Python SDK calls, and a real model answers. Everything that a person would type goes through kubectl. The operator has the
//! administrator's rights here; that its own suffice is shown by the root `kubernetes`.

use super::gateway::SOON;
use super::kubectl::Kubectl;
use super::model_server::{Promise, call_a_real_model};
use purser_tests::model_server::ModelServer;
use purser_tests::port::reserve;
use purser_tests::process::{Process, binary};
use purser_tests::sse_client::Call;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

const CRDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crds");
const OBJECTS: &str = include_str!("objects.yaml");
/// The requests per minute of the plan in there.
const RATE: usize = 6;

#[tokio::test]
async fn objects_applied_to_a_cluster_let_the_sdk_call_a_real_model() {
    // A run may follow another on the same cluster.
    let own = format!("sdk-{}", std::process::id());
    let Some(kubectl) = Kubectl::of_the_run(&own) else {
        eprintln!("not tested: PURSER_TEST_KUBECONFIG names no cluster; tests/run.sh starts one");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let model = ModelServer::start(Ipv4Addr::LOCALHOST).await.unwrap();
    apply(&kubectl, &own, &model, folder.path());

    let (mut operator, stream) = start_operator(&kubectl, &own).await;
    let (mut sidecar, base_url) = start_sidecar(&kubectl, stream, folder.path()).await;
    kubectl.waits_for("condition=Accepted", &format!("plan/{own} chan/dead"));
    kubectl.waits_for("jsonpath={.status.prefix}", "key/caller");
    kubectl.waits_for("condition=Programmed", "key/caller chan/llama");

    let key = kubectl.secret("caller-key", "apiKey");
    let promise = Promise {
        base_url: &base_url,
        key: &key,
        rate: RATE,
        channel: &format!("{own}/llama"),
    };
    call_a_real_model(promise).await;

    for process in [&mut sidecar, &mut operator] {
        let status = process.end(SOON).await.unwrap();
        let printed = process.stdout() + &process.stderr();
        assert!(status.success(), "ended with {status}: {printed}");
        assert!(!printed.contains(&key), "printed the key: {printed}");
    }
    kubectl.says(&format!("delete --wait=false plan/{own} namespace/{own}"));
}

fn apply(kubectl: &Kubectl, own: &str, model: &ModelServer, folder: &Path) {
    kubectl.says(&format!("apply -f {CRDS}"));
    let kinds = ["plans", "apikeys", "providerchannels"];
    let kinds = kinds.map(|kind| format!("crd/{kind}.purser.dev"));
    kubectl.waits_for("condition=Established", &kinds.join(" "));
    let objects = OBJECTS.replace("OWN", own);
    let objects = objects.replace("MODEL", &model.address.to_string());
    let path = keep(folder, "objects.yaml", &objects);
    kubectl.says(&format!("apply -f {}", path.display()));
}

fn keep(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The operator, ready, and where sidecars connect to it. It looks after this namespace alone.
async fn start_operator(kubectl: &Kubectl, own: &str) -> (Process, SocketAddr) {
    let (stream, metrics) = (reserve().unwrap(), reserve().unwrap());
    let mut command = Command::new(binary("purser-operator").unwrap());
    command.env("KUBECONFIG", &kubectl.kubeconfig);
    command.args(["--namespace", own, "--watch-namespaces", own]);
    command.args(["--listen-stream", &stream.to_string()]);
    command.args(["--listen-metrics", &metrics.to_string()]);
    command.args(["--stream-name", "127.0.0.1"]);
    let mut operator = Process::start("purser-operator", &mut command).unwrap();
    let ready = Call::get("/readyz");
    operator.until_answers(metrics, &ready, SOON).await.unwrap();
    (operator, stream)
}

/// A sidecar, ready, with the token that a pod of this namespace would have; and what an SDK is told.
async fn start_sidecar(kubectl: &Kubectl, stream: SocketAddr, folder: &Path) -> (Process, String) {
    let ca = keep(folder, "ca.crt", &kubectl.secret("purser-ca", "ca.crt"));
    let token = kubectl.says("create token shop --audience purser.dev/operator");
    let token = keep(folder, "token", &token);
    let admin = reserve().unwrap();
    let mut command = Command::new(binary("purser-sidecar").unwrap());
    command.args(["--listen", "127.0.0.1:0", "--linger", "0"]);
    command.args(["--admin", &admin.to_string()]);
    command.args(["--operator", &format!("https://{stream}")]);
    command.arg("--operator-ca").arg(ca);
    command.arg("--token").arg(token);
    let mut sidecar = Process::start("purser-sidecar", &mut command).unwrap();
    let ready = Call::get("/readyz");
    sidecar.until_answers(admin, &ready, SOON).await.unwrap();
    let address = sidecar.stderr().lines().find_map(callers);
    (sidecar, format!("http://{}/v1", address.unwrap()))
}

/// Where a line of the sidecar's log says that it serves.
fn callers(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    line["fields"]["callers"].as_str().map(str::to_owned)
}
