//! Cuts one namespace's part out of a configuration: what its sidecars may know. Called by whoever publishes. Security rests on
//! it: a credential that is not in the part cannot be read there.

use purser_config::{Channel, Configuration, Key, Name};
use std::collections::{BTreeMap, BTreeSet};

/// The keys of `namespace`, the plans that they name, the channels that serve them, and nothing else.
///
/// A channel of another namespace is in it, credentials included, only when it is used `via: Sidecar`. A key that may use one `via: Gateway`
/// is the shared gateway's, with all its channels: here its calls are handed over, or one that failed half-way would be counted twice.
/// What was compiled with `Gateway::SameProcess` must not be cut: there, lists name channels that only the gateway may hold.
pub fn scoped_to(configuration: &Configuration, namespace: &str) -> Configuration {
    let keys: BTreeMap<Name, Key> = configuration
        .keys
        .iter()
        .filter(|(name, _)| name.namespace() == namespace)
        .map(|(name, key)| (name.clone(), told(configuration, name, key)))
        .collect();
    let plans: BTreeSet<&str> = keys.values().map(|key| key.plan.as_str()).collect();
    let channels: BTreeSet<&Name> = keys.values().flat_map(|key| &key.channels).collect();
    Configuration {
        plans: plans
            .into_iter()
            .filter_map(|name| configuration.plans.get_key_value(name))
            .map(|(name, plan)| (name.clone(), plan.clone()))
            .collect(),
        channels: channels
            .into_iter()
            .filter_map(|name| configuration.channels.get_key_value(name))
            .map(|(name, channel)| (name.clone(), held(channel)))
            .collect(),
        keys,
    }
}

/// A key as its namespace is told it.
fn told(configuration: &Configuration, name: &Name, key: &Key) -> Key {
    let mut told = key.clone();
    if configuration.hands_over(name, key) {
        told.via_gateway = true;
        told.channels.clear();
    }
    told
}

/// A channel as whoever may hold it is told it: how others reach it is no concern of theirs.
fn held(channel: &Channel) -> Channel {
    Channel {
        via_gateway: false,
        ..channel.clone()
    }
}
