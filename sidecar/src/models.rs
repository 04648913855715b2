//! `GET /v1/models` and `/v1beta/models`: what this key can call now, in the caller's dialect. Called by `gateway`; filtered by plan and
//! by channels that live. What a model can do is what every channel that serves it can, so that no caller is promised what failover
//! could not keep.

mod anthropic;
mod gemini;
mod openai;
mod openrouter;

use crate::failover::gone;
use crate::reject::Reject;
use crate::snapshot::{Caller, Serving};
use crate::way::converses;
use purser_config::price::{Cost, price_of};
use purser_config::stream::Version;
use purser_config::{Capability, Endpoint, Plan};
use purser_dialects::Dialect;
use std::collections::BTreeSet;
use std::time::Duration;

/// A model as a list shows it.
struct Shown<'a> {
    id: &'a str,
    /// In unix seconds.
    created: u64,
    owner: &'a str,
    /// Tokens read and written together, after the plan's share of them.
    context: Option<u64>,
    /// Tokens written, after the plan's limit.
    output: Option<u64>,
    /// What every channel's model says that it can; none: one of them says nothing.
    can: Option<BTreeSet<&'static str>>,
    endpoints: Vec<Endpoint>,
    converses: bool,
    price: Option<&'a Cost>,
}

/// What is asked about, and by whom.
pub struct Asking<'a> {
    /// The key.
    pub caller: &'a Caller,
    /// In which API.
    pub dialect: Dialect,
    /// The configuration's.
    pub version: &'a Version,
    /// The time of the sidecar's own clock.
    pub now: Duration,
}

/// The list, as JSON.
pub fn list(asking: &Asking<'_>) -> Vec<u8> {
    let live = asking
        .caller
        .table
        .models()
        .filter(|(_, serving)| is_live(serving, asking.now));
    let shown: Vec<Shown<'_>> = live.map(|(id, serving)| asking.show(id, serving)).collect();
    match asking.dialect {
        Dialect::OpenAI => openai::list(&shown),
        Dialect::Anthropic => anthropic::list(&shown),
        Dialect::Gemini => gemini::list(&shown),
    }
}

/// One model, as JSON.
///
/// # Errors
/// 404 as for a call that names it.
pub fn one(asking: &Asking<'_>, model: &str) -> Result<Vec<u8>, Reject> {
    let Asking { caller, now, .. } = *asking;
    match caller.table.serving(model) {
        Some(serving) if is_live(serving, now) => {
            let shown = asking.show(model, serving);
            Ok(match asking.dialect {
                Dialect::OpenAI => openai::one(&shown),
                Dialect::Anthropic => anthropic::one(&shown),
                Dialect::Gemini => gemini::one(&shown),
            })
        }
        Some(serving) => Err(Reject::ModelOut {
            model: model.to_owned(),
            retry: gone(serving, now)
                .unwrap_or_default()
                .max(Duration::from_secs(1)),
        }),
        None if caller.table.withholds(model) => Err(Reject::ModelNotInPlan {
            model: model.to_owned(),
            plan: caller.plan_name.to_string(),
        }),
        None => Err(Reject::ModelUnknown {
            model: model
                .chars()
                .filter(|letter| !letter.is_control())
                .take(200)
                .collect(),
            detail: "no channel that this key may use serves it".into(),
        }),
    }
}

/// A model leaves the list when all its channels have been out for more than a minute, until one may be tried again.
fn is_live(serving: &[Serving], now: Duration) -> bool {
    gone(serving, now).is_none_or(|wait| wait.is_zero())
}

impl Asking<'_> {
    fn show<'a>(&'a self, id: &'a str, serving: &'a [Serving]) -> Shown<'a> {
        let plan = self.caller.plan.as_deref();
        let models = || serving.iter().map(Serving::model);
        let context = models().filter_map(|model| model.context_length).min();
        let output = models().filter_map(|model| model.max_output_tokens);
        let output = output.chain(plan.and_then(|plan| plan.max_output_tokens));
        let owner = serving.first();
        let first = models().next();
        Shown {
            id,
            created: self.version.published_ms / 1000,
            owner: owner.map_or("purser", |one| one.reach.lane.name.name()),
            context: context.map(|context| share(context, plan)),
            output: output.min(),
            can: common(serving),
            endpoints: first
                .map(|model| model.endpoints.clone())
                .unwrap_or_default(),
            converses: models().any(converses),
            price: price(id, first.map(|model| model.name.as_str()), plan),
        }
    }
}

fn share(context: u64, plan: Option<&Plan>) -> u64 {
    let percent = plan.and_then(|plan| plan.context_percent).unwrap_or(100);
    context.saturating_mul(percent.into()) / 100
}

/// By the name that calls are priced by.
fn price<'a>(id: &str, name: Option<&str>, plan: Option<&'a Plan>) -> Option<&'a Cost> {
    let prices = &plan?.prices;
    price_of(prices, name.unwrap_or(id)).or_else(|| price_of(prices, id))
}

fn common(serving: &[Serving]) -> Option<BTreeSet<&'static str>> {
    let mut common: Option<BTreeSet<&'static str>> = None;
    for one in serving {
        let can = one.model().capabilities.as_ref()?;
        let can: BTreeSet<_> = can.iter().map(|what| term(*what)).collect();
        common = Some(match common {
            None => can,
            Some(common) => common.intersection(&can).copied().collect(),
        });
    }
    common
}

/// As lists of models write it.
fn term(what: Capability) -> &'static str {
    match what {
        Capability::Tools => "tools",
        Capability::Vision => "vision",
        Capability::JsonSchema => "json_schema",
        Capability::Audio => "audio",
        Capability::Reasoning => "reasoning",
    }
}

impl Shown<'_> {
    /// Whether it can; what says nothing of itself is not promised.
    fn can(&self, what: &str) -> bool {
        self.can.as_ref().is_some_and(|can| can.contains(what))
    }

    fn answers(&self, endpoint: Endpoint) -> bool {
        self.endpoints.contains(&endpoint)
    }
}

/// Structs of strings and numbers always serialise.
fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
