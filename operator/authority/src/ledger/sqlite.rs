//! The rows in a `SQLite` file: write-ahead log, flushed to the disk with each commit. Called by the worker on a thread of its own, so
//! nothing here ever waits for anything but the disk. Never a rule of the book.

use super::LedgerError;
use super::rows::{ARRIVE, Kind, LAST_ARRIVAL, MOST, Param, Purpose, Row, Rows};
use super::schema;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long another process may keep the file locked before an operation fails.
const BUSY: Duration = Duration::from_secs(5);
/// Up to which size a file is checked whole when it is opened, in bytes: about a second's reading.
const CHECKED: u64 = 256 << 20;

/// One connection to the file.
pub(super) struct Sqlite {
    path: PathBuf,
    name: Arc<str>,
    connection: Option<Connection>,
}

impl Sqlite {
    pub(super) fn new(path: PathBuf) -> Self {
        let name = path.display().to_string().into();
        Sqlite {
            path,
            name,
            connection: None,
        }
    }

    fn open(&self) -> rusqlite::Result<(Connection, i64)> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON;")?;
        if std::fs::metadata(&self.path).is_ok_and(|file| file.len() <= CHECKED) {
            check(&connection)?;
        }
        let found = migrate(&mut connection)?;
        Ok((connection, found))
    }

    fn connection(&self) -> Result<&Connection, LedgerError> {
        self.connection
            .as_ref()
            .ok_or_else(|| self.unreachable("it is not open"))
    }

    fn execute(&self, sql: &str) -> Result<(), LedgerError> {
        self.connection()?
            .execute_batch(sql)
            .map_err(|error| self.error(&error))
    }

    /// The rows that a query answers with each of these sets of parameters.
    fn rows<R: DeserializeOwned, P: rusqlite::Params>(
        &self,
        sql: &str,
        each: impl IntoIterator<Item = P>,
    ) -> Result<Vec<R>, LedgerError> {
        let connection = self.connection()?;
        let read = || -> rusqlite::Result<Vec<Value>> {
            let mut statement = connection.prepare_cached(sql)?;
            let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let mut found = Vec::new();
            for with in each {
                let mut rows = statement.query(with)?;
                while let Some(row) = rows.next()? {
                    found.push(object(&names, row)?);
                }
            }
            Ok(found)
        };
        let found = read().map_err(|error| self.error(&error))?;
        let parsed = found.into_iter().map(serde_json::from_value);
        parsed
            .collect::<Result<_, _>>()
            .map_err(|error| self.corrupt(&error.to_string()))
    }

    fn error(&self, error: &rusqlite::Error) -> LedgerError {
        let store = self.name.clone();
        let why: Arc<str> = error.to_string().into();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => LedgerError::DiskFull { store, why },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                LedgerError::ReadOnly { store, why }
            }
            Some(ErrorCode::CannotOpen) => LedgerError::CannotOpen { store, why },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                LedgerError::Corrupt { store, why }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                LedgerError::Locked { store, why }
            }
            _ => LedgerError::Failed {
                store,
                attempt: "read or write",
                why,
            },
        }
    }
}

/// Reads the whole file once, so that damage is found before a call needs what is damaged.
fn check(connection: &Connection) -> rusqlite::Result<()> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, Some(found)))
}

/// Makes the tables that are missing; answers the version that was found.
fn migrate(connection: &mut Connection) -> rusqlite::Result<i64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction
        .execute_batch("CREATE TABLE IF NOT EXISTS migrations (version BIGINT PRIMARY KEY)")?;
    let newest = "SELECT COALESCE(MAX(version), 0) FROM migrations";
    let found: i64 = transaction.query_row(newest, [], |row| row.get(0))?;
    for (version, sql) in schema::missing(found) {
        transaction.execute_batch(sql)?;
        transaction.execute("INSERT INTO migrations VALUES (?1)", [version])?;
    }
    transaction.commit()?;
    Ok(found)
}

fn object(names: &[String], row: &rusqlite::Row<'_>) -> rusqlite::Result<Value> {
    let mut object = Map::new();
    for (at, name) in names.iter().enumerate() {
        let value = match row.get_ref(at)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => number.into(),
            other => other.as_str()?.into(),
        };
        object.insert(name.clone(), value);
    }
    Ok(Value::Object(object))
}

fn names<R: Row>(write: impl Fn(&str) -> String) -> String {
    let names: Vec<String> = R::COLUMNS.iter().map(|(name, _)| write(name)).collect();
    names.join(", ")
}

