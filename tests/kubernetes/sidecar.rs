//! A sidecar as a process, in the name of a pod: its token is bound to a Pod object, as the kubelet's would be. No kubelet runs,
//! so the pod itself never does.

use super::cluster::{SOON, condition};
use super::operator::decoded;
use super::place::{ACCOUNT, Place};
use flate2::read::MultiGzDecoder;
use purser_tests::process::{Process, binary};
use purser_tests::sse_client::{Answer, Call};
use serde_json::{Value, json};
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A running sidecar.
pub(super) struct Sidecar {
    pub(super) process: Process,
    pub(super) address: SocketAddr,
    pub(super) admin: SocketAddr,
    _folder: tempfile::TempDir,
}

/// For the compiled Secret after the statuses.
const WHOLE_BY_THEN: Duration = Duration::from_secs(5);

/// What a compiled Secret says; nothing where it cannot be read.
fn configuration(secret: &Value) -> String {
    let values = secret["data"].as_object().into_iter().flatten();
    let parts = values.filter(|(name, _)| name.starts_with("part-"));
    let parts: Vec<u8> = parts.flat_map(|(_, value)| decoded(value)).collect();
    let mut text = String::new();
    let read = MultiGzDecoder::new(&parts[..]).read_to_string(&mut text);
    read.map(|_| text).unwrap_or_default()
}

impl Place {
    /// So many sidecars, each in a pod of its own, all connected.
    pub(super) async fn sidecars(&self, count: usize) -> Vec<Sidecar> {
        let mut sidecars = Vec::new();
        for number in 0..count {
            let mut sidecar = self.sidecar(&format!("pod-{number}"), &[]).await;
            sidecar.until_connected().await;
            sidecars.push(sidecar);
        }
        sidecars
    }

    /// One in a pod of this name, perhaps not connected yet.
    pub(super) async fn sidecar(&self, pod: &str, more: &[&str]) -> Sidecar {
        self.sidecar_under(&[], (pod, more)).await
    }

    /// The same, started by another program, which must become it.
    pub(super) async fn sidecar_under(
        &self,
        under: &[&str],
        (pod, more): (&str, &[&str]),
    ) -> Sidecar {
        let token = self.token_of_pod(pod).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, token).unwrap();
        let operator = format!("--operator=https://{}", self.world.stream);
        let token = format!("--token={}", path.display());
        let ca = format!("--operator-ca={}", self.world.ca.display());
        let given = |option: &str| more.iter().any(|one| one.starts_with(option));
        let mut arguments = vec![token];
        arguments.extend((!given("--operator=")).then_some(operator));
        arguments.extend((!given("--operator-ca=")).then_some(ca));
        arguments.extend(more.iter().map(|&one| one.to_owned()));
        Sidecar::start(under, &arguments, folder).await
    }

    /// A token that is bound to a pod, which is made if it is not there.
    pub(super) async fn token_of_pod(&self, pod: &str) -> String {
        let cluster = &self.world.cluster;
        let mut object = cluster.get(&self.core("pods", pod)).await;
        if object.is_null() {
            let labels = json!({"purser.dev/inject": "true"});
            let container = json!({"name": "app", "image": "app"});
            let wanted = json!({"metadata": {"name": pod, "labels": labels},
                "spec": {"serviceAccountName": ACCOUNT, "containers": [container]}});
            object = cluster.create(&self.core("pods", ""), &wanted).await;
        }
        let bound = json!({"apiVersion": "v1", "kind": "Pod", "name": pod, "uid": object["metadata"]["uid"]});
        self.token(json!({"audiences": ["purser.dev/operator"], "boundObjectRef": bound}))
            .await
    }

    /// What `kubectl create token` asks for.
    pub(super) async fn token(&self, spec: Value) -> String {
        let path = self.core("serviceaccounts", &format!("{ACCOUNT}/token"));
        let made = self
            .world
            .cluster
            .create(&path, &json!({"spec": spec}))
            .await;
        made["status"]["token"].as_str().unwrap().to_owned()
    }

    /// The names of what the operator accepted here, keys and channels.
    async fn accepted(&self) -> Vec<String> {
        let mut names = Vec::new();
        for kind in ["apikeys", "providerchannels"] {
            let path = self.ours(kind, "");
            let all = self.world.cluster.get(path.trim_end_matches('/')).await;
            let all = all["items"].as_array().into_iter().flatten();
            let good = all.filter(|one| condition(one, "Accepted") == "True");
            let name = |one: &Value| one["metadata"]["name"].as_str().map(str::to_owned);
            names.extend(good.filter_map(name));
        }
        names
    }

    /// The compiled Secret as the kubelet mounts it: `..data` is a link to a folder with the values. All that is accepted is in it,
    /// which statuses may say some moments before.
    pub(super) async fn mounted_secret(&self, folder: &Path) {
        let path = self.core("secrets", "purser-config");
        let (names, begun) = (self.accepted().await, Instant::now());
        let quoted = |name: &String| format!("\"{}/{name}\"", self.namespace);
        let names: Vec<String> = names.iter().map(quoted).collect();
        let there = |secret: &Value| {
            let text = configuration(secret);
            let whole = names.iter().all(|name| text.contains(name));
            // A channel that no key may use is in no part.
            !secret.is_null() && (whole || begun.elapsed() > WHOLE_BY_THEN)
        };
        let cluster = &self.world.cluster;
        let secret = cluster
            .until("there is a compiled secret", &path, there)
            .await;
        let data = folder.join("..2026");
        std::fs::create_dir_all(&data).unwrap();
        for (name, value) in secret["data"].as_object().unwrap() {
            std::fs::write(data.join(name), decoded(value)).unwrap();
            std::os::unix::fs::symlink(format!("..data/{name}"), folder.join(name)).unwrap();
        }
        std::os::unix::fs::symlink("..2026", folder.join("..data")).unwrap();
    }
}

