//! The book's rows as both stores keep them, and what a store must be able to do. Called by `sheet` and `reads`; each store is one
//! implementation of [`Rows`]. Never a rule of the book: a store that could decide would decide differently from the other.

use super::LedgerError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Int,
    /// A number that is kept as so much more than that of the last arrival: `arrive` comes first.
    Arrival,
}

/// What a store writes for [`Kind::Arrival`] before the number.
pub(super) const LAST_ARRIVAL: &str = "(SELECT n FROM numbers WHERE name = 'arrivals') + ";
/// Counts arrivals: of `$1` records that are saved next in this transaction.
pub(super) const ARRIVE: &str = "UPDATE numbers SET n = n + $1 WHERE name = 'arrivals'";
/// The most that a sum of one row may hold, so that no sum of rows leaves what a store can hold.
pub(super) const MOST: u64 = 1 << 50;

/// A row of a table. Its fields are named as its columns.
pub(super) trait Row: Serialize + DeserializeOwned + Clone {
    const TABLE: &'static str;
    const COLUMNS: &'static [(&'static str, Kind)];
    /// How many of the columns, from the first, are its primary key.
    const KEY: usize;
    /// What else is asked of rows that are loaded.
    const ONLY: &'static str = "";
    /// Whether a loaded row is locked against other writers until the end of the transaction, and made first where it is not there.
    const LOCKED: bool = false;
    /// Whether a row that is there already is replaced, or left.
    const REPLACED: bool = true;
    /// Whether what is beyond its key is added to a row that is there already, up to [`MOST`].
    const ADDED: bool = false;

    /// What it holds, in the order of the columns.
    fn params(&self) -> Vec<Param<'_>>;
}

/// A value beside a query's text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Param<'a> {
    Int(i64),
    Text(&'a str),
    Null,
}

impl<'a> From<&'a String> for Param<'a> {
    fn from(text: &'a String) -> Self {
        Param::Text(text)
    }
}

impl From<&u64> for Param<'_> {
    /// Amounts and moments end far below what a store can hold.
    fn from(number: &u64) -> Self {
        Param::Int(i64::try_from(*number).unwrap_or(i64::MAX))
    }
}

impl From<&i64> for Param<'_> {
    fn from(number: &i64) -> Self {
        Param::Int(*number)
    }
}

impl From<&u8> for Param<'_> {
    fn from(number: &u8) -> Self {
        Param::Int(i64::from(*number))
    }
}

impl From<&u16> for Param<'_> {
    fn from(number: &u16) -> Self {
        Param::Int(i64::from(*number))
    }
}

impl From<&Option<u64>> for Param<'_> {
    fn from(number: &Option<u64>) -> Self {
        number.as_ref().map_or(Param::Null, Param::from)
    }
}

/// Runs one after the other without waiting between them: the second is sent once the first is, and neither where the first fails before
/// it is sent. To a server that works in order this is one trip for both.
pub(super) async fn in_order<A, B>(
    first: impl Future<Output = Result<A, LedgerError>>,
    second: impl Future<Output = Result<B, LedgerError>>,
) -> Result<(A, B), LedgerError> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut one, mut other) = (None, None);
    poll_fn(|context| {
        if one.is_none()
            && let Poll::Ready(answer) = first.as_mut().poll(context)
        {
            one = Some(answer?);
        }
        if other.is_none()
            && let Poll::Ready(answer) = second.as_mut().poll(context)
        {
            other = Some(answer?);
        }
        match (one.take(), other.take()) {
            (Some(one), Some(other)) => Poll::Ready(Ok((one, other))),
            (first, second) => {
                (one, other) = (first, second);
                Poll::Pending
            }
        }
    })
    .await
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Write,
    Read,
}

