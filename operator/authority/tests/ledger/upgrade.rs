//! A ledger of version 1 with calls in it becomes one of version 2, and nothing of it is lost or counted twice.

use crate::looked_for::{calls, keep_all};
use crate::setup::*;
use purser_authority::ledger::{Activate, By, Ledger, Paging, Query, Renewal, Sale, Sum};
use purser_config::usage::Record;

/// What made version 2, undone; the columns and tables that both versions have keep what is in them.
const BACK: &str = "DROP TABLE sums; DROP TABLE numbers; DROP TABLE terms; DROP TABLE users; DROP TABLE sessions; \
    DROP TABLE deeds; DROP TABLE payments; DROP TABLE marks; DROP INDEX records_by_arrival; \
    ALTER TABLE records DROP COLUMN arrival; ALTER TABLE records DROP COLUMN channel; \
    ALTER TABLE records DROP COLUMN model; ALTER TABLE records DROP COLUMN status; \
    ALTER TABLE records DROP COLUMN failed; DELETE FROM migrations WHERE version > 1;";

async fn run(store: &Store, sql: &str) {
    match store {
        Store::Sqlite(_) => {
            let file = rusqlite::Connection::open(store.path()).unwrap();
            file.busy_timeout(std::time::Duration::from_secs(10))
                .unwrap();
            file.execute_batch(sql).unwrap();
        }
        Store::Postgres(url) => {
            let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
                .await
                .unwrap();
            tokio::spawn(connection);
            client
                .batch_execute(&format!("SET search_path TO purser; {sql}"))
                .await
                .unwrap();
        }
    }
}

async fn told(ledger: &Ledger) -> (Vec<Sum>, u64, Vec<Record>) {
    let by = [
        By::Key,
        By::Plan,
        By::Channel,
        By::Model,
        By::Endpoint,
        By::Hour,
    ];
    let sums = ledger.sums(Query::default(), &by).await.unwrap();
    let rare = Query {
        model: Some("rare".to_owned()),
        ..Query::default()
    };
    let page = ledger
        .log(
            rare,
            Paging {
                offset: 0,
                limit: 100,
            },
        )
        .await
        .unwrap();
    (sums, page.total, page.records)
}

/// Calls that were paid and such as were not, and a plan's time that began twice.
async fn fill(ledger: &Ledger) {
    reserve(ledger, ask("c", "k", 100)).await.unwrap();
    let begin = Activate {
        key: key("k"),
        plan: "pass".to_owned(),
        max_keys: 10,
        at_ms: NOW,
        sale: sold(NOW),
    };
    ledger.activate(begin).await.unwrap();
    let renewal = Renewal {
        key: key("k"),
        plan: "pass".to_owned(),
        id: "r".to_owned(),
        by: "admin".to_owned(),
        at_ms: NOW + 9,
        sale: sold(NOW + 9),
    };
    ledger.renew(renewal).await.unwrap();
    keep_all(ledger, &calls(4_500)).await;
    let batch = batch("spool-1", 4_501, vec![record("c", "k", 60)]);
    ledger
        .keep(sender_of_all(), batch, NOW)
        .await
        .unwrap()
        .unwrap();
}

pub(crate) async fn a_ledger_of_version_1_is_added_up_when_it_is_opened(store: Store) {
    let ledger = store.open().await;
    fill(&ledger).await;
    let before = told(&ledger).await;
    drop(ledger);
    run(&store, BACK).await;

    let ledger = store.open().await;
    assert_eq!(told(&ledger).await, before);
    verify(&ledger).await;
    assert_eq!(ledger.arrivals().await.unwrap(), 4_501);
    let (mut after, mut arrived) = (0, std::collections::BTreeSet::new());
    while after < 4_501 {
        let tail = ledger
            .log_after(Query::default(), after, 1_000)
            .await
            .unwrap();
        (after, _) = (
            tail.upto,
            arrived.extend(tail.records.into_iter().map(|record| record.id)),
        );
    }
    assert_eq!(arrived.len(), 4_501);
    // Of what began before there were terms, the last beginning is known.
    let terms = ledger.terms(0, u64::MAX).await.unwrap();
    // What it was sold for is not.
    let sales: Vec<&Sale> = terms.iter().map(|term| &term.sale).collect();
    assert_eq!(sales, [&sold(NOW + 9)]);
}

/// While replicas are replaced one by one, an old one may keep records the old way.
pub(crate) async fn a_record_that_an_older_replica_keeps_is_added_up_with_the_next_sweep(
    store: Store,
) {
    let ledger = store.open().await;
    keep(&ledger, 1, vec![record("new", "k", 0)]).await;
    let late = serde_json::to_string(&record("old", "k", 0)).unwrap();
    let sql = format!(
        "INSERT INTO records (id, key, plan, spool, number, began_ms, charged, body) \
         VALUES ('old', 'shop/k', 'free', 'spool-2', 1, {NOW}, 0, '{late}'); \
         UPDATE accounts SET requests = 2 WHERE key = 'shop/k'"
    );
    run(&store, &sql).await;
    assert_eq!(ledger.verify().await.unwrap().len(), 2);
    ledger.sweep(NOW, 1_000, [].into()).await.unwrap();
    // The sweep is answered first, and what follows it waits for what it left.
    ledger.seen([].into(), NOW).await.unwrap();
    verify(&ledger).await;
    let sums = ledger.sums(Query::default(), &[]).await.unwrap();
    assert_eq!((sums[0].calls, ledger.arrivals().await.unwrap()), (2, 2));
}
