//! `/api/data`: sums for charts, by whatever is asked.

use super::log::Filter;
use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use purser_authority::ledger::{By, Sum};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// Sums, sorted by what they are summed by.
pub(crate) async fn data(ask: Ask) -> Outcome {
    let (filter, grouping): (Filter, Grouping) = (ask.query()?, ask.query()?);
    let by = by(grouping.by.as_deref().unwrap_or("model,hour"))?;
    let query = filter.query(ask.person()?.scope(), &ask.console.house.seen())?;
    let sums = ask.console.ledger()?.sums(query, &by).await?;
    let points: Vec<Point> = sums.iter().map(|sum| point(&by, sum)).collect();
    Reply::data(&points)
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