/// One statement for all rows, and no JSON: its functions took nine tenths of a record's time.
fn save<R: Row>() -> String {
    let keys = R::COLUMNS.iter().take(R::KEY);
    let keys: Vec<&str> = keys.map(|(name, _)| *name).collect();
    let set = R::COLUMNS
        .iter()
        .skip(R::KEY)
        .map(|(name, _)| match R::ADDED {
            true => format!("{name} = min({name} + excluded.{name}, {MOST})"),
            false => format!("{name} = excluded.{name}"),
        });
    let set: Vec<String> = set.collect();
    let conflict = if R::REPLACED {
        format!("UPDATE SET {}", set.join(", "))
    } else {
        "NOTHING".to_owned()
    };
    let places = (1..).zip(R::COLUMNS).map(|(at, (_, kind))| match kind {
        Kind::Arrival => format!("{LAST_ARRIVAL}?{at}"),
        Kind::Text | Kind::Int => format!("?{at}"),
    });
    let places: Vec<String> = places.collect();
    format!(
        "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO {conflict}",
        R::TABLE,
        names::<R>(str::to_owned),
        places.join(", "),
        keys.join(", ")
    )
}

impl Rows for Sqlite {
    async fn ready(&mut self) -> Result<(), LedgerError> {
        if self.connection.is_some() {
            return Ok(());
        }
        let (connection, found) = self.open().map_err(|error| self.error(&error))?;
        let known = schema::known();
        if found > known {
            let store = self.name.clone();
            return Err(LedgerError::NewerSchema {
                store,
                found,
                known,
            });
        }
        self.connection = Some(connection);
        Ok(())
    }

    fn corrupt(&self, why: &str) -> LedgerError {
        let store = self.name.clone();
        LedgerError::Corrupt {
            store,
            why: why.into(),
        }
    }

    fn unreachable(&self, why: &str) -> LedgerError {
        let store = self.name.clone();
        LedgerError::Unreachable {
            store,
            why: why.into(),
        }
    }

    async fn begin(&self, purpose: Purpose) -> Result<(), LedgerError> {
        match purpose {
            Purpose::Write => self.execute("BEGIN IMMEDIATE"),
            Purpose::Read => self.execute("BEGIN"),
        }
    }

    async fn commit(&self) -> Result<(), LedgerError> {
        self.execute("COMMIT")
    }

    async fn rollback(&mut self) {
        // Some failures have ended the transaction already; a connection that is still in one is not to be trusted.
        let failed = self.connection.as_ref().is_some_and(|connection| {
            !connection.is_autocommit() && connection.execute_batch("ROLLBACK").is_err()
        });
        if failed {
            self.connection = None;
        }
    }

    async fn lock(&self, _names: &BTreeSet<String>) -> Result<(), LedgerError> {
        // A transaction that writes is alone with the file.
        Ok(())
    }

    async fn make<R: Row>(&self, _ids: &BTreeSet<String>) -> Result<bool, LedgerError> {
        Ok(false)
    }

    async fn load<R: Row>(
        &self,
        column: &str,
        ids: &BTreeSet<String>,
    ) -> Result<Vec<R>, LedgerError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT {} FROM {} WHERE {column} = ?1{}",
            names::<R>(str::to_owned),
            R::TABLE,
            R::ONLY
        );
        self.rows(&sql, ids.iter().map(|id| [id]))
    }

    async fn arrive(&self, count: u64) -> Result<(), LedgerError> {
        if count == 0 {
            return Ok(());
        }
        self.ask::<Value>(ARRIVE, &[Param::from(&count)])
            .await
            .map(|_| ())
    }

    async fn save<R: Row>(&self, rows: &[R]) -> Result<(), LedgerError> {
        if rows.is_empty() {
            return Ok(());
        }
        let sql = save::<R>();
        let connection = self.connection()?;
        let write = || -> rusqlite::Result<()> {
            let mut statement = connection.prepare_cached(&sql)?;
            for row in rows {
                statement.execute(rusqlite::params_from_iter(row.params()))?;
            }
            Ok(())
        };
        write().map_err(|error| self.error(&error))
    }

    async fn ask<R: DeserializeOwned>(
        &self,
        sql: &str,
        with: &[Param<'_>],
    ) -> Result<Vec<R>, LedgerError> {
        self.rows(&sql.replace('$', "?"), [rusqlite::params_from_iter(with)])
    }
}

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Param::Int(number) => ValueRef::Integer(*number),
            Param::Text(text) => ValueRef::Text(text.as_bytes()),
            Param::Null => ValueRef::Null,
        }))
    }
}
