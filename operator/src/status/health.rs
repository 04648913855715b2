//! A channel's `Healthy` in words, and how often it may change what it says. Pure; `status` writes it down.
//!
//! Invariant: health that flaps changes a status at most every `STEADY`, and makes an Event at most every `QUIET`.

use super::condition::Wanted;
use crate::serve::{Ail, Diagnosis};
use k8s_openapi::jiff::Timestamp;
use purser_compile::ObjectRef;
use purser_config::stream::Ailment;
use purser_crds::{ConditionType, HealthyReason};
use std::collections::HashMap;
use std::time::Duration;

const STEADY: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_secs(30);

/// Whether the sidecars that use it find it working. A refusal by the provider is the same everywhere, so one sidecar's word is
/// enough; what else fails may be one sidecar's own trouble, and counts when it is that of half of them.
pub(crate) fn healthy(diagnosis: &Diagnosis) -> Wanted {
    let Diagnosis { uses, works, ails } = diagnosis;
    let stopped = |&(_, ail): &(&Ailment, &Ail)| ail.stopped > 0;
    let worst = ails.iter().find(stopped).map(|(ailment, _)| *ailment);
    let certain = matches!(worst, Some(Ailment::AuthFailed | Ailment::OutOfMoney));
    let fails = certain || (works < uses && works * 2 <= *uses);
    let (status, reason) = match worst {
        _ if *uses == 0 => ("Unknown", HealthyReason::NotCalled),
        Some(worst) if fails => ("False", reason(worst)),
        None if fails => ("False", HealthyReason::CircuitOpen),
        _ => ("True", HealthyReason::Healthy),
    };
    let mut message = match uses {
        0 => "no connected sidecar has called it".to_owned(),
        _ => format!("{works} of {uses} sidecars that use it find it working"),
    };
    for (ailment, ail) in ails {
        message = format!("{message}; {}", told(*ailment, ail));
    }
    Wanted {
        kind: ConditionType::Healthy,
        status,
        reason: reason.as_str(),
        message,
    }
}

fn reason(ailment: Ailment) -> HealthyReason {
    match ailment {
        Ailment::AuthFailed => HealthyReason::AuthFailed,
        Ailment::OutOfMoney => HealthyReason::OutOfMoney,
        Ailment::ModelUnknown => HealthyReason::ModelUnknown,
        Ailment::CircuitOpen => HealthyReason::CircuitOpen,
    }
}

fn told(ailment: Ailment, ail: &Ail) -> String {
    let names: Vec<&str> = ail.about.iter().map(String::as_str).collect();
    let names = names.join(", ");
    let (what, to_do) = match ailment {
        Ailment::AuthFailed => (
            format!("the provider refuses credential {names}"),
            "put one that it accepts into that Secret",
        ),
        Ailment::OutOfMoney => (
            format!("the account of credential {names} has no credit left"),
            "top it up, or name another account's credential",
        ),
        Ailment::ModelUnknown => (
            format!("the provider does not know model {names}"),
            "correct or remove it in spec.models",
        ),
        Ailment::CircuitOpen => (
            "calls failed, and only a probe is sent now and then".to_owned(),
            "look at the provider, spec.baseURL and the network; it comes back by itself",
        ),
    };
    let since = i64::try_from(ail.since_ms / 1_000).ok();
    let since = since.and_then(|second| Timestamp::from_second(second).ok());
    let since = since.map(|at| format!(" since {at}")).unwrap_or_default();
    let plural = if ail.sidecars == 1 { "" } else { "s" };
    format!("at {} sidecar{plural}{since} {what}: {to_do}", ail.sidecars)
}

/// What was shown and told of each channel.
#[derive(Default)]
pub(crate) struct Memory {
    channels: HashMap<ObjectRef, Shown>,
}

struct Shown {
    wanted: Wanted,
    at: Duration,
    /// Whether the last Event said that it fails.
    failing: bool,
    told_at: Option<Duration>,
}

impl Memory {
    /// Forgets all but these.
    pub(crate) fn retain(&mut self, keep: impl Fn(&ObjectRef) -> bool) {
        self.channels.retain(|object, _| keep(object));
    }

    /// What to show now: what is so, or, if that changed a moment ago, still what was shown; and how long until it may change.
    /// `failed` is what a status before this process said.
    pub(crate) fn steady(
        &mut self,
        object: &ObjectRef,
        (wanted, failed): (&Wanted, bool),
        now: Duration,
    ) -> (Wanted, Option<Duration>) {
        let first = || Shown {
            wanted: wanted.clone(),
            at: now,
            failing: failed,
            told_at: None,
        };
        let shown = self.channels.entry(object.clone()).or_insert_with(first);
        if shown.wanted == *wanted {
            return (wanted.clone(), None);
        }
        let left = (shown.at + STEADY).saturating_sub(now);
        if !left.is_zero() {
            return (shown.wanted.clone(), Some(left));
        }
        (shown.wanted, shown.at) = (wanted.clone(), now);
        (wanted.clone(), None)
    }

