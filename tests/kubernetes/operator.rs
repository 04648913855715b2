//! The operator as a process, with the rights of `operator/rbac.yaml` and no others. Tests share one, which watches the whole
//! cluster and ends with the last of them; who kills it starts one of their own, on a cluster of their own.

use super::cluster::{Cluster, SOON};
use base64::Engine as _;
use purser_tests::port::reserve;
use purser_tests::process::{Process, binary};
use purser_tests::sse_client::Call;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// The operator's own namespace, as its RBAC has it.
pub(super) const NAMESPACE: &str = "purser-system";

/// A cluster with the objects' definitions, and an operator.
pub(super) struct World {
    pub(super) cluster: Arc<Cluster>,
    pub(super) stream: SocketAddr,
    pub(super) ca: PathBuf,
    metrics: SocketAddr,
    kubeconfig: PathBuf,
    identity: &'static str,
    more: Vec<String>,
    /// What starts the operator's program; none: itself.
    under: Vec<String>,
    operator: std::sync::Mutex<Option<Process>>,
    said: std::sync::Mutex<String>,
}

static SHARED: Mutex<Weak<World>> = Mutex::const_new(Weak::new());

impl World {
    /// The one that tests of this root share.
    pub(super) async fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().await;
        if let Some(world) = shared.upgrade() {
            return world;
        }
        let often = ["--usage-status-every=1s"];
        let world = Self::of_the_run(&often).await;
        *shared = Arc::downgrade(&world);
        world
    }

    /// An operator with these arguments, on the cluster that the run started: no other may be there at the time.
    pub(super) async fn of_the_run(more: &[&str]) -> Arc<Self> {
        Arc::new(Self::start(Cluster::of_the_run().await, (&[], more)).await)
    }

    /// An operator with these arguments, on a cluster of its own.
    pub(super) async fn own(more: &[&str]) -> Arc<Self> {
        Self::own_under(&[], more).await
    }

    /// The same, started by another program, which must become it.
    pub(super) async fn own_under(under: &[&str], more: &[&str]) -> Arc<Self> {
        Arc::new(Self::start(Cluster::own().await, (under, more)).await)
    }

    /// Another operator beside this one, with its arguments.
    #[allow(dead_code, reason = "not every root has two")]
    pub(super) async fn beside(&self) -> Arc<Self> {
        self.beside_by(self.kubeconfig.clone()).await
    }

    /// Another one, which reaches the API server at this address.
    #[allow(dead_code, reason = "not every root has two")]
    pub(super) async fn beside_at(&self, server: SocketAddr) -> Arc<Self> {
        let config = std::fs::read_to_string(&self.kubeconfig).unwrap();
        let mut config: Value = serde_json::from_str(&config).unwrap();
        config["clusters"][0]["cluster"]["server"] = json!(format!("https://{server}"));
        let path = self.cluster.folder().join("beside.kubeconfig");
        std::fs::write(&path, config.to_string()).unwrap();
        self.beside_by(path).await
    }

    /// Where the API server is.
    #[allow(dead_code, reason = "not every root asks")]
    pub(super) fn api_server(&self) -> SocketAddr {
        let config = std::fs::read_to_string(&self.kubeconfig).unwrap();
        let config: Value = serde_json::from_str(&config).unwrap();
        let server = config["clusters"][0]["cluster"]["server"].as_str();
        let address = server.and_then(|server| server.strip_prefix("https://"));
        address.unwrap().parse().unwrap()
    }

    async fn beside_by(&self, kubeconfig: PathBuf) -> Arc<Self> {
        let world = World {
            cluster: Arc::clone(&self.cluster),
            stream: reserve().unwrap(),
            ca: self.ca.clone(),
            metrics: reserve().unwrap(),
            kubeconfig,
            identity: "purser-operator-1",
            more: self.more.clone(),
            under: Vec::new(),
            operator: std::sync::Mutex::default(),
            said: std::sync::Mutex::default(),
        };
        world.run().await;
        Arc::new(world)
    }

    async fn start(cluster: Cluster, how: (&[&str], &[&str])) -> Self {
        cluster.says(&["apply", "-f", &here("crds")]).await;
        allow(&cluster).await;
        Self::started(cluster, how).await
    }

    /// An operator with these arguments, on a cluster of its own that has these definitions.
    #[allow(dead_code, reason = "not every root has others")]
    pub(super) async fn own_with(definitions: &[Value], more: &[&str]) -> Arc<Self> {
        let cluster = Cluster::own().await;
        for definition in definitions {
            let apply = ["apply", "--server-side", "-f", "-"];
            let said = cluster.kubectl(&apply, &definition.to_string()).await;
            assert!(said.good, "{said:?}");
        }
        allow(&cluster).await;
        Arc::new(Self::started(cluster, (&[], more)).await)
    }

    /// An operator with these arguments on a cluster that has its definitions and its account.
    pub(super) async fn on(cluster: Cluster, more: &[&str]) -> Self {
        Self::started(cluster, (&[], more)).await
    }

    async fn started(cluster: Cluster, (under, more): (&[&str], &[&str])) -> Self {
        let wait = ["wait", "--for=condition=Established", "--timeout=60s"];
        let all = ["crd", "--all"];
        cluster.says(&[&wait[..], &all].concat()).await;
        // Whoever held it is dead, and all its sidecars are: nothing is left that an authority would have to learn.
        let lease = ["delete", "lease", "purser-operator", "-n", NAMESPACE];
        cluster
            .says(&[&lease[..], &["--ignore-not-found"]].concat())
            .await;
        let kubeconfig = account(&cluster).await;
        let world = World {
            stream: reserve().unwrap(),
            ca: cluster.folder().join("ca.crt"),
            metrics: reserve().unwrap(),
            kubeconfig,
            identity: "purser-operator-0",
            more: more.iter().map(|&one| one.to_owned()).collect(),
            under: under.iter().map(|&one| one.to_owned()).collect(),
            operator: std::sync::Mutex::default(),
            said: std::sync::Mutex::default(),
            cluster: Arc::new(cluster),
        };
        world.run().await;
        let path = format!("/api/v1/namespaces/{NAMESPACE}/secrets/purser-ca");
        let secret = world.cluster.get(&path).await;
        std::fs::write(&world.ca, decoded(&secret["data"]["ca.crt"])).unwrap();
        world
    }

    /// Starts the operator's process; returns how long it took until it was ready.
    pub(super) async fn run(&self) -> Duration {
        let begun = Instant::now();
        let program = binary("purser-operator").unwrap().into_os_string();
        let under = self.under.iter().map(Into::into);
        let mut words = under.chain([program]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .env("KUBECONFIG", &self.kubeconfig)
            .arg(format!("--listen-stream={}", self.stream))
            .arg(format!("--listen-metrics={}", self.metrics))
            .arg("--stream-name=127.0.0.1")
            .arg(format!("--identity={}", self.identity))
            .args(&self.more);
        let mut process = Process::start("purser-operator", &mut command).unwrap();
        let ready = Call::get("/readyz");
        process
            .until_answers(self.metrics, &ready, SOON)
            .await
            .unwrap();
        *self.operator.lock().unwrap() = Some(process);
        begun.elapsed()
    }

    /// The operator's process.
    #[allow(dead_code, reason = "not every root asks")]
    pub(super) fn pid(&self) -> u32 {
        let process = self.operator.lock().unwrap();
        process.as_ref().expect("an operator that runs").pid()
    }

    /// SIGKILL.
    pub(super) fn kill(&self) {
        let process = self.operator.lock().unwrap().take();
        let mut process = process.expect("an operator that runs");
        process.kill();
        self.said.lock().unwrap().push_str(&process.stderr());
    }

    /// SIGSTOP, or SIGCONT: its connections live meanwhile, and nobody answers.
    #[allow(dead_code, reason = "not every root stops it")]
    pub(super) fn stand_still(&self, still: bool) {
        let process = self.operator.lock().unwrap();
        let process = process.as_ref().expect("an operator that runs");
        let signal = if still { Signal::STOP } else { Signal::CONT };
        process.signal(signal).unwrap();
    }

    /// A page of its port for health and metrics.
    pub(super) async fn page(&self, path: &str) -> String {
        self.try_page(path).await.unwrap()
    }

    /// The same, of one that may not listen yet.
    pub(super) async fn try_page(&self, path: &str) -> anyhow::Result<String> {
        let answer = Call::get(path).send(self.metrics).await?;
        Ok(String::from_utf8_lossy(&answer.body().await?).into_owned())
    }

    /// All that the operator printed so far.
    pub(super) fn log(&self) -> String {
        let operator = self.operator.lock().unwrap();
        let now = operator
            .as_ref()
            .map(|process| process.stdout() + &process.stderr());
        self.said.lock().unwrap().clone() + &now.unwrap_or_default()
    }
}

/// A file or folder of this repository.
pub(super) fn here(path: &str) -> String {
    format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))
}

/// The operator's account and guards, as by hand.
async fn allow(cluster: &Cluster) {
    for path in ["rbac", "credit-policy", "secret-policy", "fence-policy"] {
        let path = here(&format!("operator/{path}.yaml"));
        cluster.says(&["apply", "-f", &path]).await;
    }
}

/// A kubeconfig of the operator's ServiceAccount.
async fn account(cluster: &Cluster) -> PathBuf {
    let token = ["create", "token", "purser-operator", "-n", NAMESPACE];
    let token = cluster
        .says(&[&token[..], &["--duration=24h"]].concat())
        .await;
    let config = ["config", "view", "--raw", "--flatten", "--minify"];
    let config = cluster.says(&[&config[..], &["-o=json"]].concat()).await;
    let mut config: Value = serde_json::from_str(&config).unwrap();
    config["users"][0]["user"] = json!({"token": token.trim()});
    let path = cluster.folder().join("operator.kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

/// A Secret's value.
pub(super) fn decoded(value: &Value) -> Vec<u8> {
    let text = value
        .as_str()
        .unwrap_or_else(|| panic!("not a value: {value}"));
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}
