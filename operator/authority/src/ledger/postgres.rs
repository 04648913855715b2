//! The rows in PostgreSQL, in the schema `purser`: several operators may write at once, each waiting for the accounts that it needs.
//! Called by the worker on a thread of its own. Never a rule of the book, never a password in a message.

mod connect;
mod sql;

pub(super) use connect::Address;

use super::LedgerError;
use super::rows::{ARRIVE, Param, Purpose, Row, Rows};
use connect::Reached;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio_postgres::types::{ToSql, Type};

/// How long to wait before a server is looked for again, at first and at most.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// One connection, which may be lost and found again.
pub(super) struct Postgres {
    address: Address,
    reached: Option<Reached>,
    /// When it may be looked for again, how long after that, and what was wrong.
    lost: Option<(Instant, Duration, LedgerError)>,
}

impl Postgres {
    pub(super) fn new(address: Address) -> Self {
        Postgres {
            address,
            reached: None,
            lost: None,
        }
    }

    fn reached(&self) -> Result<&Reached, LedgerError> {
        self.reached
            .as_ref()
            .ok_or_else(|| self.unreachable("the connection was lost"))
    }

    async fn execute(&self, sql: &str) -> Result<(), LedgerError> {
        let client = &self.reached()?.client;
        client
            .batch_execute(sql)
            .await
            .map_err(|error| self.address.error(&error))
    }

    async fn rows<R: DeserializeOwned>(
        &self,
        sql: &str,
        with: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<R>, LedgerError> {
        let reached = self.reached()?;
        let prepared = reached.prepare(sql).await;
        prepared.map_err(|error| self.address.error(&error))?;
        self.prepared(sql, with).await
    }

    /// Asks what was prepared when the server was reached: it is sent at once, so that the order in which several are asked is that in
    /// which the server does them.
    async fn prepared<R: DeserializeOwned>(
        &self,
        sql: &str,
        with: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<R>, LedgerError> {
        let reached = self.reached()?;
        let statement = reached
            .prepared(sql)
            .ok_or_else(|| self.unreachable("a statement is not prepared"))?;
        let rows = reached.client.query(&statement, with).await;
        let rows = rows.map_err(|error| self.address.error(&error))?;
        let parsed = rows.iter().map(|row| serde_json::from_value(object(row)));
        parsed
            .collect::<Result<_, _>>()
            .map_err(|error| self.corrupt(&error.to_string()))
    }
}

fn object(row: &tokio_postgres::Row) -> Value {
    let mut object = Map::new();
    for (at, column) in row.columns().iter().enumerate() {
        let value = match *column.type_() {
            Type::INT8 => row
                .try_get::<_, Option<i64>>(at)
                .ok()
                .flatten()
                .map(Value::from),
            _ => row
                .try_get::<_, Option<String>>(at)
                .ok()
                .flatten()
                .map(Value::from),
        };
        object.insert(column.name().to_owned(), value.unwrap_or_default());
    }
    Value::Object(object)
}

impl Rows for Postgres {
    async fn ready(&mut self) -> Result<(), LedgerError> {
        if self
            .reached
            .as_ref()
            .is_some_and(|reached| !reached.client.is_closed())
        {
            return Ok(());
        }
        self.reached = None;
        let now = Instant::now();
        if let Some((again, _, error)) = &self.lost
            && now < *again
        {
            return Err(error.clone());
        }
        match connect::connect(&self.address).await {
            Ok(reached) => {
                self.reached = Some(reached);
                self.lost = None;
                Ok(())
            }
            Err(error) => {
                let wait = self
                    .lost
                    .as_ref()
                    .map_or(WAITS.0, |(_, wait, _)| (*wait * 2).min(WAITS.1));
                self.lost = Some((Instant::now() + wait, wait, error.clone()));
                Err(error)
            }
        }
    }

    fn corrupt(&self, why: &str) -> LedgerError {
        let store = self.address.name();
        LedgerError::Corrupt {
            store,
            why: why.into(),
        }
    }

    fn unreachable(&self, why: &str) -> LedgerError {
        let store = self.address.name();
        LedgerError::Unreachable {
            store,
            why: why.into(),
        }
    }

    async fn begin(&self, purpose: Purpose) -> Result<(), LedgerError> {
        match purpose {
            // Rows are locked before they are read, and what is read after a lock must be what its last holder left.
            Purpose::Write => self.execute("BEGIN ISOLATION LEVEL READ COMMITTED").await,
            Purpose::Read => {
                self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .await
            }
        }
    }

    async fn commit(&self) -> Result<(), LedgerError> {
        self.execute("COMMIT").await
    }

    async fn rollback(&mut self) {
        let ended = tokio::time::timeout(Duration::from_secs(1), self.execute("ROLLBACK")).await;
        if !matches!(ended, Ok(Ok(()))) {
            self.reached = None;
        }
    }

    async fn lock(&self, names: &BTreeSet<String>) -> Result<(), LedgerError> {
        const LOCK: &str = "SELECT CAST(pg_advisory_xact_lock(hashtextextended(name, 0)) AS TEXT) AS locked \
            FROM unnest($1::text[]) AS name";
        if names.is_empty() {
            return Ok(());
        }
        let names: Vec<&String> = names.iter().collect();
        self.rows::<Value>(LOCK, &[&names]).await.map(|_| ())
    }

    async fn make<R: Row>(&self, ids: &BTreeSet<String>) -> Result<bool, LedgerError> {
        let ids: Vec<&String> = ids.iter().collect();
        let made = self.rows::<Value>(&sql::make::<R>(), &[&ids]).await;
        made.map(|_| true)
    }

    async fn load<R: Row>(
        &self,
        column: &str,
        ids: &BTreeSet<String>,
    ) -> Result<Vec<R>, LedgerError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&String> = ids.iter().collect();
        self.prepared(&sql::load::<R>(column), &[&ids]).await
    }

    async fn arrive(&self, count: u64) -> Result<(), LedgerError> {
        if count == 0 {
            return Ok(());
        }
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.prepared::<Value>(ARRIVE, &[&count]).await.map(|_| ())
    }

    async fn save<R: Row>(&self, rows: &[R]) -> Result<(), LedgerError> {
        if rows.is_empty() {
            return Ok(());
        }
        let rows = serde_json::to_string(rows).map_err(|error| self.corrupt(&error.to_string()))?;
        let saved = self.prepared::<Value>(&sql::save::<R>(), &[&rows]).await;
        saved.map(|_| ())
    }

    async fn ask<R: DeserializeOwned>(
        &self,
        sql: &str,
        with: &[Param<'_>],
    ) -> Result<Vec<R>, LedgerError> {
        let with: Vec<&(dyn ToSql + Sync)> = with
            .iter()
            .map(|param| match param {
                Param::Int(number) => number as &(dyn ToSql + Sync),
                Param::Text(text) => text,
                Param::Null => &None::<i64>,
            })
            .collect();
        self.rows(sql, &with).await
    }
}