impl Sidecar {
    async fn start(under: &[&str], arguments: &[String], folder: tempfile::TempDir) -> Self {
        let own = ["--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--linger=0"];
        let own = own.into_iter().chain(arguments.iter().map(String::as_str));
        let program = binary("purser-sidecar").unwrap().into_os_string();
        let mut words = under.iter().map(Into::into).chain([program]);
        let mut command = Command::new(words.next().unwrap());
        let command = command.args(words).args(own);
        let mut process = Process::start("purser-sidecar", command).unwrap();
        let addresses = process.until("the log line `serving`", SOON, async |process| {
            process.stderr().lines().find_map(addresses)
        });
        let (address, admin) = addresses.await.unwrap();
        Sidecar {
            process,
            address,
            admin,
            _folder: folder,
        }
    }

    /// Waits until it has the operator's stream; returns when that was.
    pub(super) async fn until_connected(&mut self) -> Instant {
        self.until_connection(true).await
    }

    /// Waits until it has, or no longer has, the operator's stream.
    pub(super) async fn until_connection(&mut self, wanted: bool) -> Instant {
        let admin = self.admin;
        let line = format!("purser_operator_connected {}", u8::from(wanted));
        let what = format!("the metric `{line}`");
        let seen = self.process.until(&what, SOON, async |_| {
            let page = Call::get("/metrics").send(admin).await.ok()?;
            let page = page.body().await.ok()?;
            let page = String::from_utf8_lossy(&page);
            page.lines().any(|one| one == line).then(Instant::now)
        });
        seen.await.unwrap()
    }

    /// A page of the admin port.
    pub(super) async fn page(&self, path: &str) -> String {
        let answer = Call::get(path).send(self.admin).await.unwrap();
        String::from_utf8(answer.body().await.unwrap().to_vec()).unwrap()
    }

    /// Sends a chat call with this key.
    pub(super) async fn chat(&self, model: &str, key: &str) -> Answer {
        let call = Call::chat(model, "hello", false).key(key);
        call.send(self.address).await.unwrap()
    }

    /// Status and code of a chat call with this key.
    pub(super) async fn judged(&self, model: &str, key: &str) -> (u16, String) {
        let answer = self.chat(model, key).await;
        (answer.status(), code(answer.json().await.unwrap()))
    }

    /// The ids of the models that this key can call now.
    pub(super) async fn models(&self, key: &str) -> Vec<String> {
        let list = Call::get("/v1/models").key(key).send(self.address).await;
        let list = list.unwrap().json().await.unwrap();
        let entries = list["data"].as_array().into_iter().flatten();
        entries
            .filter_map(|model| Some(model["id"].as_str()?.to_owned()))
            .collect()
    }
}

/// An error's code; empty where there is none.
pub(super) fn code(body: Value) -> String {
    body["error"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// How long after `since` the last of the sidecars was as wanted; each is asked again and again.
pub(super) async fn spread(
    sidecars: &[Sidecar],
    since: Instant,
    so: impl AsyncFn(&Sidecar) -> bool,
) -> Duration {
    let mut last = since;
    for sidecar in sidecars {
        while !so(sidecar).await {
            assert!(
                since.elapsed() < SOON,
                "waited {SOON:?} for {}",
                sidecar.address
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        last = Instant::now();
    }
    last - since
}

fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let field = |name: &str| line["fields"][name].as_str()?.parse().ok();
    Some((field("callers")?, field("admin")?))
}
