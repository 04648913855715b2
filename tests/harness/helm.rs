//! Helm, as tests/run.sh builds it (`PURSER_TEST_HELM`; target/cluster/helm when unset), and the values that the charts are tested with.
//! Never sees anybody's own cluster, settings or repositories.

use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The sets of values in tests/charts/cases.
pub const CASES: [&str; 7] = [
    "default",
    "everything",
    "ledger-elsewhere",
    "scale-out",
    "shared-gateway",
    "some-namespaces",
    "without-injection",
];
/// The Kubernetes that the charts are rendered for: that of the test cluster.
pub const FOR: &str = "--kube-version=1.36.3";

/// What a program said.
#[derive(Debug)]
pub struct Said {
    /// Whether it did what it was told.
    pub good: bool,
    /// Its output.
    pub out: String,
    /// Its complaints.
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Said {
            good: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs Helm.
pub fn helm(arguments: &[&str]) -> anyhow::Result<Said> {
    let program = std::env::var_os("PURSER_TEST_HELM").map(PathBuf::from);
    let program = program.unwrap_or_else(|| root().join("target/cluster/helm"));
    let folder = tempfile::tempdir()?;
    let own = [
        "HOME",
        "HELM_CACHE_HOME",
        "HELM_CONFIG_HOME",
        "HELM_DATA_HOME",
    ];
    let output = Command::new(&program)
        .args(arguments)
        .env_remove("KUBECONFIG")
        .envs(own.map(|name| (name, folder.path())))
        .output()
        .with_context(|| {
            format!(
                "starting {}; tests/cluster/build.sh builds it",
                program.display()
            )
        })?;
    Ok(output.into())
}

/// Where a chart lies.
pub fn chart(name: &str) -> String {
    root().join("charts").join(name).display().to_string()
}

/// Where a case's values lie.
pub fn values(case: &str) -> String {
    let path = format!("tests/charts/cases/{case}.values.yaml");
    root().join(path).display().to_string()
}

/// What the chart `purser` renders for a case, as release `purser` in namespace `purser-system`.
pub fn template(case: &str) -> anyhow::Result<String> {
    rendered("purser", &["--values", &values(case)])
}

/// What a chart renders with these arguments, as the release of its own name in namespace `purser-system`.
pub fn rendered(name: &str, more: &[&str]) -> anyhow::Result<String> {
    let chart = chart(name);
    let line = ["template", name, &chart, "--namespace=purser-system", FOR];
    let said = helm(&[&line[..], more].concat())?;
    anyhow::ensure!(said.good, "{name} {more:?}: {}", said.err);
    Ok(said.out)
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
