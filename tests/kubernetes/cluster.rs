//! An API server: the run's own, which tests share, or one that a test starts for itself. People's commands go through kubectl,
//! timed ones through `kubectl proxy`, because kubectl's own start takes longer than what is measured.

use purser_tests::process::Process;
use purser_tests::sse_client::Call;
use serde_json::Value;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// How long anything that should be at once may take on a busy machine.
pub(super) const SOON: Duration = Duration::from_secs(40);
/// Between two looks at an object that is waited for: at first, and at last.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_LOOK: Duration = Duration::from_millis(200);
/// The objects' API.
pub(super) const API: &str = "/apis/purser.dev/v1alpha1";

/// A running API server.
pub(super) struct Cluster {
    kubectl: Vec<OsString>,
    kubeconfig: PathBuf,
    proxy: SocketAddr,
    // In the order of their end.
    _proxy: Process,
    _server: Option<Process>,
    folder: tempfile::TempDir,
}

/// What kubectl said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) good: bool,
    pub(super) out: String,
    pub(super) err: String,
}

fn variable(name: &str) -> PathBuf {
    std::env::var_os(name)
        .unwrap_or_else(|| panic!("{name} is not set; start these tests with tests/run.sh"))
        .into()
}

impl Cluster {
    /// The one that the run started.
    pub(super) async fn of_the_run() -> Self {
        let kubectl = vec![variable("PURSER_TEST_KUBECTL").into_os_string()];
        let kubeconfig = variable("PURSER_TEST_KUBECONFIG");
        Self::open((kubectl, kubeconfig), None, tempfile::tempdir().unwrap()).await
    }

    /// One of the test's own, without controllers.
    pub(super) async fn own() -> Self {
        Self::own_with(&[]).await
    }

    /// The same, started with these words beside.
    pub(super) async fn own_with(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = variable("PURSER_TEST_CLUSTER");
        let data = folder.path().join("data");
        let mut up = Command::new(&program);
        up.arg("up").arg("--dir").arg(&data).args(more);
        let mut server = Process::start("purser-cluster", &mut up).unwrap();
        let kubeconfig = server.until_prints("ready ", SOON * 3).await.unwrap();
        let kubectl = vec![
            program.with_file_name("kubectl").into_os_string(),
            option("--cache-dir", &folder.path().join("cache")),
        ];
        Self::open((kubectl, kubeconfig.into()), Some(server), folder).await
    }

    async fn open(
        (mut kubectl, kubeconfig): (Vec<OsString>, PathBuf),
        server: Option<Process>,
        folder: tempfile::TempDir,
    ) -> Self {
        kubectl.push(option("--kubeconfig", &kubeconfig));
        let mut command = Command::new(&kubectl[0]);
        command.args(&kubectl[1..]).args(["proxy", "--port=0"]);
        let mut proxy = Process::start("kubectl proxy", &mut command).unwrap();
        let serves = proxy.until_prints("Starting to serve on ", SOON).await;
        Cluster {
            kubectl,
            kubeconfig,
            proxy: serves.unwrap().trim().parse().unwrap(),
            _proxy: proxy,
            _server: server,
            folder,
        }
    }

    /// A folder that lives as long as this.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Who reaches it as its administrator.
    pub(super) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs kubectl with this on its standard input.
    pub(super) async fn kubectl(&self, arguments: &[&str], input: &str) -> Said {
        let mut child = tokio::process::Command::new(&self.kubectl[0])
            .args(&self.kubectl[1..])
            .args(arguments)
            .env("KUBERC", "off")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        Said {
            good: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What kubectl prints for these arguments, which must be good.
    pub(super) async fn says(&self, arguments: &[&str]) -> String {
        let said = self.kubectl(arguments, "").await;
        assert!(said.good, "kubectl {arguments:?}: {}", said.err);
        said.out
    }

    /// `kubectl apply -f -`.
    pub(super) async fn apply(&self, yaml: &str) {
        let said = self.kubectl(&["apply", "-f", "-"], yaml).await;
        assert!(said.good, "applying\n{yaml}\n{}", said.err);
    }

    /// One call to the API server.
    pub(super) async fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let call = match body {
            Value::Null => Call::get(path),
            body => Call::post(path, body.to_string()),
        };
        let answer = call.method(method).send(self.proxy).await.unwrap();
        let status = answer.status();
        let body = answer.body().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// An object, or null when there is none.
    pub(super) async fn get(&self, path: &str) -> Value {
        match self.send("GET", path, &Value::Null).await {
            (200, object) => object,
            (404, _) => Value::Null,
            (status, why) => panic!("reading {path}: {status} {why}"),
        }
    }

    /// Makes an object; it must not be there.
    pub(super) async fn create(&self, path: &str, object: &Value) -> Value {
        let (status, made) = self.send("POST", path, object).await;
        assert_eq!(status, 201, "creating {object} at {path}: {made}");
        made
    }

    /// Deletes an object that is there.
    pub(super) async fn delete(&self, path: &str) {
        let (status, said) = self.send("DELETE", path, &Value::Null).await;
        assert!(status < 300, "deleting {path}: {said}");
    }

    /// Changes an object that others may write to at the same time.
    pub(super) async fn change(&self, path: &str, change: impl Fn(&mut Value)) {
        loop {
            let mut object = self.get(path).await;
            change(&mut object);
            match self.send("PUT", path, &object).await {
                (200, _) => return,
                (409, _) => {}
                (status, why) => panic!("changing {path}: {status} {why}"),
            }
        }
    }

    /// Waits until the object (null when there is none) is so.
    pub(super) async fn until(&self, what: &str, path: &str, so: impl Fn(&Value) -> bool) -> Value {
        let begun = std::time::Instant::now();
        loop {
            let object = self.get(path).await;
            if so(&object) {
                return object;
            }
            let waited = begun.elapsed();
            assert!(
                waited < SOON,
                "waited {SOON:?} until {what}, saw {object:#}"
            );
            // What takes long is looked at less often: each look is work for the API server.
            tokio::time::sleep((waited / 10).clamp(FIRST_LOOK, LAST_LOOK)).await;
        }
    }
}

fn option(name: &str, value: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push("=");
    option.push(value);
    option
}

/// The status of an object's condition, or nothing.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    field_of(object, kind, "status")
}

/// A field of an object's condition, or nothing.
pub(super) fn field_of<'a>(object: &'a Value, kind: &str, field: &str) -> &'a str {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions
        .into_iter()
        .flatten()
        .find(|known| known["type"] == kind);
    found
        .and_then(|known| known[field].as_str())
        .unwrap_or_default()
}
