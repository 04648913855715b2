//! What a call needs beyond its window, in numbers: the most tokens it can use and the most credits it can cost. Pure; part of `hold`.

use super::allowance::Drawn;
use super::open::{Need, Part};
use crate::bill::Paid;
use crate::call::Call;
use crate::reject::Reject;
use crate::snapshot::{Caller, Serving};
use purser_config::price::{Cost, Micros, price_of};
use purser_config::{Endpoint, Name, Plan};
use purser_dialects::Dialect;

/// A call's needs, in numbers.
pub(super) struct Wanted {
    pub(super) need: Need,
    pub(super) cost: Option<Cost>,
    pub(super) credits: Micros,
    /// The most tokens of one answer, where credits or tokens were reckoned by it.
    pub(super) most_output: Option<u64>,
}

impl Wanted {
    pub(super) fn of(call: &Call, plan: &Plan, first: Option<&Serving>) -> Result<Self, Reject> {
        let cost = price(call, plan, first)?;
        let by_token = cost.is_some_and(|cost| cost.counts_tokens());
        let limited = plan.tokens_per_minute.is_some();
        let (mut input, mut output, mut most) = (0, 0, None);
        if by_token || (limited && call.uses_tokens()) {
            let one = most_output(call, plan, first)?;
            input = call.reads();
            output = one.saturating_mul(call.scan.answers());
            most = Some(one).filter(|one| *one > 0);
        }
        let need = Need {
            tokens: if limited {
                input.saturating_add(output).max(1)
            } else {
                0
            },
            slot: plan.concurrent_requests.is_some(),
        };
        let credits = cost.map_or(0, |cost| cost.at_most(input, output));
        Ok(Wanted {
            need,
            cost,
            credits,
            most_output: most.or(at_most(call, plan)),
        })
    }

    pub(super) fn paid(
        &self,
        caller: &Caller,
        (reserved, drawn): (Micros, Option<Drawn>),
    ) -> Option<Paid> {
        let on_abort = caller.plan.as_ref()?.on_abort;
        Some(Paid {
            cost: self.cost?,
            on_abort,
            reserved,
            drawn,
        })
    }
}

/// The price of a call on a metered plan.
fn price(call: &Call, plan: &Plan, first: Option<&Serving>) -> Result<Option<Cost>, Reject> {
    if plan.credits.is_none() {
        return Ok(None);
    }
    // It is a question about a price, or about what was paid for.
    if call.endpoint == Endpoint::CountTokens || call.stored.is_some() {
        return Ok(Some(Cost::default()));
    }
    let name = first.map_or(call.model(), |one| one.model().name.as_str());
    let found = price_of(&plan.prices, name).or_else(|| price_of(&plan.prices, call.model()));
    let unpriced = |detail| Reject::NoPrice {
        model: call.model().to_owned(),
        plan: call.caller.plan_name.to_string(),
        detail,
    };
    match found {
        None => Err(unpriced("the plan is metered and names no price for it")),
        Some(cost)
            if cost.per_request == 0 && cost.counts_tokens() && !call.endpoint.reports_tokens() =>
        {
            Err(unpriced(
                "this endpoint reports no tokens, so it needs a price per request",
            ))
        }
        Some(cost) => Ok(Some(*cost)),
    }
}

/// The most tokens that one answer can have: the least of what the caller, the plan and the model allow.
fn most_output(call: &Call, plan: &Plan, first: Option<&Serving>) -> Result<u64, Reject> {
    if call.endpoint == Endpoint::Embeddings {
        return Ok(0);
    }
    let model = first.and_then(|one| one.model().max_output_tokens);
    let asked = call.output_limit();
    let limits = [asked, at_most(call, plan), model];
    let most = limits.into_iter().flatten().min();
    most.ok_or(Reject::Missing(match (call.dialect, call.endpoint) {
        (Dialect::Gemini, _) => "generationConfig.maxOutputTokens",
        (_, Endpoint::Responses) => "max_output_tokens",
        _ => "max_tokens",
    }))
}

/// The most tokens that the plan lets one answer have: its own limit, and what its share of the context leaves.
pub(super) fn at_most(call: &Call, plan: &Plan) -> Option<u64> {
    let limits = [plan.max_output_tokens, call.room.most_output];
    limits.into_iter().flatten().min()
}

/// The candidates before the one that admits the call: all of them are full.
pub(super) fn before(channels: &[Name], at: Option<u32>) -> Vec<Name> {
    let end = at.map_or(channels.len(), |at| at as usize);
    channels.get(..end).unwrap_or_default().to_vec()
}

/// This sidecar's part of the limits beside the leading one, of which it has a share.
pub(super) fn part(plan: &Plan, share: u32) -> Part {
    let leading = plan
        .requests_per_minute
        .or(plan.concurrent_requests)
        .unwrap_or(1_000);
    let part = |limit: u64| {
        let part = u128::from(limit) * u128::from(share) / u128::from(leading.max(1));
        u64::try_from(part).unwrap_or(u64::MAX)
    };
    Part {
        tokens: plan.tokens_per_minute.map(part),
        slots: plan
            .concurrent_requests
            .map(|limit| u32::try_from(part(limit.into())).unwrap_or(u32::MAX)),
    }
}
