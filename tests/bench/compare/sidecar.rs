//! What runs beside a pod, alone: the sidecar with its configuration in a file, and its records on disk, without an operator. `purser up`
//! beside it is this and the operator's part in one process. Called by `contender`; measures nothing.

use purser_config::{Configuration, Digest, Key, Plan};
use purser_tests::process::binary;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::contender::{Contender, KEY, MOCK, MODEL};

/// As a contender. Nobody would count its plan's requests, so they are not limited.
pub(crate) fn sidecar() -> anyhow::Result<Contender> {
    let sidecar = Contender::new("sidecar")?;
    let file = sidecar.write(
        "configuration.json",
        &serde_json::to_string(&configuration()?)?,
    )?;
    let listen = sidecar.address.to_string();
    let admin = Contender::new("admin")?.address.to_string();
    let spool = sidecar.folder();
    let arguments = [
        "--config", &file, "--listen", &listen, "--admin", &admin, "--spool", &spool,
    ];
    Ok(sidecar.runs(&binary("purser-sidecar")?, &arguments))
}

/// What the operator makes of `manifests/bench.yaml`, but for the limit and the channel that translates.
fn configuration() -> anyhow::Result<Configuration> {
    let key: Key = serde_json::from_value(json!({
        "digests": [Digest(Sha256::digest(KEY).into())], "standing": "good", "plan": "bench", "channels": ["bench/mock"],
    }))?;
    let channel = serde_json::from_value(json!({
        "provider": "OpenAICompatible", "base_url": format!("http://{MOCK}/v1"), "priority": 0, "weight": 100,
        "credentials": [{"from": "mock-credential/apiKey", "value": "sk-provider"}],
        "models": [{"name": MODEL}],
        "timeouts": {"connect_ms": 3_000, "first_byte_ms": 30_000, "idle_ms": 60_000, "request_ms": 600_000},
        "health": {"consecutive_failures": 5, "min_requests": 5, "success_rate_percent": 50, "cooldown_ms": 5_000, "max_cooldown_ms": 300_000},
    }))?;
    let plan = Plan {
        allow: vec!["*".to_owned()],
        ..Plan::default()
    };
    Ok(Configuration {
        keys: [("bench/bench".parse()?, key)].into(),
        plans: [("bench".to_owned(), plan)].into(),
        channels: [("bench/mock".parse()?, channel)].into(),
    })
}
