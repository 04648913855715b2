//! What a person types at a cluster. Used by `kubernetes`; it must never reach another cluster than the run's own.

use std::ffi::OsString;
use std::process::Command;

/// kubectl on the cluster of this run.
pub(super) struct Kubectl {
    program: OsString,
    pub(super) kubeconfig: OsString,
    namespace: String,
}

impl Kubectl {
    /// Nothing when no cluster is named. What is asked is asked of this namespace.
    pub(super) fn of_the_run(namespace: &str) -> Option<Self> {
        let kubeconfig = std::env::var_os("PURSER_TEST_KUBECONFIG")?;
        let program = std::env::var_os("PURSER_TEST_KUBECTL").unwrap_or_else(|| "kubectl".into());
        let namespace = namespace.to_owned();
        Some(Kubectl {
            program,
            kubeconfig,
            namespace,
        })
    }

    /// What it prints for these words; fails with what it complains of.
    pub(super) fn says(&self, words: &str) -> String {
        self.says_all(&words.split(' ').collect::<Vec<_>>())
    }

    /// `kubectl wait --for=…`
    pub(super) fn waits_for(&self, what: &str, objects: &str) {
        self.says(&format!("wait --for={what} --timeout=60s {objects}"));
    }

    /// The text of a Secret's data key.
    pub(super) fn secret(&self, name: &str, key: &str) -> String {
        let template = format!(r#"go-template={{{{index .data "{key}" | base64decode}}}}"#);
        self.says_all(&["get", "secret", name, "-o", &template])
    }

    fn says_all(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig);
        command.args(["--namespace", &self.namespace]);
        let output = command.args(arguments).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "kubectl {arguments:?} failed: {complaint}"
        );
        String::from_utf8(output.stdout).unwrap()
    }
}
