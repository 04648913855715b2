//! The only writer of statuses and Events. Accepts what was applied, never what was merely decided.
//!
//! Invariant: a status is written only when it differs, and an object's at most once a second; for its health alone even less
//! often (`health`).
//! Invariant: nothing of a key's value but its prefix is ever written.

mod budget;
mod condition;
mod enforceable;
mod health;
mod notes;
mod plan_change;
mod pods;
mod report;
mod spool;
mod usage;

pub(crate) use budget::{Budgets, Read};
pub(crate) use condition::Wanted;
pub(crate) use enforceable::Teller;
pub(crate) use pods::Pods;
pub(crate) use usage::Usage;

use crate::apply::{Applied, News};
use crate::clock::Clock;
use crate::definitions::Definitions;
use crate::metrics::Metrics;
use crate::reconcile::Publication;
use crate::serve::{Census, Hub};
use crate::watch::name_of;
use futures::StreamExt;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{Api, Patch, PatchParams};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::discovery::ApiResource;
use kube::runtime::events::{Event, EventType, Recorder};
use kube::{Client, Resource};
use notes::Notes;
use purser_compile::ObjectRef;
use purser_crds::ConditionType;
use purser_crds::{ApiKey, Plan, ProviderChannel};
use report::{Report, compiled, failed_before, reason_before, reports};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const EVERY: Duration = Duration::from_secs(1);
/// What was written is believed for so long; then the cluster's own word counts again.
const BELIEVED: Duration = Duration::from_secs(30);
const AT_ONCE: usize = 16;
const LONGEST_NOTE: usize = 1_000;

/// See the file's page.
pub(crate) struct Reporter {
    /// The API server.
    pub(crate) client: Client,
    /// Who runs what.
    pub(crate) hub: Arc<Hub>,
    /// What the cluster takes.
    pub(crate) definitions: Definitions,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// For the pauses.
    pub(crate) clock: Clock,
    /// Writes Events.
    pub(crate) events: Recorder,
    /// What keys used.
    pub(crate) usage: Usage,
    /// Where accounts go that were read, for whoever watches budgets.
    pub(crate) budgets: watch::Sender<Option<Read>>,
    /// What was said before.
    pub(crate) memory: Memory,
}

/// What was written and told, by object.
#[derive(Default)]
pub(crate) struct Memory {
    written: HashMap<ObjectRef, Written>,
    told: HashMap<ObjectRef, Told>,
    health: health::Memory,
    spools: spool::Memory,
    notes: Notes,
}

/// A report and the status that it leads to.
type Due = (Report, Map<String, Value>);

struct Written {
    uid: Option<String>,
    status: Map<String, Value>,
    at: Duration,
}

#[derive(Clone, Default, PartialEq)]
struct Told {
    refused: Option<String>,
    by_sidecar: Option<String>,
}

impl Reporter {
    /// Writes what differs. Returns when to come again, if something had to wait.
    pub(crate) async fn report(&mut self, applied: &Applied) -> Option<Duration> {
        let Applied {
            publication,
            news,
            again: _,
        } = applied;
        let census = self
            .hub
            .census()
            .inspect_err(|error| tracing::error!(error = %error, "counting sidecars"))
            .ok()?;
        self.metrics.counted(&census);
        self.tell_news(publication, news).await;
        let stale = self.usage.refresh(self.hub.authority(), self.hub.moment());
        let stale = stale.await;
        budget::hand_over(&self.budgets, publication, self.usage.accounts());
        let mut reports = reports(publication, &census);
        self.memory
            .written
            .retain(|object, _| publication.verdicts.contains_key(object));
        self.memory
            .told
            .retain(|object, _| publication.verdicts.contains_key(object));
        self.memory
            .health
            .retain(|object| publication.verdicts.contains_key(object));
        self.memory
            .notes
            .retain(|object| publication.verdicts.contains_key(object));
        self.tell_plan_changes(publication, &mut reports).await;
        self.tell_refusals(&census, &reports).await;
        let used = self.show_usage(publication, &mut reports);
        let flaps = self.tell_health(&mut reports).await;
        let spools = self.tell_spools(&census).await;
        let now = self.clock.now();
        let (due, waits) = self.memory.due(reports, &self.definitions, now);
        let failed = self.write(due).await;
        let again = [waits, flaps, spools, used, stale, failed.then_some(EVERY)];
        again.into_iter().flatten().min()
    }

