//! Runs `caller.py` or `caller.mjs`: what an SDK is to call, and what came of it. Used by every room of this test root; it must
//! never know an answer that is right.

use purser_tests::process::Process;
use serde_json::{Value, json};
use std::ops::Index;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The longest that all calls of one program may take.
const PATIENCE: Duration = Duration::from_secs(180);
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sdk");

/// An official SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sdk {
    Python,
    Node,
}

/// Both of them: a test that loops over these holds for each.
pub(super) const BOTH: [Sdk; 2] = [Sdk::Python, Sdk::Node];

/// One call that an SDK is to make.
#[derive(Clone, Debug)]
pub(super) struct Ask(Value);

/// What the SDK returned, or raised.
#[derive(Clone, Debug)]
pub(super) struct Came(Value);

impl Ask {
    /// An entry of the program's table of calls, without retries.
    pub(super) fn new(what: &str, key: &str) -> Self {
        Ask(json!({"do": what, "key": key, "retries": 0, "with": {}}))
    }

    /// A call that names a model.
    pub(super) fn of(what: &str, key: &str, model: &str) -> Self {
        Self::new(what, key).set("model", json!(model))
    }

    /// Further members of the request.
    pub(super) fn with(self, members: Value) -> Self {
        self.set("with", members)
    }

    /// How often the SDK may retry by itself.
    pub(super) fn retries(self, most: u32) -> Self {
        self.set("retries", json!(most))
    }

    fn set(mut self, member: &str, value: Value) -> Self {
        self.0[member] = value;
        self
    }
}

impl Came {
    /// What was returned; fails when something was raised.
    pub(super) fn returned(&self) -> &Value {
        assert!(self["raised"].is_null(), "raised: {self:?}");
        &self["returned"]
    }

    /// The exception, in one line: its class, and the status, code, type and param that it carries; `-` for what it lacks.
    pub(super) fn raised(&self) -> String {
        assert!(self["raised"].is_string(), "nothing was raised: {self:?}");
        let members =
            ["raised", "status", "code", "type", "param"].map(|member| match &self[member] {
                Value::Null => "-".to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
        members.join(" ")
    }

    /// A header of the answer, where the SDK shows it.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self["headers"][name].as_str()
    }

    /// How long the SDK took, its own waits included.
    pub(super) fn seconds(&self) -> f64 {
        self["seconds"].as_f64().unwrap()
    }
}

impl Index<&str> for Came {
    type Output = Value;

    fn index(&self, member: &str) -> &Value {
        &self.0[member]
    }
}

impl Sdk {
    /// Lets the SDK make these calls, one after the other.
    pub(super) async fn call<const N: usize>(self, base_url: &str, asks: [Ask; N]) -> [Came; N] {
        let came = self.calls(base_url, &asks).await;
        came.try_into().expect("one line for each call")
    }

    /// The same for as many as there are.
    pub(super) async fn calls(self, base_url: &str, asks: &[Ask]) -> Vec<Came> {
        let listed: Vec<&Value> = asks.iter().map(|ask| &ask.0).collect();
        let argument = json!({"base_url": base_url, "calls": listed}).to_string();
        let mut process =
            Process::start(&format!("{self:?}"), &mut self.command(&argument)).unwrap();
        let status = process.until_ended(PATIENCE).await.unwrap();
        let (out, err) = (process.stdout(), process.stderr());
        assert!(
            status.success(),
            "the program for {self:?} failed: {status}\n{err}"
        );
        let lines: Vec<Came> = out
            .lines()
            .map(|line| Came(serde_json::from_str(line).unwrap()))
            .collect();
        assert_eq!(
            lines.len(),
            asks.len(),
            "one line for each call: {out}\n{err}"
        );
        lines
    }

    fn command(self, argument: &str) -> Command {
        let mut command = match self {
            Sdk::Python => Command::new(tool("PURSER_TEST_PYTHON", "python/bin/python")),
            Sdk::Node => Command::new("node"),
        };
        command.arg(Path::new(HERE).join(match self {
            Sdk::Python => "caller.py",
            Sdk::Node => "caller.mjs",
        }));
        command.arg(argument);
        if self == Sdk::Node {
            command.arg(tool("PURSER_TEST_NODE_DIR", "node"));
        }
        // Neither the developer's own account nor a proxy on the way to loopback.
        for (name, _) in std::env::vars_os() {
            let upper = name.to_string_lossy().to_ascii_uppercase();
            if upper.starts_with("OPENAI_") || upper.ends_with("_PROXY") {
                command.env_remove(name);
            }
        }
        command
    }
}

/// What tests/toolchain.sh installs.
pub(super) fn tool(variable: &str, place: &str) -> PathBuf {
    purser_tests::model_server::tool(variable, place).unwrap()
}
