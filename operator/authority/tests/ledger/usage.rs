//! Records: kept once, in order, of those who may ship them.

use crate::setup::*;
use purser_authority::ledger::{Filter, KeepRefused, Kept, LedgerError, Sender};
use purser_config::Name;
use purser_config::usage::Record;

fn numbered(from: u64, to: u64) -> Vec<Record> {
    let each = |n| Record {
        began_ms: NOW + n,
        ..record(&format!("c{n}"), "k", 1)
    };
    (from..=to).map(each).collect()
}

pub(crate) async fn a_batch_that_is_sent_again_is_kept_once(store: Store) {
    let ledger = store.open().await;
    for n in 1..=6 {
        reserve(&ledger, ask(&format!("c{n}"), "k", 10))
            .await
            .unwrap();
    }
    assert_eq!(keep(&ledger, 1, numbered(1, 3)).await, Kept { upto: 3 });
    assert_eq!(keep(&ledger, 1, numbered(1, 3)).await, Kept { upto: 3 });
    assert_eq!(keep(&ledger, 2, numbered(2, 5)).await, Kept { upto: 5 });
    // An older one that comes late moves nothing back.
    assert_eq!(keep(&ledger, 1, numbered(1, 2)).await, Kept { upto: 5 });
    let facts = &ledger.accounts(NOW).await.unwrap()[&key("k")];
    assert_eq!(
        (
            facts.credits_used,
            facts.requests_used,
            facts.credits_reserved
        ),
        (5, 5, 10)
    );
    assert_eq!(facts.last_used_ms, NOW + 5);
    verify(&ledger).await;
}

pub(crate) async fn a_batch_with_a_gap_is_refused_with_the_mark(store: Store) {
    let ledger = store.open().await;
    keep(&ledger, 1, numbered(1, 2)).await;
    let late = ledger
        .keep(sender(), batch("spool-1", 4, numbered(4, 5)), NOW)
        .await;
    assert_eq!(late.unwrap(), Err(KeepRefused::Gap { upto: 2 }));
    let zero = ledger
        .keep(sender(), batch("spool-1", 0, numbered(0, 5)), NOW)
        .await;
    assert_eq!(zero.unwrap(), Err(KeepRefused::Unfit));
    let huge = ledger
        .keep(sender(), batch("spool-1", u64::MAX, numbered(0, 5)), NOW)
        .await;
    assert_eq!(huge.unwrap(), Err(KeepRefused::Unfit));
    assert!(ledger.record("c4".to_owned()).await.unwrap().is_none());
    assert_eq!(keep(&ledger, 3, numbered(3, 5)).await, Kept { upto: 5 });
}

pub(crate) async fn a_spool_is_its_first_senders_own(store: Store) {
    let ledger = store.open().await;
    ledger
        .seen(["spool-1".to_owned()].into(), NOW)
        .await
        .unwrap();
    keep(&ledger, 1, numbered(1, 2)).await;
    let other_pod = Sender {
        pod: "checkout-1".to_owned(),
        ..sender()
    };
    let other_namespace = Sender {
        namespace: Some("bank".to_owned()),
        ..sender()
    };
    for thief in [other_pod, other_namespace] {
        let kept = ledger
            .keep(thief, batch("spool-1", 3, numbered(3, 3)), NOW)
            .await;
        assert_eq!(kept.unwrap(), Err(KeepRefused::Foreign));
    }
    assert_eq!(keep(&ledger, 3, numbered(3, 3)).await, Kept { upto: 3 });
}

pub(crate) async fn a_key_out_of_scope_refuses_the_batch(store: Store) {
    let ledger = store.open().await;
    let mut records = numbered(1, 2);
    records[1].key = Name::new("bank", "vault");
    let kept = ledger
        .keep(sender(), batch("spool-1", 1, records.clone()), NOW)
        .await;
    let key = Name::new("bank", "vault");
    assert_eq!(kept.unwrap(), Err(KeepRefused::OutOfScope { key }));
    assert!(ledger.record("c1".to_owned()).await.unwrap().is_none());
    let anywhere = Sender {
        namespace: None,
        pod: "laptop".to_owned(),
    };
    let kept = ledger
        .keep(anywhere, batch("spool-2", 1, records), NOW)
        .await;
    assert_eq!(kept.unwrap(), Ok(Kept { upto: 2 }));
}

