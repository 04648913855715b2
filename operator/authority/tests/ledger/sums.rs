//! What calls come to, against the same added up by hand.

use crate::looked_for::{HOUR_MS, asked, calls, keep_all, queries};
use crate::setup::*;
use purser_authority::ledger::{By, Outcome, Query, Sum};
use purser_config::Name;
use purser_config::calendar::DAY_MS;
use purser_config::usage::Record;
use std::collections::BTreeMap;

/// One call's part in the sums: its channel, and what it adds.
fn adds(query: &Query, record: &Record) -> Vec<(String, Sum)> {
    let served = record.channel.as_ref().map_or("", Name::as_str).to_owned();
    let call = Sum {
        calls: 1,
        errors: u64::from(Outcome::of(record) == Outcome::Failed),
        input: record.tokens.input,
        cached: record.tokens.cached,
        cache_write: record.tokens.cache_write,
        output: record.tokens.output,
        unpaid: record.unpaid,
        cost: record.cost,
        latency_ms: record.latency_ms,
        first_ms: record.first_ms.unwrap_or(0),
        first_count: u64::from(record.first_ms.is_some()),
        ..Sum::default()
    };
    let wasted = record.waste.iter().map(|(channel, waste)| {
        let sum = Sum {
            waste: *waste,
            ..Sum::default()
        };
        (channel.as_str().to_owned(), sum)
    });
    let all = [(served, call)].into_iter().chain(wasted);
    let wanted = |(channel, _): &(String, Sum)| {
        query
            .channel
            .as_ref()
            .is_none_or(|wanted| wanted == channel)
    };
    all.filter(wanted).collect()
}

fn text(by: By, channel: &str, record: &Record) -> String {
    match by {
        By::Key => record.key.as_str().to_owned(),
        By::Namespace => record.key.namespace().to_owned(),
        By::Plan => record.plan.clone(),
        By::Channel => channel.to_owned(),
        By::Model => record.asked.clone(),
        By::Endpoint => format!("{:?}", record.endpoint),
        By::Hour => (record.began_ms / HOUR_MS * HOUR_MS).to_string(),
        By::Day => (record.began_ms / DAY_MS * DAY_MS).to_string(),
    }
}

fn by_hand(query: &Query, by: &[By], records: &[Record]) -> Vec<Sum> {
    let mut sums: BTreeMap<Vec<String>, Sum> = BTreeMap::new();
    for record in records.iter().filter(|record| asked(query, record)) {
        for (channel, adds) in adds(query, record) {
            let group: Vec<String> = by.iter().map(|by| text(*by, &channel, record)).collect();
            let sum = sums.entry(group.clone()).or_default();
            sum.group = group;
            for (to, amount) in numbers(sum).into_iter().zip(numbers(&mut adds.clone())) {
                *to += *amount;
            }
        }
    }
    // A channel that wasted nothing did nothing.
    sums.into_values()
        .filter(|sum| sum.calls > 0 || sum.waste > 0)
        .collect()
}

fn numbers(sum: &mut Sum) -> [&mut u64; 13] {
    [
        &mut sum.calls,
        &mut sum.errors,
        &mut sum.input,
        &mut sum.cached,
        &mut sum.cache_write,
        &mut sum.output,
        &mut sum.credits,
        &mut sum.unpaid,
        &mut sum.cost,
        &mut sum.waste,
        &mut sum.latency_ms,
        &mut sum.first_ms,
        &mut sum.first_count,
    ]
}

pub(crate) async fn sums_are_what_every_record_adds_up_to(store: Store) {
    let ledger = store.open().await;
    let records = calls(1_500);
    keep_all(&ledger, &records).await;
    let groups: [&[By]; 7] = [
        &[],
        &[By::Namespace],
        &[By::Model, By::Hour],
        &[By::Day, By::Key],
        &[By::Channel],
        &[By::Endpoint, By::Plan],
        &[
            By::Key,
            By::Model,
            By::Channel,
            By::Namespace,
            By::Plan,
            By::Hour,
        ],
    ];
    for query in queries() {
        for by in groups {
            let found = ledger.sums(query.clone(), by).await.unwrap();
            assert_eq!(found, by_hand(&query, by, &records), "{query:?} by {by:?}");
        }
    }
    verify(&ledger).await;
}
