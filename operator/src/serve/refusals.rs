//! Calls that sidecars refused, as they told it: for each process the last word for each key and code, so that nothing is counted twice,
//! whichever replica it was told and however often. In memory, and gone with it. Pure; `hub` hears and shows it.
//!
//! Invariant: a sidecar's word counts for keys of its own namespace alone, but for the shared gateway's, and fills no more than its part.

use purser_config::Name;
use purser_config::refusals::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most that is kept of one process: twice what a sidecar of ours counts.
const MOST_OF_ONE: usize = 1_024;
/// The most that is kept of all; beyond it what was refused longest ago goes.
const MOST: usize = 8_192;
/// The most that another replica is told at a time, the latest first; it remembers what it heard before.
const MOST_NOTED: usize = 64;

/// What one process refused of one key for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// `namespace/instance` of the process.
    by: String,
    /// What.
    of: Refusal,
}

type Which = (String, Name, String);

/// See the file's page.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// Told here.
    here: BTreeMap<Which, Refusal>,
    /// Told by other replicas.
    elsewhere: BTreeMap<Which, Refusal>,
}

impl Refusals {
    /// A sidecar said this, whose word counts for the keys of `scope`; `None`: of every namespace.
    pub(super) fn told(&mut self, (by, scope): (&str, Option<&str>), told: Vec<Refusal>) {
        let ours = told
            .into_iter()
            .filter(|one| scope.is_none_or(|scope| scope == one.key.namespace()));
        for one in ours.map(Refusal::plain) {
            let from = (by.to_owned(), Name::new("", ""), String::new());
            let of_it = self.here.range(from..).take_while(|((of, ..), _)| of == by);
            let which = which(by, &one);
            if self.here.contains_key(&which) || of_it.count() < MOST_OF_ONE {
                self.here.insert(which, one);
            }
        }
        bound(&mut self.here);
    }

    /// What other replicas are to know.
    pub(super) fn note(&self) -> Vec<Told> {
        let mut all: Vec<_> = self.here.iter().collect();
        all.sort_by_key(|(_, one)| std::cmp::Reverse(one.last_ms));
        let told = all.into_iter().take(MOST_NOTED);
        let told = told.map(|((by, ..), one)| Told {
            by: by.clone(),
            of: one.clone(),
        });
        told.collect()
    }

    /// Another replica said this.
    pub(super) fn heard(&mut self, told: Vec<Told>) {
        for Told { by, of } in told {
            self.elsewhere.insert(which(&by, &of), of);
        }
        bound(&mut self.elsewhere);
    }

    /// All of them, the last first, the processes summed.
    pub(super) fn lately(&self) -> Vec<Refusal> {
        let mut sums: BTreeMap<(&Name, &str), Refusal> = BTreeMap::new();
        let only_there = self.elsewhere.iter().filter(|(which, theirs)| {
            let ours = self.here.get(which);
            ours.is_none_or(|ours| ours.times < theirs.times)
        });
        let newer_there = |which: &Which, ours: &Refusal| {
            let theirs = self.elsewhere.get(which);
            theirs.is_some_and(|theirs| theirs.times > ours.times)
        };
        let here = self
            .here
            .iter()
            .filter(|(which, ours)| !newer_there(which, ours));
        for ((_, key, code), one) in here.chain(only_there) {
            let sum = sums.entry((key, code.as_str()));
            sum.and_modify(|sum| sum.add(one.clone()))
                .or_insert_with(|| one.clone());
        }
        let mut lately: Vec<Refusal> = sums.into_values().collect();
        lately.sort_by_key(|one| std::cmp::Reverse(one.last_ms));
        lately
    }
}

fn which(by: &str, one: &Refusal) -> Which {
    (
        by.to_owned(),
        one.key.clone(),
        one.code.clone().into_owned(),
    )
}

fn bound(kept: &mut BTreeMap<Which, Refusal>) {
    if kept.len() <= MOST {
        return;
    }
    // A quarter at a time, so that a flood is not looked through for each of its words.
    let mut moments: Vec<u64> = kept.values().map(|one| one.last_ms).collect();
    let (_, oldest, _) = moments.select_nth_unstable(kept.len() - MOST / 4 * 3);
    let oldest = *oldest;
    kept.retain(|_, one| one.last_ms > oldest);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: Option<&str> = Some("shop");

    fn refusal(key: &str, times: u64, last_ms: u64) -> Refusal {
        Refusal {
            key: key.parse().unwrap(),
            code: "model_not_found".into(),
            status: 404,
            message: format!("of {last_ms}"),
            request: format!("req_{last_ms}"),
            times,
            first_ms: 1,
            last_ms,
        }
    }

    fn counted(refusals: &Refusals) -> Vec<(String, u64)> {
        let lately = refusals.lately().into_iter();
        lately.map(|one| (one.key.to_string(), one.times)).collect()
    }

    #[test]
    fn processes_are_summed_and_what_one_says_again_is_counted_once() {
        let mut refusals = Refusals::default();
        refusals.told(("shop/one", SHOP), vec![refusal("shop/a", 2, 20)]);
        refusals.told(("shop/one", SHOP), vec![refusal("shop/a", 3, 30)]);
        refusals.told(
            ("shop/two", SHOP),
            vec![refusal("shop/a", 4, 25), refusal("shop/b", 1, 40)],
        );
        let all = [("shop/b".to_owned(), 1), ("shop/a".to_owned(), 7)];
        assert_eq!(counted(&refusals), all);
        assert_eq!(refusals.lately()[1].message, "of 30");
    }

    #[test]
    fn replicas_tell_each_other_and_a_process_that_moved_is_counted_once() {
        let (mut one, mut two) = (Refusals::default(), Refusals::default());
        one.told(("shop/x", SHOP), vec![refusal("shop/a", 3, 30)]);
        // It connects to the other one, which it tells all of it, and more.
        two.told(("shop/x", SHOP), vec![refusal("shop/a", 5, 50)]);
        for _ in 0..2 {
            let (from_one, from_two) = (one.note(), two.note());
            one.heard(from_two);
            two.heard(from_one);
        }
        let all = [("shop/a".to_owned(), 5)];
        assert_eq!((counted(&one), counted(&two)), (all.to_vec(), all.to_vec()));
        assert_eq!(one.lately()[0].request, "req_50");
    }

    #[test]
    fn a_sidecars_word_counts_for_its_namespace_and_fills_no_more_than_its_part() {
        let mut refusals = Refusals::default();
        refusals.told(("shop/liar", SHOP), vec![refusal("other/a", 9, 90)]);
        assert!(counted(&refusals).is_empty());
        let mut gateways = Refusals::default();
        gateways.told(("ops/gate", None), vec![refusal("other/a", 9, 90)]);
        assert_eq!(counted(&gateways), [("other/a".to_owned(), 9)]);
        let flood = |by: &str, from: u64| {
            let many = from..from + 2_000;
            let many = many.map(|at| refusal(&format!("shop/key-{at}"), 1, at));
            (by.to_owned(), many.collect::<Vec<_>>())
        };
        for (by, told) in (0..12).map(|at| flood(&format!("shop/{at}"), at * 10_000)) {
            refusals.told((&by, SHOP), told);
        }
        let kept = refusals.here.len();
        assert!((MOST / 2..=MOST).contains(&kept), "{kept}");
        assert_eq!(refusals.note().len(), MOST_NOTED);
        let mut other = Refusals::default();
        other.heard(refusals.note());
        assert_eq!(counted(&other).len(), MOST_NOTED);
    }
}
