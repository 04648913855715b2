//! Tells keys and plans that what they limit cannot be decided or kept now, because windows or ledger suffer, and that it can again. Runs
//! from before they are opened, beside the reports of everything else, and owns the condition `Enforceable` alone: a manager of fields
//! of its own. Where nothing ever was wrong it writes nothing.
//!
//! Invariant: all objects together are gone through at most once in `EVERY`, and what is wrong counts as over when it has been for `OVER`.

use super::condition::{self, Wanted};
use super::{AT_ONCE, patch};
use crate::admin::{Part, Ready, Troubles};
use crate::watch::{Watched, name_of};
use futures::StreamExt;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use kube::{Client, Resource, ResourceExt};
use purser_compile::ObjectRef;
use purser_crds::{ConditionType, EnforceableReason, Plan, PlanSpec};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

const MANAGER: &str = "purser-operator-stores";
const EVERY: Duration = Duration::from_secs(1);
const OVER: Duration = Duration::from_secs(3);
/// Without news objects are gone through so often: there may be new ones, and some may not have been written.
const LOOKS: Duration = Duration::from_secs(10);
const KIND: &str = "Enforceable";

/// See the file's page.
pub(crate) struct Teller {
    /// The API server.
    pub(crate) client: Client,
    /// What the cluster holds.
    pub(crate) watched: Arc<Watched>,
    /// What windows and ledger suffer from.
    pub(crate) ready: Ready,
    /// Whether this is the one that writes.
    pub(crate) leads: watch::Receiver<bool>,
}

/// What of the authority an object needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Needs {
    windows: bool,
    ledger: bool,
}

/// An object that is concerned, and the conditions that it has.
struct Concerned {
    object: ObjectRef,
    reference: ObjectReference,
    generation: Option<i64>,
    needs: Needs,
    conditions: Vec<Condition>,
}

/// Something to be written.
type Due = (ObjectRef, ObjectReference, Map<String, Value>);

impl Teller {
    /// For as long as the process serves, or tries to.
    pub(crate) async fn run(self) {
        let mut lasting = Lasting::default();
        loop {
            let changes = self.ready.changes();
            let troubles = lasting.at(self.ready.troubles(), Instant::now());
            if *self.leads.borrow() {
                self.write(self.due(&troubles)).await;
            }
            tokio::time::sleep(EVERY).await;
            let _ = tokio::time::timeout(lasting.looks(), changes).await;
        }
    }

    fn due(&self, troubles: &Troubles) -> Vec<Due> {
        let plans: BTreeMap<String, Arc<Plan>> = self.watched.plans.all().map(named).collect();
        let of_plan = |plan: &Arc<Plan>| {
            let status = plan.status.as_ref();
            let conditions = status.map(|status| status.conditions.clone());
            let object = ObjectRef::Plan(plan.name_any());
            concerned(object, &**plan, (Needs::of(&plan.spec), conditions))
        };
        let of_keys = self.watched.keys.all().filter_map(|key| {
            let needs = Needs::of(&plans.get(&key.spec.plan)?.spec);
            let status = key.status.as_ref();
            let conditions = status.map(|status| status.conditions.clone());
            let object = ObjectRef::ApiKey(name_of(&*key));
            Some(concerned(object, &*key, (needs, conditions)))
        });
        let all = plans.values().map(of_plan).chain(of_keys);
        all.filter_map(|one| one.due(troubles, Timestamp::now()))
            .collect()
    }

    async fn write(&self, due: Vec<Due>) {
        let writes = due.into_iter().map(|(object, reference, status)| async move {
            let of = (&object, &reference);
            if let Err(error) = patch(&self.client, of, (MANAGER, &status)).await {
                tracing::warn!(?object, %error, "telling an object that its limits cannot be enforced, or can again; tried again");
            }
        });
        let mut writes = futures::stream::iter(writes).buffer_unordered(AT_ONCE);
        while writes.next().await.is_some() {}
    }
}

fn named(plan: Arc<Plan>) -> (String, Arc<Plan>) {
    (plan.name_any(), plan)
}

fn concerned<K: Resource<DynamicType = ()>>(
    object: ObjectRef,
    on: &K,
    (needs, conditions): (Needs, Option<Vec<Condition>>),
) -> Concerned {
    Concerned {
        object,
        reference: on.object_ref(&()),
        generation: on.meta().generation,
        needs,
        conditions: conditions.unwrap_or_default(),
    }
}

impl Concerned {
    fn due(self, troubles: &Troubles, now: Timestamp) -> Option<Due> {
        let is = |known: &&Condition| known.type_ == KIND;
        let known = self.conditions.iter().find(is);
        let wanted = match self.needs.suffers(troubles) {
            Some(wanted) => wanted,
            // What never was told need not be taken back.
            None if known.is_none_or(|known| known.status == "True") => return None,
            None => again(),
        };
        let told = known.is_some_and(|known| {
            known.status == wanted.status
                && known.reason == wanted.reason
                && known.message == wanted.message
        });
        let condition = condition::merged(&self.conditions, vec![wanted], self.generation, now);
        let status = Map::from_iter([("conditions".to_owned(), json!(condition))]);
        (!told).then_some((self.object, self.reference, status))
    }
}

