//! Who is compared: how each is started on its core, and ended. All do the same work as far as they can: check one key, put the
//! provider's in its place, pass the answer on, or translate it. What is not on this machine is skipped with a word of why. `peers`
//! knows how those of others are configured.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use purser_tests::port::reserve;
use purser_tests::process::{Process, binary};
use purser_tests::sse_client::Call;

use crate::figures::Loaded;
use crate::peers;
use crate::sidecar::sidecar;
use crate::tree::Tree;

/// The port, the key and the models are those of manifests/bench.yaml.
pub(crate) const MOCK: &str = "127.0.0.1:21990";
pub(crate) const KEY: &str = "sk-bench001-0000000000000000000000000bench00";
pub(crate) const MODEL: &str = "bench-model";
/// One that the mock serves in Anthropic's API.
pub(crate) const TRANSLATED: &str = "bench-claude";
/// The mock and the load generator share core 0 (run.sh pins them); whoever is measured has core 1.
const CORE: &str = "1";
/// Longer than LiteLLM takes to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Headers beside the key.
pub(crate) type Headers = Vec<(&'static str, String)>;

/// One of them.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) headers: Headers,
    /// The same for a model of another API; none where it cannot translate.
    pub(crate) translating: Option<Headers>,
    /// As it says itself; empty for what is built here.
    pub(crate) version: String,
    pub(crate) environment: Vec<(&'static str, &'static str)>,
    /// Program and arguments; none for the mock itself, which is the harness's ceiling.
    command: Vec<String>,
    process: Option<Process>,
    /// Its configuration, and its working directory.
    folder: tempfile::TempDir,
}

/// Everybody who can be started here; `only` names those that are wanted, nobody named means all.
pub(crate) fn all(only: &[String], manifests: &Path) -> anyhow::Result<Vec<Contender>> {
    let mut direct = Contender::new("direct")?;
    direct.address = MOCK.parse()?;
    let mut chosen = vec![direct, floor()?];
    let wanted = |name: &str| only.is_empty() || only.iter().any(|one| one == name);
    if wanted("purser") {
        chosen.push(purser(manifests)?);
    }
    if wanted("sidecar") {
        chosen.push(sidecar()?);
    }
    for (name, make) in peers::ALL.into_iter().filter(|(name, _)| wanted(name)) {
        match peers::find(name) {
            Some(program) => {
                let version = peers::version(name, &program);
                let mut peer = make(program)?;
                peer.version = version;
                chosen.push(peer);
            }
            None => println!("{name}: not on this machine, skipped"),
        }
    }
    Ok(chosen)
}

impl Contender {
    pub(crate) fn new(name: &'static str) -> anyhow::Result<Self> {
        let address = reserve()?;
        Ok(Self {
            name,
            address,
            headers: Vec::new(),
            translating: None,
            version: String::new(),
            environment: Vec::new(),
            command: Vec::new(),
            process: None,
            folder: tempfile::tempdir()?,
        })
    }

    pub(crate) fn runs(mut self, program: &Path, arguments: &[&str]) -> Self {
        self.command = vec![program.display().to_string()];
        self.command
            .extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    pub(crate) fn write(&self, file: &str, text: &str) -> anyhow::Result<String> {
        let path = self.folder.path().join(file);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    }

    pub(crate) fn folder(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// What it is sent beside the key under this load; nothing where the load is beyond it.
    pub(crate) fn headers_for(&self, load: Loaded) -> Option<&Headers> {
        match load.model() == TRANSLATED {
            true => self.translating.as_ref(),
            false => Some(&self.headers),
        }
    }

    /// Starts it; returns the time to its first answer.
    pub(crate) async fn start(&mut self, call: &Call) -> anyhow::Result<Duration> {
        if self.command.is_empty() {
            return Ok(Duration::ZERO);
        }
        let mut command = Command::new("taskset");
        command
            .args(["-c", CORE])
            .args(&self.command)
            .envs(self.environment.iter().copied())
            .current_dir(&self.folder);
        let process = self
            .process
            .insert(Process::start(self.name, &mut command)?);
        process.until_answers(self.address, call, PATIENCE).await
    }

    pub(crate) async fn end(&mut self) -> anyhow::Result<()> {
        self.wake();
        if let Some(mut process) = self.process.take() {
            let ended = process.end(PATIENCE).await;
            ended.with_context(|| format!("ending {}", self.name))?;
        }
        Ok(())
    }

    pub(crate) fn tree(&self) -> Option<Tree> {
        self.process.as_ref().map(|process| Tree(process.pid()))
    }

    pub(crate) fn stop(&self) {
        self.tree().into_iter().for_each(Tree::stop);
    }

    pub(crate) fn wake(&self) {
        self.tree().into_iter().for_each(Tree::wake);
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        // The whole tree: a killed nginx master leaves its worker behind.
        self.tree().into_iter().for_each(Tree::kill);
    }
}

fn floor() -> anyhow::Result<Contender> {
    let floor = Contender::new("floor")?;
    let listen = floor.address.to_string();
    Ok(floor.runs(
        &binary("bench-floor")?,
        &["--listen", &listen, "--provider", MOCK, "--key", KEY],
    ))
}

fn purser(manifests: &Path) -> anyhow::Result<Contender> {
    let mut purser = Contender::new("purser")?;
    purser.translating = Some(Headers::new());
    let listen = purser.address.to_string();
    let admin = Contender::new("admin")?.address.to_string();
    let manifests = manifests.canonicalize()?.display().to_string();
    let arguments = [
        "up", "-f", &manifests, "--listen", &listen, "--admin", &admin,
    ];
    Ok(purser.runs(&binary("purser")?, &arguments))
}
