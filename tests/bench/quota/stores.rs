//! What a store's own commit costs: one row, by the library that the ledger has, at the steady rate of the checks. Part of the quota's
//! bench. Not one right after the other: such commits are a third of that, because neither the disk nor a thread has to be woken.

use super::measure::RATE;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};

const COMMITS: usize = 1_000;

/// A table beside the ledger's.
pub(crate) enum Store {
    /// In a file beside the ledger's.
    Sqlite(rusqlite::Connection),
    /// In the server of the ledger.
    Postgres(tokio_postgres::Client, tokio_postgres::Statement),
}

impl Store {
    pub(crate) fn sqlite(path: &Path) -> Store {
        let file = rusqlite::Connection::open(path).unwrap();
        file.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))
            .unwrap();
        file.execute_batch("PRAGMA synchronous = FULL; CREATE TABLE t (n INT)")
            .unwrap();
        Store::Sqlite(file)
    }

    pub(crate) async fn postgres(url: &str) -> Store {
        let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
        let (client, connection) = connected.unwrap();
        tokio::spawn(connection);
        let table = "CREATE TABLE public.bare (n INT)";
        client.batch_execute(table).await.unwrap();
        let insert = client.prepare("INSERT INTO public.bare VALUES (1)").await;
        let insert = insert.unwrap();
        Store::Postgres(client, insert)
    }

    /// What each of some commits took.
    pub(crate) async fn commits(&self) -> Vec<Duration> {
        let mut took = Vec::new();
        let mut due = interval(Duration::from_secs(1) / RATE);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for _ in 0..COMMITS {
            due.tick().await;
            let begun = Instant::now();
            match self {
                Store::Sqlite(file) => drop(file.execute("INSERT INTO t VALUES (1)", []).unwrap()),
                Store::Postgres(client, insert) => {
                    client.execute(insert, &[]).await.unwrap();
                }
            }
            took.push(begun.elapsed());
        }
        took
    }
}
