//! Tells where people look that a sidecar's usage spool is not well: a condition on the keys whose calls it carries, for as long as it is
//! so, and an Event on its pod when it begins or changes. Pure but for `tell_spools`; called by `status` and `report`.
//!
//! Invariant: of one pod an Event is made at most every `QUIET`, however its spool flaps.

use super::Reporter;
use super::condition::Wanted;
use crate::serve::{Ailing, Census};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::EventType;
use purser_crds::{ConditionType, RecordedReason};
use std::collections::BTreeMap;
use std::time::Duration;

const QUIET: Duration = Duration::from_secs(30);
/// Pods that a condition names; the rest are counted.
const MOST_NAMED: usize = 5;

/// What to say of a key, whose calls these sidecars of so many carry; none: nothing.
pub(crate) fn recorded(ailing: &[&Ailing], sidecars: usize) -> Option<Wanted> {
    let refuse = ailing.iter().filter(|one| one.refuses.is_some()).count();
    let (reason, begins) = match (ailing.len(), refuse) {
        (0, _) => return None,
        (damaged, 0) => (
            RecordedReason::SpoolDamaged,
            format!("{damaged} of {sidecars} sidecars found damaged usage records"),
        ),
        _ => (
            RecordedReason::SpoolRefuses,
            format!(
                "{refuse} of {sidecars} sidecars cannot record calls: those that cost credits are answered 503 accounting_backpressure \
                 there, others have no usage record"
            ),
        ),
    };
    let named = ailing.iter().take(MOST_NAMED);
    let named = named.map(|one| format!("; {}: {}", one.place(), one.says()));
    let more = ailing.len().saturating_sub(MOST_NAMED);
    let more = (more > 0).then(|| format!("; and {more} more"));
    Some(Wanted {
        kind: ConditionType::Recorded,
        status: "False",
        reason: reason.as_str(),
        message: named.chain(more).fold(begins, |text, next| text + &next),
    })
}

impl Reporter {
    /// Tells pods of their sidecars' usage spools. Returns when to come again.
    pub(super) async fn tell_spools(&mut self, census: &Census) -> Option<Duration> {
        let now = self.clock.now();
        let (news, waits) = self.memory.spools.news(census.ailing(), now);
        for (pod, said) in news {
            self.tell(&pod, EventType::Warning, said).await;
        }
        waits
    }
}

/// An Event to be made on a pod.
type Told = (ObjectReference, (&'static str, String));

/// What was told of each pod, by uid, and when.
#[derive(Default)]
pub(crate) struct Memory(BTreeMap<String, (String, Duration)>);

impl Memory {
    /// What is news at `now`; and how long the first of what must wait does. That a spool is well again is no news: who only is not
    /// connected any more could not be told from it.
    fn news(&mut self, ailing: &[Ailing], now: Duration) -> (Vec<Told>, Option<Duration>) {
        let (mut news, mut waits) = (Vec::new(), None);
        for one in ailing {
            let Some((on, uid)) = reference(one) else {
                continue;
            };
            let says = one.says();
            let left = match self.0.get(&uid) {
                Some((told, _)) if *told == says => continue,
                Some((_, at)) => (*at + QUIET).saturating_sub(now),
                None => Duration::ZERO,
            };
            if left.is_zero() {
                self.0.insert(uid, (says.clone(), now));
                news.push((on, (reason(one).as_str(), says)));
            } else {
                waits = [waits, Some(left)].into_iter().flatten().min();
            }
        }
        let is_ill = |uid: &String| ailing.iter().any(|one| one.uid() == Some(uid));
        self.0
            .retain(|uid, (_, at)| now < *at + QUIET || is_ill(uid));
        (news, waits)
    }
}

fn reason(one: &Ailing) -> RecordedReason {
    match one.refuses {
        Some(_) => RecordedReason::SpoolRefuses,
        None => RecordedReason::SpoolDamaged,
    }
}

fn reference(one: &Ailing) -> Option<(ObjectReference, String)> {
    let (name, uid) = one.pod.clone()?;
    let reference = ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        namespace: Some(one.namespace.clone()),
        name: Some(name),
        uid: Some(uid.clone()),
        ..ObjectReference::default()
    };
    Some((reference, uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn ailing(pod: &str, refuses: Option<&str>) -> Ailing {
        Ailing {
            audience: "shop".into(),
            namespace: "shop".into(),
            pod: Some((pod.into(), format!("uid of {pod}"))),
            service_account: "search".into(),
            refuses: refuses.map(str::to_owned),
            damaged: refuses.is_none().then(|| "x.bad was set aside".to_owned()),
        }
    }

    #[test]
    fn a_key_is_told_which_pods_cannot_record_its_calls_and_nothing_when_all_can() {
        assert_eq!(recorded(&[], 3), None);
        let (full, bad) = (ailing("a", Some("no space: make room")), ailing("b", None));
        let wanted = recorded(&[&full, &bad], 3).unwrap();
        assert_eq!((wanted.status, wanted.reason), ("False", "SpoolRefuses"));
        let says = "there, others have no usage record; pod shop/a: no space: make room; pod shop/b: x.bad was set aside";
        assert!(wanted.message.starts_with("1 of 3 sidecars cannot"));
        assert!(wanted.message.ends_with(says), "{}", wanted.message);
        assert_eq!(recorded(&[&bad], 3).unwrap().reason, "SpoolDamaged");
        let many = [&full; 7];
        let many = recorded(&many, 9).unwrap().message;
        assert!(many.ends_with("make room; and 2 more"), "{many}");
    }

    #[test]
    fn a_pod_is_told_of_once_and_again_when_it_comes_again_and_never_often() {
        let mut memory = Memory::default();
        let full = [ailing("a", Some("no space"))];
        let damaged = [ailing("a", None)];
        let mut told = |ailing: &[Ailing], at: u32| {
            let (news, waits) = memory.news(ailing, S * at);
            let reasons = news.iter().map(|(_, (reason, _))| *reason);
            (reasons.collect::<Vec<_>>(), waits)
        };
        assert_eq!(told(&full, 0), (vec!["SpoolRefuses"], None));
        assert_eq!(told(&full, 99), (vec![], None), "told already");
        assert_eq!(told(&damaged, 100), (vec!["SpoolDamaged"], None));
        assert_eq!(told(&full, 110), (vec![], Some(S * 20)));
        assert_eq!(told(&[], 111), (vec![], None));
        assert_eq!(told(&damaged, 112), (vec![], None), "as it was told");
        assert_eq!(told(&[], 131), (vec![], None));
        assert_eq!(told(&damaged, 132), (vec!["SpoolDamaged"], None));
    }
}
