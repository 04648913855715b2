//! Records from before there were arrivals and sums: each is given its number and added up, some at a time, each time in a transaction of
//! its own, so that whoever is cut off goes on. Called when the ledger opens, and with each sweep: while replicas of the version before
//! still run, they keep such records. Never touches a record that has its number.

use super::LedgerError;
use super::log::Outcome;
use super::reads::{Body, parsed};
use super::rows::{Param, Purpose, Rows, SumRow};
use super::sums::{Rollup, told_apart};
use purser_config::usage::Record;
use serde::Deserialize;
use std::collections::BTreeSet;

/// How many are filled in one transaction.
const AT_ONCE: usize = 2_000;

#[derive(Deserialize)]
struct Old {
    id: String,
    #[serde(flatten)]
    body: Body,
}

/// Fills all that there are; answers how many.
pub(super) async fn fill<S: Rows>(store: &mut S) -> Result<u64, LedgerError> {
    let mut filled = 0;
    loop {
        let some = once(store).await;
        if some.is_err() {
            store.rollback().await;
        }
        let some = some?;
        filled += some as u64;
        if some < AT_ONCE {
            return Ok(filled);
        }
    }
}

async fn once<S: Rows>(store: &mut S) -> Result<usize, LedgerError> {
    const OLD: &str = "SELECT id, body FROM records WHERE arrival = 0 ORDER BY arrival LIMIT $1";
    store.ready().await?;
    store.begin(Purpose::Write).await?;
    store.lock(&BTreeSet::from(["fill".to_owned()])).await?;
    let old: Vec<Old> = store.ask(OLD, &[Param::Int(AT_ONCE as i64)]).await?;
    store.arrive(old.len() as u64).await?;
    let mut rollup = Rollup::default();
    // A body that cannot be read has told nothing so far either: it is counted as nothing, and does not stop what can.
    let records: Vec<Option<Record>> = old
        .iter()
        .map(|row| parsed(store, &row.body).ok())
        .collect();
    let before_last = (1 - old.len() as i64)..=0;
    let numbered = old.iter().zip(before_last).zip(&records);
    let numbers = numbered.map(|((row, place), record)| number(store, (&row.id, place), record));
    futures::future::try_join_all(numbers).await?;
    records
        .iter()
        .flatten()
        .for_each(|record| rollup.add(record));
    let rows: Vec<SumRow> = rollup.rows().cloned().collect();
    store.save(&rows).await?;
    store.commit().await?;
    Ok(old.len())
}

async fn number<S: Rows>(
    store: &S,
    (id, before_last): (&str, i64),
    record: &Option<Record>,
) -> Result<(), LedgerError> {
    const NUMBER: &str = "UPDATE records SET arrival = (SELECT n FROM numbers WHERE name = 'arrivals') + $1, \
        channel = $2, model = $3, status = $4, failed = $5 WHERE id = $6";
    let channel = record.as_ref().and_then(|record| record.channel.as_ref());
    let channel = channel.map_or(String::new(), |channel| told_apart(channel.as_str()));
    let model = record
        .as_ref()
        .map_or(String::new(), |record| told_apart(&record.asked));
    let failed = record
        .as_ref()
        .is_none_or(|record| Outcome::of(record) == Outcome::Failed);
    let with = [
        Param::Int(before_last),
        Param::Text(&channel),
        Param::Text(&model),
        Param::Int(record.as_ref().map_or(0, |record| i64::from(record.status))),
        Param::Int(i64::from(failed)),
        Param::Text(id),
    ];
    store
        .ask::<serde_json::Value>(NUMBER, &with)
        .await
        .map(|_| ())
}
