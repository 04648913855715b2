//! Which channels serve a key: those that offer themselves to its namespace and that its plan lists. Used by `keys`, and by `plans` for
//! its warnings. Both sides must agree, so that nobody can draw another team's prompts by claiming priority 0.

use crate::channels::DecidedChannel;
use crate::{Gateway, Options, World, selector};
use purser_config::{self as config, Name};
use purser_crds::{ChannelNamespacesFrom, PlanSpec, ProviderChannelSpec, Via};
use std::collections::BTreeMap;

/// The channels that serve keys of `namespace` on this plan, sorted.
pub(crate) fn serving(market: &Market<'_>, plan: &PlanSpec, namespace: &str) -> Vec<Name> {
    let accepted = market
        .channels
        .iter()
        .filter(|(_, channel)| channel.decided.is_some());
    accepted
        .filter(|(name, channel)| {
            lists(plan, name, channel, namespace) && market.offers(name, channel.spec, namespace)
        })
        .map(|(name, _)| name.clone())
        .collect()
}

/// What is on offer.
pub(crate) struct Market<'a> {
    pub(crate) world: &'a World,
    pub(crate) options: Options,
    pub(crate) channels: &'a BTreeMap<Name, DecidedChannel<'a>>,
}

impl Market<'_> {
    /// What is kept of these.
    pub(crate) fn all(&self, names: &[Name]) -> impl Iterator<Item = &config::Channel> {
        let found = names.iter().filter_map(|name| self.channels.get(name));
        found.filter_map(|channel| channel.decided.as_ref())
    }

    fn offers(&self, channel: &Name, spec: &ProviderChannelSpec, namespace: &str) -> bool {
        if channel.namespace() == namespace {
            return true;
        }
        let namespaces = &spec.namespaces;
        if namespaces.via == Via::Gateway && self.options.gateway == Gateway::Absent {
            return false;
        }
        match namespaces.from {
            ChannelNamespacesFrom::Same => false,
            ChannelNamespacesFrom::All => true,
            ChannelNamespacesFrom::Selector => {
                let unlabelled = BTreeMap::new();
                let labels = self.world.namespaces.get(namespace).unwrap_or(&unlabelled);
                namespaces
                    .selector
                    .as_ref()
                    .is_some_and(|selector| selector::matches(selector, labels))
            }
        }
    }
}

/// The channels that serve a key of some namespace on this plan, if they offer themselves to it.
pub(crate) fn listed<'a>(
    channels: &'a BTreeMap<Name, DecidedChannel<'_>>,
    plan: &'a PlanSpec,
) -> impl Iterator<Item = &'a config::Channel> {
    channels.iter().filter_map(|(name, channel)| {
        let lists = lists(plan, name, channel, name.namespace());
        channel.decided.as_ref().filter(|_| lists)
    })
}

fn lists(plan: &PlanSpec, name: &Name, channel: &DecidedChannel<'_>, namespace: &str) -> bool {
    let namespace_listed = match &plan.channels.namespaces {
        Some(listed) => listed.iter().any(|listed| listed == name.namespace()),
        None => name.namespace() == namespace,
    };
    let unlabelled = BTreeMap::new();
    let labels = channel.labels.unwrap_or(&unlabelled);
    namespace_listed
        && plan
            .channels
            .selector
            .as_ref()
            .is_none_or(|selector| selector::matches(selector, labels))
}
