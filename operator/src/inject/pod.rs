//! A pod and what it becomes. Pure; called by `review` for each pod that the API server asks about.

use super::container::{self, NAME, Wish};
use super::{INJECTED, KEPT, LABEL, environment};
use serde_json::{Map, Value};

/// What every sidecar is made of.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The sidecar's image.
    pub(crate) image: String,
    /// When it is pulled; the kubelet's default when absent.
    pub(crate) pull_policy: Option<String>,
    /// Where it finds the operator.
    pub(crate) operator: String,
    /// Where it hands over the calls that it may not make; none without a shared gateway.
    pub(crate) gateway: Option<String>,
    /// The collector that it tells of calls; none: it tells nobody.
    pub(crate) otlp: Option<String>,
    /// Whether the cluster has native sidecars (Kubernetes 1.29 and newer).
    pub(crate) native: bool,
}

/// What becomes of a pod.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// It did not ask.
    Leave,
    /// This, and what its author should know.
    Become(Box<Value>, Vec<String>),
    /// It must not be created without a sidecar, and cannot have one.
    Refuse(String),
}

/// A pod of `namespace`.
pub(super) fn injected(pod: &Value, namespace: &str, settings: &Settings) -> Verdict {
    if pod["metadata"]["labels"][LABEL] == "false" {
        return Verdict::Leave;
    }
    if let Some(why) = refusal(pod, settings) {
        return Verdict::Refuse(format!(
            "this pod asks for a Purser sidecar ({LABEL}) and cannot have one: {why}"
        ));
    }
    let annotations = pod["metadata"]["annotations"].as_object().cloned();
    let annotations = annotations.unwrap_or_default();
    let wish = Wish {
        key: key(&annotations, namespace),
        annotations: &annotations,
    };
    let mut pod = pod.clone();
    put_container(&mut pod, container::sidecar(settings, &wish));
    put_volumes(&mut pod);
    let force = annotations
        .get("purser.dev/inject-env")
        .and_then(Value::as_str)
        == Some("force");
    let notes = put_environment(&mut pod, force);
    mark(&mut pod, settings);
    if !notes.is_empty() {
        pod["metadata"]["annotations"][KEPT] = notes.join("; ").into();
    }
    Verdict::Become(Box::new(pod), notes)
}

fn refusal(pod: &Value, settings: &Settings) -> Option<&'static str> {
    let spec = &pod["spec"];
    if spec["hostNetwork"] == true {
        return Some(
            "with hostNetwork its loopback address is the whole node's; leave hostNetwork out, or label the pod purser.dev/inject: \"false\"",
        );
    }
    if spec["os"]["name"] == "windows" {
        return Some("sidecars run on Linux");
    }
    if !settings.native {
        return Some(
            "this cluster is older than Kubernetes 1.29 and has no native sidecars, without which Jobs never end and init containers run alone",
        );
    }
    let named = |container: &Value| container["name"] == NAME;
    // One of ours is there when the webhook is asked again, and then the pod is marked.
    let is_ours = !pod["metadata"]["annotations"][INJECTED].is_null();
    let inits = list(&spec["initContainers"]).iter();
    let taken = inits.filter(|_| !is_ours);
    if list(&spec["containers"]).iter().chain(taken).any(named) {
        return Some("it has a container named purser-sidecar of its own; rename it");
    }
    let volumes = container::volumes();
    let taken = |volume: &Value| {
        let same = |ours: &&Value| ours["name"] == volume["name"];
        volumes
            .iter()
            .find(same)
            .is_some_and(|ours| !is_part_of(ours, volume))
    };
    if list(&spec["volumes"]).iter().any(taken) {
        return Some("it has a volume whose name begins with purser- and is not ours; rename it");
    }
    None
}

/// Whether the API server has only added defaults to what we wrote.
fn is_part_of(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => ours.iter().all(|(name, ours)| {
            theirs
                .get(name)
                .is_some_and(|theirs| is_part_of(ours, theirs))
        }),
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|(ours, theirs)| is_part_of(ours, theirs))
        }
        _ => ours == theirs,
    }
}

fn key(annotations: &Map<String, Value>, namespace: &str) -> Option<String> {
    let name = annotations.get("purser.dev/api-key")?.as_str()?;
    Some(format!("{namespace}/{name}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// First, so that the author's own init containers find it running.
fn put_container(pod: &mut Value, sidecar: Value) {
    let mut all = list(&pod["spec"]["initContainers"]).to_vec();
    if all.iter().any(|container| container["name"] == NAME) {
        return;
    }
    all.insert(0, sidecar);
    pod["spec"]["initContainers"] = all.into();
}

fn put_volumes(pod: &mut Value) {
    let mut all = list(&pod["spec"]["volumes"]).to_vec();
    for volume in container::volumes() {
        if !all.iter().any(|known| known["name"] == volume["name"]) {
            all.push(volume);
        }
    }
    pod["spec"]["volumes"] = all.into();
}

fn put_environment(pod: &mut Value, force: bool) -> Vec<String> {
    let mut notes = Vec::new();
    for kind in ["initContainers", "containers"] {
        let all = pod["spec"][kind].as_array_mut();
        for container in all.into_iter().flatten() {
            if container["name"] != NAME {
                notes.extend(environment::give(container, force));
            }
        }
    }
    notes
}

/// By the label the operator watches its pods, also where only the namespace carries one.
fn mark(pod: &mut Value, settings: &Settings) {
    pod["metadata"]["labels"][LABEL] = "true".into();
    pod["metadata"]["annotations"][INJECTED] = settings.image.as_str().into();
}

#[cfg(test)]
mod tests;
