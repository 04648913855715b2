//! Fields that are accepted and whose behaviour comes later. Used by `plans` and `channels`. A field leaves this file in the
//! change that enforces it.

use crate::{Gateway, Options};
use purser_crds::{ChannelNamespacesFrom, PlanSpec, ProviderChannelSpec, Routing, Via};

fn listed<const N: usize>(fields: [(bool, &str); N]) -> Vec<String> {
    fields
        .into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, field)| field.to_owned())
        .collect()
}

/// Of a plan.
pub(crate) fn of_plan(plan: &PlanSpec) -> Vec<String> {
    listed([
        (plan.log_bodies, "spec.logBodies"),
        (plan.routing != Routing::Priority, "spec.routing"),
    ])
}

/// Whether other namespaces are to reach the channel through the shared gateway alone.
pub(crate) fn is_shared(channel: &ProviderChannelSpec) -> bool {
    let namespaces = &channel.namespaces;
    namespaces.from != ChannelNamespacesFrom::Same && namespaces.via == Via::Gateway
}

/// Of a channel.
pub(crate) fn of_channel(channel: &ProviderChannelSpec, options: Options) -> Vec<String> {
    listed([(
        is_shared(channel) && options.gateway == Gateway::Absent,
        "spec.namespaces.via",
    )])
}
