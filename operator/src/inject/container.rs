//! The sidecar's container and its volumes, as they stand in a pod. Pure; part of `pod`. Must pass Pod Security "restricted".

use super::pod::Settings;
use crate::apply::{MOST_PARTS, secret_name};
use serde_json::{Map, Value, json};

/// The container's name.
pub(super) const NAME: &str = "purser-sidecar";
/// The port of metrics and probes at the pod's address.
const METRICS: u16 = 4102;
const TOKEN_SECONDS: u32 = 600;

/// What a pod's annotations ask for, beside the settings.
pub(super) struct Wish<'a> {
    /// `namespace/name` of its key.
    pub(super) key: Option<String>,
    pub(super) annotations: &'a Map<String, Value>,
}

impl Wish<'_> {
    fn says(&self, what: &str) -> Option<&str> {
        self.annotations
            .get(&format!("purser.dev/{what}"))?
            .as_str()
    }
}

/// The container: first among the init containers, started before and ended after all others.
pub(super) fn sidecar(settings: &Settings, wish: &Wish<'_>) -> Value {
    let mut container = json!({
        "name": NAME,
        "image": wish.says("image").unwrap_or(&settings.image),
        "restartPolicy": "Always",
        "env": environment(settings, wish),
        "ports": [{"name": "purser-metrics", "containerPort": METRICS, "protocol": "TCP"}],
        "startupProbe": probe("/healthz", 1, 120),
        "livenessProbe": probe("/healthz", 10, 6),
        "readinessProbe": probe("/readyz", 5, 2),
        "resources": resources(wish),
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532,
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [
            {"name": "purser-config", "mountPath": "/etc/purser", "readOnly": true},
            {"name": "purser-token", "mountPath": "/var/run/secrets/purser.dev", "readOnly": true},
            {"name": "purser-last-good", "mountPath": "/var/lib/purser"},
            {"name": "purser-spool", "mountPath": "/var/spool/purser"},
        ],
    });
    if let Some(policy) = &settings.pull_policy {
        container["imagePullPolicy"] = policy.as_str().into();
    }
    container
}

/// The kubelet asks at the pod's address. Starting the sidecar's `probe` in the container was refused: on a busy node each start took
/// longer than the second that a probe is given, twenty pods made the node busy by it, and the kubelet killed sidecars that served.
fn probe(path: &str, seconds: u32, failures: u32) -> Value {
    json!({
        "httpGet": {"path": path, "port": METRICS},
        "periodSeconds": seconds, "timeoutSeconds": 5, "failureThreshold": failures,
    })
}

fn environment(settings: &Settings, wish: &Wish<'_>) -> Value {
    let mut all = vec![
        ("PURSER_OPERATOR", settings.operator.clone()),
        ("PURSER_CONFIG", "/etc/purser".into()),
        ("PURSER_LAST_GOOD", "/var/lib/purser".into()),
        ("PURSER_SPOOL", "/var/spool/purser".into()),
        ("PURSER_METRICS", format!("[::]:{METRICS}")),
    ];
    let gateway = settings.gateway.clone();
    all.extend(gateway.map(|gateway| ("PURSER_GATEWAY", gateway)));
    let otlp = settings.otlp.clone();
    all.extend(otlp.map(|otlp| ("PURSER_OTLP", otlp)));
    all.extend(wish.says("log").map(|log| ("PURSER_LOG", log.to_owned())));
    all.extend(wish.key.clone().map(|key| ("PURSER_API_KEY_NAME", key)));
    let all = all.into_iter();
    all.map(|(name, value)| json!({"name": name, "value": value}))
        .collect()
}

/// Bodies that are kept for a second attempt take up to 128 MiB.
fn resources(wish: &Wish<'_>) -> Value {
    let mut limits = json!({"memory": wish.says("memory-limit").unwrap_or("256Mi")});
    if let Some(cpu) = wish.says("cpu-limit") {
        limits["cpu"] = cpu.into();
    }
    json!({
        "requests": {
            "cpu": wish.says("cpu-request").unwrap_or("10m"),
            "memory": wish.says("memory-request").unwrap_or("32Mi"),
        },
        "limits": limits,
    })
}

/// Its volumes, by name: the compiled Secret in all the parts that it may have, a token of our own audience, memory for the last good
/// configuration (it holds credentials), and disk for usage records.
pub(super) fn volumes() -> [Value; 4] {
    let parts = (0..MOST_PARTS)
        .map(|part| json!({"secret": {"name": secret_name(part), "optional": true}}));
    let token = json!({"audience": purser_config::stream::AUDIENCE, "expirationSeconds": TOKEN_SECONDS, "path": "token"});
    [
        json!({"name": "purser-config", "projected": {"sources": parts.collect::<Vec<_>>()}}),
        json!({"name": "purser-token", "projected": {"sources": [{"serviceAccountToken": token}]}}),
        json!({"name": "purser-last-good", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}),
        json!({"name": "purser-spool", "emptyDir": {"sizeLimit": "128Mi"}}),
    ]
}
