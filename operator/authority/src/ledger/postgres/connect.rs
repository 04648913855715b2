//! How PostgreSQL is reached: its address, a connection whose session is set as the ledger needs it, the tables made where they are
//! missing, and what its errors mean. Called by `postgres` alone. Never prints a password.

use super::sql;
use crate::ledger::{LedgerError, schema};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, Statement};

/// Taken by whoever makes tables, so that of several replicas one does: "purser" in ASCII.
const MIGRATING: i64 = 0x7075_7273_6572;
/// What every session is: its tables, commits that are on the disk, waits that end, and plans that are made once. Tables begin empty, and
/// a plan of that time that reads a whole table would be kept while it grows; so none may where there is an index.
const SESSION: &str = "SET search_path TO purser; SET synchronous_commit TO on; SET statement_timeout TO '10s'; \
    SET lock_timeout TO '5s'; SET idle_in_transaction_session_timeout TO '30s'; SET jit TO off; \
    SET enable_seqscan TO off; SET enable_bitmapscan TO off; SET plan_cache_mode TO force_generic_plan; \
    SET enable_hashjoin TO off; SET enable_mergejoin TO off";

/// For how long a server may be silent before its connection is given up.
const SILENCE: Duration = Duration::from_secs(10);

/// Where the server is, and as whom it is asked.
#[derive(Clone)]
pub(in crate::ledger) struct Address {
    config: Config,
    name: Arc<str>,
}

/// A server that answers, and the statements that it has prepared.
pub(super) struct Reached {
    pub(super) client: Client,
    statements: RefCell<HashMap<String, Statement>>,
}

impl Reached {
    /// What was prepared.
    pub(super) fn prepared(&self, sql: &str) -> Option<Statement> {
        self.statements.borrow().get(sql).cloned()
    }

    /// Prepares what was not.
    pub(super) async fn prepare(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        if self.prepared(sql).is_none() {
            let statement = self.client.prepare(sql).await?;
            self.statements
                .borrow_mut()
                .insert(sql.to_owned(), statement);
        }
        Ok(())
    }
}

impl Address {
    /// Reads `postgres://user:password@host:port/database`.
    pub(in crate::ledger) fn read(url: &str) -> Result<Address, LedgerError> {
        // The parser's own words may repeat the text, and with it the password, so they are not.
        let unreadable = |_| LedgerError::Address {
            why: "it is no address of a PostgreSQL database".into(),
        };
        let mut config: Config = url.parse().map_err(unreadable)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(3));
        }
        config.tcp_user_timeout(SILENCE);
        config.keepalives_idle(SILENCE);
        config.keepalives_interval(SILENCE / 4);
        config.keepalives_retries(4);
        config.application_name("purser");
        let hosts: Vec<String> = config.get_hosts().iter().map(host).collect();
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let database = config
            .get_dbname()
            .or(config.get_user())
            .unwrap_or_default();
        let name = format!("postgres://{}:{port}/{database}", hosts.join(",")).into();
        Ok(Address { config, name })
    }

    pub(super) fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    /// What an error of the server or of the way to it means.
    pub(super) fn error(&self, error: &tokio_postgres::Error) -> LedgerError {
        let store = self.name();
        let Some(said) = error.as_db_error() else {
            let source = std::error::Error::source(error).map(|source| format!(": {source}"));
            let why = format!("{error}{}", source.unwrap_or_default()).into();
            return LedgerError::Unreachable { store, why };
        };
        let why: Arc<str> = said.message().into();
        let code = said.code();
        let unavailable = ["08", "28", "3D", "53", "57"];
        match code {
            _ if *code == SqlState::DISK_FULL => LedgerError::DiskFull { store, why },
            _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
                LedgerError::ReadOnly { store, why }
            }
            _ if [
                SqlState::UNDEFINED_TABLE,
                SqlState::UNDEFINED_COLUMN,
                SqlState::INVALID_SCHEMA_NAME,
            ]
            .contains(code)
                || *code == SqlState::INSUFFICIENT_PRIVILEGE =>
            {
                LedgerError::NoSchema { store, why }
            }
            _ if code.code().starts_with("40") || *code == SqlState::LOCK_NOT_AVAILABLE => {
                LedgerError::Locked { store, why }
            }
            _ if code.code().starts_with("XX") => LedgerError::Corrupt { store, why },
            _ if unavailable
                .iter()
                .any(|class| code.code().starts_with(class)) =>
            {
                LedgerError::Unreachable { store, why }
            }
            _ => LedgerError::Failed {
                store,
                attempt: "read or write",
                why,
            },
        }
    }
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    }
}

/// Connects, and makes the tables that are missing.
pub(super) async fn connect(address: &Address) -> Result<Reached, LedgerError> {
    let mut client = soon(address, greet(address)).await?;
    // Made once, and for as long as it takes where there is much already; a server that is lost meanwhile ends it.
    let found = migrate(&mut client).await;
    let found = found.map_err(|error| address.error(&error))?;
    let known = schema::known();
    if found > known {
        let store = address.name();
        return Err(LedgerError::NewerSchema {
            store,
            found,
            known,
        });
    }
    soon(address, prepare(address, client)).await
}

async fn soon<T>(
    address: &Address,
    asked: impl Future<Output = Result<T, LedgerError>>,
) -> Result<T, LedgerError> {
    let silent = |_| {
        let (store, why) = (
            address.name(),
            "it accepts the connection and is silent".into(),
        );
        LedgerError::Unreachable { store, why }
    };
    let answer = tokio::time::timeout(SILENCE, asked).await;
    answer.map_err(silent)?
}

async fn greet(address: &Address) -> Result<Client, LedgerError> {
    let failed = |error| address.error(&error);
    let (client, connection) = address.config.connect(NoTls).await.map_err(failed)?;
    // It ends with the client, and its error is also that of whatever the client is asked.
    tokio::spawn(async move { connection.await.ok() });
    client.batch_execute(SESSION).await.map_err(failed)?;
    Ok(client)
}

async fn prepare(address: &Address, client: Client) -> Result<Reached, LedgerError> {
    let reached = Reached {
        client,
        statements: RefCell::default(),
    };
    for sql in sql::all() {
        let prepared = reached.prepare(&sql).await;
        prepared.map_err(|error| address.error(&error))?;
    }
    Ok(reached)
}

/// Makes the tables that are missing; answers the version that was found. What exists is looked for before it is made: a role that may
/// not make it may still use it.
async fn migrate(client: &mut Client) -> Result<i64, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction
        .batch_execute("SET LOCAL statement_timeout TO 0; SET LOCAL lock_timeout TO 0")
        .await?;
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&MIGRATING])
        .await?;
    let there = "SELECT 1 FROM pg_namespace WHERE nspname = 'purser'";
    if transaction.query_opt(there, &[]).await?.is_none() {
        transaction.batch_execute("CREATE SCHEMA purser").await?;
    }
    let there = "SELECT 1 FROM pg_tables WHERE schemaname = 'purser' AND tablename = 'migrations'";
    if transaction.query_opt(there, &[]).await?.is_none() {
        transaction
            .batch_execute("CREATE TABLE migrations (version BIGINT PRIMARY KEY)")
            .await?;
    }
    let newest = "SELECT COALESCE(MAX(version), 0) FROM migrations";
    let found: i64 = transaction.query_one(newest, &[]).await?.get(0);
    for (version, sql) in schema::missing(found) {
        transaction.batch_execute(&schema::of_postgres(sql)).await?;
        transaction
            .execute("INSERT INTO migrations VALUES ($1)", &[&version])
            .await?;
    }
    transaction.commit().await?;
    Ok(found)
}
