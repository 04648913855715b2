//! Sums as they are asked for: of whole days and hours from their rows, of what is left from the records. Never reads the same call twice.

use super::rollup::{HOUR_MS, Rollup};
use super::span::{Part, parts};
use super::{By, Sum};
use crate::ledger::LedgerError;
use crate::ledger::log::{Query, Sql};
use crate::ledger::reads::{Body, parsed};
use crate::ledger::rows::{Rows, SumRow};
use crate::ledger::sheet::{Value, namespace};
use purser_config::calendar::DAY_MS;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a query for sums answers: what was grouped by, and what was added up.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Group {
    from_ms: u64,
    key: String,
    plan: String,
    channel: String,
    model: String,
    endpoint: String,
    calls: u64,
    errors: u64,
    input: u64,
    cached: u64,
    cache_write: u64,
    output: u64,
    credits: u64,
    unpaid: u64,
    cost: u64,
    waste: u64,
    latency_ms: u64,
    first_ms: u64,
    first_count: u64,
}

/// The answer to [`crate::ledger::Ledger::sums`].
pub(in crate::ledger) async fn sums<S: Rows>(
    store: &S,
    query: &Query,
    by: &[By],
) -> Result<Vec<Sum>, LedgerError> {
    let mut found = BTreeMap::new();
    if query.id.is_some() {
        for part in [(query.from_ms, query.to_ms)] {
            records(store, query, part, &mut |group| put(&mut found, by, group)).await?;
        }
        return Ok(found.into_values().collect());
    }
    let parts = parts((query.from_ms, query.to_ms), by.contains(&By::Hour));
    let days = parts.days.map(|part| (DAY_MS, part));
    let hours = parts.hours.into_iter().map(|part| (HOUR_MS, part));
    for (span, part) in days.into_iter().chain(hours) {
        let sql = grouped(query, by, (span, part));
        let groups = store.ask::<Group>(&sql.text, &sql.params()).await?;
        groups
            .into_iter()
            .for_each(|group| put(&mut found, by, group));
    }
    for part in parts.records {
        records(store, query, part, &mut |group| put(&mut found, by, group)).await?;
    }
    Ok(found.into_values().collect())
}

fn grouped(query: &Query, by: &[By], (span, part): (u64, Part)) -> Sql {
    let mut columns: Vec<&str> = by.iter().map(|by| column(*by)).collect();
    // In the order in which the rows lie, so that few need to be sorted.
    columns.sort_unstable_by_key(|name| LIES.iter().position(|other| other == name));
    columns.dedup();
    let (columns, groups) = match columns.join(", ") {
        none if none.is_empty() => (String::new(), String::new()),
        some => (format!("{some}, "), format!(" GROUP BY {some}")),
    };
    let summed = SUMMED.map(|name| format!("CAST(SUM({name}) AS BIGINT) AS {name}"));
    // Without groups a sum of nothing would be a row of nulls.
    let some = " HAVING COUNT(*) > 0";
    let text = format!(
        "SELECT {columns}CAST(SUM(calls * failed) AS BIGINT) AS errors, {} FROM sums \
         WHERE span = ? AND from_ms >= ? AND from_ms < ?",
        summed.join(", ")
    );
    let values = [span, part.0, part.1].map(Value::from);
    Sql::default()
        .add(&text, values)
        .asks(query)
        .add(&format!("{groups}{some}"), [])
}

const LIES: [&str; 6] = ["from_ms", "model", "channel", "plan", "endpoint", "key"];

const SUMMED: [&str; 12] = [
    "calls",
    "input",
    "cached",
    "cache_write",
    "output",
    "credits",
    "unpaid",
    "cost",
    "waste",
    "latency_ms",
    "first_ms",
    "first_count",
];

fn column(by: By) -> &'static str {
    match by {
        By::Key | By::Namespace => "key",
        By::Plan => "plan",
        By::Channel => "channel",
        By::Model => "model",
        By::Endpoint => "endpoint",
        By::Hour | By::Day => "from_ms",
    }
}

/// What the records of a part come to. They are chosen by all that is asked but the channel: what one wasted may be another one's record.
async fn records<S: Rows>(
    store: &S,
    query: &Query,
    part: Part,
    put: &mut impl FnMut(Group),
) -> Result<(), LedgerError> {
    let any = Query {
        channel: None,
        ..query.clone()
    };
    let text = "SELECT body FROM records WHERE began_ms >= ? AND began_ms < ?";
    let mut sql = Sql::default()
        .add(text, [part.0, part.1].map(Value::from))
        .asks(&any);
    if let Some(id) = &query.id {
        sql = sql.add(" AND id = ?", [id.replace('\0', "\u{FFFD}").into()]);
    }
    let rows = store.ask::<Body>(&sql.text, &sql.params()).await?;
    let mut rollup = Rollup::default();
    for row in &rows {
        rollup.add_by(&parsed(store, row)?, &[HOUR_MS]);
    }
    let wanted = |row: &&SumRow| {
        query
            .channel
            .as_ref()
            .is_none_or(|channel| row.channel == *channel)
    };
    rollup
        .rows()
        .filter(wanted)
        .cloned()
        .for_each(|row| put(row.into()));
    Ok(())
}

impl From<SumRow> for Group {
    fn from(row: SumRow) -> Group {
        Group {
            from_ms: row.from_ms,
            key: row.key,
            plan: row.plan,
            channel: row.channel,
            model: row.model,
            endpoint: row.endpoint,
            calls: row.calls,
            errors: row.calls * u64::from(row.failed),
            input: row.input,
            cached: row.cached,
            cache_write: row.cache_write,
            output: row.output,
            credits: row.credits,
            unpaid: row.unpaid,
            cost: row.cost,
            waste: row.waste,
            latency_ms: row.latency_ms,
            first_ms: row.first_ms,
            first_count: row.first_count,
        }
    }
}

fn put(found: &mut BTreeMap<Vec<String>, Sum>, by: &[By], group: Group) {
    let texts: Vec<String> = by.iter().map(|by| text(*by, &group)).collect();
    let sum = found.entry(texts.clone()).or_default();
    sum.group = texts;
    let pairs = [
        (&mut sum.calls, group.calls),
        (&mut sum.errors, group.errors),
        (&mut sum.input, group.input),
        (&mut sum.cached, group.cached),
        (&mut sum.cache_write, group.cache_write),
        (&mut sum.output, group.output),
        (&mut sum.credits, group.credits),
        (&mut sum.unpaid, group.unpaid),
        (&mut sum.cost, group.cost),
        (&mut sum.waste, group.waste),
        (&mut sum.latency_ms, group.latency_ms),
        (&mut sum.first_ms, group.first_ms),
        (&mut sum.first_count, group.first_count),
    ];
    for (sum, amount) in pairs {
        *sum = sum.saturating_add(amount);
    }
}

fn text(by: By, group: &Group) -> String {
    match by {
        By::Key => group.key.clone(),
        By::Namespace => namespace(&group.key).to_owned(),
        By::Plan => group.plan.clone(),
        By::Channel => group.channel.clone(),
        By::Model => group.model.clone(),
        By::Endpoint => group.endpoint.clone(),
        By::Hour => group.from_ms.to_string(),
        By::Day => (group.from_ms / DAY_MS * DAY_MS).to_string(),
    }
}
