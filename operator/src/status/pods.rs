//! Tells of pods that asked for a sidecar and have none, because the webhook was not reached when they were created or because they were
//! labelled later; and of pods that keep environment variables of their own. An Event on each, once for each process that leads, and a
//! count. Started by `effects`. It must never change a pod.

use crate::inject::{INJECTED, KEPT};
use crate::metrics::Metrics;
use crate::watch::Watched;
use k8s_openapi::api::core::v1::Pod;
use kube::core::PartialObjectMeta;
use kube::runtime::events::{Event, EventType, Recorder};
use kube::{Resource, ResourceExt};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);

/// See the file's page.
pub(crate) struct Pods {
    /// Those that ask for a sidecar.
    pub(crate) watched: Arc<Watched>,
    /// Writes Events.
    pub(crate) events: Recorder,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
}

impl Pods {
    /// Looks again and again, for ever.
    pub(crate) async fn run(self) {
        let mut told = HashSet::new();
        loop {
            let pods: Vec<_> = self.watched.pods.all().collect();
            let bare = pods.iter().filter(|pod| is_bare(pod)).count();
            let bare = i64::try_from(bare).unwrap_or(i64::MAX);
            self.metrics.pods_without_sidecar.set(bare);
            told = self.tell(&pods, &told).await;
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Tells what there is to tell of the pods that were not told of; of which it is told then.
    async fn tell(
        &self,
        pods: &[Arc<PartialObjectMeta<Pod>>],
        told: &HashSet<String>,
    ) -> HashSet<String> {
        let mut now = HashSet::new();
        for pod in pods {
            let (Some(uid), Some(event)) = (pod.uid(), event(pod)) else {
                continue;
            };
            if !told.contains(&uid)
                && let Err(error) = self.events.publish(&event, &pod.object_ref(&())).await
            {
                tracing::warn!(pod = pod.name_any(), %error, "publishing an event; tried again");
                continue;
            }
            now.insert(uid);
        }
        now
    }
}

fn is_bare(pod: &PartialObjectMeta<Pod>) -> bool {
    pod.meta().deletion_timestamp.is_none() && !pod.annotations().contains_key(INJECTED)
}

fn event(pod: &PartialObjectMeta<Pod>) -> Option<Event> {
    if pod.meta().deletion_timestamp.is_some() {
        return None;
    }
    let (type_, reason, note) = match (is_bare(pod), pod.annotations().get(KEPT)) {
        (true, _) => (
            EventType::Warning,
            "NotInjected",
            "it asks for a Purser sidecar and has none: the webhook was not reached when it was created, or the label came later; create it anew (kubectl rollout restart)",
        ),
        (false, Some(kept)) => (EventType::Normal, "EnvironmentKept", kept.as_str()),
        (false, None) => return None,
    };
    Some(Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note.to_owned()),
        action: "Inject".to_owned(),
        secondary: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn told(annotations: Value) -> Option<(String, String)> {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", "annotations": annotations}});
        let event = event(&serde_json::from_value(pod).unwrap())?;
        Some((event.reason, event.note.unwrap_or_default()))
    }

    #[test]
    fn a_bare_pod_and_one_that_keeps_variables_are_told_of_and_no_other() {
        let (reason, note) = told(json!({})).unwrap();
        assert!(reason == "NotInjected" && note.contains("create it anew"));
        assert_eq!(told(json!({INJECTED: "image"})), None);
        let kept = told(json!({INJECTED: "image", KEPT: "the OpenAI variables stay"}));
        let expected = ("EnvironmentKept", "the OpenAI variables stay");
        let expected = (expected.0.to_owned(), expected.1.to_owned());
        assert_eq!(kept, Some(expected));
    }
}
