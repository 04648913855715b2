//! Calls in the order in which they arrived, for whoever looks on. Numbers are given under a lock that lasts until they are committed, so
//! nobody who asks for what comes after a number misses one.

use super::{Query, Sql, Tail};
use crate::ledger::LedgerError;
use crate::ledger::reads::{Body, parsed};
use crate::ledger::rows::{Param, Rows};
use crate::ledger::sheet::Value;
use serde::Deserialize;

/// How many arrivals are looked at for one answer, so that a tail of rare calls never waits long.
const LOOKED_AT: u64 = 10_000;

#[derive(Deserialize)]
struct Number {
    n: u64,
}

/// The number of the last arrival.
pub(in crate::ledger) async fn arrivals<S: Rows>(store: &S) -> Result<u64, LedgerError> {
    const LAST: &str = "SELECT n FROM numbers WHERE name = 'arrivals'";
    let last = store.ask::<Number>(LAST, &[]).await?;
    Ok(last.first().map_or(0, |number| number.n))
}

/// The number of one call.
pub(in crate::ledger) async fn arrival<S: Rows>(
    store: &S,
    id: &str,
) -> Result<Option<u64>, LedgerError> {
    const OF: &str = "SELECT arrival AS n FROM records WHERE id = $1";
    if id.contains('\0') {
        return Ok(None);
    }
    let found = store.ask::<Number>(OF, &[Param::Text(id)]).await?;
    Ok(found.first().map(|number| number.n))
}

#[derive(Deserialize)]
struct Arrived {
    arrival: u64,
    #[serde(flatten)]
    body: Body,
}

/// What arrived after a number.
pub(in crate::ledger) async fn after<S: Rows>(
    store: &S,
    query: &Query,
    (after, limit): (u64, u32),
) -> Result<Tail, LedgerError> {
    let last = arrivals(store).await?.min(after.saturating_add(LOOKED_AT));
    let most = usize::try_from(limit.clamp(1, 1_000)).unwrap_or(1);
    let text = "SELECT arrival, body FROM records WHERE arrival > ? AND arrival <= ?";
    let sql = Sql::default()
        .add(text, [after, last].map(Value::from))
        .asks(query);
    let limit = Value::Int(i64::try_from(most).unwrap_or(1));
    let sql = sql.add(" ORDER BY arrival LIMIT ?", [limit]);
    let rows = store.ask::<Arrived>(&sql.text, &sql.params()).await?;
    let full = rows.len() == most;
    let upto = rows.last().filter(|_| full).map_or(last, |row| row.arrival);
    let records = rows.iter().map(|row| parsed(store, &row.body));
    let records = records.collect::<Result<_, _>>()?;
    let upto = upto.max(after);
    Ok(Tail { upto, records })
}
