//! A sidecar as a process, the configuration it obeys, and many calls at once. Used by every room of this test root; it
//! must never assert anything about an answer beyond what it is told to. In the run through the shared gateway (`shared`) it is two
//! processes: one that callers call, and one behind it that asks the providers.

use super::shared::{self, Front};
use purser_config::{
    Channel, Configuration, Credential, Digest, Health, Key, Model, Name, Plan, Provider as Api,
    SecretText, Standing, Timeouts, WhenQuotaUnreachable,
};
use purser_tests::process::{Process, memory_kib};
use purser_tests::provider::Provider;
use purser_tests::sse_client::{Answer, Call, End};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::JoinSet;

/// The caller's key; also what must never be printed.
pub(super) const KEY: &str = "sk-canary-caller-00000000000000000000000000000000";
/// The provider's credential; the same.
pub(super) const CREDENTIAL: &str = "sk-canary-provider-1111111111111111111111111111";
/// How long anything that should be at once may take on a busy machine.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// What it obeys, in its folder.
pub(super) const FILE: &str = "config.json";

/// A sidecar that serves.
pub(super) struct Sidecar {
    /// The process that asks providers: the sidecar, or the shared gateway.
    pub(super) process: Process,
    /// Where callers call.
    pub(super) address: SocketAddr,
    /// Of the process that asks providers.
    pub(super) admin: SocketAddr,
    /// The sidecar before the shared gateway.
    pub(super) front: Option<Front>,
    folder: tempfile::TempDir,
}

impl Sidecar {
    pub(super) async fn start(configuration: &Configuration) -> Self {
        Self::start_with(configuration, &[]).await
    }

    /// Starts it on a file of its own, with more arguments.
    pub(super) async fn start_with(configuration: &Configuration, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bytes = serde_json::to_vec(configuration).unwrap();
        if shared::chosen() {
            shared::put(folder.path(), &bytes);
            return shared::start(folder, more).await;
        }
        let path = folder.path().join(FILE);
        write(&path, &bytes);
        let mut all = vec!["--config", path.to_str().unwrap()];
        all.extend_from_slice(more);
        let (process, address, admin) = serve(&all).await;
        Sidecar {
            process,
            address,
            admin,
            front: None,
            folder,
        }
    }

    /// The same before a shared gateway that runs already on the file in this folder.
    pub(super) fn behind(
        front: Front,
        (process, admin): (Process, SocketAddr),
        folder: tempfile::TempDir,
    ) -> Self {
        Sidecar {
            process,
            address: front.address,
            admin,
            front: Some(front),
            folder,
        }
    }

    /// The process that callers meet.
    pub(super) fn met(&mut self) -> &mut Process {
        match &mut self.front {
            Some(front) => &mut front.process,
            None => &mut self.process,
        }
    }

    /// Status and body of a page of its admin port.
    pub(super) async fn page_of_met(&self, path: &str) -> (u16, String) {
        let admin = self.front.as_ref().map_or(self.admin, |front| front.admin);
        page(admin, path).await
    }

    /// All that was printed.
    pub(super) fn printed(&self) -> String {
        let front = self.front.as_ref().map(|front| &front.process);
        let all = front.into_iter().chain([&self.process]);
        all.map(|process| process.stdout() + &process.stderr())
            .collect()
    }

    /// Replaces the configuration's file in one step.
    pub(super) fn write(&self, configuration: &Configuration) {
        self.write_bytes(&serde_json::to_vec(configuration).unwrap());
    }

    pub(super) fn write_bytes(&self, bytes: &[u8]) {
        match &self.front {
            Some(_) => shared::put(self.folder.path(), bytes),
            None => write(&self.folder.path().join(FILE), bytes),
        }
    }

    /// Puts an old file in the configuration's place, as a backup or a checkout does.
    pub(super) fn restore(&self, configuration: &Configuration) {
        let backup = self.folder.path().join("backup");
        std::fs::write(&backup, serde_json::to_vec(configuration).unwrap()).unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let file = std::fs::File::options().write(true).open(&backup).unwrap();
        file.set_modified(long_ago).unwrap();
        std::fs::rename(backup, self.folder.path().join(FILE)).unwrap();
    }

