//! Conditions that tell of something that happened, and stay until something newer of their kind happens; and which plan each key was
//! on, so that a move is noticed, across restarts by the status itself. Pure; `status` writes it down.

use super::condition::Wanted;
use super::report::Report;
use purser_compile::ObjectRef;
use purser_crds::{ConditionType, CreditedReason, PlanChangedReason};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The kinds that stay.
const KINDS: [ConditionType; 2] = [ConditionType::PlanChanged, ConditionType::Credited];

/// An object and its uid.
type Of = (ObjectRef, Option<String>);

/// What was noted by this process; what one before it noted stands in the status.
#[derive(Default)]
pub(crate) struct Notes {
    noted: HashMap<Of, Vec<Wanted>>,
    plans: HashMap<Of, String>,
}

impl Notes {
    /// Forgets all but these.
    pub(crate) fn retain(&mut self, keep: impl Fn(&ObjectRef) -> bool) {
        self.noted.retain(|(object, _), _| keep(object));
        self.plans.retain(|(object, _), _| keep(object));
    }

    /// Something happened.
    pub(crate) fn note(&mut self, of: Of, wanted: Wanted) {
        let noted = self.noted.entry(of).or_default();
        noted.retain(|before| before.kind != wanted.kind);
        noted.push(wanted);
    }

    /// The plan that the key was on, if it is on another one now.
    pub(crate) fn plan_before(&mut self, report: &Report, now: &str) -> Option<String> {
        let of = (report.object.clone(), report.reference.uid.clone());
        let before = self.plans.insert(of, now.to_owned());
        let before = before.or_else(|| Some(report.before.get("plan")?.as_str()?.to_owned()));
        before.filter(|before| before != now)
    }

    /// Adds what was noted of an object to what is said of it.
    pub(crate) fn add_to(&self, report: &mut Report) {
        let of = (report.object.clone(), report.reference.uid.clone());
        for kind in KINDS {
            let noted = self.noted.get(&of).into_iter().flatten();
            let noted = noted.into_iter().find(|noted| noted.kind == kind).cloned();
            let said = noted.or_else(|| said_before(&report.before, kind));
            report.conditions.extend(said);
        }
    }
}

fn said_before(status: &Map<String, Value>, kind: ConditionType) -> Option<Wanted> {
    let conditions = status.get("conditions")?.as_array()?;
    let before = conditions
        .iter()
        .find(|known| known["type"] == kind.as_str())?;
    let reasons = [
        PlanChangedReason::PlanChanged.as_str(),
        CreditedReason::Credited.as_str(),
        CreditedReason::Renewed.as_str(),
        CreditedReason::NotGuarded.as_str(),
        CreditedReason::Refused.as_str(),
        CreditedReason::Waiting.as_str(),
    ];
    let one_of = |words: &[&'static str], field: &str| {
        let mut words = words.iter();
        words.find(|word| before[field] == **word).copied()
    };
    Some(Wanted {
        kind,
        status: one_of(&["True", "False"], "status")?,
        reason: one_of(&reasons, "reason")?,
        message: before["message"].as_str()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ObjectReference;
    use purser_config::Name;
    use serde_json::json;

    fn report(before: Value) -> Report {
        let Value::Object(before) = before else {
            panic!("a status is an object");
        };
        Report {
            object: ObjectRef::ApiKey(Name::new("shop", "a")),
            reference: ObjectReference::default(),
            generation: None,
            before,
            conditions: Vec::new(),
            fields: Map::new(),
            refused: None,
            message: String::new(),
            key: None,
        }
    }

    fn wanted(kind: ConditionType, message: &str) -> Wanted {
        let (status, reason) = ("True", CreditedReason::Credited.as_str());
        let message = message.to_owned();
        Wanted {
            kind,
            status,
            reason,
            message,
        }
    }

    #[test]
    fn a_move_to_another_plan_is_noticed_once_and_across_restarts() {
        let mut notes = Notes::default();
        let before = report(json!({"plan": "free"}));
        assert_eq!(notes.plan_before(&before, "pro").as_deref(), Some("free"));
        assert_eq!(notes.plan_before(&before, "pro"), None, "told already");
        let mut next = Notes::default();
        assert_eq!(
            next.plan_before(&report(json!({"plan": "pro"})), "pro"),
            None
        );
        assert_eq!(next.plan_before(&report(json!({})), "pro"), None, "new");
    }

    #[test]
    fn what_was_noted_stays_until_something_newer_of_its_kind() {
        let mut notes = Notes::default();
        let old = json!({"conditions": [{"type": "Credited", "status": "True", "reason": "Credited", "message": "first"}]});
        let said = |notes: &Notes| {
            let mut report = report(old.clone());
            notes.add_to(&mut report);
            let said = report.conditions.into_iter();
            said.map(|said| said.message).collect::<Vec<_>>()
        };
        assert_eq!(said(&notes), ["first"]);
        let of = (ObjectRef::ApiKey(Name::new("shop", "a")), None);
        notes.note(of.clone(), wanted(ConditionType::Credited, "second"));
        notes.note(of, wanted(ConditionType::PlanChanged, "moved"));
        assert_eq!(said(&notes), ["moved", "second"]);
    }
}
