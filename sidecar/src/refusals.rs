//! Why calls were refused lately: for each key and code how often, since when, and what the last one was told. A refused call has no
//! record, because it used nothing; this is where a person reads why. Noted by `gateway`, read by whoever shows it. In memory,
//! so it is gone with the process. It must never hold a key's value, and never grow with what callers send.

use crate::reject::Reject;
use purser_config::Name;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The most pairs of key and code; beyond them the one that was noted longest ago goes.
const MOST: usize = 512;
/// The longest sentence in bytes: a caller's words may stand in it.
const LONGEST: usize = 512;

/// See the file's page.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<BTreeMap<(Name, &'static str), Refusal>>);

/// Calls of one key that were refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whose calls.
    pub key: Name,
    /// The answer's code.
    pub code: &'static str,
    /// The answer's status.
    pub status: u16,
    /// What the last one was told.
    pub message: String,
    /// The last one's `x-request-id`.
    pub request: String,
    /// How many.
    pub times: u64,
    /// When the first one came, in unix milliseconds.
    pub first_ms: u64,
    /// When the last one came, in unix milliseconds.
    pub last_ms: u64,
}

impl Refusals {
    /// One more call of this key.
    pub fn note(&self, key: &Name, reject: &Reject, (request, now_ms): (&str, u64)) {
        let code = reject.code();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.remove(&(key.clone(), code));
        if before.is_none() && kept.len() >= MOST {
            forget_oldest(&mut kept);
        }
        let refusal = Refusal {
            key: key.clone(),
            code,
            status: reject.status(),
            message: shortened(reject.message()),
            request: request.to_owned(),
            times: before.as_ref().map_or(0, |before| before.times) + 1,
            first_ms: before.map_or(now_ms, |before| before.first_ms),
            last_ms: now_ms,
        };
        kept.insert((key.clone(), code), refusal);
    }

    /// All of them, the last first.
    pub fn lately(&self) -> Vec<Refusal> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lately: Vec<Refusal> = kept.values().cloned().collect();
        lately.sort_by_key(|refusal| std::cmp::Reverse(refusal.last_ms));
        lately
    }
}

fn forget_oldest(kept: &mut BTreeMap<(Name, &'static str), Refusal>) {
    let oldest = kept.iter().min_by_key(|(_, refusal)| refusal.last_ms);
    if let Some(oldest) = oldest.map(|(of, _)| of.clone()) {
        kept.remove(&oldest);
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let long = "ä".repeat(4 * LONGEST);
            refusals.note(&key, &unknown(&long), ("req", at));
        }
        let lately = refusals.lately();
        assert_eq!(lately.len(), MOST);
        assert_eq!(lately[0].last_ms, 2 * MOST as u64 - 1);
        assert!(lately.iter().all(|one| one.message.len() <= LONGEST + 3));
    }
}
