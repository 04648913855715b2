//! Tells whoever writes one of our objects what will not work with the others: the validating webhook's answer, `POST /warn`. `webhook`
//! asks it; what is said is `purser-compile`'s, and how the world is comes from the stores of `watch`.
//!
//! A sentence is said only when it is still true a moment later: watches are a little behind, and whoever applies a folder has written the
//! plan of a key some milliseconds before.
//!
//! Invariant: everything is allowed, and before the stores are filled nothing is said.

use crate::watch::{Watched, name_of};
use crate::world::namespaces;
use kube::ResourceExt;
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview};
use purser_compile::{Draft, ObjectRef, Options, World, review};
use purser_crds::{ApiKey, Plan, ProviderChannel};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How far a watch may be behind.
const BEHIND: Duration = Duration::from_millis(250);
const LOOK: Duration = Duration::from_millis(50);
/// How long the stores may take to be filled, which at an operator's start they are not.
const FILLED: Duration = Duration::from_secs(1);
/// More are counted.
const MOST: usize = 16;

/// What cannot be answered: the API server takes it for a failure of the webhook, and stores the object.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Not an AdmissionReview, or an object that is not of its kind.
    #[error("reading an AdmissionReview of one of our objects: {0}")]
    Read(#[from] serde_json::Error),
    /// An AdmissionReview without a request.
    #[error("reading an AdmissionReview: {0}")]
    Request(#[from] kube::core::admission::ConvertAdmissionReviewError),
}

/// See the file's page.
pub(crate) struct Warnings {
    /// What the cluster holds.
    pub(crate) watched: Arc<Watched>,
    /// As they are compiled with.
    pub(crate) options: Options,
}

impl Warnings {
    /// Answers one question.
    pub(crate) async fn answer(&self, body: &[u8]) -> Result<Vec<u8>, Failure> {
        let asked: AdmissionReview<DynamicObject> = serde_json::from_slice(body)?;
        let request: AdmissionRequest<DynamicObject> = asked.try_into()?;
        let mut response = AdmissionResponse::from(&request);
        if let Some(object) = &request.object {
            let object = serde_json::to_value(object)?;
            if let Some(draft) = draft(&request.kind.kind, object)? {
                response.warnings = shown(&draft.object(), self.lasting(draft).await);
            }
        }
        Ok(serde_json::to_vec(&response.into_review())?)
    }

    /// What is still true when the watches have caught up.
    async fn lasting(&self, draft: Draft) -> Vec<String> {
        let filled = tokio::time::timeout(FILLED, self.watched.ready()).await;
        if !matches!(filled, Ok(Ok(()))) {
            return Vec::new();
        }
        let begun = Instant::now();
        loop {
            let lines = review(self.world(&draft), self.options, draft.clone());
            if lines.is_empty() || begun.elapsed() >= BEHIND {
                return lines;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// No more of the world than the draft can have to do with.
    fn world(&self, draft: &Draft) -> World {
        let namespace = match draft {
            Draft::ApiKey(key) => key.namespace().unwrap_or_default(),
            Draft::Plan(_) | Draft::ProviderChannel(_) => String::new(),
        };
        let plan = |plan: &Arc<Plan>| match draft {
            Draft::ApiKey(key) => plan.name_any() == key.spec.plan,
            Draft::Plan(_) => false,
            Draft::ProviderChannel(_) => true,
        };
        let key = |key: &Arc<ApiKey>| match draft {
            Draft::ApiKey(_) => name_of(&**key).namespace() == namespace,
            Draft::Plan(plan) => key.spec.plan == plan.name_any(),
            Draft::ProviderChannel(_) => false,
        };
        let of = &self.watched;
        World {
            plans: of
                .plans
                .all()
                .filter(plan)
                .map(Arc::unwrap_or_clone)
                .collect(),
            keys: of
                .keys
                .all()
                .filter(key)
                .map(Arc::unwrap_or_clone)
                .collect(),
            channels: of.channels.all().map(Arc::unwrap_or_clone).collect(),
            namespaces: namespaces(of),
            ..World::default()
        }
    }
}

/// One of our kinds; nothing where it is none.
fn draft(kind: &str, object: Value) -> Result<Option<Draft>, serde_json::Error> {
    Ok(Some(match kind {
        "Plan" => Draft::Plan(serde_json::from_value::<Plan>(object)?),
        "ApiKey" => Draft::ApiKey(serde_json::from_value::<ApiKey>(object)?),
        "ProviderChannel" => {
            Draft::ProviderChannel(serde_json::from_value::<ProviderChannel>(object)?)
        }
        _ => return Ok(None),
    }))
}

/// Each with the object's name before it: one apply writes many.
fn shown(object: &ObjectRef, lines: Vec<String>) -> Option<Vec<String>> {
    let title = match object {
        ObjectRef::Plan(name) => format!("Plan {name}"),
        ObjectRef::ApiKey(name) => format!("ApiKey {name}"),
        ObjectRef::ProviderChannel(name) => format!("ProviderChannel {name}"),
    };
    let more = lines.len().saturating_sub(MOST);
    let lines = lines.into_iter().take(MOST);
    let lines = lines.map(|line| format!("{title}: {line}"));
    let more = (more > 0).then(|| format!("{title}: and {more} more"));
    let all: Vec<String> = lines.chain(more).collect();
    (!all.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::Name;
    use serde_json::json;

    #[test]
    fn each_sentence_names_its_object_and_too_many_are_counted() {
        let object = ObjectRef::ApiKey(Name::new("shop", "checkout"));
        assert_eq!(shown(&object, Vec::new()), None);
        let lines = (0..20).map(|number| format!("{number} is wrong")).collect();
        let shown = shown(&object, lines).unwrap();
        assert_eq!(shown.len(), MOST + 1);
        assert_eq!(shown[0], "ApiKey shop/checkout: 0 is wrong");
        assert_eq!(shown[MOST], "ApiKey shop/checkout: and 4 more");
    }

    #[test]
    fn only_our_kinds_are_read() {
        let key = json!({"apiVersion": "purser.dev/v1alpha1", "kind": "ApiKey", "metadata": {"name": "k", "namespace": "n"}, "spec": {"plan": "p"}});
        let read = draft("ApiKey", key.clone()).unwrap().unwrap();
        assert_eq!(read.object(), ObjectRef::ApiKey(Name::new("n", "k")));
        assert!(draft("Pod", key.clone()).unwrap().is_none());
        assert!(draft("ApiKey", json!({"metadata": {"name": "k"}, "spec": 7})).is_err());
    }
}
