//! A cluster where Helm has installed both charts, and the operator as a process with the chart's own account and webhook. Only the
//! webhook's address is the tests': no Service leads to a process outside, so its configuration names a URL instead.

use super::cluster::Cluster;
use super::operator::{NAMESPACE, World};
use purser_tests::helm::{Said, chart, helm};
use purser_tests::port::reserve;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

/// The image that pods get.
pub(super) const IMAGE: &str = "registry.example/purser-sidecar:9";
/// The webhook's configuration.
pub(super) const HOOK: &str =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/purser";

/// The same of the one for our own objects.
pub(super) const WARNINGS: &str =
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/purser";

/// See the file's page.
pub(super) struct Installed {
    pub(super) world: Arc<World>,
    webhook: SocketAddr,
}

/// How it is installed.
#[derive(Default)]
pub(super) struct Setup<'a> {
    /// What Helm is told of the chart `purser`.
    pub(super) values: &'a [&'a str],
    /// What is there when the operator starts, beside what Helm installs.
    pub(super) objects: &'a str,
    /// The operator's arguments beside the chart's.
    pub(super) more: &'a [&'a str],
    /// Whether Kubernetes' own controllers run.
    pub(super) controllers: bool,
}

static SHARED: Mutex<Weak<Installed>> = Mutex::const_new(Weak::new());

impl Installed {
    /// One that tests share, with the webhook at work.
    pub(super) async fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().await;
        if let Some(installed) = shared.upgrade() {
            return installed;
        }
        let installed = Self::new().await;
        installed.reach_webhook().await;
        let installed = Arc::new(installed);
        *shared = Arc::downgrade(&installed);
        installed
    }

    /// As Helm left it; the webhook is not reached yet.
    pub(super) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// The same, of an operator with these arguments beside the chart's.
    pub(super) async fn with(more: &[&str]) -> Self {
        Self::set_up(&Setup {
            more,
            ..Setup::default()
        })
        .await
    }

    /// The same, set up so.
    pub(super) async fn set_up(setup: &Setup<'_>) -> Self {
        let controllers = setup.controllers.then_some("--controller-manager");
        let cluster = Cluster::own_with(controllers.as_slice()).await;
        if !setup.objects.is_empty() {
            cluster.apply(setup.objects).await;
        }
        for (name, values) in [("purser-crds", &[][..]), ("purser", setup.values)] {
            let chart = chart(name);
            let install = ["install", name, chart.as_str(), "--create-namespace"];
            run(&cluster, &[&install[..], values].concat()).await;
        }
        let webhook = reserve().unwrap();
        let image = format!("--inject-image={IMAGE}");
        let listen = format!("--listen-webhook={webhook}");
        let own = [image.as_str(), &listen, "--warnings"];
        let world = Arc::new(World::on(cluster, &[&own[..], setup.more].concat()).await);
        for (hook, last) in [(HOOK, 1), (WARNINGS, 0)] {
            let carries =
                |hook: &Value| hook["webhooks"][last]["clientConfig"]["caBundle"].is_string();
            let cluster = &world.cluster;
            cluster
                .until("the operator wrote its CA", hook, carries)
                .await;
        }
        Installed { world, webhook }
    }

    /// Helm, with this cluster; it must succeed.
    pub(super) async fn helm(&self, arguments: &[&str]) -> Said {
        run(&self.world.cluster, arguments).await
    }

    /// Where the webhook's listener is.
    pub(super) fn webhook(&self) -> SocketAddr {
        self.webhook
    }

    /// Somebody in the place of an operator that is gone, who takes connections and says nothing.
    pub(super) async fn silent_webhook(&self) -> TcpListener {
        TcpListener::bind(self.webhook).await.unwrap()
    }

    /// Names the operator's process in a configuration of webhooks.
    async fn lead_here(&self, hook: &str, path: &str) {
        let url = format!("https://{}{path}", self.webhook);
        let here = |hook: &mut Value| {
            for webhook in hook["webhooks"].as_array_mut().unwrap() {
                let config = webhook["clientConfig"].as_object_mut().unwrap();
                config.remove("service");
                config.insert("url".into(), url.as_str().into());
            }
        };
        self.world.cluster.change(hook, here).await;
    }

    /// Lets the API server ask about our own objects, and waits until it does.
    pub(super) async fn reach_warnings(&self, namespace: &str) {
        self.lead_here(WARNINGS, "/warn").await;
        let key = format!(
            "{{apiVersion: purser.dev/v1alpha1, kind: ApiKey, metadata: {{name: probe, namespace: {namespace}}}, spec: {{plan: no-such-plan}}}}"
        );
        let begun = std::time::Instant::now();
        loop {
            let dry = ["apply", "--dry-run=server", "-f", "-"];
            let said = self.world.cluster.kubectl(&dry, &key).await;
            if said.err.contains("Warning: ") {
                return;
            }
            assert!(begun.elapsed() < super::cluster::SOON, "{said:?}");
        }
    }

    /// Lets the API server ask the operator's process, and waits until it does.
    pub(super) async fn reach_webhook(&self) {
        self.lead_here(HOOK, "/inject").await;
        self.namespace("reached", json!({})).await;
        // The API server hears of its own configuration through a watch, and calls what it knew until then.
        let asks = json!({"purser.dev/inject": "true"});
        let begun = std::time::Instant::now();
        loop {
            let (_, pod) = self.dry("reached", &pod("app", &asks)).await;
            if pod["spec"]["initContainers"].is_array() {
                return;
            }
            assert!(begun.elapsed() < super::cluster::SOON, "{pod}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// A namespace with these labels, and an account for its pods.
    pub(super) async fn namespace(&self, name: &str, labels: Value) {
        let cluster = &self.world.cluster;
        let namespace = json!({"metadata": {"name": name, "labels": labels}});
        cluster.create("/api/v1/namespaces", &namespace).await;
        self.account(name).await;
    }

    /// An account for a namespace's pods, as a controller would make it.
    pub(super) async fn account(&self, namespace: &str) {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        let account = json!({"metadata": {"name": "default"}});
        self.world.cluster.create(&path, &account).await;
    }

    /// What the API server makes of a pod.
    pub(super) async fn create(&self, namespace: &str, pod: &Value) -> (u16, Value) {
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        self.world.cluster.send("POST", &path, pod).await
    }

    /// The same, and nothing is made.
    pub(super) async fn dry(&self, namespace: &str, pod: &Value) -> (u16, Value) {
        let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
        self.world.cluster.send("POST", &path, pod).await
    }
}

async fn run(cluster: &Cluster, arguments: &[&str]) -> Said {
    let namespace = format!("--namespace={NAMESPACE}");
    let kubeconfig = format!("--kubeconfig={}", cluster.kubeconfig().display());
    let more = [namespace, kubeconfig];
    let all = arguments.iter().map(|&one| one.to_owned()).chain(more);
    let all: Vec<String> = all.collect();
    let said = tokio::task::spawn_blocking(move || {
        helm(&all.iter().map(String::as_str).collect::<Vec<_>>())
    });
    let said = said.await.unwrap().unwrap();
    assert!(said.good, "helm {arguments:?}: {}{}", said.out, said.err);
    said
}

/// An ordinary application's pod with these labels.
pub(super) fn pod(name: &str, labels: &Value) -> Value {
    json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [{"name": "app", "image": "app"}]},
    })
}
