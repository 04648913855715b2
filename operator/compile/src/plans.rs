//! Judges each Plan alone. Called by `compile`; `keys` reads what it decided. Never looks at keys or channels, but for the warnings
//! of `metering` and `unserved`.

use crate::channels::DecidedChannel;
use crate::fault::{Fault, Faults, refuse};
use crate::objects::{TWIN, Written, bad_name, by_name, is_name};
use crate::offer::listed;
use crate::unserved::{quoted, unserved};
use crate::{ObjectRef, Verdict, World, metering, money, selector, unenforced};
use purser_config::{self as config, Key, Name};
use purser_crds::{
    ClientLeft, Fallback, NamespacesFrom, OnAbort, Plan, PlanSpec, Unconfirmed, Validity,
    ValidityStart, WhenQuotaUnreachable,
};
use std::collections::{BTreeMap, BTreeSet};

const MOST_REQUESTS_PER_MINUTE: u64 = 10_000_000;
const MOST_REQUESTS_PER_DAY: u64 = 1_000_000_000;
const MOST_TOKENS_PER_MINUTE: u64 = 1_000_000_000_000;
const MOST_CONCURRENT_REQUESTS: u64 = 1_000_000;
const MOST_OUTPUT_TOKENS: u64 = 10_000_000;
const MOST_KEYS: u64 = 100_000;
const MOST_MONTHS: u64 = 120;
const MOST_GLOBS: usize = 256;
const MOST_FALLBACKS: usize = 8;

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

impl DecidedPlan<'_> {
    /// What it allows and no channel that it lists has.
    pub(crate) fn unserved(&self, channels: &BTreeMap<Name, DecidedChannel<'_>>) -> Vec<String> {
        match &self.decided {
            Some(decided) => unserved(&decided.allow, listed(channels, self.spec)),
            None => Vec::new(),
        }
    }
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

/// What each plan's status will say, now that it is known which channels serve its keys.
pub(crate) fn verdicts(
    plans: &BTreeMap<String, DecidedPlan<'_>>,
    channels: &BTreeMap<Name, DecidedChannel<'_>>,
    keys: &BTreeMap<Name, Key>,
) -> Vec<(ObjectRef, Verdict)> {
    let mut serving: BTreeMap<&str, BTreeSet<&Name>> = BTreeMap::new();
    for key in keys.values() {
        serving.entry(&key.plan).or_default().extend(&key.channels);
    }
    let with_use = plans.iter().map(|(name, plan)| {
        let mut verdict = plan.verdict.clone();
        let serving = serving.get(name.as_str()).into_iter().flatten();
        let served = serving.filter_map(|name| channels.get(name)?.decided.as_ref());
        if let Some(decided) = &plan.decided {
            verdict.warnings.extend(metering::warnings(decided, served));
        }
        if let Some(missing) = quoted(plan.unserved(channels)) {
            verdict.warnings.push(format!("no channel that it lists has {missing}, which it allows; add that to a channel, or take it out of models.allow"));
        }
        (ObjectRef::Plan(name.clone()), verdict)
    });
    with_use.collect()
}

fn decide_one<'a>(written: &Written<'a, Plan>) -> DecidedPlan<'a> {
    let (name, spec) = (
        written.object.metadata.name.as_deref().unwrap_or_default(),
        &written.object.spec,
    );
    let mut faults = Faults::default();
    faults.expect(is_name(name), || bad_name(name));
    check_bounds(spec, &mut faults);
    check_reach(spec, &mut faults);
    let whole = config_of(spec, &mut faults);
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
    verdict.warnings.extend(money::unsold(spec));
    let decided = faults.0.is_empty().then_some(whole);
    refuse(&mut verdict, faults.0);
    DecidedPlan {
        name,
        spec,
        decided,
        verdict,
    }
}

