//! `/api/data`: sums for charts, by whatever is asked.

use super::log::Filter;
use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use purser_authority::ledger::{By, Sum};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The most sums of an answer, unless there are more moments: the largest groups stay apart, the others are one.
const MOST: usize = 5_000;

/// By what it is summed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Grouping {
    /// Of key, namespace, plan, channel, model, endpoint, hour, day; separated by commas. Default: model,hour.
    by: Option<String>,
}

/// One sum; what it is not summed by is empty.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Point {
    /// The first moment of the hour or day, in unix seconds; 0: all time.
    created_at: u64,
    model_name: String,
    /// namespace/name.
    key: String,
    /// namespace/name.
    channel: String,
    namespace: String,
    plan: String,
    endpoint: String,
    /// How many groups, those with the fewest calls, are added up here, because there are too many to tell each; 0: this is one alone.
    others: u64,
    count: u64,
    errors: u64,
    /// Micro-credits.
    quota: u64,
    /// Read and written.
    token_used: u64,
    prompt_tokens: u64,
    cached_tokens: u64,
    completion_tokens: u64,
    /// Micro-credits that calls were worth beyond what was paid.
    unpaid: u64,
    /// What providers charge, in millionths of their owner's currency.
    cost: u64,
    /// What attempts cost that served nobody.
    waste: u64,
    /// Mean.
    latency_ms: u64,
    /// Mean until the first content; null: nobody knows.
    first_ms: Option<u64>,
}

/// Sums, sorted by what they are summed by; behind them those of many groups together.
pub(crate) async fn data(ask: Ask) -> Outcome {
    let (filter, grouping): (Filter, Grouping) = (ask.query()?, ask.query()?);
    let by = by(grouping.by.as_deref().unwrap_or("model,hour"))?;
    let query = filter.query(ask.person()?.scope(), &ask.console.house.seen())?;
    let sums = ask.console.ledger()?.sums(query, &by).await?;
    let (sums, others) = bounded(&by, sums, MOST);
    let points: Vec<Point> = sums.iter().map(|sum| point(&by, sum)).collect();
    let others = others.iter().map(|(sum, groups)| Point {
        others: *groups,
        ..point(&by, sum)
    });
    let points: Vec<Point> = points.into_iter().chain(others).collect();
    Reply::data(&points)
}

/// A group's texts: of what was grouped by, then of when.
fn parts(by: &[By], sum: &Sum) -> (Vec<String>, Vec<String>) {
    let texts = by.iter().zip(&sum.group);
    let (when, what): (Vec<_>, Vec<_>) =
        texts.partition(|(by, _)| matches!(by, By::Hour | By::Day));
    let text = |(_, text): (&By, &String)| text.clone();
    (
        what.into_iter().map(text).collect(),
        when.into_iter().map(text).collect(),
    )
}

/// At most so many: those of the groups with the most calls, and for each moment the sum of the others, with how many groups they are.
fn bounded(by: &[By], sums: Vec<Sum>, most: usize) -> (Vec<Sum>, Vec<(Sum, u64)>) {
    if sums.len() <= most {
        return (sums, Vec::new());
    }
    let mut calls: BTreeMap<Vec<String>, u64> = BTreeMap::new();
    let mut moments: BTreeSet<Vec<String>> = BTreeSet::new();
    for sum in &sums {
        let (what, when) = parts(by, sum);
        *calls.entry(what).or_default() += sum.calls;
        moments.insert(when);
    }
    let mut largest: Vec<(Vec<String>, u64)> = calls.into_iter().collect();
    largest.sort_by(|(_, one), (_, other)| other.cmp(one));
    let room = (most / moments.len().max(1)).saturating_sub(1);
    let many = largest.len().saturating_sub(room) as u64;
    largest.truncate(room);
    let largest: BTreeSet<Vec<String>> = largest.into_iter().map(|(what, _)| what).collect();
    let (kept, others): (Vec<Sum>, Vec<Sum>) = sums
        .into_iter()
        .partition(|sum| largest.contains(&parts(by, sum).0));
    let mut rest: BTreeMap<Vec<String>, Sum> = BTreeMap::new();
    for sum in &others {
        add(rest.entry(parts(by, sum).1).or_default(), by, sum);
    }
    (kept, rest.into_values().map(|sum| (sum, many)).collect())
}

