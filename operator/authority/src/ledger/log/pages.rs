//! A page of the log, wherever it lies: the sums say in which hours or days its calls are, so that a page deep in the past, and one of
//! calls that are rare, is found without reading all that came after it.

use super::{LogPage, Paging, Query, Sql};
use crate::ledger::LedgerError;
use crate::ledger::reads::{Body, parsed};
use crate::ledger::rows::Rows;
use crate::ledger::sheet::Value;
use crate::ledger::sums::HOUR_MS;
use crate::ledger::sums::span::{Part, parts};
use purser_config::calendar::DAY_MS;
use serde::Deserialize;

/// Up to how many days a page is looked for by the hour.
const BY_HOUR: u64 = 4 * DAY_MS;
/// How many records may be looked at to find a page by time alone.
const LOOKED_AT: u128 = 20_000;

/// Some calls that lie together: of one day, one hour, or a part of one.
#[derive(Clone, Copy, Debug)]
struct Place {
    part: Part,
    calls: u64,
}

/// Where a page lies: between which moments, after how many of the calls there, of how many.
#[derive(Clone, Copy, Debug)]
struct Window {
    part: Part,
    skipped: u64,
    calls: u64,
}

#[derive(Deserialize)]
struct Count {
    #[serde(default)]
    from_ms: u64,
    calls: u64,
}

/// The answer to [`crate::ledger::Ledger::log`].
pub(in crate::ledger) async fn page<S: Rows>(
    store: &S,
    query: &Query,
    paging: Paging,
) -> Result<LogPage, LedgerError> {
    if let Some(id) = &query.id {
        return one(store, query, id, paging).await;
    }
    let places = places(store, query).await?;
    let total = places.iter().map(|place| place.calls).sum();
    let Some(mut window) = window(&places, paging.offset, paging) else {
        let records = Vec::new();
        return Ok(LogPage { total, records });
    };
    let mut span = DAY_MS;
    if window.part.1 - window.part.0 <= BY_HOUR {
        span = HOUR_MS;
        window = closer(store, query, (window, paging)).await?;
    }
    let sql = if is_dense(store, query, (window, paging)).await? {
        by_time(query, window, paging)
    } else {
        by_key(query, (window, span), paging)
    };
    let rows = store.ask::<Body>(&sql.text, &sql.params()).await?;
    let records = rows.iter().map(|row| parsed(store, row));
    let records = records.collect::<Result<_, _>>()?;
    Ok(LogPage { total, records })
}

/// The one call of an id.
async fn one<S: Rows>(
    store: &S,
    query: &Query,
    id: &str,
    paging: Paging,
) -> Result<LogPage, LedgerError> {
    let text = "SELECT body FROM records WHERE id = ? AND began_ms >= ? AND began_ms < ?";
    let id = id.replace('\0', "\u{FFFD}");
    let values = [id.into(), query.from_ms.into(), query.to_ms.into()];
    let sql = Sql::default().add(text, values).asks(query);
    let rows = store.ask::<Body>(&sql.text, &sql.params()).await?;
    let total = rows.len() as u64;
    let shown = rows
        .iter()
        .filter(|_| paging.offset == 0 && paging.limit > 0);
    let records = shown
        .map(|row| parsed(store, row))
        .collect::<Result<_, _>>()?;
    Ok(LogPage { total, records })
}

/// How many calls there are in each day, hour and part of an hour that a query asks about, last first.
async fn places<S: Rows>(store: &S, query: &Query) -> Result<Vec<Place>, LedgerError> {
    let parts = parts((query.from_ms, query.to_ms), false);
    let mut places = Vec::new();
    if let Some(days) = parts.days {
        places.extend(summed(store, query, (DAY_MS, days)).await?);
    }
    for hours in parts.hours {
        places.extend(summed(store, query, (HOUR_MS, hours)).await?);
    }
    for part in parts.records {
        places.push(counted(store, query, part).await?);
    }
    places.retain(|place| place.calls > 0);
    places.sort_unstable_by_key(|place| std::cmp::Reverse(place.part));
    Ok(places)
}

async fn summed<S: Rows>(
    store: &S,
    query: &Query,
    (span, part): (u64, Part),
) -> Result<Vec<Place>, LedgerError> {
    let text = "SELECT from_ms, CAST(SUM(calls) AS BIGINT) AS calls FROM sums \
        WHERE span = ? AND from_ms >= ? AND from_ms < ?";
    let values = [span, part.0, part.1].map(Value::from);
    let sql = Sql::default().add(text, values).asks(query);
    let sql = sql.add(" GROUP BY from_ms", []);
    let counts = store.ask::<Count>(&sql.text, &sql.params()).await?;
    let place = |count: Count| Place {
        part: (count.from_ms, count.from_ms + span),
        calls: count.calls,
    };
    Ok(counts.into_iter().map(place).collect())
}