    /// Events, and conditions that stay.
    async fn tell_news(&mut self, publication: &Publication, news: &[News]) {
        for one in news {
            let Some(key) = publication.key(&one.key) else {
                continue;
            };
            if let Some(condition) = &one.condition {
                let object = ObjectRef::ApiKey(one.key.clone());
                self.memory
                    .notes
                    .note((object, key.meta().uid.clone()), condition.clone());
            }
            let said = (one.reason, one.note.clone());
            self.tell(&key.object_ref(&()), one.type_, said).await;
        }
    }

    /// Tells of keys that were moved to another plan, and goes on saying what was said of it.
    async fn tell_plan_changes(&mut self, publication: &Publication, reports: &mut [Report]) {
        let mut news = Vec::new();
        for report in reports {
            let Some(key) = report.key.clone() else {
                continue;
            };
            if let Some(from) = self.memory.notes.plan_before(report, &key.spec.plan) {
                let left = self.usage.left(&name_of(&*key));
                let change = plan_change::told(publication, &key, (&from, left));
                let of = (report.object.clone(), report.reference.uid.clone());
                self.memory.notes.note(of, change.clone());
                news.push((report.reference.clone(), change));
            }
            self.memory.notes.add_to(report);
        }
        for (reference, change) in news {
            let said = (change.reason, change.message);
            self.tell(&reference, EventType::Normal, said).await;
        }
    }

    /// Holds back usage that was written a moment ago. Returns when to come again.
    fn show_usage(
        &mut self,
        publication: &Publication,
        reports: &mut [Report],
    ) -> Option<Duration> {
        let (now, mut waits) = (self.clock.now(), None);
        for report in reports {
            if let Some(key) = &report.key {
                let used = self.usage.fields(publication, key);
                let (shown, left) = self.usage.steady(report, used, now);
                report.fields.extend(shown);
                waits = [waits, left].into_iter().flatten().min();
            }
        }
        self.usage
            .retain(|object| publication.verdicts.contains_key(object));
        waits
    }

    /// Holds back health that changed a moment ago, and tells of channels that fail or work again. Returns when to come again.
    async fn tell_health(&mut self, reports: &mut [Report]) -> Option<Duration> {
        let (now, mut waits, mut news) = (self.clock.now(), Vec::new(), Vec::new());
        for report in reports {
            let failed = failed_before(&report.before);
            let is_health = |wanted: &&mut Wanted| wanted.kind == ConditionType::Healthy;
            let Some(wanted) = report.conditions.iter_mut().find(is_health) else {
                continue;
            };
            let memory = &mut self.memory.health;
            let (shown, left) = memory.steady(&report.object, (wanted, failed), now);
            *wanted = shown;
            waits.extend(left);
            match memory.is_news(&report.object, now) {
                Ok(true) => news.push((report.reference.clone(), wanted.clone())),
                Ok(false) => {}
                Err(left) => waits.push(left),
            }
        }
        for (reference, wanted) in news {
            let type_ = match wanted.status {
                "True" => EventType::Normal,
                _ => EventType::Warning,
            };
            self.tell(&reference, type_, (wanted.reason, wanted.message))
                .await;
        }
        waits.into_iter().min()
    }

    /// Events for refusals that are new, by the operator or by a sidecar.
    async fn tell_refusals(&mut self, census: &Census, reports: &[Report]) {
        for report in reports {
            // After a restart the status that lies there says what was told already.
            let before = self.memory.told.get(&report.object).cloned();
            let before = before.unwrap_or_else(|| Told {
                refused: reason_before(&report.before),
                by_sidecar: None,
            });
            let by_sidecar =
                compiled(&report.object).and_then(|resource| census.tally(&resource).refused);
            let now = Told {
                refused: report.refused.map(str::to_owned),
                by_sidecar,
            };
            if let Some(reason) = report.refused.filter(|_| now.refused != before.refused) {
                self.tell(
                    &report.reference,
                    EventType::Warning,
                    (reason, report.message.clone()),
                )
                .await;
            }
            if let Some(why) = now
                .by_sidecar
                .clone()
                .filter(|_| now.by_sidecar != before.by_sidecar)
            {
                self.tell(
                    &report.reference,
                    EventType::Warning,
                    ("RefusedBySidecar", why),
                )
                .await;
            }
            self.memory.told.insert(report.object.clone(), now);
        }
    }

