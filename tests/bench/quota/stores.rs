//! What a store's own commit costs: one row, by the library that the ledger has, at the steady rate of the checks. Part of the quota's
//! bench. Not one right after the other: such commits are a third of that, because neither the disk nor a thread has to be woken.

use super::measure::RATE;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
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
    /// No store: a byte to another thread and back by TCP, which is what this machine takes to wake two threads.
    Loopback(TcpStream),
}

impl Store {
    pub(crate) fn loopback() -> Store {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let asking = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut answering, _) = listener.accept().unwrap();
        for socket in [&asking, &answering] {
            socket.set_nodelay(true).unwrap();
        }
        std::thread::spawn(move || {
            let mut byte = [0];
            while answering.read_exact(&mut byte).is_ok() {
                answering.write_all(&byte).unwrap();
            }
        });
        Store::Loopback(asking)
    }

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

    /// What each of some commits, or round trips, took.
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
                Store::Loopback(socket) => {
                    let mut socket = socket;
                    socket.write_all(&[1]).unwrap();
                    socket.read_exact(&mut [0]).unwrap();
                }
            }
            took.push(begun.elapsed());
        }
        took
    }
}
