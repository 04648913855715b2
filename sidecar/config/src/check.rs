//! What a resource must satisfy before it is obeyed. The sidecar refuses a faulty resource alone and keeps its
//! predecessor; `purser-compile`'s tests prove that it never writes one.

use crate::{Channel, Configuration, Key, Length, Plan, Resource, Standing};
use serde::{Deserialize, Serialize};

/// The most keys, plans or channels of one configuration.
pub const MAX_RESOURCES: usize = 100_000;
const MAX_TEXT: usize = 4_096;
const MAX_LIST: usize = 4_096;
const MAX_TIMEOUT_MS: u64 = 24 * 3_600_000;
const MAX_REQUESTS_PER_MINUTE: u64 = 10_000_000;
const MAX_CONCURRENT_REQUESTS: u64 = 1_000_000;
const MAX_MONTHS: u64 = 1_200;

/// One resource that does not hold, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which.
    pub resource: Resource,
    /// What was expected and what was found.
    pub reason: String,
}

/// All faults of a configuration, sorted by resource; empty when every resource can be obeyed.
pub fn check(configuration: &Configuration) -> Vec<Fault> {
    let Configuration {
        keys,
        plans,
        channels,
    } = configuration;
    let faulty = |resource: Resource, result: Result<(), String>| {
        result.err().map(|reason| Fault { resource, reason })
    };
    let keys = keys.iter().filter_map(|(name, key)| {
        faulty(Resource::Key(name.clone()), check_key(key, configuration))
    });
    let plans = plans
        .iter()
        .filter_map(|(name, plan)| faulty(Resource::Plan(name.clone()), check_plan(plan)));
    let channels = channels.iter().filter_map(|(name, channel)| {
        faulty(Resource::Channel(name.clone()), check_channel(channel))
    });
    keys.chain(plans).chain(channels).collect()
}

fn check_key(key: &Key, configuration: &Configuration) -> Result<(), String> {
    list("digests", key.digests.len(), 0..=16)?;
    list("models", key.models.len(), 0..=MAX_LIST)?;
    list("channels", key.channels.len(), 0..=MAX_LIST)?;
    list("service_accounts", key.service_accounts.len(), 0..=MAX_LIST)?;
    let is_live = |digest| key.digests.contains(&digest);
    if key
        .previous
        .is_some_and(|previous| is_live(previous.digest))
    {
        return Err("previous has the digest of a live value, which would end with it".into());
    }
    if key.standing == Standing::Good && !configuration.plans.contains_key(&key.plan) {
        return Err(format!(
            "its plan {:?} is not in the configuration",
            key.plan
        ));
    }
    Ok(())
}

fn check_plan(plan: &Plan) -> Result<(), String> {
    list("allow", plan.allow.len(), 0..=MAX_LIST)?;
    list("deny", plan.deny.len(), 0..=MAX_LIST)?;
    list("prices", plan.prices.len(), 0..=MAX_LIST)?;
    list("fallbacks", plan.fallbacks.len(), 0..=MAX_LIST)?;
    for price in &plan.prices {
        list("models of a price", price.models.len(), 0..=MAX_LIST)?;
    }
    check_limits(plan)?;
    match plan.validity.map(|validity| validity.length) {
        Some(Length::Milliseconds(length)) => number("validity.length", length, 1..=u64::MAX),
        Some(Length::Months(months)) => {
            number("validity.length", u64::from(months), 1..=MAX_MONTHS)
        }
        None => Ok(()),
    }
}

fn check_limits(plan: &Plan) -> Result<(), String> {
    let limits = [
        (
            "requests_per_minute",
            plan.requests_per_minute.map(u64::from),
            MAX_REQUESTS_PER_MINUTE,
        ),
        (
            "requests_per_day",
            plan.requests_per_day.map(u64::from),
            u64::from(u32::MAX),
        ),
        ("tokens_per_minute", plan.tokens_per_minute, u64::MAX),
        (
            "concurrent_requests",
            plan.concurrent_requests.map(u64::from),
            MAX_CONCURRENT_REQUESTS,
        ),
        ("max_output_tokens", plan.max_output_tokens, u64::MAX),
    ];
    limits
        .into_iter()
        .try_for_each(|(name, limit, most)| bound(name, limit, most))
}

fn check_channel(channel: &Channel) -> Result<(), String> {
    let url = &channel.base_url;
    if !(url.starts_with("https://") || url.starts_with("http://")) || url.len() > MAX_TEXT {
        return Err(format!("base_url {url:?} is not an http or https URL"));
    }
    if url.ends_with('/') || url.contains(['?', '#', ' ']) {
        return Err(format!(
            "base_url {url:?} has a query, a fragment, a space or a trailing slash"
        ));
    }
    list("models", channel.models.len(), 0..=MAX_LIST)?;
    list("credentials", channel.credentials.len(), 0..=64)?;
    for model in &channel.models {
        text("a model's name", &model.name)?;
        model
            .upstream_name
            .as_deref()
            .map_or(Ok(()), |name| text("upstream_name", name))?;
        model
            .aliases
            .iter()
            .try_for_each(|alias| text("an alias", alias))?;
    }
    channel
        .headers
        .iter()
        .try_for_each(|header| text("a header's name", &header.name))?;
    number("weight", u64::from(channel.weight), 0..=1_000_000)?;
    let limits = channel.limits;
    bound(
        "limits.requests_per_minute",
        limits.requests_per_minute.map(u64::from),
        MAX_REQUESTS_PER_MINUTE,
    )?;
    bound(
        "limits.concurrent_requests",
        limits.concurrent_requests.map(u64::from),
        MAX_CONCURRENT_REQUESTS,
    )?;
    check_times(channel)
}

