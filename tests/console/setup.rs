//! One `purser up` with a console, its first administrator logged in; and a plain HTTP client that sees every header. Used by all tests of
//! this suite.

pub(super) use purser_tests::plain::Answer;
use purser_tests::plain::send;
use purser_tests::process::Process;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub(super) const SOON: Duration = Duration::from_secs(30);
pub(super) const PASSWORD: &str = "correct horse battery";

const MANIFESTS: &str = "# plans of the house
apiVersion: purser.dev/v1alpha1
kind: Plan
metadata: {name: team}
spec: # sixty a minute
  limits: {requestsPerMinute: 60}
  models: {allow: ['*']}
  channels: {namespaces: [demo, default, shop, other]}
---
# the shop's first key
apiVersion: purser.dev/v1alpha1
kind: ApiKey
metadata: {name: first, namespace: shop}
spec: {plan: team}
---
apiVersion: purser.dev/v1alpha1
kind: ApiKey
metadata: {name: second, namespace: other}
spec: {plan: team}
# the end
";

/// A running house.
pub(super) struct House {
    pub(super) process: Process,
    pub(super) console: SocketAddr,
    pub(super) gateway: SocketAddr,
    /// The administrator's session.
    pub(super) token: String,
    pub(super) folder: tempfile::TempDir,
}

impl House {
    /// Over the demo and the manifests above.
    pub(super) async fn start() -> House {
        Self::start_at("127.0.0.1:0", &[]).await
    }

    /// The same, its console at this address, with these variables.
    pub(super) async fn start_at(console: &str, more: &[(&str, &str)]) -> House {
        let mut house = Self::up(&["--console", console], more).await;
        let told = house
            .process
            .until_prints("          no user exists yet", SOON)
            .await
            .unwrap();
        let setup = told.rsplit(' ').next().unwrap().to_owned();
        let body = json!({"token": setup, "username": "you", "password": PASSWORD});
        let made = house.ask("POST", "/api/user/setup", None, Some(body));
        house.token = made.data()["token"].as_str().unwrap().to_owned();
        house
    }

    /// The process over the manifests above; nobody is logged in.
    pub(super) async fn up(arguments: &[&str], more: &[(&str, &str)]) -> House {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("all.yaml"), MANIFESTS).unwrap();
        let path = folder.path().display().to_string();
        let here = "127.0.0.1:0";
        let usual = [
            "up", "--demo", "-f", &path, "--listen", here, "--admin", here,
        ];
        let mut command = Command::new(purser_tests::process::binary("purser").unwrap());
        command.args(usual).args(arguments);
        command.envs(more.iter().copied());
        let mut process = Process::start("purser", &mut command).unwrap();
        let serves = format!("purser {} serves http://", env!("CARGO_PKG_VERSION"));
        let serves = process.until_prints(&serves, SOON).await.unwrap();
        let gateway = serves.split('/').next().unwrap().parse().unwrap();
        let line = process
            .until_prints("console   http://", SOON)
            .await
            .unwrap();
        let console = line.split('/').next().unwrap().parse().unwrap();
        House {
            process,
            console,
            gateway,
            token: String::new(),
            folder,
        }
    }

    /// One call; `authorization`: the header as it is.
    pub(super) fn ask(
        &self,
        method: &str,
        path: &str,
        authorization: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let authorization = authorization.map(|value| format!("authorization: {value}\r\n"));
        let head = authorization.unwrap_or_default();
        send(self.console, &format!("{method} {path}"), &head, &body)
    }

    /// As the administrator.
    pub(super) fn admin(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.ask(method, path, Some(&self.token), body)
    }

    /// The session of a new user.
    pub(super) fn person(&self, name: &str, role: u8, namespaces: &[&str]) -> String {
        let user =
            json!({"username": name, "password": PASSWORD, "role": role, "namespaces": namespaces});
        self.admin("POST", "/api/user/", Some(user)).data();
        let login = json!({"username": name, "password": PASSWORD});
        let session = self.ask("POST", "/api/user/login", None, Some(login));
        session.data()["token"].as_str().unwrap().to_owned()
    }

    /// A call of a model.
    pub(super) fn chat(&self, key: &str) -> Answer {
        let head = format!("authorization: Bearer {key}\r\n");
        let body =
            json!({"model": "demo-chat", "messages": [{"role": "user", "content": "hello"}]});
        send(
            self.gateway,
            "POST /v1/chat/completions",
            &head,
            &body.to_string(),
        )
    }

    /// The value of the demo's key, from the line that is to be pasted.
    pub(super) fn demo_key(&self) -> String {
        let printed = self.process.stdout();
        let line = printed
            .lines()
            .find(|line| line.starts_with("key demo/you: "));
        line.unwrap().split(' ').nth(2).unwrap().to_owned()
    }

    pub(super) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(Path::new(self.folder.path()).join(name)).unwrap()
    }
}

/// A call where only the address is at hand.
pub(super) fn get(address: SocketAddr, path: &str, token: &str) -> Answer {
    let head = format!("authorization: {token}\r\n");
    send(address, &format!("GET {path}"), &head, "")
}
