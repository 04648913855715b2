//! People's commands, given to the run's node, and waiting until what they asked for is so. Timed calls go through `kubectl proxy`,
//! because kubectl's own start takes longer than what is measured.

use purser_tests::process::Process;
use purser_tests::sse_client::Call;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// How long anything on a busy node may take: images are there, so this is scheduling, mounting and starting.
pub(super) const SOON: Duration = Duration::from_secs(300);
/// Between two looks at what only kubectl can see: several times what its own start takes of a core.
pub(super) const LOOK: Duration = Duration::from_millis(400);

/// What kubectl said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) good: bool,
    pub(super) out: String,
    pub(super) err: String,
}

/// A path that tests/run.sh named.
pub(super) fn variable(name: &str) -> PathBuf {
    std::env::var_os(name)
        .unwrap_or_else(|| panic!("{name} is not set; start these tests with tests/run.sh node"))
        .into()
}

/// Runs kubectl with this on its standard input.
pub(super) async fn kubectl(arguments: &[&str], input: &str) -> Said {
    let mut child = tokio::process::Command::new(variable("PURSER_TEST_NODE_KUBECTL"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Who does not read it has said no already.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    Said {
        good: output.status.success(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What kubectl prints for this line, which must be good. Words are parted by single spaces.
pub(super) async fn says(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let said = kubectl(&words, "").await;
    assert!(said.good, "kubectl {line}: {}", said.err);
    said.out
}

/// `kubectl apply` of these objects, which must be good.
pub(super) async fn apply(objects: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let said = kubectl(&["apply", "-f", "-"], &list.to_string()).await;
    assert!(said.good, "applying {objects:?}: {}", said.err);
}

/// What `kubectl get LINE -o json` finds; null where there is none.
pub(super) async fn get(line: &str) -> Value {
    let said = says(&format!("get {line} --ignore-not-found -o json")).await;
    serde_json::from_str(&said).unwrap_or_default()
}

/// Waits until `kubectl get` finds it so; shows the namespace's events when it does not come.
pub(super) async fn until(what: &str, line: &str, so: impl Fn(&Value) -> bool) -> Value {
    until_within(SOON, what, line, so).await
}

/// The same, for what may take so long.
pub(super) async fn until_within(
    patience: Duration,
    what: &str,
    line: &str,
    so: impl Fn(&Value) -> bool,
) -> Value {
    let begun = Instant::now();
    loop {
        let found = get(line).await;
        if so(&found) {
            return found;
        }
        if begun.elapsed() > patience {
            let events = says("get events -A --sort-by=.lastTimestamp").await;
            panic!("waited {patience:?} until {what}, saw {found:#}\n{events}");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The API server without kubectl's start before each call.
pub(super) struct Direct {
    address: SocketAddr,
    _proxy: Process,
}

impl Direct {
    /// Starts the proxy.
    pub(super) async fn new() -> Self {
        let mut command = Command::new(variable("PURSER_TEST_NODE_KUBECTL"));
        command.args(["proxy", "--port=0"]);
        let mut proxy = Process::start("kubectl proxy", &mut command).unwrap();
        let serves = proxy.until_prints("Starting to serve on ", SOON).await;
        Direct {
            address: serves.unwrap().parse().unwrap(),
            _proxy: proxy,
        }
    }

    /// Changes an object that others may write to at the same time.
    pub(super) async fn change(&self, path: &str, change: impl Fn(&mut Value)) {
        loop {
            let answer = Call::get(path).send(self.address).await.unwrap();
            let mut object = answer.json().await.unwrap();
            change(&mut object);
            let put = Call::post(path, object.to_string()).method("PUT");
            match put.send(self.address).await.unwrap().status() {
                200 => return,
                409 => {}
                status => panic!("changing {path}: {status}"),
            }
        }
    }
}
