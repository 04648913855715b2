//! Fields that are accepted and whose behaviour comes later. Used by `plans`, `keys`, `channels`. A field leaves this file in the
//! change that enforces it.

use crate::{Gateway, Options};
use purser_crds::{
    ApiKeySpec, ChannelNamespacesFrom, PlanSpec, Provider, ProviderChannelSpec, Routing, Via,
};

fn listed<const N: usize>(fields: [(bool, &str); N]) -> Vec<String> {
    fields
        .into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, field)| field.to_owned())
        .collect()
}

/// Of a plan: those that promise a bound. A key on such a plan would be free of it, so it is refused.
pub(crate) fn promises(plan: &PlanSpec) -> Vec<String> {
    listed([
        (plan.credits.is_some(), "spec.credits"),
        (plan.validity.is_some(), "spec.validity"),
        (
            plan.limits.requests_per_day.is_some(),
            "spec.limits.requestsPerDay",
        ),
        (
            plan.limits.tokens_per_minute.is_some(),
            "spec.limits.tokensPerMinute",
        ),
        (
            plan.limits.concurrent_requests.is_some(),
            "spec.limits.concurrentRequests",
        ),
    ])
}

/// Of a plan: all.
pub(crate) fn of_plan(plan: &PlanSpec) -> Vec<String> {
    let others = listed([
        (!plan.prices.is_empty(), "spec.prices"),
        (plan.context_percent.is_some(), "spec.contextPercent"),
        (plan.max_output_tokens.is_some(), "spec.maxOutputTokens"),
        (!plan.fallbacks.is_empty(), "spec.fallbacks"),
        (plan.routing != Routing::Priority, "spec.routing"),
        (plan.on_abort.is_some(), "spec.onAbort"),
        (plan.log_bodies, "spec.logBodies"),
    ]);
    let mut all = promises(plan);
    all.extend(others);
    all.sort();
    all
}

/// Of a key.
pub(crate) fn of_key(key: &ApiKeySpec) -> Vec<String> {
    listed([(key.rotation.is_some(), "spec.rotation")])
}

/// Of a channel.
pub(crate) fn of_channel(channel: &ProviderChannelSpec, options: Options) -> Vec<String> {
    let namespaces = &channel.namespaces;
    let shared = namespaces.from != ChannelNamespacesFrom::Same && namespaces.via == Via::Gateway;
    listed([
        (channel.limits.is_some(), "spec.limits"),
        (
            channel.models.iter().any(|model| model.cost.is_some()),
            "spec.models[].cost",
        ),
        (
            shared && options.gateway == Gateway::Absent,
            "spec.namespaces.via",
        ),
        (
            matches!(
                channel.provider,
                Provider::AzureOpenAI | Provider::Anthropic | Provider::Gemini
            ),
            "spec.provider",
        ),
    ])
}
