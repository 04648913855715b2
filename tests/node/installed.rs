//! Both charts installed by Helm as the README says, the contract's files beside two providers in the cluster; once for all tests.
//! Every namespace that tests use enforces Pod Security "restricted".

use super::application::program;
use super::kubectl::{apply, kubectl, says, variable};
use super::replaced::operators;
use purser_tests::helm::{Said, chart, helm};
use serde_json::{Value, json};
use std::os::unix::fs::chown;
use tokio::sync::OnceCell;

/// Where the operator is.
pub(super) const SYSTEM: &str = "purser-system";
/// The contract's namespace.
pub(super) const SHOP: &str = "shop";
/// The contract's model whose channel names a Service in the cluster.
pub(super) const MODEL: &str = "llama-3.3-70b";
const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contract");
/// The node's folder; tests/cluster/node_place.go clears it.
const VOLUME: &str = "/var/lib/purser-node/volumes/operator";

static ONCE: OnceCell<()> = OnceCell::const_new();

/// Installs what is not installed yet.
pub(super) async fn installed() {
    ONCE.get_or_init(|| async {
        for name in [SYSTEM, SHOP, "models"] {
            namespace(name).await;
        }
        volume().await;
        run(&["install", "purser-crds", &chart("purser-crds")]).await;
        run(&install()).await;
        let said = kubectl(&["apply", "-f", CONTRACT], "").await;
        assert!(said.good && told_of_the_others(&said.err), "{said:?}");
        restrict(SHOP).await;
        providers().await;
    })
    .await;
    // Of a test that failed while there was none.
    operators(1).await;
}

/// Whether every warning is of ours, about what comes later in the folder or does nothing without the shared gateway.
fn told_of_the_others(said: &str) -> bool {
    let mut warnings = said.lines().filter(|line| line.starts_with("Warning: "));
    warnings.all(|line| {
        line.contains(" does not exist; create it") || line.contains("not enforced by this version")
    })
}

/// The line that installs the operator, and waits until it is ready.
pub(super) fn install() -> [&'static str; 5] {
    const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/purser");
    ["install", "purser", CHART, "--wait", "--timeout=6m"]
}

/// Helm, in the operator's namespace of this node; it must succeed.
pub(super) async fn run(arguments: &[&str]) -> Said {
    let kubeconfig = variable("PURSER_TEST_NODE_KUBECONFIG");
    let more = [
        format!("--namespace={SYSTEM}"),
        format!("--kubeconfig={}", kubeconfig.display()),
    ];
    let all: Vec<String> = arguments
        .iter()
        .map(|&one| one.to_owned())
        .chain(more)
        .collect();
    let said = tokio::task::spawn_blocking(move || {
        helm(&all.iter().map(String::as_str).collect::<Vec<_>>())
    });
    let said = said.await.unwrap().unwrap();
    if !said.good {
        let pods = says(&format!("get pods,events -n {SYSTEM} -o wide")).await;
        panic!("helm {arguments:?}: {}{}\n{pods}", said.out, said.err);
    }
    said
}

/// A namespace that enforces Pod Security "restricted".
pub(super) async fn namespace(name: &str) {
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    apply(&[object]).await;
    restrict(name).await;
}

/// The contract's own namespace file has other labels.
async fn restrict(name: &str) {
    let label = "pod-security.kubernetes.io/enforce=restricted";
    says(&format!("label namespace {name} --overwrite {label}")).await;
}

/// What a cluster's storage class would make: a folder of root's, which the pod's fsGroup opens to the operator.
async fn volume() {
    std::fs::create_dir_all(VOLUME).unwrap();
    chown(VOLUME, Some(0), Some(0)).unwrap();
    let on = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": ["purser-node"]});
    apply(&[json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "operator"},
        "spec": {
            "capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain", "local": {"path": VOLUME},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on]}]}},
        },
    })])
    .await;
}

/// The contract's channel leads to Service vllm, which fails; a channel of the tests leads to one that answers.
async fn providers() {
    let mut all = Vec::new();
    for (name, conduct) in [("vllm", "fails"), ("steady", "answers")] {
        all.extend(provider(name, conduct));
    }
    all.push(json!({
        "apiVersion": "purser.dev/v1alpha1", "kind": "ProviderChannel",
        "metadata": {"name": "steady", "namespace": SHOP},
        "spec": channel(1),
    }));
    apply(&all).await;
    says("wait --for=condition=Available deployment --all -n models --timeout=480s").await;
}

/// A channel to the provider that answers.
pub(super) fn channel(priority: u32) -> Value {
    json!({
        "provider": "OpenAICompatible", "baseURL": "http://steady.models.svc:8000/v1", "priority": priority,
        "models": [{"name": MODEL, "contextLength": 131_072}],
    })
}

fn provider(name: &str, conduct: &str) -> [Value; 2] {
    let labels = json!({"app": name});
    let mut pod = program(&["provider.py", name, conduct]);
    pod["containers"][0]["ports"] = json!([{"containerPort": 8000}]);
    pod["containers"][0]["readinessProbe"] =
        json!({"tcpSocket": {"port": 8000}, "periodSeconds": 1});
    [
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "models"},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "models"},
            "spec": {"selector": labels, "ports": [{"port": 8000}]},
        }),
    ]
}
