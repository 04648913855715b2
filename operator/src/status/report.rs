//! What each object's status should be, and how that differs from what it is. Pure; `status` writes it.

use super::condition::{self, Wanted};
use super::{enforceable, health, spool};
use crate::reconcile::Publication;
use crate::serve::Census;
use crate::watch::name_of;
use crate::world::{channel_secrets, secret_name};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};
use purser_compile::{ObjectRef, Verdict};
use purser_config::{Name, Resource as Compiled};
use purser_crds::{ApiKey, Plan, ProviderChannel};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an object's status should be, and where it is.
pub(crate) struct Report {
    pub(crate) object: ObjectRef,
    pub(crate) reference: ObjectReference,
    pub(crate) generation: Option<i64>,
    pub(crate) before: Map<String, Value>,
    pub(crate) conditions: Vec<Wanted>,
    pub(crate) fields: Map<String, Value>,
    pub(crate) refused: Option<&'static str>,
    pub(crate) message: String,
    /// The ApiKey, where it is one.
    pub(crate) key: Option<Arc<ApiKey>>,
}

impl Report {
    /// The status, given the one before.
    pub(crate) fn status(&self, before: &Map<String, Value>) -> Map<String, Value> {
        let known: Vec<Condition> = before
            .get("conditions")
            .and_then(|known| serde_json::from_value(known.clone()).ok())
            .unwrap_or_default();
        let conditions = condition::merged(
            &known,
            self.conditions.clone(),
            self.generation,
            Timestamp::now(),
        );
        let mut status = self.fields.clone();
        status.insert("conditions".to_owned(), json!(conditions));
        status.insert("observedGeneration".to_owned(), json!(self.generation));
        status
    }
}

/// The reason of a refusal that is told in a status.
pub(crate) fn reason_before(status: &Map<String, Value>) -> Option<String> {
    let conditions = status.get("conditions")?.as_array()?;
    let accepted = conditions
        .iter()
        .find(|known| known["type"] == "Accepted" && known["status"] == "False")?;
    accepted["reason"].as_str().map(str::to_owned)
}

/// Whether a status told that a channel fails.
pub(crate) fn failed_before(status: &Map<String, Value>) -> bool {
    let conditions = status.get("conditions").and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|known| known["type"] == "Healthy" && known["status"] == "False")
}

/// The resource that sidecars know the object by.
pub(crate) fn compiled(object: &ObjectRef) -> Option<Compiled> {
    match object {
        ObjectRef::Plan(_) => None,
        ObjectRef::ApiKey(name) => Some(Compiled::Key(name.clone())),
        ObjectRef::ProviderChannel(name) => Some(Compiled::Channel(name.clone())),
    }
}

/// One for each object of which enough is known.
pub(crate) fn reports(publication: &Publication, census: &Census) -> Vec<Report> {
    let objects = &publication.objects;
    let on_plan = objects
        .keys
        .iter()
        .fold(BTreeMap::<&str, u32>::new(), |mut count, key| {
            *count.entry(key.spec.plan.as_str()).or_default() += 1;
            count
        });
    let plans = objects
        .plans
        .iter()
        .filter_map(|plan| plan_report(publication, plan, &on_plan));
    let keys = objects
        .keys
        .iter()
        .filter_map(|key| key_report(publication, key, census));
    let channels = objects
        .channels
        .iter()
        .filter_map(|channel| channel_report(publication, channel, census));
    plans.chain(keys).chain(channels).collect()
}

fn plan_report(
    publication: &Publication,
    plan: &Plan,
    on_plan: &BTreeMap<&str, u32>,
) -> Option<Report> {
    let object = ObjectRef::Plan(plan.name_any());
    let verdict = publication.verdicts.get(&object)?;
    let mut report = report(object, plan, plan.status.as_ref(), verdict);
    report.fields.insert(
        "keys".to_owned(),
        json!(on_plan.get(plan.name_any().as_str()).copied().unwrap_or(0)),
    );
    Some(report)
}

fn key_report(publication: &Publication, key: &Arc<ApiKey>, census: &Census) -> Option<Report> {
    let name = name_of(&**key);
    let secret = secret_name(key);
    if key.spec.key_hash.is_none()
        && publication
            .unread
            .contains(&Name::new(name.namespace(), &secret))
    {
        return None;
    }
    let tally = census.tally(&Compiled::Key(name.clone()));
    let recorded = spool::recorded(&census.ailing_of(&name), tally.should);
    let object = ObjectRef::ApiKey(name);
    let verdict = publication.verdicts.get(&object)?;
    let mut report = report(object, &**key, key.status.as_ref(), verdict);
    report.key = Some(Arc::clone(key));
    let facts = verdict.key.as_ref();
    let has_value = facts.is_none_or(|facts| !facts.digests.is_empty());
    report.conditions.push(if has_value {
        condition::programmed(&tally)
    } else {
        condition::without_value(&secret)
    });
    report.conditions.extend(recorded);
    report
        .fields
        .insert("enforced".to_owned(), json!(condition::enforced(&tally)));
    if key.spec.key_hash.is_none() {
        report.fields.insert("secretName".to_owned(), json!(secret));
    }
    if let Some(facts) = facts.filter(|facts| !facts.prefix.is_empty()) {
        report
            .fields
            .insert("prefix".to_owned(), json!(facts.prefix));
    }
    report
        .fields
        .insert("plan".to_owned(), json!(key.spec.plan));
    Some(report)
}

fn channel_report(
    publication: &Publication,
    channel: &ProviderChannel,
    census: &Census,
) -> Option<Report> {
    let name = name_of(channel);
    let unread = |secret: &str| {
        publication
            .unread
            .contains(&Name::new(name.namespace(), secret))
    };
    if channel_secrets(channel).any(unread) {
        return None;
    }
    let tally = census.tally(&Compiled::Channel(name.clone()));
    let healthy = health::healthy(&census.diagnosis(&name));
    let object = ObjectRef::ProviderChannel(name);
    let verdict = publication.verdicts.get(&object)?;
    let mut report = report(object, channel, channel.status.as_ref(), verdict);
    report
        .conditions
        .extend([condition::programmed(&tally), healthy]);
    report
        .fields
        .insert("enforced".to_owned(), json!(condition::enforced(&tally)));
    Some(report)
}

/// What is the same for every kind.
fn report<K: Resource<DynamicType = ()>>(
    object: ObjectRef,
    on: &K,
    status: Option<&impl Serialize>,
    verdict: &Verdict,
) -> Report {
    let before = status.and_then(|status| serde_json::to_value(status).ok());
    let before = before.and_then(|before| {
        if let Value::Object(fields) = before {
            Some(fields)
        } else {
            None
        }
    });
    let mut before = before.unwrap_or_default();
    enforceable::forget(&mut before);
    Report {
        object,
        reference: on.object_ref(&()),
        generation: on.meta().generation,
        before,
        conditions: vec![
            condition::accepted(verdict),
            condition::not_yet_enforced(verdict),
        ],
        fields: Map::new(),
        refused: verdict.refused.as_ref().map(|(reason, _)| reason.as_str()),
        message: verdict
            .refused
            .as_ref()
            .map(|(_, message)| message.clone())
            .unwrap_or_default(),
        key: None,
    }
}
