//! An ordinary application in pods, as its author writes them: no address, no key, and what Pod Security "restricted" asks of everyone.
//! What it saw is what it printed.

use super::installed::{MODEL, channel, namespace};
use super::kubectl::{LOOK, SOON, apply, get, kubectl, says};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// One application in one namespace.
pub(super) struct Application {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) key: String,
}

/// A line that a pod printed.
#[derive(Clone, Debug)]
pub(super) struct Line(Value);

impl Line {
    /// A call's status; nothing where the line is of something else.
    pub(super) fn status(&self) -> Option<u64> {
        self.0["status"].as_u64()
    }

    /// When, in seconds since 1970.
    pub(super) fn at(&self) -> f64 {
        self.0["at"].as_f64().unwrap_or_default()
    }

    /// When that call began, in seconds since 1970.
    pub(super) fn since(&self) -> f64 {
        self.0["since"].as_f64().unwrap_or_default()
    }

    /// A member of it, as text.
    pub(super) fn says(&self, member: &str) -> &str {
        self.0[member].as_str().unwrap_or_default()
    }
}

/// A pod's spec with one container that runs this program of the application's image.
pub(super) fn program(arguments: &[&str]) -> Value {
    json!({
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container("app", arguments)],
    })
}

/// One container of the application's image.
pub(super) fn container(name: &str, arguments: &[&str]) -> Value {
    json!({
        "name": name, "image": "registry.example/application:1", "args": arguments,
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
    })
}

impl Application {
    /// In a namespace of its own, with a plan of this spec, a key on it and a channel to the provider that answers.
    pub(super) async fn alone(name: &str, plan: Value) -> Self {
        namespace(name).await;
        let api = "purser.dev/v1alpha1";
        apply(&[
            json!({"apiVersion": api, "kind": "Plan", "metadata": {"name": name}, "spec": plan}),
            json!({"apiVersion": api, "kind": "ApiKey", "metadata": {"name": "app", "namespace": name}, "spec": {"plan": name}}),
            json!({"apiVersion": api, "kind": "ProviderChannel", "metadata": {"name": "steady", "namespace": name}, "spec": channel(0)}),
        ])
        .await;
        Application {
            namespace: name.into(),
            name: "app".into(),
            key: "app".into(),
        }
    }

    /// What a pod of it is made from.
    pub(super) fn template(&self, spec: Value) -> Value {
        json!({
            "metadata": {
                "labels": {"app": self.name, "purser.dev/inject": "true"},
                "annotations": {"purser.dev/api-key": self.key},
            },
            "spec": spec,
        })
    }

