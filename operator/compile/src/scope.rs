//! Cuts one namespace's part out of a configuration: what its sidecars may know. Called by whoever publishes. Security rests on
//! it: a credential that is not in the part cannot be read there.

use purser_config::{Configuration, Name};
use std::collections::BTreeSet;

/// The keys of `namespace`, the plans that they name, the channels that serve them, and nothing else.
///
/// A channel of another namespace is in it, credentials included, only when a key's list names it. Compiled with
/// `Gateway::Absent` that happens only for `via: Sidecar`. What was compiled with `Gateway::SameProcess` must not be cut:
/// there, lists name channels that only the gateway may hold.
pub fn scoped_to(configuration: &Configuration, namespace: &str) -> Configuration {
    let in_namespace = |name: &Name| name.namespace() == namespace;
    let keys: Vec<_> = configuration
        .keys
        .iter()
        .filter(|(name, _)| in_namespace(name))
        .collect();
    let plans: BTreeSet<&str> = keys.iter().map(|(_, key)| key.plan.as_str()).collect();
    let channels: BTreeSet<&Name> = keys.iter().flat_map(|(_, key)| &key.channels).collect();
    Configuration {
        plans: plans
            .into_iter()
            .filter_map(|name| configuration.plans.get_key_value(name))
            .map(|(name, plan)| (name.clone(), plan.clone()))
            .collect(),
        channels: channels
            .into_iter()
            .filter_map(|name| configuration.channels.get_key_value(name))
            .map(|(name, channel)| (name.clone(), channel.clone()))
            .collect(),
        keys: keys
            .into_iter()
            .map(|(name, key)| (name.clone(), key.clone()))
            .collect(),
    }
}
