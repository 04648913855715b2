//! What becomes of a version that killed this process twice: the older one stays, but nobody gets back what the refused one
//! took away. Pure; called by `store`.

use purser_config::stream::Version;
use purser_config::{Configuration, Fault, Resource, Standing};
use std::collections::BTreeMap;

/// More than anybody reads.
const MOST_FAULTS: usize = 1_000;

/// The older configuration without the keys, key values and standings that the refused one no longer has.
pub(super) fn without_revoked(older: &Configuration, refused: &Configuration) -> Configuration {
    let mut kept = older.clone();
    kept.keys.retain(|name, key| {
        let Some(newer) = refused.keys.get(name) else {
            return false;
        };
        key.digests.retain(|digest| newer.digests.contains(digest));
        if newer.standing != Standing::Good {
            key.standing = newer.standing.clone();
        }
        // A value that was replaced works as long as the newer version says.
        key.previous = newer.previous;
        key.expires_at_ms = earlier(key.expires_at_ms, newer.expires_at_ms);
        key.plan_expires_at_ms = earlier(key.plan_expires_at_ms, newer.plan_expires_at_ms);
        true
    });
    kept
}

fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    [one, other].into_iter().flatten().min()
}

/// One for each resource that is not as the refused version has it.
pub(super) fn faults(
    version: &Version,
    held: &Configuration,
    refused: &Configuration,
) -> Vec<Fault> {
    let reason = format!(
        "version {} is quarantined: this process died twice within 60 s of applying it; the version before stays, \
         without what was revoked since. Any newer version ends this",
        short(version)
    );
    let keys = differing(&held.keys, &refused.keys).map(Resource::Key);
    let plans = differing(&held.plans, &refused.plans).map(Resource::Plan);
    let channels = differing(&held.channels, &refused.channels).map(Resource::Channel);
    let all = keys.chain(plans).chain(channels).take(MOST_FAULTS);
    all.map(|resource| Fault {
        resource,
        reason: reason.clone(),
    })
    .collect()
}

/// As people are told of it.
pub(crate) fn short(version: &Version) -> String {
    let hash = version.hash.get(..16).unwrap_or(&version.hash);
    format!("{hash} of {}", version.published_ms)
}

fn differing<'a, K: Ord + Clone, V: PartialEq>(
    held: &'a BTreeMap<K, V>,
    refused: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = K> + 'a {
    let differs = |(name, value): &(&K, &V)| held.get(*name) != Some(*value);
    refused.iter().filter(differs).map(|(name, _)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::key;
    use purser_config::{Name, Previous, Refusal};

    fn keys(keys: &[(&str, purser_config::Key)]) -> Configuration {
        let named =
            |(name, key): &(&str, purser_config::Key)| (Name::new("shop", name), key.clone());
        Configuration {
            keys: keys.iter().map(named).collect(),
            ..Configuration::default()
        }
    }

    #[test]
    fn nobody_gets_back_a_key_a_value_or_a_standing_that_was_taken_away() {
        let good = key("sk-1", "free", &[]);
        let mut two_values = good.clone();
        two_values.digests.extend(key("sk-2", "free", &[]).digests);
        let mut suspended = good.clone();
        suspended.standing = Standing::Refused {
            code: Refusal::ApiKeySuspended,
            message: "by hand".into(),
        };
        let older = keys(&[
            ("deleted", good.clone()),
            ("rotated", two_values),
            ("suspended", good.clone()),
        ]);
        let refused = keys(&[
            ("new", good.clone()),
            ("rotated", good.clone()),
            ("suspended", suspended.clone()),
        ]);
        let kept = without_revoked(&older, &refused);
        assert_eq!(kept, keys(&[("rotated", good), ("suspended", suspended)]));
    }

    #[test]
    fn a_value_that_was_replaced_ends_when_the_refused_version_says() {
        let older = key("sk-1", "free", &[]);
        let mut newer = key("sk-2", "free", &[]);
        newer.previous = Some(Previous {
            digest: older.digests[0],
            until_ms: 7,
        });
        newer.expires_at_ms = Some(9);
        let kept = without_revoked(&keys(&[("a", older)]), &keys(&[("a", newer.clone())]));
        let kept = &kept.keys[&Name::new("shop", "a")];
        assert!(kept.digests.is_empty());
        assert_eq!(
            (kept.previous, kept.expires_at_ms),
            (newer.previous, Some(9))
        );
    }

    #[test]
    fn what_is_not_as_the_refused_version_has_it_is_named() {
        let (a, b) = (key("sk-1", "free", &[]), key("sk-2", "free", &[]));
        let held = keys(&[("same", a.clone()), ("other", a.clone())]);
        let refused = keys(&[("same", a), ("other", b.clone()), ("new", b)]);
        let told = faults(&Version::default(), &held, &refused);
        let names: Vec<String> = told.iter().map(|one| one.resource.to_string()).collect();
        assert_eq!(names, ["key shop/new", "key shop/other"]);
        assert!(told[0].reason.contains("died twice"));
    }
}