    /// A Deployment of it that does this with the model.
    pub(super) fn deployment(&self, replicas: usize, what: &str) -> Value {
        let mut spec = program(&["application.py", what, MODEL]);
        // What a sidecar holds is given back at its end, for which a busy node may take long.
        spec["terminationGracePeriodSeconds"] = 60.into();
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": self.metadata(),
            "spec": {
                "replicas": replicas, "selector": {"matchLabels": {"app": self.name}}, "template": self.template(spec),
            },
        })
    }

    /// A pod of it alone.
    pub(super) fn pod(&self, name: &str, what: &str) -> Value {
        let mut pod = self.template(program(&["application.py", what, MODEL]));
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        pod["metadata"]["name"] = name.into();
        pod["metadata"]["namespace"] = self.namespace.as_str().into();
        pod
    }

    /// A Job of it: one call and one stream. Its init container has made the same before.
    pub(super) fn job(&self) -> Value {
        let arguments = ["application.py", "once", MODEL];
        let mut spec = program(&arguments);
        spec["initContainers"] = json!([container("before", &arguments)]);
        spec["restartPolicy"] = "Never".into();
        json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": self.metadata(),
            "spec": {"backoffLimit": 0, "template": self.template(spec)},
        })
    }

    fn metadata(&self) -> Value {
        json!({"name": self.name, "namespace": self.namespace})
    }

    /// Applies a Deployment and waits until all its pods are ready.
    pub(super) async fn deploy(&self, replicas: usize, what: &str) {
        apply(&[self.deployment(replicas, what)]).await;
        self.until_rolled_out().await;
    }

    /// Waits until the Deployment is what was last asked for.
    pub(super) async fn until_rolled_out(&self) {
        let status = format!(
            "rollout status deployment/{} -n {} --timeout=480s",
            self.name, self.namespace
        );
        let words: Vec<&str> = status.split(' ').collect();
        let said = kubectl(&words, "").await;
        if !said.good {
            let told = says(&format!("describe pods -n {}", self.namespace)).await;
            let end: Vec<&str> = told.lines().rev().take(150).collect();
            let end: Vec<&str> = end.into_iter().rev().collect();
            panic!("{}{}\n{}", said.out, said.err, end.join("\n"));
        }
    }

    /// The names of its pods.
    pub(super) async fn pods(&self) -> Vec<String> {
        let line = format!("pods -n {} -l app={}", self.namespace, self.name);
        let found = get(&line).await;
        let items = found["items"].as_array().into_iter().flatten();
        items
            .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// What one container of a pod printed so far; nothing where it has not started, the kubelet has not, or it has and does not know the pod yet.
    pub(super) async fn printed(&self, pod: &str, container: &str) -> Vec<Line> {
        let words = ["logs", "-n", &self.namespace, pod, "-c", container];
        let said = kubectl(&words, "").await;
        let waits = [
            "waiting to start",
            "could not find the requested resource",
            "connection refused",
        ];
        let waits = waits.iter().any(|why| said.err.contains(why));
        assert!(said.good || waits, "logs of {pod}: {}", said.err);
        lines(&said.out)
    }

    /// What the application printed so far in all of its pods, by pod.
    pub(super) async fn all_printed(&self) -> BTreeMap<String, Vec<Line>> {
        let (namespace, name) = (&self.namespace, &self.name);
        let line = format!(
            "logs -n {namespace} -l app={name} -c app --prefix --tail=-1 --max-log-requests=50"
        );
        let mut found: BTreeMap<String, Vec<Line>> = BTreeMap::new();
        for line in says(&line).await.lines() {
            // As `[pod/NAME/app] {…}`.
            let (pod, rest) = line.split_once("] ").unwrap_or_default();
            found.entry(pod.into()).or_default().extend(lines(rest));
        }
        found
    }

    /// The same, once they are known: an API server whose store has just come back may know of none.
    pub(super) async fn all_at_work(&self) -> BTreeMap<String, Vec<Line>> {
        let begun = Instant::now();
        loop {
            let printed = self.all_printed().await;
            if !printed.is_empty() {
                return printed;
            }
            assert!(begun.elapsed() < SOON, "no pod of {} is known", self.name);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until a pod's application printed what is looked for.
    pub(super) async fn until_prints(
        &self,
        pod: &str,
        what: &str,
        so: impl Fn(&[Line]) -> bool,
    ) -> Vec<Line> {
        let begun = Instant::now();
        loop {
            let printed = self.printed(pod, "app").await;
            if so(&printed) {
                return printed;
            }
            let sidecar = format!("logs -n {} {pod} -c purser-sidecar", self.namespace);
            if begun.elapsed() > SOON {
                let sidecar = says(&sidecar).await;
                panic!("waited {SOON:?} until {pod} printed {what}: {printed:?}\n{sidecar}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until each of its pods has made calls after all that it had made, and sees that all were served.
    pub(super) async fn go_on(&self, when: &str) {
        for (pod, before) in self.all_at_work().await {
            let pod = pod.split('/').nth(1).unwrap();
            let goes_on = |printed: &[Line]| printed.len() > before.len() + 40;
            let printed = self.until_prints(pod, when, goes_on).await;
            served(&printed, pod);
        }
    }

    /// Takes it away, and what belongs to it.
    pub(super) async fn end(self) {
        says(&format!("delete namespace {} --wait=false", self.namespace)).await;
    }
}

/// The calls of these lines, each of which must have been served; how many there are.
pub(super) fn served(lines: &[Line], who: &str) -> usize {
    let calls: Vec<&Line> = lines
        .iter()
        .filter(|line| line.status().is_some())
        .collect();
    let failed: Vec<&&Line> = calls
        .iter()
        .filter(|line| line.status() != Some(200))
        .collect();
    assert!(failed.is_empty(), "{who}: {failed:?}");
    calls.len()
}

/// What a container printed, line by line; what is no JSON is somebody else's.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let json = text.lines().map(serde_json::from_str);
    json.filter_map(Result::ok).map(Line).collect()
}
