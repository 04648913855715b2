//! Everything a sidecar obeys, as one value. Equal worlds give equal bytes: all maps are sorted.

use crate::{Channel, Key, Name, Plan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The compiled configuration of one audience: a namespace in a cluster, everything on a laptop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Keys by name.
    pub keys: BTreeMap<Name, Key>,
    /// Plans by name.
    pub plans: BTreeMap<String, Plan>,
    /// Channels by name.
    pub channels: BTreeMap<Name, Channel>,
}

impl Configuration {
    /// Whether the shared gateway makes this key's calls: it may use a channel that its own namespace's sidecars may not hold. So it stands in
    /// a whole configuration; in a part that was cut from one the key itself says it.
    pub fn hands_over(&self, name: &Name, key: &Key) -> bool {
        let out_of_reach = |channel: &Name| {
            let others = channel.namespace() != name.namespace();
            others
                && self
                    .channels
                    .get(channel)
                    .is_some_and(|one| one.via_gateway)
        };
        key.channels.iter().any(out_of_reach)
    }
}

/// One resource of a configuration, named as in messages: `key shop/checkout`, `plan free`, `channel shop/openai`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// An entry of `keys`.
    Key(Name),
    /// An entry of `plans`.
    Plan(String),
    /// An entry of `channels`.
    Channel(Name),
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resource::Key(name) => write!(f, "key {name}"),
            Resource::Plan(name) => write!(f, "plan {name}"),
            Resource::Channel(name) => write!(f, "channel {name}"),
        }
    }
}
