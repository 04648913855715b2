//! How long a full compile takes with many keys. Printed, and held to its bar where the build is one that ships:
//! `cargo test -p purser-compile --release --test scale -- --nocapture`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

use purser_compile::{Gateway, Options, World, WorldSecret, compile};
use purser_config::{Name, SecretText};
use serde_json::json;
use std::time::{Duration, Instant};

fn world(keys: usize, namespaces: usize) -> World {
    let mut world = World::default();
    let plan = json!({"apiVersion": "purser.dev/v1alpha1", "kind": "Plan", "metadata": {"name": "free"},
                      "spec": {"limits": {"requestsPerMinute": 20}, "models": {"allow": ["*"]}, "maxKeysPerNamespace": 100_000}});
    world.plans.push(serde_json::from_value(plan).unwrap());
    for namespace in (0..namespaces).map(|number| format!("n{number}")) {
        let channel = json!({"apiVersion": "purser.dev/v1alpha1", "kind": "ProviderChannel", "metadata": {"name": "vllm", "namespace": namespace},
                             "spec": {"provider": "OpenAICompatible", "baseURL": "http://vllm.svc:8000/v1", "models": [{"name": "m"}]}});
        world
            .channels
            .push(serde_json::from_value(channel).unwrap());
    }
    for number in 0..keys {
        let (namespace, name) = (format!("n{}", number % namespaces), format!("k{number}"));
        let key = json!({"apiVersion": "purser.dev/v1alpha1", "kind": "ApiKey", "metadata": {"name": name, "namespace": namespace}, "spec": {"plan": "free"}});
        world.keys.push(serde_json::from_value(key).unwrap());
        let value = SecretText::new(format!("sk-{number:040}"));
        let secret = WorldSecret {
            data: [("apiKey".to_owned(), value)].into(),
            ..WorldSecret::default()
        };
        world
            .secrets
            .insert(Name::new(&namespace, &format!("{name}-key")), secret);
    }
    world
}

/// For five thousand keys, optimised.
const BAR: Duration = Duration::from_secs(1);

#[test]
fn five_thousand_keys_are_compiled_within_a_second() {
    for (keys, namespaces) in [(1_000, 10), (5_000, 50), (5_000, 1_000)] {
        let world = world(keys, namespaces);
        let start = Instant::now();
        let options = Options {
            gateway: Gateway::Absent,
        };
        let compiled = compile(&world, options);
        let took = start.elapsed();
        println!("{keys} keys in {namespaces} namespaces: {took:?}");
        assert_eq!(compiled.configuration.keys.len(), keys);
        assert!(cfg!(debug_assertions) || took <= BAR, "{took:?}");
    }
}
