//! What became different between two configurations of one scope. Pure; `scope` asks it once for all connections.

use purser_config::{Configuration, Resource};
use std::collections::BTreeMap;

/// Resources that are new or different, and resources that are gone.
pub(crate) fn between(
    before: &Configuration,
    after: &Configuration,
) -> (Configuration, Vec<Resource>) {
    let Configuration {
        keys,
        plans,
        channels,
    } = after;
    let set = Configuration {
        keys: differing(&before.keys, keys),
        plans: differing(&before.plans, plans),
        channels: differing(&before.channels, channels),
    };
    let gone = gone(&before.keys, keys).map(Resource::Key);
    let gone = gone.chain(self::gone(&before.plans, plans).map(Resource::Plan));
    let gone = gone
        .chain(self::gone(&before.channels, channels).map(Resource::Channel))
        .collect();
    (set, gone)
}

fn differing<K: Ord + Clone, V: PartialEq + Clone>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
) -> BTreeMap<K, V> {
    let differs = |(name, value): &(&K, &V)| before.get(*name) != Some(*value);
    after
        .iter()
        .filter(differs)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn gone<'a, K: Ord + Clone, V>(
    before: &'a BTreeMap<K, V>,
    after: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = K> + 'a {
    before
        .keys()
        .filter(|name| !after.contains_key(name))
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::{Key, Name, Standing};

    fn key(plan: &str) -> Key {
        Key {
            digests: vec![],
            previous: None,
            standing: Standing::Good,
            plan: plan.into(),
            models: vec![],
            expires_at_ms: None,
            created_ms: None,
            plan_expires_at_ms: None,
            service_accounts: vec![],
            channels: vec![],
            via_gateway: false,
        }
    }

    fn keys(keys: &[(&str, &str)]) -> Configuration {
        let keys = keys
            .iter()
            .map(|(name, plan)| (Name::new("shop", name), key(plan)))
            .collect();
        Configuration {
            keys,
            ..Configuration::default()
        }
    }

    #[test]
    fn holds_what_is_new_or_different_and_names_what_is_gone() {
        let before = keys(&[("same", "a"), ("other", "a"), ("gone", "a")]);
        let (set, gone) = between(
            &before,
            &keys(&[("same", "a"), ("other", "b"), ("new", "a")]),
        );
        assert_eq!(set, keys(&[("other", "b"), ("new", "a")]));
        assert_eq!(gone, [Resource::Key(Name::new("shop", "gone"))]);
    }

    #[test]
    fn equal_configurations_differ_in_nothing() {
        let same = keys(&[("same", "a")]);
        assert_eq!(between(&same, &same), (Configuration::default(), vec![]));
    }
}
