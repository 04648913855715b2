//! Credits that run out: told at 50, 80 and 100 percent, once, to a receiver that checks the signature, with no console anywhere.

use super::setup::SOON;
use purser_tests::plain::send;
use purser_tests::process::Process;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const MANIFESTS: &str = "
apiVersion: purser.dev/v1alpha1
kind: Plan
metadata: {name: metered}
spec:
  credits: {grant: '10', resets: Monthly}
  prices: [{models: ['*'], perRequest: '1'}]
  models: {allow: ['*']}
  channels: {namespaces: [demo]}
---
apiVersion: purser.dev/v1alpha1
kind: ApiKey
metadata: {name: checkout, namespace: demo}
spec: {plan: metered}
";
const SECRET: &str = "a secret of the receiver";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/console/budget/receiver.mjs");
/// Two looks, a try that fails, and a machine that is busy.
const TOLD: Duration = Duration::from_secs(60);

struct Receiver {
    process: Process,
    url: String,
}

impl Receiver {
    async fn start() -> Self {
        let mut command = Command::new("node");
        let command = command.args([SCRIPT, SECRET]);
        let mut process = Process::start("receiver.mjs", command).unwrap();
        let port = process.until_prints("at ", SOON * 4).await.unwrap();
        Receiver {
            process,
            url: format!("http://127.0.0.1:{port}/alarms"),
        }
    }

    /// What it was told so far; each with a signature that holds.
    fn told(&self) -> Vec<Value> {
        let printed = self.process.stdout();
        let lines = printed
            .lines()
            .filter_map(|line| line.strip_prefix("told "));
        let told = lines.map(|line| {
            let body = line.strip_prefix("true ");
            serde_json::from_str(body.expect("the signature holds")).unwrap()
        });
        told.collect()
    }

    /// What it is told as number `count`.
    async fn until(&mut self, count: usize) -> Value {
        let printed = async |process: &Process| {
            let told = process.stdout();
            let whole = told.rsplit_once('\n').map_or("", |(lines, _)| lines);
            let told = whole.lines().filter(|line| line.starts_with("told "));
            (told.count() >= count).then_some(())
        };
        let what = "an alarm";
        self.process.until(what, TOLD, printed).await.unwrap();
        self.told()[count - 1].clone()
    }
}

/// `purser up` without a console: its gateway, and the key's value.
async fn up(folder: &Path, webhook: &str) -> (Process, SocketAddr) {
    let (files, data) = (folder.join("files"), folder.join("data"));
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(files.join("all.yaml"), MANIFESTS).unwrap();
    let mut command = Command::new(purser_tests::process::binary("purser").unwrap());
    let here = "127.0.0.1:0";
    command.args(["up", "--demo", "--listen", here, "--admin", here, "-f"]);
    command.arg(files).arg("--data-dir").arg(data);
    command.args(["--budget-webhook", webhook]);
    command.env("PURSER_BUDGET_SECRET", SECRET);
    let mut process = Process::start("purser", &mut command).unwrap();
    let serves = format!("purser {} serves http://", env!("CARGO_PKG_VERSION"));
    let serves = process.until_prints(&serves, SOON).await.unwrap();
    let gateway = serves.split('/').next().unwrap().parse().unwrap();
    (process, gateway)
}

fn call(gateway: SocketAddr, key: &str) -> u16 {
    let head = format!("authorization: Bearer {key}\r\n");
    let body = json!({"model": "demo-chat", "messages": [{"role": "user", "content": "hello"}]});
    let line = "POST /v1/chat/completions";
    send(gateway, line, &head, &body.to_string()).status
}

#[tokio::test]
async fn each_stage_of_a_budget_is_told_once_to_a_receiver_that_checks_the_signature() {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start().await;
    let (mut process, gateway) = up(folder.path(), &receiver.url).await;
    let key = process.until_prints("key demo/checkout: ", SOON).await;
    let key = key.unwrap().split(' ').next().unwrap().to_owned();
    let spend = |count: usize| (0..count).for_each(|_| assert_eq!(call(gateway, &key), 200));

    spend(5);
    let half = receiver.until(1).await;
    assert_eq!(
        (&half["percent"], &half["type"]),
        (&json!(50), &json!("budget"))
    );
    assert_eq!(
        (&half["used"], &half["granted"]),
        (&json!("5"), &json!("10"))
    );
    assert_eq!(
        (&half["key"], &half["plan"]),
        (&json!("demo/checkout"), &json!("metered"))
    );
    let first = receiver.process.stdout();
    assert!(first.contains("failed one"), "it was tried again: {first}");
    spend(3);
    assert_eq!(receiver.until(2).await["percent"], 80);
    assert!(process.end(SOON).await.unwrap().success());
    assert!(
        process
            .stderr()
            .contains("80 % of the credits of key demo/checkout")
    );

    let (mut process, gateway) = up(folder.path(), &receiver.url).await;
    (0..2).for_each(|_| assert_eq!(call(gateway, &key), 200));
    assert_eq!(call(gateway, &key), 402);
    let all = receiver.until(3).await;
    assert_eq!((&all["percent"], &all["left"]), (&json!(100), &json!("0")));
    let ids: std::collections::BTreeSet<String> = receiver
        .told()
        .iter()
        .map(|told| told["id"].to_string())
        .collect();
    assert_eq!((ids.len(), receiver.told().len()), (3, 3));
    assert!(process.end(SOON).await.unwrap().success());
}

#[tokio::test]
async fn a_receiver_that_never_answers_delays_nothing_and_no_address_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    // Takes connections, as the system does for it, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("http://{}/", silent.local_addr().unwrap());
    let (mut process, gateway) = up(folder.path(), &to).await;
    let key = process.until_prints("key demo/checkout: ", SOON).await;
    let key = key.unwrap().split(' ').next().unwrap().to_owned();
    (0..5).for_each(|_| assert_eq!(call(gateway, &key), 200));
    let says = async |process: &Process| process.stderr().contains("50 %").then_some(());
    process.until("the log says it", TOLD, says).await.unwrap();
    (0..5).for_each(|_| assert_eq!(call(gateway, &key), 200));
    let says = async |process: &Process| process.stderr().contains("100 %").then_some(());
    process.until("it looks again", TOLD, says).await.unwrap();

    let wrong = ["up", "--demo", "--budget-webhook", "hooks.example"];
    let mut refused = Process::ours("purser", wrong).unwrap();
    assert!(!refused.until_ended(SOON).await.unwrap().success());
    assert!(refused.stderr().contains("https://host/path"));
}