/// A part that is faulty is left out: its fault refuses the plan.
fn config_of(spec: &PlanSpec, faults: &mut Faults) -> config::Plan {
    let limits = &spec.limits;
    config::Plan {
        requests_per_minute: limits.requests_per_minute,
        requests_per_day: limits.requests_per_day,
        tokens_per_minute: limits.tokens_per_minute,
        concurrent_requests: limits.concurrent_requests,
        price: money::price(spec, faults),
        credits: money::credits(spec, faults),
        prices: money::prices(&spec.prices, faults),
        validity: spec
            .validity
            .as_ref()
            .and_then(|written| validity(written, faults)),
        on_abort: on_abort(spec.on_abort.as_ref()),
        max_output_tokens: spec.max_output_tokens,
        context_percent: spec.context_percent,
        max_keys_per_namespace: spec.max_keys_per_namespace,
        allow: spec.models.allow.clone(),
        deny: spec.models.deny.clone(),
        fallbacks: fallbacks(spec, faults),
        routing: config::Routing::Priority,
        when_quota_unreachable: match spec.when_quota_unreachable {
            WhenQuotaUnreachable::Share => config::WhenQuotaUnreachable::Share,
            WhenQuotaUnreachable::Deny => config::WhenQuotaUnreachable::Deny,
        },
    }
}

/// By model; a model that stands twice has the first.
fn fallbacks(spec: &PlanSpec, faults: &mut Faults) -> BTreeMap<String, Vec<String>> {
    let mut decided = BTreeMap::new();
    for Fallback { model, to } in &spec.fallbacks {
        let named = !model.is_empty() && (1..=MOST_FALLBACKS).contains(&to.len());
        faults.expect(named && to.iter().all(|name| !name.is_empty()), || {
            format!(
                "fallbacks: {model:?} must name from 1 to {MOST_FALLBACKS} models to try instead"
            )
        });
        decided.entry(model.clone()).or_insert_with(|| to.clone());
    }
    decided
}

fn on_abort(written: Option<&OnAbort>) -> config::OnAbort {
    written.map_or_else(config::OnAbort::default, |written| config::OnAbort {
        client_left_pays_all: written.client_left == ClientLeft::Full,
        unconfirmed_pays: written.unconfirmed == Unconfirmed::Charge,
    })
}

fn validity(written: &Validity, faults: &mut Faults) -> Option<config::Validity> {
    faults.expect(
        written.duration.is_some() != written.months.is_some(),
        || "validity: set one of duration and months, not both".into(),
    );
    let length = match (&written.duration, written.months) {
        (Some(span), _) => {
            let length = faults.take(
                span.milliseconds()
                    .map_err(|error| Fault::invalid(format!("validity.duration: {error}"))),
            )?;
            faults.expect(length > 0, || {
                "validity.duration must be longer than 0".into()
            });
            config::Length::Milliseconds(length)
        }
        (None, Some(months)) => {
            expect_bound("validity.months", u64::from(months), MOST_MONTHS, faults);
            config::Length::Months(months)
        }
        (None, None) => return None,
    };
    let starts = match written.starts_at {
        ValidityStart::FirstUse => config::Starts::FirstUse,
        ValidityStart::Creation => config::Starts::Creation,
    };
    Some(config::Validity { length, starts })
}

fn expect_bound(field: &str, value: u64, most: u64, faults: &mut Faults) {
    faults.expect((1..=most).contains(&value), || {
        format!("{field} must be from 1 to {most}")
    });
}

fn check_bounds(spec: &PlanSpec, faults: &mut Faults) {
    let limits = &spec.limits;
    let whole = |limit: Option<u32>| limit.map(u64::from);
    let limits = [
        (
            "requestsPerMinute",
            whole(limits.requests_per_minute),
            MOST_REQUESTS_PER_MINUTE,
        ),
        (
            "requestsPerDay",
            whole(limits.requests_per_day),
            MOST_REQUESTS_PER_DAY,
        ),
        (
            "tokensPerMinute",
            limits.tokens_per_minute,
            MOST_TOKENS_PER_MINUTE,
        ),
        (
            "concurrentRequests",
            whole(limits.concurrent_requests),
            MOST_CONCURRENT_REQUESTS,
        ),
    ];
    for (field, limit, most) in limits {
        let within = limit.is_none_or(|limit| (1..=most).contains(&limit));
        faults.expect(within, || {
            format!("limits.{field} must be from 1 to {most}; leave it out for no limit")
        });
    }
    let keys = u64::from(spec.max_keys_per_namespace);
    expect_bound("maxKeysPerNamespace", keys, MOST_KEYS, faults);
    if let Some(percent) = spec.context_percent {
        expect_bound("contextPercent", u64::from(percent), 100, faults);
    }
    if let Some(tokens) = spec.max_output_tokens {
        expect_bound("maxOutputTokens", tokens, MOST_OUTPUT_TOKENS, faults);
    }
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