async fn counted<S: Rows>(store: &S, query: &Query, part: Part) -> Result<Place, LedgerError> {
    let text = "SELECT COUNT(*) AS calls FROM records WHERE began_ms >= ? AND began_ms < ?";
    let sql = Sql::default()
        .add(text, [part.0, part.1].map(Value::from))
        .asks(query);
    let counts = store.ask::<Count>(&sql.text, &sql.params()).await?;
    let calls = counts.first().map_or(0, |count| count.calls);
    Ok(Place { part, calls })
}

/// The places that a page is in, after `skipped` calls of them all.
fn window(places: &[Place], mut skipped: u64, paging: Paging) -> Option<Window> {
    let mut window: Option<Window> = None;
    for place in places {
        if window.is_none() && skipped >= place.calls {
            skipped -= place.calls;
            continue;
        }
        let (to_ms, calls) =
            window.map_or((place.part.1, 0), |so_far| (so_far.part.1, so_far.calls));
        let calls = calls + place.calls;
        let part = (place.part.0, to_ms);
        window = Some(Window {
            part,
            skipped,
            calls,
        });
        if calls >= skipped.saturating_add(u64::from(paging.limit)) {
            break;
        }
    }
    window
}

/// The same window by its hours.
async fn closer<S: Rows>(
    store: &S,
    query: &Query,
    (wide, paging): (Window, Paging),
) -> Result<Window, LedgerError> {
    let within = Query {
        from_ms: wide.part.0.max(query.from_ms),
        to_ms: wide.part.1.min(query.to_ms),
        ..query.clone()
    };
    let parts = parts((within.from_ms, within.to_ms), true);
    let mut places = Vec::new();
    for hours in parts.hours {
        places.extend(summed(store, query, (HOUR_MS, hours)).await?);
    }
    for part in parts.records {
        places.push(counted(store, query, part).await?);
    }
    places.retain(|place| place.calls > 0);
    places.sort_unstable_by_key(|place| std::cmp::Reverse(place.part));
    Ok(window(&places, wide.skipped, paging).unwrap_or(wide))
}

/// Whether a page is near where the window ends, as far as calls like it lie evenly among all.
async fn is_dense<S: Rows>(
    store: &S,
    query: &Query,
    (window, paging): (Window, Paging),
) -> Result<bool, LedgerError> {
    if query.is_of_one_key() {
        return Ok(true);
    }
    let parts = parts(window.part, false);
    let mut all = u128::from(window.calls);
    let hours = parts.hours.into_iter().map(|part| (HOUR_MS, part));
    for place in parts
        .days
        .map(|part| (DAY_MS, part))
        .into_iter()
        .chain(hours)
    {
        let places = summed(store, &Query::default(), place).await?;
        all += places
            .iter()
            .map(|place| u128::from(place.calls))
            .sum::<u128>();
    }
    let wanted = window.skipped.saturating_add(u64::from(paging.limit));
    let wanted = u128::from(wanted.min(window.calls));
    Ok(all.saturating_mul(wanted) <= LOOKED_AT * u128::from(window.calls.max(1)))
}

/// The page from the records by time alone.
fn by_time(query: &Query, window: Window, paging: Paging) -> Sql {
    let text = "SELECT body FROM records WHERE began_ms >= ? AND began_ms < ?";
    let values = [window.part.0, window.part.1].map(Value::from);
    let sql = Sql::default().add(text, values).asks(query);
    stretch(sql, window, paging)
}

/// The page from the records of the keys that the sums name, hour by hour or day by day.
fn by_key(query: &Query, (window, span): (Window, u64), paging: Paging) -> Sql {
    let (from_ms, to_ms) = window.part;
    let named = "SELECT body FROM (SELECT DISTINCT from_ms AS since, key AS whose FROM sums \
        WHERE span = ? AND from_ms >= ? AND from_ms < ? AND calls > 0";
    let values = [span, from_ms / span * span, to_ms].map(Value::from);
    let sql = Sql::default().add(named, values).asks(query);
    let of_them = ") named CROSS JOIN records WHERE key = whose AND began_ms >= since AND began_ms < since + ? \
        AND began_ms >= ? AND began_ms < ?";
    let sql = sql
        .add(of_them, [span, from_ms, to_ms].map(Value::from))
        .asks(query);
    stretch(sql, window, paging)
}

fn stretch(sql: Sql, window: Window, paging: Paging) -> Sql {
    let values = [Value::Int(paging.most()), window.skipped.into()];
    sql.add(" ORDER BY began_ms DESC, id DESC LIMIT ? OFFSET ?", values)
}
