//! What each record adds to the sums of its hour and its day. The one place that says so: the ledger adds up with it what it keeps, what
//! it finds from before there were sums, and what lies in a part of an hour. Pure.

use crate::ledger::deeds::fitted;
use crate::ledger::log::Outcome;
use crate::ledger::rows::{MOST, SumRow};
use purser_config::Name;
use purser_config::calendar::{DAY_MS, LAST_MS};
use purser_config::usage::Record;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// An hour, in milliseconds.
pub(in crate::ledger) const HOUR_MS: u64 = 3_600_000;
/// The longest name that is told apart, in bytes: a store's index holds no row of any length.
const LONGEST: usize = 256;
/// The most that one call adds to a sum; beyond it no call is one.
const MOST_OF_ONE: u64 = 1 << 44;

/// Sums by what they are of.
#[derive(Clone, Debug, Default)]
pub(in crate::ledger) struct Rollup {
    rows: BTreeMap<Of, SumRow>,
}

/// What a row's sums are of: all of its key but the key itself comes second, so that few comparisons look at texts.
type Of = (u64, u64, String, String, String, String, String, u16, u8);

impl Rollup {
    /// Adds a record to its hour and its day.
    pub(in crate::ledger) fn add(&mut self, record: &Record) {
        self.add_by(record, &[HOUR_MS, DAY_MS]);
    }

    /// Adds a record to each of these spans that it lies in.
    pub(in crate::ledger) fn add_by(&mut self, record: &Record, spans: &[u64]) {
        for (channel, row) in shares(record) {
            for span in spans {
                let from_ms = record.began_ms.min(LAST_MS) / span * span;
                let (span, channel) = (*span, channel.clone());
                self.put(SumRow {
                    span,
                    from_ms,
                    channel,
                    ..row.clone()
                });
            }
        }
    }

    fn put(&mut self, row: SumRow) {
        let of = (
            row.span,
            row.from_ms,
            row.key.clone(),
            row.plan.clone(),
            row.channel.clone(),
            row.model.clone(),
            row.endpoint.clone(),
            row.status,
            row.failed,
        );
        match self.rows.entry(of) {
            Entry::Vacant(place) => {
                place.insert(row);
            }
            Entry::Occupied(mut there) => add(there.get_mut(), &row),
        }
    }

    /// The rows, in the order of their keys.
    pub(in crate::ledger) fn rows(&self) -> impl Iterator<Item = &SumRow> {
        self.rows.values()
    }
}

/// What a record adds, by channel: the call to the one that served it, or to none, and to each what it wasted.
fn shares(record: &Record) -> Vec<(String, SumRow)> {
    let served = record.channel.as_ref();
    let of_served = served.and_then(|channel| record.waste.get(channel));
    let mut call = counted(record);
    call.waste = least(of_served.copied().unwrap_or_default());
    let mut shares = vec![(named(served), call)];
    for (channel, waste) in &record.waste {
        if Some(channel) != served && *waste > 0 {
            let row = SumRow {
                waste: least(*waste),
                ..of(record)
            };
            shares.push((named(Some(channel)), row));
        }
    }
    shares
}

fn named(channel: Option<&Name>) -> String {
    channel.map_or(String::new(), |channel| told_apart(channel.as_str()))
}

/// What a name is told apart by.
pub(in crate::ledger) fn told_apart(name: &str) -> String {
    fitted(name, LONGEST)
}

fn of(record: &Record) -> SumRow {
    SumRow {
        key: told_apart(record.key.as_str()),
        plan: told_apart(&record.plan),
        model: told_apart(&record.asked),
        endpoint: format!("{:?}", record.endpoint),
        status: record.status,
        failed: u8::from(Outcome::of(record) == Outcome::Failed),
        ..SumRow::default()
    }
}

fn counted(record: &Record) -> SumRow {
    SumRow {
        calls: 1,
        input: least(record.tokens.input),
        cached: least(record.tokens.cached),
        cache_write: least(record.tokens.cache_write),
        output: least(record.tokens.output),
        credits: least(record.credits),
        unpaid: least(record.unpaid),
        cost: least(record.cost),
        latency_ms: least(record.latency_ms),
        first_ms: least(record.first_ms.unwrap_or_default()),
        first_count: u64::from(record.first_ms.is_some()),
        ..of(record)
    }
}

fn least(amount: u64) -> u64 {
    amount.min(MOST_OF_ONE)
}

fn add(to: &mut SumRow, row: &SumRow) {
    let pairs = [
        (&mut to.calls, row.calls),
        (&mut to.input, row.input),
        (&mut to.cached, row.cached),
        (&mut to.cache_write, row.cache_write),
        (&mut to.output, row.output),
        (&mut to.credits, row.credits),
        (&mut to.unpaid, row.unpaid),
        (&mut to.cost, row.cost),
        (&mut to.waste, row.waste),
        (&mut to.latency_ms, row.latency_ms),
        (&mut to.first_ms, row.first_ms),
        (&mut to.first_count, row.first_count),
    ];
    for (sum, amount) in pairs {
        *sum = sum.saturating_add(amount).min(MOST);
    }
}