impl Needs {
    fn of(plan: &PlanSpec) -> Needs {
        let limits = &plan.limits;
        let windows = limits.requests_per_minute.is_some()
            || limits.requests_per_day.is_some()
            || limits.tokens_per_minute.is_some()
            || limits.concurrent_requests.is_some();
        Needs {
            windows,
            ledger: plan.credits.is_some() || plan.validity.is_some(),
        }
    }

    /// Of two troubles the one that stops more.
    fn suffers(self, troubles: &Troubles) -> Option<Wanted> {
        let needs = |part: &Part| match part {
            Part::OpeningWindows | Part::OpeningLedger => self.windows || self.ledger,
            Part::Windows => self.windows,
            Part::Ledger => self.ledger,
            Part::Definitions => false,
        };
        let (part, trouble) = troubles.iter().find(|(part, _)| needs(part))?;
        let reason = match part.store()? {
            "ledger" => EnforceableReason::LedgerUnavailable,
            _ => EnforceableReason::WindowsUnavailable,
        };
        Some(Wanted {
            kind: ConditionType::Enforceable,
            status: "False",
            reason: reason.as_str(),
            message: format!(
                "until this is mended, calls are answered as `whenQuotaUnreachable` says: {trouble}"
            ),
        })
    }
}

fn again() -> Wanted {
    Wanted {
        kind: ConditionType::Enforceable,
        status: "True",
        reason: EnforceableReason::Enforceable.as_str(),
        message: String::new(),
    }
}

/// Takes this room's condition out of a status that another room compares with its own.
pub(super) fn forget(status: &mut Map<String, Value>) {
    if let Some(Value::Array(conditions)) = status.get_mut("conditions") {
        conditions.retain(|known| known["type"] != KIND);
    }
}

/// Troubles that last a little longer than they do, so that what comes and goes is not written each time.
#[derive(Default)]
struct Lasting {
    known: BTreeMap<Part, (String, Instant)>,
}

impl Lasting {
    fn at(&mut self, troubles: Troubles, now: Instant) -> Troubles {
        let news = troubles
            .into_iter()
            .filter(|(part, _)| part.store().is_some())
            .map(|(part, trouble)| (part, (trouble, now)));
        self.known.extend(news);
        self.known.retain(|_, (_, seen)| now < *seen + OVER);
        let known = self.known.iter();
        known
            .map(|(part, (trouble, _))| (*part, trouble.clone()))
            .collect()
    }

    /// How long nothing need be looked at, if nothing changes.
    fn looks(&self) -> Duration {
        if self.known.is_empty() { LOOKS } else { EVERY }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(spec: Value) -> Needs {
        Needs::of(&serde_json::from_value(spec).unwrap())
    }

    fn troubles(part: Part) -> Troubles {
        [(part, "its disk is full; free some space".to_owned())].into()
    }

    fn reason(needs: Needs, part: Part) -> Option<&'static str> {
        Some(needs.suffers(&troubles(part))?.reason)
    }

    #[test]
    fn only_what_an_object_needs_is_told_to_it() {
        let free = needs(json!({"models": {"allow": ["*"]}}));
        let limited =
            needs(json!({"models": {"allow": ["*"]}, "limits": {"requestsPerMinute": 1}}));
        let timed = needs(
            json!({"models": {"allow": ["*"]}, "validity": {"duration": "1h", "startsAt": "FirstUse"}}),
        );
        assert_eq!(free, Needs::default());
        assert_eq!(reason(free, Part::OpeningLedger), None);
        assert_eq!(reason(limited, Part::Ledger), None);
        assert_eq!(reason(limited, Part::Windows), Some("WindowsUnavailable"));
        assert_eq!(
            reason(limited, Part::OpeningLedger),
            Some("LedgerUnavailable")
        );
        assert_eq!(reason(timed, Part::Ledger), Some("LedgerUnavailable"));
        assert_eq!(reason(timed, Part::Windows), None);
    }

    fn with(conditions: Vec<Condition>) -> Concerned {
        Concerned {
            object: ObjectRef::Plan("p".into()),
            reference: ObjectReference::default(),
            generation: Some(1),
            needs: Needs {
                windows: true,
                ledger: false,
            },
            conditions,
        }
    }

    #[test]
    fn it_is_written_once_and_taken_back_once() {
        let (wrong, none) = (troubles(Part::Windows), Troubles::new());
        assert!(with(vec![]).due(&none, Timestamp::UNIX_EPOCH).is_none());
        let mut known = Vec::new();
        for troubles in [&wrong, &none] {
            let due = with(known).due(troubles, Timestamp::UNIX_EPOCH).unwrap();
            known = serde_json::from_value(due.2["conditions"].clone()).unwrap();
            assert!(
                with(known.clone())
                    .due(troubles, Timestamp::UNIX_EPOCH)
                    .is_none()
            );
        }
    }

    #[test]
    fn a_trouble_lasts_three_seconds_longer_than_it_does() {
        let (begun, mut lasting) = (Instant::now(), Lasting::default());
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(lasting.at(troubles(Part::Ledger), begun).len(), 1);
        assert_eq!(lasting.at(Troubles::new(), after(2)).len(), 1);
        assert_eq!(lasting.at(troubles(Part::Ledger), after(2)).len(), 1);
        assert_eq!(lasting.at(Troubles::new(), after(4)).len(), 1);
        assert_eq!(lasting.at(Troubles::new(), after(5)).len(), 0);
    }
}
