//! How fast calls are reserved and settled, next to a bare commit on the same disk. Run by hand:
//! `cargo test --release -p purser-authority --test ledger speed -- --ignored --nocapture`.

use crate::setup::*;
use purser_authority::ledger::Ledger;
use std::time::{Duration, Instant};

/// About so many calls in each row.
const CALLS: u64 = 10_000;

fn line(what: &str, mut took: Vec<Duration>, whole: Duration) {
    took.sort();
    let at = |part: usize| took[(took.len() - 1) * part / 100].as_secs_f64() * 1e3;
    let rate = took.len() as f64 / whole.as_secs_f64();
    println!(
        "{what:44} {rate:8.0}/s   p50 {:7.3} ms   p99 {:7.3} ms",
        at(50),
        at(99)
    );
}

/// One caller: reserves and settles one call after the other. How long each took.
async fn caller(ledger: Ledger, spool: String, name: String, calls: u64) -> [Vec<Duration>; 2] {
    let (mut reserved, mut settled) = (Vec::new(), Vec::new());
    for turn in 0..calls {
        let id = format!("{spool}-{turn}");
        let mut asked = ask(&id, &name, 2);
        asked.credits.grant = 1 << 40;
        asked.max_keys = 1_000_000;
        asked.spool.clone_from(&spool);
        let begun = Instant::now();
        reserve(&ledger, asked).await.unwrap();
        reserved.push(begun.elapsed());
        let begun = Instant::now();
        let shipped = batch(&spool, turn + 1, vec![record(&id, &name, 1)]);
        ledger.keep(sender(), shipped, NOW).await.unwrap().unwrap();
        settled.push(begun.elapsed());
    }
    [reserved, settled]
}

/// So many callers at once, each on a key of its own, or all on one.
async fn load(what: &str, ledger: &Ledger, callers: u64, one_key: bool) {
    let begun = Instant::now();
    let start = |number: u64| {
        let name = if one_key { 0 } else { number };
        let spool = format!("{what}-{callers}-{one_key}-{number}");
        let calls = (CALLS / callers).min(500);
        tokio::spawn(caller(ledger.clone(), spool, format!("k{name}"), calls))
    };
    let ran: Vec<_> = (0..callers).map(start).collect();
    let (mut reserved, mut settled) = (Vec::new(), Vec::new());
    for caller in ran {
        let [one, other] = caller.await.unwrap();
        reserved.extend(one);
        settled.extend(other);
    }
    let whole = begun.elapsed();
    let keys = if one_key { "one key" } else { "own keys" };
    for (of, took) in [("reserve", reserved), ("settle", settled)] {
        line(
            &format!("{what}, {callers} callers, {keys}: {of}"),
            took,
            whole,
        );
    }
}

/// What the disk takes for a commit of one row, by the same library.
fn bare(path: &std::path::Path) {
    let file = rusqlite::Connection::open(path).unwrap();
    file.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))
        .unwrap();
    file.execute_batch("PRAGMA synchronous = FULL; CREATE TABLE t (n INT)")
        .unwrap();
    let begun = Instant::now();
    let each = |_| {
        let begun = Instant::now();
        file.execute("INSERT INTO t VALUES (1)", []).unwrap();
        begun.elapsed()
    };
    let took: Vec<Duration> = (0..1_000).map(each).collect();
    line("sqlite, a bare commit", took, begun.elapsed());
}

async fn bare_server(url: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
        .batch_execute("CREATE TABLE t (n INT)")
        .await
        .unwrap();
    let insert = client.prepare("INSERT INTO t VALUES (1)").await.unwrap();
    let (mut took, whole) = (Vec::new(), Instant::now());
    for _ in 0..1_000 {
        let begun = Instant::now();
        client.execute(&insert, &[]).await.unwrap();
        took.push(begun.elapsed());
    }
    line("postgres, a bare commit", took, whole.elapsed());
}

const LOADS: [(u64, bool); 4] = [(1, true), (50, true), (50, false), (500, false)];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, proves nothing"]
async fn how_fast_is_it() {
    let store = Store::sqlite();
    bare(&store.path().with_extension("bare"));
    let ledger = store.open().await;
    for (callers, one_key) in LOADS {
        load("sqlite", &ledger, callers, one_key).await;
    }
    verify(&ledger).await;
    let Some(Store::Postgres(url)) = Store::postgres().await else {
        return;
    };
    bare_server(&url).await;
    let ledger = open_at(&url).await;
    for (callers, one_key) in LOADS {
        load("postgres", &ledger, callers, one_key).await;
    }
    verify(&ledger).await;
}
