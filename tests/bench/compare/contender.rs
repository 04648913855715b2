//! Who is compared: how each is configured, started on its core, and ended. All do the same work as far as they can: check one
//! key, put the provider's in its place, pass the answer on. What is not on this machine is skipped with a word of why.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use purser_tests::process::{Process, binary};
use purser_tests::sse_client::Call;

use crate::tree::Tree;

/// The port, the key and the model are those of manifests/bench.yaml.
pub(crate) const MOCK: &str = "127.0.0.1:21990";
pub(crate) const KEY: &str = "sk-bench001-0000000000000000000000000bench00";
pub(crate) const MODEL: &str = "bench-model";
/// The mock and the load generator share core 0 (run.sh pins them); whoever is measured has core 1.
const CORE: &str = "1";
const PATIENCE: Duration = Duration::from_secs(60);

/// One of them.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// Headers beside the key.
    pub(crate) headers: Vec<(&'static str, String)>,
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
    type Maker = fn(PathBuf) -> anyhow::Result<Contender>;
    let peers: [(&str, Maker); 4] = [
        ("nginx", nginx),
        ("envoy", envoy),
        ("litellm", litellm),
        ("portkey", portkey),
    ];
    for (name, make) in peers.into_iter().filter(|(name, _)| wanted(name)) {
        match find(name) {
            Some(program) => chosen.push(make(program)?),
            None => println!("{name}: not on this machine, skipped"),
        }
    }
    Ok(chosen)
}

impl Contender {
    fn new(name: &'static str) -> anyhow::Result<Self> {
        // The port is free now; another program would have to take it within the second.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        Ok(Self {
            name,
            address,
            headers: Vec::new(),
            command: Vec::new(),
            process: None,
            folder: tempfile::tempdir()?,
        })
    }

    fn runs(mut self, program: &Path, arguments: &[&str]) -> Self {
        self.command = vec![program.display().to_string()];
        self.command
            .extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    fn write(&self, file: &str, text: &str) -> anyhow::Result<String> {
        let path = self.folder.path().join(file);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
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
    let purser = Contender::new("purser")?;
    let listen = purser.address.to_string();
    let admin = Contender::new("admin")?.address.to_string();
    let manifests = manifests.canonicalize()?.display().to_string();
    let arguments = [
        "up", "-f", &manifests, "--listen", &listen, "--admin", &admin,
    ];
    Ok(purser.runs(&binary("purser")?, &arguments))
}

fn nginx(program: PathBuf) -> anyhow::Result<Contender> {
    let nginx = Contender::new("nginx")?;
    let text = include_str!("nginx.conf")
        .replace("LISTEN", &nginx.address.to_string())
        .replace("MOCK", MOCK)
        .replace("KEY", KEY);
    let file = nginx.write("nginx.conf", &text)?;
    let prefix = nginx.folder.path().display().to_string();
    Ok(nginx.runs(&program, &["-e", "stderr", "-p", &prefix, "-c", &file]))
}

fn envoy(program: PathBuf) -> anyhow::Result<Contender> {
    let envoy = Contender::new("envoy")?;
    let port = envoy.address.port().to_string();
    let mock = MOCK.rsplit(':').next().unwrap_or_default();
    let text = include_str!("envoy.yaml")
        .replace("LISTEN_PORT", &port)
        .replace("MOCK_PORT", mock)
        .replace("KEY", KEY);
    let file = envoy.write("envoy.yaml", &text)?;
    Ok(envoy.runs(
        &program,
        &[
            "--concurrency",
            "1",
            "-c",
            &file,
            "--disable-hot-restart",
            "--log-level",
            "error",
        ],
    ))
}

fn litellm(program: PathBuf) -> anyhow::Result<Contender> {
    let litellm = Contender::new("litellm")?;
    let model = serde_json::json!({"model": "openai/bench-model", "api_base": format!("http://{MOCK}/v1"), "api_key": "sk-provider"});
    let text = serde_json::json!({"model_list": [{"model_name": "bench-model", "litellm_params": model}], "general_settings": {"master_key": KEY}});
    let file = litellm.write("litellm.yaml", &text.to_string())?;
    let port = litellm.address.port().to_string();
    Ok(litellm.runs(
        &program,
        &["--config", &file, "--host", "127.0.0.1", "--port", &port],
    ))
}

fn portkey(program: PathBuf) -> anyhow::Result<Contender> {
    let mut portkey = Contender::new("portkey")?;
    portkey.headers = vec![
        ("x-portkey-provider", "openai".into()),
        ("x-portkey-custom-host", format!("http://{MOCK}/v1")),
    ];
    let port = format!("--port={}", portkey.address.port());
    Ok(portkey.runs(
        Path::new("node"),
        &[&program.display().to_string(), "--headless", &port],
    ))
}

/// A program on the PATH or where Debian keeps servers; Portkey is a script, named by `PORTKEY_SERVER`.
fn find(name: &str) -> Option<PathBuf> {
    if name == "portkey" {
        return std::env::var_os("PORTKEY_SERVER").map(PathBuf::from);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}
