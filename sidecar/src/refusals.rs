//! Why calls were refused lately: for each key and code how often, since when, and what the last one was told. A refused call has no
//! record, because it used nothing; this is where a person reads why. Noted by `gateway`, told to the operator by `link`, read by whoever
//! shows it. In memory, so it is gone with the process. It must never hold a key's value, and never grow with what callers send.

use crate::reject::Reject;
use purser_config::Name;
use purser_config::refusals::{MOST_TOLD, Refusal};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The most pairs of key and code; beyond them the one that was noted longest ago goes.
const MOST: usize = 512;

/// See the file's page.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Kept>);

/// Each with the number of the last call that it counts.
#[derive(Debug, Default)]
struct Kept {
    all: BTreeMap<(Name, &'static str), (u64, Refusal)>,
    /// Calls that were ever counted.
    calls: u64,
}

impl Refusals {
    /// One more call of this key.
    pub fn note(&self, key: &Name, reject: &Reject, (request, now_ms): (&str, u64)) {
        let code = reject.code();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.all.remove(&(key.clone(), code));
        if before.is_none() && kept.all.len() >= MOST {
            forget_oldest(&mut kept.all);
        }
        let before = before.map(|(_, before)| before);
        let refusal = Refusal {
            key: key.clone(),
            code: code.into(),
            status: reject.status(),
            message: reject.message(),
            request: request.to_owned(),
            times: before.as_ref().map_or(0, |before| before.times) + 1,
            first_ms: before.map_or(now_ms, |before| before.first_ms),
            last_ms: now_ms,
        };
        kept.calls += 1;
        let one = (kept.calls, refusal.plain());
        kept.all.insert((key.clone(), code), one);
    }

    /// All of them, the last first.
    pub fn lately(&self) -> Vec<Refusal> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lately: Vec<(u64, Refusal)> = kept.all.values().cloned().collect();
        lately.sort_by_key(|(call, _)| std::cmp::Reverse(*call));
        lately.into_iter().map(|(_, refusal)| refusal).collect()
    }

    /// Those that changed after so many calls, the first first, as many as one message may hold; and up to which call they tell.
    pub fn since(&self, calls: u64) -> (Vec<Refusal>, u64) {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.calls == calls {
            return (Vec::new(), calls);
        }
        let news = kept.all.values().filter(|(call, _)| *call > calls);
        let mut news: Vec<&(u64, Refusal)> = news.collect();
        news.sort_by_key(|(call, _)| *call);
        news.truncate(MOST_TOLD);
        let upto = news.last().map_or(calls, |(call, _)| *call);
        let news = news.into_iter().map(|(_, refusal)| refusal.clone());
        (news.collect(), upto)
    }
}

fn forget_oldest(kept: &mut BTreeMap<(Name, &'static str), (u64, Refusal)>) {
    let oldest = kept.iter().min_by_key(|(_, (call, _))| *call);
    if let Some(oldest) = oldest.map(|(of, _)| of.clone()) {
        kept.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::refusals::LONGEST_MESSAGE;

    fn unknown(model: &str) -> Reject {
        Reject::ModelNotInPlan {
            model: model.to_owned(),
            plan: "team".to_owned(),
        }
    }

    #[test]
    fn calls_of_one_key_for_one_reason_are_one_line_with_the_last_ones_words() {
        let refusals = Refusals::default();
        let key = Name::new("shop", "checkout");
        refusals.note(&key, &unknown("first"), ("req_1", 10));
        refusals.note(&key, &unknown("second"), ("req_2", 20));
        refusals.note(&key, &Reject::KeyExpired(5), ("req_3", 30));
        let lately = refusals.lately();
        let counted: Vec<_> = lately.iter().map(|one| (one.times, one.status)).collect();
        assert_eq!(counted, [(1, 403), (2, 404)]);
        assert_eq!((lately[1].first_ms, lately[1].last_ms), (10, 20));
        assert!(lately[1].message.contains("second"));
        assert_eq!(lately[1].request, "req_2");
    }

    #[test]
    fn a_flood_fills_it_no_further() {
        let refusals = Refusals::default();
        for at in 0..2 * MOST as u64 {
            let key = Name::new("shop", &format!("key-{at}"));
            let long = "ä".repeat(4 * LONGEST_MESSAGE);
            refusals.note(&key, &unknown(&long), ("req", at));
        }
        let lately = refusals.lately();
        assert_eq!(lately.len(), MOST);
        assert_eq!(lately[0].last_ms, 2 * MOST as u64 - 1);
        assert!(
            lately
                .iter()
                .all(|one| one.message.len() <= LONGEST_MESSAGE + 3)
        );
    }

    #[test]
    fn what_changed_is_told_once_and_no_more_at_a_time_than_a_message_holds() {
        let refusals = Refusals::default();
        let many = MOST_TOLD as u64 + 6;
        for at in 0..many {
            let key = Name::new("shop", &format!("key-{at}"));
            refusals.note(&key, &unknown("m"), ("req", at));
        }
        let (first, upto) = refusals.since(0);
        assert_eq!((first.len(), first[0].last_ms), (MOST_TOLD, 0));
        let (rest, upto) = refusals.since(upto);
        assert_eq!((rest.len(), upto), (6, many));
        assert!(refusals.since(upto).0.is_empty());
        refusals.note(&Name::new("shop", "key-0"), &unknown("m"), ("req", 99));
        let (again, _) = refusals.since(upto);
        assert_eq!((again.len(), again[0].times), (1, 2));
    }
}
