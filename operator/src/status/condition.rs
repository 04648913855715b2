//! Verdicts and tallies as conditions. Pure; `status` writes them down.
//!
//! Invariant: `lastTransitionTime` moves only when a condition's status flips.

use crate::serve::Tally;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use purser_compile::Verdict;
use purser_crds::{AcceptedReason, ConditionType, NotYetEnforcedReason, ProgrammedReason};

/// The API server's bound on a message.
const LONGEST_MESSAGE: usize = 32_768;
/// Warnings that a message tells; the rest are counted.
const MOST_WARNINGS: usize = 20;

/// A condition that should be there, before it is known since when it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) kind: ConditionType,
    pub(crate) status: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

fn truth(holds: bool) -> &'static str {
    if holds { "True" } else { "False" }
}

/// Whether the object makes sense, and what to do if not.
pub(crate) fn accepted(verdict: &Verdict) -> Wanted {
    let (reason, mut message) = match &verdict.refused {
        Some((reason, message)) => (*reason, message.clone()),
        None => (AcceptedReason::Accepted, String::new()),
    };
    for warning in verdict.warnings.iter().take(MOST_WARNINGS) {
        let space = if message.is_empty() { "" } else { " " };
        message = format!("{message}{space}warning: {warning}");
    }
    if verdict.warnings.len() > MOST_WARNINGS {
        message = format!(
            "{message} and {} more warnings",
            verdict.warnings.len() - MOST_WARNINGS
        );
    }
    Wanted {
        kind: ConditionType::Accepted,
        status: truth(verdict.refused.is_none()),
        reason: reason.as_str(),
        message,
    }
}

/// Which fields do nothing yet.
pub(crate) fn not_yet_enforced(verdict: &Verdict) -> Wanted {
    let fields = &verdict.not_yet_enforced;
    let (reason, message) = match fields.len() {
        0 => (NotYetEnforcedReason::Enforced, String::new()),
        _ => (
            NotYetEnforcedReason::FieldsSet,
            format!(
                "set, and not enforced by this version: {}",
                fields.join(", ")
            ),
        ),
    };
    Wanted {
        kind: ConditionType::NotYetEnforced,
        status: truth(!fields.is_empty()),
        reason: reason.as_str(),
        message,
    }
}

/// How many sidecars run it.
pub(crate) fn programmed(tally: &Tally) -> Wanted {
    let Tally {
        run,
        should,
        refused,
    } = tally;
    let (reason, message) = match refused {
        Some(why) => (
            ProgrammedReason::Refused,
            format!("{run} of {should} sidecars run this; refused: {why}"),
        ),
        None if *should == 0 => (
            ProgrammedReason::NoSidecars,
            "no connected sidecar should run this".to_owned(),
        ),
        None if run < should => (
            ProgrammedReason::Pending,
            format!("{run} of {should} sidecars run this"),
        ),
        None => (
            ProgrammedReason::Programmed,
            format!("{run} of {should} sidecars run this"),
        ),
    };
    let holds = reason == ProgrammedReason::Programmed;
    Wanted {
        kind: ConditionType::Programmed,
        status: truth(holds),
        reason: reason.as_str(),
        message,
    }
}

/// A key that sidecars know and that nobody can use yet: its value does not exist.
pub(crate) fn without_value(secret: &str) -> Wanted {
    Wanted {
        kind: ConditionType::Programmed,
        status: truth(false),
        reason: ProgrammedReason::Pending.as_str(),
        message: format!(
            "the key has no value yet: Secret {secret} is made, or followed, in a moment"
        ),
    }
}

/// `run/should`, for the printed column.
pub(crate) fn enforced(tally: &Tally) -> String {
    format!("{}/{}", tally.run, tally.should)
}

/// The wanted conditions, each with the time since when it is as it is.
pub(crate) fn merged(
    before: &[Condition],
    wanted: Vec<Wanted>,
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    let dated = |Wanted {
                     kind,
                     status,
                     reason,
                     mut message,
                 }: Wanted| {
        let end = (0..=LONGEST_MESSAGE.min(message.len()))
            .rev()
            .find(|at| message.is_char_boundary(*at))
            .unwrap_or(0);
        message.truncate(end);
        let same = before
            .iter()
            .find(|known| known.type_ == kind.as_str() && known.status == status);
        Condition {
            type_: kind.as_str().to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message,
            observed_generation: generation,
            last_transition_time: same
                .map_or(Time(now), |known| known.last_transition_time.clone()),
        }
    };
    wanted.into_iter().map(dated).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn tally(run: usize, should: usize) -> Tally {
        Tally {
            run,
            should,
            refused: None,
        }
    }

    #[test]
    fn the_time_moves_only_when_the_status_flips() {
        let first = merged(&[], vec![programmed(&tally(1, 3))], Some(1), at(10));
        let still = merged(&first, vec![programmed(&tally(2, 3))], Some(2), at(20));
        assert_eq!(
            (still[0].message.as_str(), &still[0].last_transition_time),
            ("2 of 3 sidecars run this", &Time(at(10)))
        );
        let flipped = merged(&still, vec![programmed(&tally(3, 3))], Some(2), at(30));
        assert_eq!(
            (flipped[0].status.as_str(), &flipped[0].last_transition_time),
            ("True", &Time(at(30)))
        );
    }

    #[test]
    fn a_refusal_says_what_to_do_and_keeps_its_warnings() {
        let refused = Some((AcceptedReason::PlanNotFound, "create plan \"x\"".to_owned()));
        let wanted = accepted(&Verdict {
            refused,
            warnings: vec!["odd".into()],
            ..Verdict::default()
        });
        assert_eq!((wanted.status, wanted.reason), ("False", "PlanNotFound"));
        assert_eq!(wanted.message, "create plan \"x\" warning: odd");
    }

    #[test]
    fn fields_that_do_nothing_are_named() {
        let verdict = Verdict {
            not_yet_enforced: vec!["spec.credits".into()],
            ..Verdict::default()
        };
        assert_eq!(not_yet_enforced(&verdict).status, "True");
        assert!(not_yet_enforced(&verdict).message.ends_with("spec.credits"));
        assert_eq!(not_yet_enforced(&Verdict::default()).status, "False");
    }

    #[test]
    fn without_sidecars_nothing_is_programmed() {
        assert_eq!(
            (
                programmed(&tally(0, 0)).status,
                programmed(&tally(0, 0)).reason
            ),
            ("False", "NoSidecars")
        );
    }
}
