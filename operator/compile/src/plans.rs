//! Judges each Plan alone. Called by `compile`; `keys` reads what it decided. Never looks at keys or channels.

use crate::fault::{Fault, Faults, refuse};
use crate::objects::{TWIN, Written, bad_name, by_name, is_name};
use crate::{ObjectRef, Verdict, World, selector, unenforced};
use purser_config as config;
use purser_crds::{
    Amount, CreditResets, ModelPrice, NamespacesFrom, Plan, PlanSpec, Span, WhenQuotaUnreachable,
};
use std::collections::BTreeMap;

const MOST_REQUESTS_PER_MINUTE: u32 = 10_000_000;
const MOST_GLOBS: usize = 256;

/// A Plan after judgement.
pub(crate) struct DecidedPlan<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// What was written.
    pub(crate) spec: &'a PlanSpec,
    /// What is kept of it; none when it is refused.
    pub(crate) decided: Option<config::Plan>,
    /// What its status will say.
    pub(crate) verdict: Verdict,
}

/// All plans by name.
pub(crate) fn decide(world: &World) -> BTreeMap<String, DecidedPlan<'_>> {
    let named = by_name(&world.plans, |plan| {
        plan.metadata.name.clone().unwrap_or_default()
    });
    named
        .into_iter()
        .map(|(name, written)| (name, decide_one(&written)))
        .collect()
}

/// What each plan's status will say.
pub(crate) fn verdicts<'a>(
    plans: &'a BTreeMap<String, DecidedPlan<'_>>,
) -> impl Iterator<Item = (ObjectRef, Verdict)> + 'a {
    plans
        .iter()
        .map(|(name, plan)| (ObjectRef::Plan(name.clone()), plan.verdict.clone()))
}

fn decide_one<'a>(written: &Written<'a, Plan>) -> DecidedPlan<'a> {
    let (name, spec) = (
        written.object.metadata.name.as_deref().unwrap_or_default(),
        &written.object.spec,
    );
    let mut faults = Faults::default();
    faults.expect(is_name(name), || bad_name(name));
    check_bounds(spec, &mut faults);
    check_money(spec, &mut faults);
    check_reach(spec, &mut faults);
    let mut verdict = Verdict {
        not_yet_enforced: unenforced::of_plan(spec),
        ..Verdict::default()
    };
    if written.twice {
        verdict.warnings.push(TWIN.into());
    }
    if spec.models.allow.is_empty() {
        verdict.warnings.push(
            "models.allow is empty, so its keys can call no model; list some, or \"*\" for all"
                .into(),
        );
    }
    let decided = faults.0.is_empty().then(|| config_of(spec));
    refuse(&mut verdict, faults.0);
    DecidedPlan {
        name,
        spec,
        decided,
        verdict,
    }
}

fn config_of(spec: &PlanSpec) -> config::Plan {
    config::Plan {
        requests_per_minute: spec.limits.requests_per_minute,
        tokens_per_minute: spec.limits.tokens_per_minute,
        allow: spec.models.allow.clone(),
        deny: spec.models.deny.clone(),
        routing: config::Routing::Priority,
        when_quota_unreachable: match spec.when_quota_unreachable {
            WhenQuotaUnreachable::Share => config::WhenQuotaUnreachable::Share,
            WhenQuotaUnreachable::Deny => config::WhenQuotaUnreachable::Deny,
        },
    }
}

fn check_bounds(spec: &PlanSpec, faults: &mut Faults) {
    let limits = &spec.limits;
    let per_minute = limits
        .requests_per_minute
        .is_none_or(|limit| (1..=MOST_REQUESTS_PER_MINUTE).contains(&limit));
    faults.expect(per_minute, || format!("limits.requestsPerMinute must be from 1 to {MOST_REQUESTS_PER_MINUTE}; leave it out for no limit"));
    let others = limits.requests_per_day != Some(0)
        && limits.tokens_per_minute != Some(0)
        && limits.concurrent_requests != Some(0);
    faults.expect(others, || {
        "a limit must be at least 1; leave it out for no limit".into()
    });
    faults.expect(spec.max_keys_per_namespace > 0, || {
        "maxKeysPerNamespace must be at least 1".into()
    });
    faults.expect(
        spec.context_percent
            .is_none_or(|percent| (1..=100).contains(&percent)),
        || "contextPercent must be from 1 to 100".into(),
    );
    faults.expect(spec.max_output_tokens != Some(0), || {
        "maxOutputTokens must be at least 1".into()
    });
    for (field, globs) in [
        ("models.allow", &spec.models.allow),
        ("models.deny", &spec.models.deny),
    ] {
        faults.expect(globs.len() <= MOST_GLOBS, || {
            format!(
                "{field} has {} entries, at most {MOST_GLOBS} are possible; use * to join some",
                globs.len()
            )
        });
    }
    if let Some(validity) = &spec.validity {
        faults.expect(
            validity.duration.is_some() != validity.months.is_some(),
            || "validity: set one of duration and months, not both".into(),
        );
        faults.expect(validity.months != Some(0), || {
            "validity.months must be at least 1".into()
        });
        validity
            .duration
            .iter()
            .for_each(|duration| check_span("validity.duration", duration, faults));
    }
}

fn check_span(field: &str, span: &Span, faults: &mut Faults) {
    let length = faults.take(
        span.milliseconds()
            .map_err(|error| Fault::invalid(format!("{field}: {error}"))),
    );
    faults.expect(length != Some(0), || {
        format!("{field} must be longer than 0")
    });
}

fn check_money(spec: &PlanSpec, faults: &mut Faults) {
    if let Some(price) = &spec.price {
        micros("price.amount", &price.amount, faults);
    }
    for price in &spec.prices {
        check_price(price, faults);
    }
    if let Some(credits) = &spec.credits {
        let grant = micros("credits.grant", &credits.grant, faults);
        let resets = credits.resets != CreditResets::Never;
        faults.expect(!(resets && grant == Some(0)), || {
            "credits that reset need a grant above 0; raise grant, or set resets to Never".into()
        });
        faults.expect(!spec.prices.is_empty(), || {
            "a plan with credits refuses every model without a price; add prices".into()
        });
    }
}

fn check_price(price: &ModelPrice, faults: &mut Faults) {
    let one = price.per_request.is_some() != price.per_million_tokens.is_some();
    faults.expect(one, || {
        "prices[]: a price is either perRequest or perMillionTokens; set one of them".into()
    });
    if let Some(amount) = &price.per_request {
        micros("prices[].perRequest", amount, faults);
    }
    if let Some(tokens) = &price.per_million_tokens {
        let cached = [&tokens.cached_input, &tokens.cache_write];
        let all = cached
            .into_iter()
            .flatten()
            .chain([&tokens.input, &tokens.output]);
        all.for_each(|amount| {
            micros("prices[].perMillionTokens", amount, faults);
        });
    }
}

fn micros(field: &str, amount: &Amount, faults: &mut Faults) -> Option<u64> {
    let micros = amount.micros();
    faults.take(micros.map_err(|error| Fault::invalid(format!("{field}: {error}"))))
}

fn check_reach(spec: &PlanSpec, faults: &mut Faults) {
    let chosen = spec.namespaces.from == NamespacesFrom::Selector;
    faults.expect(chosen == spec.namespaces.selector.is_some(), || {
        "namespaces: set selector when from is Selector, and only then".into()
    });
    spec.namespaces.selector.iter().for_each(|selector| {
        faults.take(selector::check("namespaces.selector", selector));
    });
    spec.channels.selector.iter().for_each(|selector| {
        faults.take(selector::check("channels.selector", selector));
    });
}