    async fn tell(
        &self,
        object: &ObjectReference,
        type_: EventType,
        (reason, note): (&str, String),
    ) {
        let note: String = note.chars().take(LONGEST_NOTE).collect();
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note),
            action: "Compile".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.events.publish(&event, object).await {
            tracing::warn!(object = object.name, reason, error = %error, "publishing an event");
        }
    }

    /// Says whether one could not be written.
    async fn write(&mut self, due: Vec<Due>) -> bool {
        let client = &self.client;
        let writes = due.into_iter().map(|(report, status)| async move {
            let result = write(client, &report, &status).await;
            (report, status, result)
        });
        let results: Vec<_> = futures::stream::iter(writes)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let (mut failed, at) = (false, self.clock.now());
        for (report, status, result) in results {
            match result {
                Ok(()) => {
                    self.metrics.reported("written");
                    let uid = report.reference.uid;
                    self.memory
                        .written
                        .insert(report.object, Written { uid, status, at });
                }
                Err(kube::Error::Api(status)) if status.is_not_found() => {} // Deleted meanwhile.
                Err(error) => {
                    self.metrics.reported("failed");
                    tracing::warn!(object = ?report.object, error = %error, "writing a status; tried again in a second");
                    failed = true;
                }
            }
        }
        failed
    }
}

impl Memory {
    /// Reports that differ from what is there and were not written a moment ago; and how long the first of the others waits.
    fn due(
        &self,
        reports: Vec<Report>,
        definitions: &Definitions,
        now: Duration,
    ) -> (Vec<Due>, Option<Duration>) {
        let (mut due, mut waits) = (Vec::new(), None);
        for report in reports {
            let known = self
                .written
                .get(&report.object)
                .filter(|known| known.uid == report.reference.uid);
            let before = known
                .filter(|known| now < known.at + BELIEVED)
                .map_or(&report.before, |known| &known.status);
            let mut status = report.status(before);
            definitions.keep_known(&report.object, &mut status);
            if status == *before {
                continue;
            }
            match known
                .and_then(|known| (known.at + EVERY).checked_sub(now))
                .filter(|left| !left.is_zero())
            {
                Some(left) => waits = [waits, Some(left)].into_iter().flatten().min(),
                None => due.push((report, status)),
            }
        }
        (due, waits)
    }
}

async fn write(client: &Client, report: &Report, status: &Map<String, Value>) -> kube::Result<()> {
    let of = (&report.object, &report.reference);
    patch(client, of, (purser_crds::FIELD_MANAGER, status)).await
}

/// Applies a status, or the part of it that this manager of fields owns.
async fn patch(
    client: &Client,
    (object, reference): (&ObjectRef, &ObjectReference),
    (manager, status): (&str, &Map<String, Value>),
) -> kube::Result<()> {
    let kind = reference.kind.as_deref().unwrap_or_default();
    let name = reference.name.as_deref().unwrap_or_default();
    let plural = match object {
        ObjectRef::Plan(_) => Plan::plural(&()),
        ObjectRef::ApiKey(_) => ApiKey::plural(&()),
        ObjectRef::ProviderChannel(_) => ProviderChannel::plural(&()),
    };
    let resource = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk(purser_crds::GROUP, purser_crds::VERSION, kind),
        &plural,
    );
    let api: Api<DynamicObject> = match &reference.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    // With the uid, so that an object of the same name made anew is not told the old one's fate.
    let metadata = json!({"name": name, "uid": reference.uid});
    let patch = json!({"apiVersion": reference.api_version, "kind": kind, "metadata": metadata, "status": status});
    match api
        .patch_status(
            name,
            &PatchParams::apply(manager).force(),
            &Patch::Apply(patch),
        )
        .await
    {
        Err(kube::Error::Api(status)) if status.is_conflict() => Ok(()), // Made anew: its own report follows.
        result => result.map(drop),
    }
}
