//! What a store's own commit costs: one row, one after the other, by the library that the ledger has. Part of the quota's bench.

use super::measure::Times;
use std::path::Path;
use std::time::Instant;

const COMMITS: usize = 1_000;

/// In a file beside the ledger's.
pub(crate) fn sqlite(path: &Path) -> Times {
    let file = rusqlite::Connection::open(path).unwrap();
    file.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))
        .unwrap();
    file.execute_batch("PRAGMA synchronous = FULL; CREATE TABLE t (n INT)")
        .unwrap();
    let commit = |_| {
        let begun = Instant::now();
        file.execute("INSERT INTO t VALUES (1)", []).unwrap();
        begun.elapsed()
    };
    Times::of((0..COMMITS).map(commit).collect())
}

/// In the server of the ledger.
pub(crate) async fn postgres(url: &str) -> Times {
    let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
    let (client, connection) = connected.unwrap();
    tokio::spawn(connection);
    let table = "CREATE TABLE public.bare (n INT)";
    client.batch_execute(table).await.unwrap();
    let insert = client.prepare("INSERT INTO public.bare VALUES (1)").await;
    let (insert, mut took) = (insert.unwrap(), Vec::new());
    for _ in 0..COMMITS {
        let begun = Instant::now();
        client.execute(&insert, &[]).await.unwrap();
        took.push(begun.elapsed());
    }
    Times::of(took)
}