/// One connection to a store.
#[allow(
    async_fn_in_trait,
    reason = "each store runs on a thread of its own, so no future travels"
)]
pub(super) trait Rows {
    /// Makes sure that there is a connection and that its schema is ours.
    async fn ready(&mut self) -> Result<(), LedgerError>;
    /// What to say of rows that cannot be.
    fn corrupt(&self, why: &str) -> LedgerError;
    /// What to say of a store that does not answer.
    fn unreachable(&self, why: &str) -> LedgerError;
    /// Begins a transaction.
    async fn begin(&self, purpose: Purpose) -> Result<(), LedgerError>;
    /// Ends it: what it saved survives a loss of power.
    async fn commit(&self) -> Result<(), LedgerError>;
    /// Forgets it, and the connection with it where that fails.
    async fn rollback(&mut self);
    /// Takes these names' locks, in their order, until the transaction ends.
    async fn lock(&self, names: &BTreeSet<String>) -> Result<(), LedgerError>;
    /// Makes rows of these keys where they are not, so that they can be locked; answers whether they must be loaded again.
    async fn make<R: Row>(&self, ids: &BTreeSet<String>) -> Result<bool, LedgerError>;
    /// Rows whose `column` is one of these; locked, in their order, where the table's are.
    async fn load<R: Row>(
        &self,
        column: &str,
        ids: &BTreeSet<String>,
    ) -> Result<Vec<R>, LedgerError>;
    /// Counts so many arrivals; nobody else does until this transaction ends, so that numbers become visible in their order.
    async fn arrive(&self, count: u64) -> Result<(), LedgerError>;
    /// Writes rows.
    async fn save<R: Row>(&self, rows: &[R]) -> Result<(), LedgerError>;
    /// The answer to a query in the SQL that both stores speak, with parameters `$1`, `$2`, first named in this order.
    async fn ask<R: DeserializeOwned>(
        &self,
        sql: &str,
        with: &[Param<'_>],
    ) -> Result<Vec<R>, LedgerError>;
}

/// Columns of a table by name, for every row type below.
macro_rules! row {
    ($name:ident in $table:literal, key $key:literal $(, $constant:ident = $value:expr)*; $($field:ident: $kind:ident = $type:ty,)*) => {
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub(super) struct $name { $(pub(super) $field: $type,)* }
        impl Row for $name {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [(&'static str, Kind)] = &[$((stringify!($field), Kind::$kind)),*];
            const KEY: usize = $key;
            $(const $constant: bool = $value;)*

            fn params(&self) -> Vec<Param<'_>> {
                vec![$(Param::from(&self.$field)),*]
            }
        }
    };
}

row! { AccountRow in "accounts", key 1, LOCKED = true;
    key: Text = String,
    top_up: Int = u64,
    reserved: Int = u64,
    spent: Int = u64,
    expired: Int = u64,
    granted: Int = u64,
    topped_up: Int = i64,
    requests: Int = u64,
    last_used_ms: Int = u64,
}

row! { ReservationRow in "reservations", key 1;
    id: Text = String,
    key: Text = String,
    plan: Text = String,
    spool: Text = String,
    allowance: Int = u8,
    unconfirmed_pays: Int = u8,
    made_ms: Int = u64,
    amount: Int = u64,
    held: Int = u64,
    top_up: Int = u64,
    parts: Text = String,
    resolved: Int = u8,
    resolved_ms: Int = u64,
}

row! { ActivationRow in "activations", key 2;
    key: Text = String,
    plan: Text = String,
    at_ms: Int = u64,
}

row! { SpoolRow in "spools", key 1, LOCKED = true;
    spool: Text = String,
    owner: Text = String,
    upto: Int = u64,
    seen_ms: Int = u64,
}

row! { EntryRow in "entries", key 1, REPLACED = false;
    id: Text = String,
    key: Text = String,
    plan: Text = String,
    kind: Text = String,
    amount: Int = i64,
    at_ms: Int = u64,
    made_by: Text = String,
    made_ms: Int = u64,
}

row! { RecordRow in "records", key 1, REPLACED = false;
    id: Text = String,
    key: Text = String,
    plan: Text = String,
    spool: Text = String,
    number: Int = u64,
    began_ms: Int = u64,
    charged: Int = u64,
    body: Text = String,
    arrival: Arrival = i64,
    channel: Text = String,
    model: Text = String,
    status: Int = u16,
    failed: Int = u8,
}

row! { SumRow in "sums", key 9, ADDED = true;
    span: Int = u64,
    from_ms: Int = u64,
    key: Text = String,
    plan: Text = String,
    channel: Text = String,
    model: Text = String,
    endpoint: Text = String,
    status: Int = u16,
    failed: Int = u8,
    calls: Int = u64,
    input: Int = u64,
    cached: Int = u64,
    cache_write: Int = u64,
    output: Int = u64,
    credits: Int = u64,
    unpaid: Int = u64,
    cost: Int = u64,
    waste: Int = u64,
    latency_ms: Int = u64,
    first_ms: Int = u64,
    first_count: Int = u64,
}

row! { TermRow in "terms", key 3, REPLACED = false;
    key: Text = String,
    plan: Text = String,
    at_ms: Int = u64,
    price: Int = Option<u64>,
    currency: Text = String,
}

row! { UserRow in "users", key 1;
    id: Int = i64,
    name: Text = String,
    display_name: Text = String,
    role: Text = String,
    namespaces: Text = String,
    disabled: Int = u8,
    password: Text = String,
    created_ms: Int = u64,
    login_ms: Int = u64,
    failures: Int = u64,
    locked_until_ms: Int = u64,
}

row! { PaymentRow in "payments", key 1, REPLACED = false;
    id: Text = String,
    key: Text = String,
    plan: Text = String,
    credits: Int = u64,
    paid: Int = u64,
    currency: Text = String,
    at_ms: Int = u64,
    done: Int = u8,
}

row! { MarkRow in "marks", key 2;
    key: Text = String,
    budget: Text = String,
    percent: Int = u8,
    at_ms: Int = u64,
}

/// A grant that lasts; closed ones are only counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GrantRow {
    pub(super) key: String,
    pub(super) plan: String,
    pub(super) period: String,
    pub(super) ends_ms: Option<u64>,
    pub(super) amount: u64,
    pub(super) remaining: u64,
    pub(super) open: u8,
}

impl Row for GrantRow {
    const TABLE: &'static str = "grants";
    const COLUMNS: &'static [(&'static str, Kind)] = &[
        ("key", Kind::Text),
        ("plan", Kind::Text),
        ("period", Kind::Text),
        ("ends_ms", Kind::Int),
        ("amount", Kind::Int),
        ("remaining", Kind::Int),
        ("open", Kind::Int),
    ];
    const KEY: usize = 3;
    const ONLY: &'static str = " AND open = 1";

    fn params(&self) -> Vec<Param<'_>> {
        vec![
            Param::from(&self.key),
            Param::from(&self.plan),
            Param::from(&self.period),
            Param::from(&self.ends_ms),
            Param::from(&self.amount),
            Param::from(&self.remaining),
            Param::from(&self.open),
        ]
    }
}

/// That a record is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownRow {
    pub(super) id: String,
}

impl Row for KnownRow {
    const TABLE: &'static str = "records";
    const COLUMNS: &'static [(&'static str, Kind)] = &[("id", Kind::Text)];
    const KEY: usize = 1;

    fn params(&self) -> Vec<Param<'_>> {
        vec![Param::from(&self.id)]
    }
}