pub(crate) async fn a_record_of_a_known_id_charges_nothing(store: Store) {
    let ledger = store.open().await;
    reserve(&ledger, ask("c1", "k", 10)).await.unwrap();
    keep(&ledger, 1, numbered(1, 1)).await;
    let twice = batch(
        "spool-2",
        1,
        vec![record("c1", "k", 10), record("c1", "k", 10)],
    );
    let kept = ledger.keep(sender(), twice, NOW).await.unwrap();
    assert_eq!(kept, Ok(Kept { upto: 2 }));
    assert_eq!(left(&ledger, "k").await, 499);
    verify(&ledger).await;
}

pub(crate) async fn records_are_listed_newest_first_page_by_page(store: Store) {
    let ledger = store.open().await;
    keep(&ledger, 1, numbered(1, 25)).await;
    let mut filter = Filter {
        namespace: Some("shop".to_owned()),
        limit: 10,
        ..Filter::default()
    };
    let mut found = Vec::new();
    loop {
        let page = ledger.records(filter.clone()).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.before = Some((last.began_ms, last.id.clone()));
        found.extend(page.into_iter().map(|record| record.id));
    }
    let expected: Vec<String> = (1..=25).rev().map(|n| format!("c{n}")).collect();
    assert_eq!(found, expected);
    let of = |key, namespace: Option<&str>| Filter {
        key,
        namespace: namespace.map(str::to_owned),
        before: None,
        limit: 100,
    };
    let count = async |filter| ledger.records(filter).await.unwrap().len();
    assert_eq!(count(of(None, None)).await, 25);
    assert_eq!(count(of(Some(key("k")), None)).await, 25);
    assert_eq!(count(of(Some(key("k0")), None)).await, 0);
    assert_eq!(count(of(None, Some("sho"))).await, 0);
    let unpaid = Record {
        credits: 0,
        unpaid: 1,
        pod: sender().pod,
        ..numbered(7, 7)[0].clone()
    };
    assert_eq!(
        ledger.record("c7".to_owned()).await.unwrap().unwrap(),
        unpaid,
        "nothing was held for it"
    );
}

pub(crate) async fn what_no_store_could_keep_is_refused_alone(store: Store) {
    let ledger = store.open().await;
    let bad = ledger.reserve(ask("a\0b", "k", 1));
    let good = ledger.reserve(ask("good", "k", 1));
    let (bad, good) = futures::join!(bad, good);
    assert!(matches!(bad, Err(LedgerError::Unfit { .. })));
    assert!(good.unwrap().is_ok());
    // Any plan's name is refused by PostgreSQL where it holds a zero byte: then it fails alone.
    let mut odd = ask("odd", "k", 1);
    odd.plan = "a\0b".to_owned();
    let (odd, good) = futures::join!(ledger.reserve(odd), ledger.reserve(ask("also", "k", 1)));
    assert!(good.unwrap().is_ok());
    drop(odd);
    let mut records = numbered(1, 1);
    records[0].asked = "nul \0 and \u{1F600}".to_owned();
    records[0].began_ms = u64::MAX;
    records[0].credits = u64::MAX;
    records[0].user_metadata = [("a".to_owned(), "\u{7}".to_owned())].into();
    keep(&ledger, 1, records.clone()).await;
    (records[0].credits, records[0].unpaid) = (0, u64::MAX);
    records[0].pod = sender().pod;
    assert_eq!(
        ledger.record("c1".to_owned()).await.unwrap().as_ref(),
        records.first()
    );
    verify(&ledger).await;
}

pub(crate) async fn a_record_says_what_its_key_was_charged(store: Store) {
    let ledger = store.open().await;
    for id in ["c1", "c2"] {
        reserve(&ledger, ask(id, "k", 10)).await.unwrap();
    }
    // Its sidecar was silent for too long, and then it was not.
    let swept = ledger.sweep(NOW + 900_000, 900_000, [].into()).await;
    assert_eq!(swept.unwrap(), 2);
    let mut late = record("drawn", "k", 4);
    late.reservation = Some("c2".to_owned());
    keep(&ledger, 1, vec![record("c1", "k", 10), late]).await;
    let mut of_key = 0;
    for (id, unpaid) in [("c1", 0), ("c2", 0), ("drawn", 4)] {
        let told = ledger.record(id.to_owned()).await.unwrap().unwrap();
        assert_eq!((told.credits, told.unpaid), (0, unpaid), "{id}");
        of_key += told.credits;
    }
    let facts = &ledger.accounts(NOW).await.unwrap()[&key("k")];
    assert_eq!((facts.credits_used, facts.credits_left), (of_key, 500));
    verify(&ledger).await;
}