    /// Sends a call on a connection of its own.
    pub(super) async fn ask(&self, call: Call) -> Answer {
        call.send(self.address).await.unwrap()
    }

    /// A good chat call, plain or streamed.
    pub(super) async fn chat(&self, stream: bool) -> Answer {
        self.ask(chat(stream)).await
    }

    /// Status and body of a page of the admin port.
    pub(super) async fn page(&self, path: &str) -> (u16, String) {
        page(self.admin, path).await
    }

    pub(super) async fn configz(&self) -> Value {
        serde_json::from_str(&self.page("/configz").await.1).unwrap()
    }

    /// Waits until `/configz` shows it.
    pub(super) async fn until_configz(&self, what: &str, so: impl Fn(&Value) -> bool) -> Value {
        let waiting = async {
            loop {
                let shown = self.configz().await;
                if so(&shown) {
                    return shown;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        match tokio::time::timeout(SOON, waiting).await {
            Ok(shown) => shown,
            Err(_) => panic!("waited for {what}, saw {}", self.configz().await),
        }
    }

    /// A line of `/proc/PID/status`, in KiB: `VmRSS`, `VmHWM`. Of two processes, the larger one's.
    pub(super) fn memory(&self, line: &str) -> u64 {
        let front = self.front.as_ref().map(|front| &front.process);
        let all = front.into_iter().chain([&self.process]);
        all.map(|process| memory_kib(process.pid(), line).unwrap())
            .max()
            .unwrap()
    }

    /// The ids of all models that the key can call now.
    pub(super) async fn models(&self) -> Vec<String> {
        let list = self.ask(Call::get("/v1/models").key(KEY)).await;
        let list = list.json().await.unwrap();
        let entries = list["data"].as_array().unwrap();
        entries
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

async fn page(admin: SocketAddr, path: &str) -> (u16, String) {
    let answer = Call::get(path).send(admin).await.unwrap();
    let status = answer.status();
    let body = answer.body().await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Starts a sidecar with these arguments alone; its gateway's and its admin port's addresses.
pub(super) async fn serve(arguments: &[&str]) -> (Process, SocketAddr, SocketAddr) {
    shared::not_here();
    launch(arguments.iter().map(|word| (*word).to_owned()).collect()).await
}

/// The same, in whichever run.
pub(super) async fn launch(arguments: Vec<String>) -> (Process, SocketAddr, SocketAddr) {
    let ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let mut all: Vec<String> = ports.map(str::to_owned).into();
    all.extend(["--poll-ms", "2"].map(str::to_owned));
    if !arguments.iter().any(|word| word == "--linger") {
        all.extend(["--linger", "0"].map(str::to_owned));
    }
    all.extend(arguments);
    let mut process = Process::ours("purser-sidecar", all).unwrap();
    let (address, admin) = process
        .until("the log line `serving`", SOON, async |process| {
            process.stderr().lines().find_map(addresses)
        })
        .await
        .unwrap();
    (process, address, admin)
}

fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let field = |name: &str| line["fields"][name].as_str()?.parse().ok();
    Some((field("callers")?, field("admin")?))
}

pub(super) fn write(path: &Path, bytes: &[u8]) {
    let next: PathBuf = path.with_extension("next");
    std::fs::write(&next, bytes).unwrap();
    std::fs::rename(next, path).unwrap();
}

/// A chat call with the good key.
pub(super) fn chat(stream: bool) -> Call {
    Call::chat("m", "hello", stream).key(KEY)
}

/// A streamed one whose caller asks for its usage, so that no byte of the answer is ours to take out.
pub(super) fn chat_with_usage() -> Call {
    let body =
        r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#;
    Call::post("/v1/chat/completions", body).key(KEY)
}

/// One namespace `shop`, one plan that allows everything, one key, these channels.
pub(super) fn configuration(channels: &[(&str, Channel)]) -> Configuration {
    let mut all = Configuration::default();
    let name = |channel: &str| Name::new("shop", channel);
    for (channel, value) in channels {
        all.channels.insert(name(channel), value.clone());
    }
    all.plans.insert("open".into(), plan(&["*"]));
    let names = all.channels.keys().cloned().collect();
    all.keys.insert(name("key"), key(KEY, names));
    all
}

pub(super) fn plan(allow: &[&str]) -> Plan {
    Plan {
        requests_per_minute: None,
        allow: allow.iter().map(|glob| (*glob).to_owned()).collect(),
        deny: vec![],
        when_quota_unreachable: WhenQuotaUnreachable::Share,
        ..Plan::default()
    }
}

pub(super) fn key(value: &str, channels: Vec<Name>) -> Key {
    Key {
        digests: vec![Digest(Sha256::digest(value.as_bytes()).into())],
        previous: None,
        standing: Standing::Good,
        plan: "open".into(),
        models: vec![],
        expires_at_ms: None,
        created_ms: None,
        plan_expires_at_ms: None,
        service_accounts: vec![],
        channels,
        via_gateway: false,
    }
}

/// A channel to this provider that serves the model `m`.
pub(super) fn channel(provider: &Provider) -> Channel {
    Channel {
        provider: Api::OpenAICompatible,
        base_url: provider.url(),
        api_version: None,
        credentials: vec![Credential {
            from: "provider/apiKey".into(),
            value: SecretText::new(CREDENTIAL),
        }],
        models: vec![model("m")],
        priority: 0,
        weight: 100,
        timeouts: Timeouts {
            connect_ms: 3_000,
            first_byte_ms: 30_000,
            idle_ms: 60_000,
            request_ms: 600_000,
        },
        health: Health {
            consecutive_failures: 5,
            min_requests: 5,
            success_rate_percent: 50,
            cooldown_ms: 50,
            max_cooldown_ms: 400,
        },
        headers: vec![],
        ca_pem: None,
        via_gateway: false,
        limits: Default::default(),
    }
}

pub(super) fn model(name: &str) -> Model {
    Model {
        name: name.into(),
        upstream_name: None,
        aliases: vec![],
        capabilities: None,
        context_length: None,
        max_output_tokens: None,
        endpoints: vec![],
        cost: None,
    }
}

/// Calls of both kinds, so many at once, each on a connection of its own; every one must be answered whole by `live`.
pub(super) async fn storm(address: SocketAddr, calls: usize, live: &'static str) {
    const AT_ONCE: usize = 32;
    let mut workers = JoinSet::new();
    for worker in 0..AT_ONCE {
        workers.spawn(async move {
            for number in (worker..calls).step_by(AT_ONCE) {
                let stream = number / AT_ONCE % 2 == worker % 2;
                if let Err(why) = good(address, stream, live).await {
                    panic!("call {number} (stream: {stream}) failed: {why}");
                }
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }
}

async fn good(address: SocketAddr, stream: bool, live: &str) -> Result<(), String> {
    let answer = chat(stream).send(address).await;
    let answer = answer.map_err(|error| format!("{error:#}"))?;
    let (status, by) = (answer.status(), answer.header("x-purser-channel"));
    let by = by.unwrap_or_default().to_owned();
    if status != 200 || (by != live && !live.is_empty()) {
        let body = answer.body().await.unwrap_or_default();
        return Err(format!("{status} by {by:?}: {body:?}"));
    }
    if stream {
        let stream = answer.stream().await;
        let whole = stream.end == End::Done && stream.text() == "word0 word1 word2 word3 word4 ";
        return whole.then_some(()).ok_or(format!("{stream:?}"));
    }
    let body = answer.json().await.map_err(|error| format!("{error:#}"))?;
    let text = body["choices"][0]["message"]["content"].as_str();
    let whole = text.is_some_and(|text| text.starts_with("word0"));
    whole.then_some(()).ok_or(format!("{body}"))
}

/// How many calls a test of `calls` makes; more under PURSER_TEST_SOAK. Through the shared gateway fewer: what there is to find of it
/// shows by then, and each call costs three times as much.
pub(super) fn scaled(calls: usize) -> usize {
    let calls = if shared::chosen() { calls / 4 } else { calls };
    match std::env::var("PURSER_TEST_SOAK") {
        Ok(factor) => calls * factor.parse::<usize>().unwrap_or(1).max(1) * 10,
        Err(_) => calls,
    }
}
