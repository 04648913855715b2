//! `/api/models` and `/api/pricing`: which models there are, at which channels, for which price on which plan.

use crate::answer::{Outcome, Reply};
use crate::ask::Ask;
use crate::ids;
use crate::rights::Right;
use purser_config::{Plan, glob_matches};
use purser_crds::Endpoint;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A model.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct ModelView {
    model_name: String,
    /// namespace/name of each channel that you see.
    channels: Vec<String>,
    /// Other names for it.
    aliases: Vec<String>,
    /// What it can do beyond text; null: nobody says.
    capabilities: Value,
    context_length: Option<u64>,
    max_output_tokens: Option<u64>,
    supported_endpoint_types: Vec<String>,
}

/// What a model costs on a plan, in micro-credits.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PlanPrice {
    plan: String,
    /// A call.
    per_request: u64,
    /// A million tokens of each kind; null: tokens cost nothing.
    input: Option<u64>,
    cached_input: Option<u64>,
    cache_write: Option<u64>,
    output: Option<u64>,
}

/// A model and its prices.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Pricing {
    model_name: String,
    /// 0 by tokens, 1 by call.
    quota_type: u8,
    /// Plans that allow it.
    enable_groups: Vec<String>,
    prices: Vec<PlanPrice>,
    supported_endpoint_types: Vec<String>,
}

/// Models, by name.
fn models(ask: &Ask) -> Result<BTreeMap<String, ModelView>, crate::answer::Failure> {
    let (seen, person) = (ask.console.house.seen(), ask.person()?);
    let mut models: BTreeMap<String, ModelView> = BTreeMap::new();
    for channel in &seen.channels {
        let name = ids::name_of(&channel.metadata);
        let sees = person.sees_channels(name.namespace());
        let is_hidden = person.guest.is_some() && !sees;
        if is_hidden || !seen.configuration.channels.contains_key(&name) {
            continue;
        }
        for model in &channel.spec.models {
            let view = models.entry(model.name.clone()).or_default();
            view.model_name.clone_from(&model.name);
            if sees {
                view.channels.push(name.to_string());
            }
            view.aliases.extend(model.aliases.iter().cloned());
            view.capabilities = serde_json::to_value(&model.capabilities).unwrap_or_default();
            view.context_length = view.context_length.max(model.context_length);
            view.max_output_tokens = view.max_output_tokens.max(model.max_output_tokens);
            let usual = [Endpoint::Chat, Endpoint::Completions, Endpoint::Responses];
            let endpoints = if model.endpoints.is_empty() {
                &usual[..]
            } else {
                &model.endpoints
            };
            view.supported_endpoint_types
                .extend(endpoints.iter().map(|one| format!("{one:?}")));
        }
    }
    for view in models.values_mut() {
        view.aliases.sort();
        view.aliases.dedup();
        view.supported_endpoint_types.sort();
        view.supported_endpoint_types.dedup();
    }
    Ok(models)
}

/// All models.
pub(crate) async fn list(ask: Ask) -> Outcome {
    let models: Vec<ModelView> = models(&ask)?.into_values().collect();
    Reply::data(&models)
}

/// All models, with what they cost.
pub(crate) async fn pricing(ask: Ask) -> Outcome {
    ask.may(&Right::new("list", "plans", ("", ""))).await?;
    let seen = ask.console.house.seen();
    let plans = &seen.configuration.plans;
    let pricing = models(&ask)?.into_values().map(|model| {
        let allows = |(_, plan): &(&String, &Plan)| {
            let any = |globs: &[String]| {
                globs
                    .iter()
                    .any(|glob| glob_matches(glob, &model.model_name))
            };
            any(&plan.allow) && !any(&plan.deny)
        };
        let allowed: Vec<(&String, &Plan)> = plans.iter().filter(allows).collect();
        let prices = allowed
            .iter()
            .filter_map(|(name, plan)| price(name, plan, &model.model_name));
        let prices: Vec<PlanPrice> = prices.collect();
        Pricing {
            quota_type: u8::from(!prices.iter().any(|price| price.input.is_some())),
            enable_groups: allowed.iter().map(|(name, _)| (*name).clone()).collect(),
            prices,
            supported_endpoint_types: model.supported_endpoint_types,
            model_name: model.model_name,
        }
    });
    let pricing: Vec<Pricing> = pricing.collect();
    Reply::data(&pricing)
}

fn price(name: &str, plan: &Plan, model: &str) -> Option<PlanPrice> {
    let cost = purser_config::price::price_of(&plan.prices, model)?;
    let tokens = cost.per_million_tokens;
    Some(PlanPrice {
        plan: name.to_owned(),
        per_request: cost.per_request,
        input: tokens.map(|cost| cost.input),
        cached_input: tokens.map(|cost| cost.cached_input),
        cache_write: tokens.map(|cost| cost.cache_write),
        output: tokens.map(|cost| cost.output),
    })
}