fn check_times(channel: &Channel) -> Result<(), String> {
    let (timeouts, health) = (channel.timeouts, channel.health);
    let spans = [
        ("timeouts.connect_ms", timeouts.connect_ms),
        ("timeouts.first_byte_ms", timeouts.first_byte_ms),
        ("timeouts.idle_ms", timeouts.idle_ms),
        ("timeouts.request_ms", timeouts.request_ms),
        ("health.cooldown_ms", health.cooldown_ms),
        ("health.max_cooldown_ms", health.max_cooldown_ms),
    ];
    spans
        .into_iter()
        .try_for_each(|(name, value)| number(name, value, 1..=MAX_TIMEOUT_MS))?;
    number(
        "health.consecutive_failures",
        u64::from(health.consecutive_failures),
        1..=1_000_000,
    )?;
    number(
        "health.success_rate_percent",
        u64::from(health.success_rate_percent),
        0..=100,
    )
}

fn text(what: &str, value: &str) -> Result<(), String> {
    if value.is_empty() || value.len() > MAX_TEXT || value.chars().any(char::is_control) {
        return Err(format!(
            "{what} {value:?} is empty, longer than {MAX_TEXT} bytes, or holds control characters"
        ));
    }
    Ok(())
}

fn list(what: &str, length: usize, range: std::ops::RangeInclusive<usize>) -> Result<(), String> {
    number(
        what,
        length as u64,
        *range.start() as u64..=*range.end() as u64,
    )
}

/// A limit, where there is one: never 0, which some read as "none" and others as "no limit".
fn bound(what: &str, limit: Option<u64>, most: u64) -> Result<(), String> {
    limit.map_or(Ok(()), |limit| number(what, limit, 1..=most))
}

fn number(what: &str, value: u64, range: std::ops::RangeInclusive<u64>) -> Result<(), String> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(format!(
        "{what} is {value}, expected {} to {}",
        range.start(),
        range.end()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Name, Refusal, Starts, Validity};

    fn key(standing: Standing) -> Key {
        Key {
            digests: vec![],
            previous: None,
            standing,
            plan: "free".into(),
            models: vec![],
            expires_at_ms: None,
            created_ms: None,
            plan_expires_at_ms: None,
            service_accounts: vec![],
            channels: vec![],
            via_gateway: false,
        }
    }

    #[test]
    fn a_good_key_needs_its_plan_and_a_refused_one_does_not() {
        let mut configuration = Configuration::default();
        configuration
            .keys
            .insert(Name::new("shop", "good"), key(Standing::Good));
        let refused = Standing::Refused {
            code: Refusal::PlanNotFound,
            message: "no plan".into(),
        };
        configuration
            .keys
            .insert(Name::new("shop", "refused"), key(refused));
        let faults = check(&configuration);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].resource.to_string(), "key shop/good");
    }

    #[test]
    fn a_value_is_live_or_was_before_and_not_both() {
        let digest = crate::Digest([1; 32]);
        let mut both = key(Standing::Good);
        both.digests = vec![digest];
        both.previous = Some(crate::Previous {
            digest,
            until_ms: 1,
        });
        let configuration = Configuration {
            plans: [("free".to_owned(), Plan::default())].into(),
            ..Configuration::default()
        };
        assert!(check_key(&both, &configuration).is_err());
        both.digests.clear();
        assert_eq!(check_key(&both, &configuration), Ok(()));
    }

    fn lasts(length: Length) -> Option<Validity> {
        let starts = Starts::Creation;
        Some(Validity { length, starts })
    }

    #[test]
    fn a_limit_of_zero_is_a_fault_and_not_free() {
        type Change = fn(&mut Plan);
        let changes: [Change; 6] = [
            |plan| plan.requests_per_minute = Some(0),
            |plan| plan.requests_per_day = Some(0),
            |plan| plan.tokens_per_minute = Some(0),
            |plan| plan.concurrent_requests = Some(0),
            |plan| plan.max_output_tokens = Some(0),
            |plan| plan.validity = lasts(Length::Milliseconds(0)),
        ];
        assert_eq!(check_plan(&Plan::default()), Ok(()));
        for change in changes {
            let mut changed = Plan::default();
            change(&mut changed);
            assert!(check_plan(&changed).is_err(), "{changed:?}");
        }
    }

    #[test]
    fn a_validity_is_at_most_a_hundred_years() {
        for (months, holds) in [(0, false), (1, true), (1_200, true), (1_201, false)] {
            let validity = lasts(Length::Months(months));
            let plan = Plan {
                validity,
                ..Plan::default()
            };
            assert_eq!(check_plan(&plan).is_ok(), holds, "{months}");
        }
    }
}
