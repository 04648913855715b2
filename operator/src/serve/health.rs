//! What sidecars say of the channels that they call, kept short and summed by channel. Pure; `connection` hears it, `census`
//! sums it, `status` tells it.
//!
//! Invariant: what one sidecar says takes bounded memory, whatever it says.

use purser_config::Name;
use purser_config::stream::{Ailment, ChannelHealth, Trouble};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const MOST_CHANNELS: usize = 10_000;
const MOST_TROUBLES: usize = 64;
/// A Secret's name, a slash and a key of it; longer than any model's name.
const LONGEST_ABOUT: usize = 253 + 1 + 253;
/// Credentials or models of one kind of trouble that are kept for naming.
const MOST_NAMED: usize = 5;

/// What one sidecar found of one channel that it has called.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    works: bool,
    troubles: Vec<(Ailment, Option<String>, u64)>,
}

/// What one sidecar found of all of them.
pub(crate) type Health = HashMap<Name, Found>;

/// What a sidecar said at `now_ms`.
pub(crate) fn heard(told: Vec<ChannelHealth>, now_ms: u64) -> Health {
    let one = |told: ChannelHealth| {
        let troubles = told.troubles.into_iter().take(MOST_TROUBLES);
        let found = Found {
            works: told.works,
            troubles: troubles
                .map(
                    |Trouble {
                         ailment,
                         about,
                         for_ms,
                     }| {
                        (ailment, about.map(plain), now_ms.saturating_sub(for_ms))
                    },
                )
                .collect(),
        };
        (told.channel, found)
    };
    told.into_iter().take(MOST_CHANNELS).map(one).collect()
}

fn plain(about: String) -> String {
    let letters = about.chars().filter(|letter| !letter.is_control());
    letters.take(LONGEST_ABOUT).collect()
}

/// What all sidecars that use a channel find.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Diagnosis {
    /// Sidecars that have called it.
    pub(crate) uses: usize,
    /// Those that find it working.
    pub(crate) works: usize,
    /// What is wrong, by kind.
    pub(crate) ails: BTreeMap<Ailment, Ail>,
}

/// One kind of trouble.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ail {
    /// Sidecars that have it.
    pub(crate) sidecars: usize,
    /// Those of them for which the channel does not work.
    pub(crate) stopped: usize,
    /// Credentials or models that it is about, the first few.
    pub(crate) about: BTreeSet<String>,
    /// Since when the first of them has it, in unix milliseconds.
    pub(crate) since_ms: u64,
}

impl Diagnosis {
    /// Counts in what another replica's sidecars find.
    pub(crate) fn add(&mut self, told: &Diagnosis) {
        self.uses += told.uses;
        self.works += told.works;
        for (ailment, theirs) in &told.ails {
            let ail = self.ails.entry(*ailment).or_insert_with(|| Ail {
                since_ms: theirs.since_ms,
                ..Ail::default()
            });
            ail.sidecars += theirs.sidecars;
            ail.stopped += theirs.stopped;
            ail.since_ms = ail.since_ms.min(theirs.since_ms);
            let room = MOST_NAMED.saturating_sub(ail.about.len());
            ail.about.extend(theirs.about.iter().take(room).cloned());
        }
    }

    /// Counts one sidecar in.
    pub(crate) fn count(&mut self, found: &Found) {
        self.uses += 1;
        self.works += usize::from(found.works);
        let mut seen = BTreeSet::new();
        for (ailment, about, since_ms) in &found.troubles {
            let ail = self.ails.entry(*ailment).or_insert_with(|| Ail {
                since_ms: *since_ms,
                ..Ail::default()
            });
            if seen.insert(*ailment) {
                ail.sidecars += 1;
                ail.stopped += usize::from(!found.works);
            }
            ail.since_ms = ail.since_ms.min(*since_ms);
            if let Some(about) = about {
                ail.name(about);
            }
        }
    }
}

impl Ail {
    /// The first few in their order, so that equal worlds are told equally.
    fn name(&mut self, about: &str) {
        if !self.about.contains(about) {
            self.about.insert(about.to_owned());
        }
        if self.about.len() > MOST_NAMED {
            self.about.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(works: bool, troubles: &[(Ailment, &str, u64)]) -> ChannelHealth {
        let trouble = |(ailment, about, for_ms): &(Ailment, &str, u64)| Trouble {
            ailment: *ailment,
            about: Some((*about).to_owned()),
            for_ms: *for_ms,
        };
        ChannelHealth {
            channel: Name::new("shop", "one"),
            works,
            troubles: troubles.iter().map(trouble).collect(),
        }
    }

    fn sum(all: Vec<ChannelHealth>) -> Diagnosis {
        let mut diagnosis = Diagnosis::default();
        for told in all {
            heard(vec![told], 10_000)
                .values()
                .for_each(|found| diagnosis.count(found));
        }
        diagnosis
    }

    #[test]
    fn sidecars_are_counted_once_for_each_kind_of_trouble_since_its_first() {
        let two = [
            (Ailment::AuthFailed, "b/apiKey", 1_000),
            (Ailment::AuthFailed, "a/apiKey", 4_000),
        ];
        let diagnosis = sum(vec![
            told(false, &two),
            told(true, &two[..1]),
            told(true, &[]),
        ]);
        assert_eq!((diagnosis.uses, diagnosis.works), (3, 2));
        let ail = &diagnosis.ails[&Ailment::AuthFailed];
        assert_eq!((ail.sidecars, ail.stopped, ail.since_ms), (2, 1, 6_000));
        assert!(ail.about.iter().eq(["a/apiKey", "b/apiKey"]));
    }

    #[test]
    fn what_one_sidecar_says_is_kept_short_and_plain() {
        let long = format!("a\n{}", "ü".repeat(9_000));
        let many = vec![(Ailment::ModelUnknown, long.as_str(), 0); 1_000];
        let health = heard(vec![told(true, &many)], 0);
        let found = &health[&Name::new("shop", "one")];
        assert_eq!(found.troubles.len(), MOST_TROUBLES);
        let about = found.troubles[0].1.as_deref().unwrap();
        assert!(about.chars().count() <= LONGEST_ABOUT && !about.contains('\n'));
        let models: Vec<String> = (0..20).map(|number| format!("m{number}")).collect();
        let each = |model: &String| told(true, &[(Ailment::ModelUnknown, model, 0)]);
        let named = sum(models.iter().map(each).collect());
        assert_eq!(named.ails[&Ailment::ModelUnknown].about.len(), MOST_NAMED);
    }
}