    /// Whether what is shown is worth an Event now: it fails and did not, or the other way round. If it is and the last one is
    /// too fresh: how long until then.
    pub(crate) fn is_news(&mut self, object: &ObjectRef, now: Duration) -> Result<bool, Duration> {
        let Some(shown) = self.channels.get_mut(object) else {
            return Ok(false);
        };
        let failing = match shown.wanted.status {
            "True" => false,
            "False" => true,
            _ => return Ok(false),
        };
        if failing == shown.failing {
            return Ok(false);
        }
        let quiet = shown.told_at.map_or(Duration::ZERO, |at| at + QUIET);
        let left = quiet.saturating_sub(now);
        if !left.is_zero() {
            return Err(left);
        }
        (shown.failing, shown.told_at) = (failing, Some(now));
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::Name;

    const S: Duration = Duration::from_secs(1);

    fn diagnosis(uses: usize, works: usize, ails: &[(Ailment, &str)]) -> Diagnosis {
        let ail = |about: &str| Ail {
            sidecars: uses - works,
            stopped: uses - works,
            about: [about.to_owned()].into(),
            since_ms: 1_000,
        };
        Diagnosis {
            uses,
            works,
            ails: ails
                .iter()
                .map(|(ailment, about)| (*ailment, ail(about)))
                .collect(),
        }
    }

    fn verdict(diagnosis: &Diagnosis) -> (&'static str, &'static str) {
        let wanted = healthy(diagnosis);
        (wanted.status, wanted.reason)
    }

    #[test]
    fn nobody_knows_a_channel_that_nobody_calls_and_one_that_works_is_counted() {
        assert_eq!(verdict(&diagnosis(0, 0, &[])), ("Unknown", "NotCalled"));
        let wanted = healthy(&diagnosis(3, 3, &[]));
        assert_eq!((wanted.status, wanted.reason), ("True", "Healthy"));
        assert_eq!(
            wanted.message,
            "3 of 3 sidecars that use it find it working"
        );
    }

    #[test]
    fn a_refused_credential_at_one_sidecar_fails_the_channel_and_names_its_secret() {
        let wanted = healthy(&diagnosis(9, 8, &[(Ailment::AuthFailed, "openai/apiKey")]));
        assert_eq!((wanted.status, wanted.reason), ("False", "AuthFailed"));
        assert_eq!(
            wanted.message,
            "8 of 9 sidecars that use it find it working; at 1 sidecar since 1970-01-01T00:00:01Z the provider refuses \
             credential openai/apiKey: put one that it accepts into that Secret"
        );
        let money = diagnosis(9, 8, &[(Ailment::OutOfMoney, "a/b")]);
        assert_eq!(verdict(&money), ("False", "OutOfMoney"));
    }

    #[test]
    fn an_open_circuit_fails_the_channel_when_half_of_its_sidecars_have_it() {
        let open = |works| verdict(&diagnosis(4, works, &[(Ailment::CircuitOpen, "")]));
        assert_eq!(open(3), ("True", "Healthy"));
        assert_eq!(open(2), ("False", "CircuitOpen"));
        let model = diagnosis(1, 0, &[(Ailment::ModelUnknown, "m")]);
        assert_eq!(verdict(&model), ("False", "ModelUnknown"));
    }

    #[test]
    fn a_part_that_fails_is_told_while_the_channel_works() {
        let mut part = diagnosis(2, 1, &[(Ailment::AuthFailed, "old/apiKey")]);
        part.works = 2;
        part.ails.get_mut(&Ailment::AuthFailed).unwrap().stopped = 0;
        let wanted = healthy(&part);
        assert_eq!(wanted.status, "True");
        assert!(wanted.message.contains("old/apiKey"), "{}", wanted.message);
    }

    #[test]
    fn health_that_flaps_is_shown_every_few_seconds_and_told_less_often() {
        let object = ObjectRef::ProviderChannel(Name::new("shop", "one"));
        let good = healthy(&diagnosis(1, 1, &[]));
        let bad = healthy(&diagnosis(1, 0, &[(Ailment::CircuitOpen, "")]));
        let mut memory = Memory::default();
        let (mut shown, mut told, mut before) = (0, 0, None);
        for tenth in 0..600_u32 {
            let now = S * tenth / 10;
            let wanted = if tenth % 2 == 0 { &good } else { &bad };
            let (now_shown, _) = memory.steady(&object, (wanted, false), now);
            shown += usize::from(before.as_ref() != Some(&now_shown));
            before = Some(now_shown);
            told += usize::from(memory.is_news(&object, now) == Ok(true));
        }
        assert!((2..=13).contains(&shown), "{shown} in a minute");
        assert!((1..=3).contains(&told), "{told} in a minute");
    }

    #[test]
    fn an_event_tells_of_the_failure_and_of_its_end_and_not_of_what_was_told_before() {
        let object = ObjectRef::ProviderChannel(Name::new("shop", "one"));
        let good = healthy(&diagnosis(1, 1, &[]));
        let bad = healthy(&diagnosis(1, 0, &[(Ailment::AuthFailed, "a/b")]));
        let unknown = healthy(&Diagnosis::default());
        let mut memory = Memory::default();
        let mut step = |wanted: &Wanted, failed, second| {
            memory.steady(&object, (wanted, failed), S * second);
            memory.is_news(&object, S * second)
        };
        assert_eq!(
            step(&bad, true, 0),
            Ok(false),
            "told by the operator before"
        );
        assert_eq!(step(&good, true, 10), Ok(true));
        assert_eq!(step(&bad, true, 20), Err(S * 20));
        assert_eq!(step(&bad, true, 40), Ok(true));
        assert_eq!(step(&unknown, true, 80), Ok(false), "nobody knows");
        assert_eq!(step(&good, true, 90), Ok(true));
    }
}
