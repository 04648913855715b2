//! What a metered plan cannot price: models without a price, and endpoints that tell no tokens at a price by tokens. Used by `plans`
//! for its warnings, and by `unserved`; the sidecar refuses such calls one by one.

use purser_config::price::price_of;
use purser_config::{Channel, Endpoint, Model, Plan, glob_matches};
use std::collections::BTreeSet;

/// Longer lists say how many more there are.
const NAMED: usize = 8;

/// What is worth knowing about a plan whose keys are served by these channels; nothing when it is not metered.
pub(crate) fn warnings<'a>(
    plan: &Plan,
    channels: impl Iterator<Item = &'a Channel>,
) -> Vec<String> {
    if plan.credits.is_none() {
        return Vec::new();
    }
    let (mut unpriced, mut uncounted) = (BTreeSet::new(), BTreeSet::new());
    let models = channels.flat_map(|channel| &channel.models);
    for model in models.filter(|model| may_call(model, plan)) {
        match price_of(&plan.prices, &model.name) {
            None => drop(unpriced.insert(format!("{:?}", model.name))),
            Some(cost) if cost.counts_tokens() => uncounted.extend(without_tokens(model)),
            Some(_) => {}
        }
    }
    let priceless = listed(unpriced).map(|models| format!("it is metered and has no price for {models}, which its keys can therefore not call; add prices, or deny them in models.deny"));
    let tokenless = listed(uncounted).map(|models| format!("it prices {models} by tokens, which these endpoints do not report, so that they are refused; each needs perRequest"));
    priceless.into_iter().chain(tokenless).collect()
}

fn without_tokens(model: &Model) -> impl Iterator<Item = String> {
    let silent = |endpoint: &&Endpoint| !endpoint.reports_tokens();
    let endpoints = model.endpoints.iter().filter(silent);
    endpoints.map(|endpoint| format!("{:?} ({endpoint:?})", model.name))
}

/// As sidecars judge it: its name or an alias is allowed, and none of them is denied.
pub(crate) fn may_call(model: &Model, plan: &Plan) -> bool {
    let matched = |globs: &[String]| {
        let mut names = std::iter::once(&model.name).chain(&model.aliases);
        names.any(|name| globs.iter().any(|glob| glob_matches(glob, name)))
    };
    matched(&plan.allow) && !matched(&plan.deny)
}

/// Joined, and cut where there are many.
pub(crate) fn listed(models: BTreeSet<String>) -> Option<String> {
    let more = models.len().saturating_sub(NAMED);
    let named: Vec<String> = models.into_iter().take(NAMED).collect();
    match (named.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(named.join(", ")),
        (false, more) => Some(format!("{} and {more} more", named.join(", "))),
    }
}