fn add(to: &mut Sum, by: &[By], sum: &Sum) {
    let texts = by.iter().zip(&sum.group).map(|(by, text)| match by {
        By::Hour | By::Day => text.clone(),
        _ => String::new(),
    });
    to.group = texts.collect();
    let pairs = [
        (&mut to.calls, sum.calls),
        (&mut to.errors, sum.errors),
        (&mut to.input, sum.input),
        (&mut to.cached, sum.cached),
        (&mut to.cache_write, sum.cache_write),
        (&mut to.output, sum.output),
        (&mut to.credits, sum.credits),
        (&mut to.unpaid, sum.unpaid),
        (&mut to.cost, sum.cost),
        (&mut to.waste, sum.waste),
        (&mut to.latency_ms, sum.latency_ms),
        (&mut to.first_ms, sum.first_ms),
        (&mut to.first_count, sum.first_count),
    ];
    for (to, amount) in pairs {
        *to = to.saturating_add(amount);
    }
}

fn by(text: &str) -> Result<Vec<By>, Failure> {
    let words = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    let mut by: Vec<By> = Vec::new();
    for word in words {
        let one = match word {
            "key" => By::Key,
            "namespace" => By::Namespace,
            "plan" => By::Plan,
            "channel" => By::Channel,
            "model" => By::Model,
            "endpoint" => By::Endpoint,
            "hour" => By::Hour,
            "day" => By::Day,
            _ => {
                return Err(Failure::new(
                    400,
                    "by takes key, namespace, plan, channel, model, endpoint, hour and day, separated by commas",
                ));
            }
        };
        if !by.contains(&one) {
            by.push(one);
        }
    }
    Ok(by)
}

fn point(by: &[By], sum: &Sum) -> Point {
    let mut point = Point {
        count: sum.calls,
        errors: sum.errors,
        quota: sum.credits,
        token_used: sum.input.saturating_add(sum.output),
        prompt_tokens: sum.input,
        cached_tokens: sum.cached,
        completion_tokens: sum.output,
        unpaid: sum.unpaid,
        cost: sum.cost,
        waste: sum.waste,
        latency_ms: sum.latency_ms.checked_div(sum.calls).unwrap_or(0),
        first_ms: sum.first_ms.checked_div(sum.first_count),
        ..Point::default()
    };
    for (by, text) in by.iter().zip(&sum.group) {
        match by {
            By::Key => point.key.clone_from(text),
            By::Namespace => point.namespace.clone_from(text),
            By::Plan => point.plan.clone_from(text),
            By::Channel => point.channel.clone_from(text),
            By::Model => point.model_name.clone_from(text),
            By::Endpoint => point.endpoint.clone_from(text),
            By::Hour | By::Day => point.created_at = text.parse::<u64>().unwrap_or(0) / 1000,
        }
    }
    point
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key that calls so often in each of some hours.
    fn hours(key: usize, hours: u64) -> impl Iterator<Item = Sum> {
        (0..hours).map(move |hour| Sum {
            group: vec![format!("shop/{key:03}"), (hour * 3_600_000).to_string()],
            calls: key as u64 + 1,
            credits: 10,
            ..Sum::default()
        })
    }

    #[test]
    fn too_many_groups_are_the_largest_and_the_sum_of_the_others() {
        let by = [By::Key, By::Hour];
        let all: Vec<Sum> = (0..200).flat_map(|key| hours(key, 720)).collect();
        let whole: u64 = all.iter().map(|sum| sum.calls).sum();
        let (kept, others) = bounded(&by, all, MOST);
        assert!(kept.len() + others.len() <= MOST);
        assert_eq!((kept.len(), others.len()), (5 * 720, 720));
        assert!(kept.iter().all(|sum| sum.group[0].as_str() > "shop/194"));
        let first = &others[0];
        assert_eq!((first.1, first.0.credits), (195, 1950));
        assert_eq!(first.0.group, ["", "0"]);
        let told = kept.iter().chain(others.iter().map(|(sum, _)| sum));
        assert_eq!(told.map(|sum| sum.calls).sum::<u64>(), whole);
    }

    #[test]
    fn what_is_few_is_told_as_it_is_and_moments_alone_are_never_merged() {
        let few: Vec<Sum> = (0..3).flat_map(|key| hours(key, 24)).collect();
        let (kept, others) = bounded(&[By::Key, By::Hour], few.clone(), MOST);
        assert_eq!((kept, others), (few, vec![]));
        let long: Vec<Sum> = hours(0, 6_000).collect();
        let (kept, others) = bounded(&[By::Key, By::Hour], long, MOST);
        assert_eq!((kept.len(), others.len()), (0, 6_000));
    }
}
