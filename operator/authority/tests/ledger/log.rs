//! What is found of the calls on record, against the same looked for by hand in all of them, and a tail that looks on.

use crate::looked_for::{asked, calls, keep_all, queries, served_by};
use crate::setup::*;
use purser_authority::ledger::{By, Paging, Query, Scope};
use purser_config::Name;
use purser_config::usage::Record;

pub(crate) async fn a_page_is_what_is_found_by_looking_at_every_record(store: Store) {
    let ledger = store.open().await;
    let mut records = calls(1_500);
    keep_all(&ledger, &records).await;
    records.sort_by(|one, other| (other.began_ms, &other.id).cmp(&(one.began_ms, &one.id)));
    for query in queries() {
        let wanted = records
            .iter()
            .filter(|record| asked(&query, record) && served_by(&query, record));
        let wanted: Vec<&str> = wanted.map(|record| record.id.as_str()).collect();
        for (offset, limit) in [
            (0, 10),
            (3, 100),
            (990, 20),
            (1_499, 5),
            (5_000, 10),
            (0, 0),
        ] {
            let page = ledger
                .log(query.clone(), Paging { offset, limit })
                .await
                .unwrap();
            let found: Vec<&str> = page
                .records
                .iter()
                .map(|record| record.id.as_str())
                .collect();
            let here = wanted.iter().skip(offset as usize).take(limit as usize);
            let here: Vec<&str> = here.copied().collect();
            assert_eq!(
                (page.total, found),
                (wanted.len() as u64, here),
                "{query:?} from {offset}"
            );
        }
    }
}

/// Two that write at once, as two replicas do, while a third looks on.
pub(crate) async fn a_tail_tells_every_call_once_as_it_arrives(store: Store) {
    let writers = [store.open().await, store.open().await];
    let reader = store.open().await;
    let write = |writer: usize| {
        let ledger = writers[writer].clone();
        tokio::spawn(async move {
            for turn in 0..60 {
                let id = format!("w{writer}-{turn}");
                let records = vec![record(&id, &format!("k{writer}"), 0)];
                let batch = batch(&format!("spool-{writer}"), turn + 1, records);
                ledger.keep(sender(), batch, NOW).await.unwrap().unwrap();
            }
        })
    };
    let writing = [write(0), write(1)];
    let (mut after, mut told) = (0, Vec::new());
    let both = async {
        for writer in writing {
            writer.await.unwrap();
        }
    };
    let mut both = std::pin::pin!(both);
    let mut ended = false;
    while !ended {
        ended = futures::poll!(both.as_mut()).is_ready();
        loop {
            let tail = reader.log_after(Query::default(), after, 7).await.unwrap();
            after = tail.upto;
            told.extend(tail.records.iter().map(|record| record.id.clone()));
            if tail.records.is_empty() {
                break;
            }
        }
    }
    for writer in 0..2 {
        let of = told
            .iter()
            .filter(|id| id.starts_with(&format!("w{writer}-")));
        let expected: Vec<String> = (0..60).map(|turn| format!("w{writer}-{turn}")).collect();
        assert!(of.eq(expected.iter()), "{told:?}");
    }
    assert_eq!(reader.arrivals().await.unwrap(), 120);
    assert_eq!(
        reader.arrival("w0-0".to_owned()).await.unwrap(),
        told.iter()
            .position(|id| id == "w0-0")
            .map(|at| at as u64 + 1)
    );
    assert_eq!(reader.arrival("none".to_owned()).await.unwrap(), None);
}

pub(crate) async fn a_tail_of_what_is_rare_moves_on_and_of_nothing_stays(store: Store) {
    let ledger = store.open().await;
    keep_all(&ledger, &calls(500)).await;
    let rare = Query {
        model: Some("rare".to_owned()),
        ..Query::default()
    };
    let tail = ledger.log_after(rare.clone(), 1, 10).await.unwrap();
    let ids: Vec<&str> = tail
        .records
        .iter()
        .map(|record| record.id.as_str())
        .collect();
    assert_eq!((tail.upto, ids), (500, vec!["c00211", "c00422"]));
    let tail = ledger.log_after(rare, 500, 10).await.unwrap();
    assert_eq!((tail.upto, tail.records.len()), (500, 0));
    let nobody = Query {
        scope: Scope::Namespaces(Vec::new()),
        ..Query::default()
    };
    assert!(
        ledger
            .log_after(nobody, 0, 10)
            .await
            .unwrap()
            .records
            .is_empty()
    );
}

pub(crate) async fn what_no_call_can_be_stops_no_sum(store: Store) {
    let ledger = store.open().await;
    let mut odd = record("odd", "k", u64::MAX);
    odd.reservation = None;
    (odd.unpaid, odd.cost, odd.tokens.input) = (u64::MAX, u64::MAX, u64::MAX);
    odd.asked = "\0".repeat(5_000);
    odd.plan = "p".repeat(3_000);
    odd.began_ms = u64::MAX;
    odd.waste = [(Name::new("models", "\0"), u64::MAX)].into();
    let odd = |n| Record {
        id: format!("odd{n}"),
        ..odd.clone()
    };
    keep(&ledger, 1, (0..200).map(odd).collect()).await;
    let query = Query {
        model: Some("\0".repeat(5_000)),
        ..Query::default()
    };
    let sums = ledger.sums(query.clone(), &[By::Day]).await.unwrap();
    assert_eq!(sums.iter().map(|sum| sum.calls).sum::<u64>(), 200);
    let page = ledger
        .log(
            query,
            Paging {
                offset: 0,
                limit: 1,
            },
        )
        .await
        .unwrap();
    assert_eq!((page.total, page.records.len()), (200, 1));
}
