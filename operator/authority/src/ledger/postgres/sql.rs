//! The statements of PostgreSQL for rows of a table. Called by `postgres`, and once for each connection, so that all are prepared
//! before the first is needed. Text alone.

use crate::ledger::rows::{
    ARRIVE, AccountRow, ActivationRow, EntryRow, GrantRow, Kind, KnownRow, LAST_ARRIVAL, MOST,
    MarkRow, PaymentRow, RecordRow, ReservationRow, Row, SpoolRow, SumRow, TermRow, UserRow,
};

/// All that the operations of a transaction may need.
pub(super) fn all() -> Vec<String> {
    vec![
        load::<SpoolRow>("spool"),
        load::<AccountRow>("key"),
        load::<GrantRow>("key"),
        load::<ReservationRow>("id"),
        load::<ActivationRow>("key"),
        load::<KnownRow>("id"),
        load::<EntryRow>("id"),
        save::<AccountRow>(),
        save::<GrantRow>(),
        save::<ReservationRow>(),
        save::<ActivationRow>(),
        save::<SpoolRow>(),
        save::<EntryRow>(),
        ARRIVE.to_owned(),
        save::<RecordRow>(),
        save::<SumRow>(),
        save::<TermRow>(),
        load::<MarkRow>("key"),
        save::<MarkRow>(),
        save::<UserRow>(),
        save::<PaymentRow>(),
    ]
}

/// Rows by a column, locked in the order of their keys where the table's are.
pub(super) fn load<R: Row>(column: &str) -> String {
    let (all, key) = (names::<R>(usize::MAX, plain), names::<R>(R::KEY, plain));
    let lock = if R::LOCKED {
        format!(" ORDER BY {key} FOR UPDATE")
    } else {
        String::new()
    };
    let (table, only) = (R::TABLE, R::ONLY);
    format!("SELECT {all} FROM {table} WHERE {column} = ANY($1){only}{lock}")
}

/// Rows that are nothing but their key.
pub(super) fn make<R: Row>() -> String {
    let (table, key) = (R::TABLE, names::<R>(R::KEY, plain));
    format!("INSERT INTO {table} ({key}) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING")
}

/// Rows written, or left, where they are there already.
pub(super) fn save<R: Row>() -> String {
    let typed = |name: &str, kind| match kind {
        Kind::Text => format!("{name} text"),
        Kind::Int | Kind::Arrival => format!("{name} bigint"),
    };
    let given = |name: &str, kind| match kind {
        Kind::Arrival => format!("{LAST_ARRIVAL}{name}"),
        Kind::Text | Kind::Int => name.to_owned(),
    };
    let set = R::COLUMNS.iter().skip(R::KEY);
    let set = set.map(|(name, _)| match R::ADDED {
        true => format!(
            "{name} = LEAST({}.{name} + excluded.{name}, {MOST})",
            R::TABLE
        ),
        false => format!("{name} = excluded.{name}"),
    });
    let set: Vec<String> = set.collect();
    let conflict = if R::REPLACED {
        format!("UPDATE SET {}", set.join(", "))
    } else {
        "NOTHING".to_owned()
    };
    let (table, all, key) = (
        R::TABLE,
        names::<R>(usize::MAX, plain),
        names::<R>(R::KEY, plain),
    );
    format!(
        "INSERT INTO {table} ({all}) SELECT {} FROM json_to_recordset($1::text::json) AS x({}) \
         ORDER BY {key} ON CONFLICT ({key}) DO {conflict}",
        names::<R>(usize::MAX, given),
        names::<R>(usize::MAX, typed)
    )
}

fn names<R: Row>(count: usize, write: impl Fn(&str, Kind) -> String) -> String {
    let columns = R::COLUMNS.iter().take(count);
    let names: Vec<String> = columns.map(|(name, kind)| write(name, *kind)).collect();
    names.join(", ")
}

fn plain(name: &str, _: Kind) -> String {
    name.to_owned()
}
