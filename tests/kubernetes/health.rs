//! Whether channels work, as the sidecars that call them find it, and as people see it.

use super::cluster::{SOON, condition, field_of};
use super::operator::World;
use super::place::Place;
use super::sidecar::Sidecar;
use purser_tests::provider::{Behaviour, Provider};
use serde_json::Value;
use std::time::Instant;

fn credential(place: &Place, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: provider, namespace: {}, labels: {{purser.dev/credential: 'true'}}}}\nstringData: {{apiKey: {value}}}",
        place.namespace
    )
}

/// A namespace with a key, and a channel to this provider that needs a credential.
async fn place_with(world: &std::sync::Arc<World>, name: &str, provider: &Provider) -> Place {
    let place = Place::new(world, name).await;
    let [secret, key] = place.key("key", "open");
    let plan = place.plan("open", "models: {allow: ['*']}");
    let spec = format!(
        "provider: OpenAICompatible, baseURL: '{}', credentials: [{{secretRef: {{name: provider}}}}], models: [{{name: m}}]",
        provider.url()
    );
    let channel = place.object("ProviderChannel", "live", &spec);
    let bad = credential(&place, "sk-canary-withdrawn");
    place.apply(&[plan, secret, key, bad, channel]).await;
    place.until_key("key", "True").await;
    place
}

impl Place {
    async fn until_healthy(&self, status: &'static str, reason: &'static str) -> Value {
        let so = move |channel: &Value| {
            condition(channel, "Healthy") == status
                && field_of(channel, "Healthy", "reason") == reason
        };
        let what = format!("the channel is Healthy={status} for {reason}");
        let path = self.ours("providerchannels", "live");
        self.world.cluster.until(&what, &path, so).await
    }

    /// The Events of the channel with this reason: their types and notes.
    async fn events(&self, reason: &'static str) -> Vec<(String, String)> {
        let of = move |list: &Value| -> Vec<(String, String)> {
            let all = list["items"].as_array().into_iter().flatten();
            let ours = all.filter(|event| {
                event["reason"] == reason && event["involvedObject"]["name"] == "live"
            });
            let text = |event: &Value, field: &str| event[field].as_str().unwrap_or("").to_owned();
            ours.map(|event| (text(event, "type"), text(event, "message")))
                .collect()
        };
        let what = format!("there is an event {reason}");
        let path = self.core("events", "");
        let there = move |list: &Value| !of(list).is_empty();
        of(&self.world.cluster.until(&what, &path, there).await)
    }

    async fn until_called(&self, sidecar: &Sidecar) {
        let begun = Instant::now();
        while sidecar.judged("m", &self.value("key")).await.0 != 200 {
            assert!(begun.elapsed() < SOON, "the channel is not called");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn a_refused_credential_is_told_with_what_to_do_and_its_end_is_told_too() {
    let world = World::shared().await;
    let provider = Provider::start(Behaviour::bad_credential()).await.unwrap();
    let place = place_with(&world, "health", &provider).await;
    place.until_healthy("Unknown", "NotCalled").await;
    let sidecars = place.sidecars(2).await;
    let (status, _) = sidecars[0].judged("m", &place.value("key")).await;
    assert!(status >= 500, "{status}");

    let failing = place.until_healthy("False", "AuthFailed").await;
    let message = field_of(&failing, "Healthy", "message");
    for part in [
        "0 of 1 sidecars that use it",
        "at 1 sidecar since 20",
        "refuses credential provider/apiKey",
        "put one that it accepts into that Secret",
    ] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
    let (kind, note) = place.events("AuthFailed").await.pop().unwrap();
    assert_eq!((kind.as_str(), note.as_str()), ("Warning", message));

    provider.set(Behaviour::healthy()).await.unwrap();
    place.apply(&[credential(&place, "sk-canary-new")]).await;
    for sidecar in &sidecars {
        place.until_called(sidecar).await;
    }
    let well = place.until_healthy("True", "Healthy").await;
    let message = "2 of 2 sidecars that use it find it working";
    let so = |channel: &Value| field_of(channel, "Healthy", "message") == message;
    let path = place.ours("providerchannels", "live");
    world.cluster.until(message, &path, so).await;
    assert_ne!(
        field_of(&well, "Healthy", "lastTransitionTime"),
        field_of(&failing, "Healthy", "lastTransitionTime")
    );
    let (kind, _) = place.events("Healthy").await.pop().unwrap();
    assert_eq!(kind, "Normal");
    assert_eq!(place.events("AuthFailed").await.len(), 1);
}
