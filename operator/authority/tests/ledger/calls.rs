//! What a call holds, and how it ends.

use crate::setup::*;
use purser_authority::ledger::{Ledger, ReserveCredits, Sender};
use purser_config::usage::End;
use purser_config::{Credits, Resets};
use std::collections::BTreeSet;

const KEPT: u64 = 900_000;

async fn sweep(ledger: &Ledger, wall_ms: u64) -> u64 {
    ledger.sweep(wall_ms, KEPT, BTreeSet::new()).await.unwrap()
}

pub(crate) async fn one_of_a_thousand_takes_the_last_credit(store: Store) {
    let (one, other) = (store.open().await, store.open().await);
    assert!(reserve(&one, ask("all-but-one", "k", 499)).await.is_ok());
    let asked = (0..1_000).map(|n| {
        let ledger: &Ledger = if n % 2 == 0 { &one } else { &other };
        reserve(ledger, ask(&format!("r{n}"), "k", 1))
    });
    let held = futures::future::join_all(asked).await;
    assert_eq!(held.iter().filter(|held| held.is_ok()).count(), 1);
    assert_eq!(left(&one, "k").await, 0);
    verify(&one).await;
}

pub(crate) async fn fifty_callers_share_the_five_hundredth_credit(store: Store) {
    let ledger = store.open().await;
    let call = |n: u64| {
        let ledger = ledger.clone();
        async move {
            let spool = format!("spool-{n}");
            let mut passed = 0;
            for turn in 0..20 {
                let id = format!("c{n}-{turn}");
                let asked = ReserveCredits {
                    spool: spool.clone(),
                    ..ask(&id, "k", 1)
                };
                if reserve(&ledger, asked).await.is_err() {
                    continue;
                }
                passed += 1;
                let shipped = batch(&spool, passed, vec![record(&id, "k", 1)]);
                ledger.keep(sender(), shipped, NOW).await.unwrap().unwrap();
            }
            passed
        }
    };
    let passed = futures::future::join_all((0..50).map(call)).await;
    assert_eq!(passed.iter().sum::<u64>(), 500);
    let facts = &ledger.accounts(NOW).await.unwrap()[&key("k")];
    assert_eq!(
        (facts.credits_left, facts.credits_used, facts.requests_used),
        (0, 500, 500)
    );
    verify(&ledger).await;
}

pub(crate) async fn a_question_that_is_asked_again_is_answered_again(store: Store) {
    let ledger = store.open().await;
    let first = reserve(&ledger, ask("a", "k", 300)).await.unwrap();
    assert_eq!(reserve(&ledger, ask("a", "k", 300)).await.unwrap(), first);
    assert!(reserve(&ledger, ask("a", "another", 1)).await.is_err());
    keep(&ledger, 1, vec![record("a", "k", 10)]).await;
    assert_eq!(
        reserve(&ledger, ask("a", "k", 300)).await.unwrap_err().left,
        490
    );
    verify(&ledger).await;
}

pub(crate) async fn what_was_released_before_it_was_asked_is_not_held(store: Store) {
    let ledger = store.open().await;
    assert!(!ledger.release(key("k"), "a".to_owned(), NOW).await.unwrap());
    assert_eq!(
        reserve(&ledger, ask("a", "k", 300)).await.unwrap_err().left,
        500
    );
    assert_eq!(left(&ledger, "k").await, 500);
    verify(&ledger).await;
}

fn allowance(id: &str, amount: u64, call: u64) -> ReserveCredits {
    ReserveCredits {
        allowance: Some(call),
        ..ask(id, "k", amount)
    }
}

pub(crate) async fn an_allowance_is_a_quarter_and_at_least_one_call(store: Store) {
    let ledger = store.open().await;
    let held = async |id: &str, amount, call| {
        let held = reserve(&ledger, allowance(id, amount, call)).await;
        held.map(|held| held.credits)
    };
    assert_eq!(held("a", 400, 10).await, Ok(125));
    assert_eq!(held("b", 50, 10).await, Ok(50));
    assert_eq!(held("c", 400, 300).await, Ok(300));
    assert_eq!(held("d", 400, 26).await.unwrap_err().left, 25);
    assert_eq!(held("e", 400, 25).await, Ok(25));
    assert_eq!(held("f", 400, 0).await.unwrap_err().left, 0);
    verify(&ledger).await;
}

pub(crate) async fn a_reservation_is_resolved_once_in_whatever_order(store: Store) {
    let ledger = store.open().await;
    let orders = ["krs", "ksr", "rks", "rsk", "skr", "srk"];
    let mut used = 0;
    for (turn, order) in (1..).zip(orders) {
        let asked = ReserveCredits {
            unconfirmed_pays: true,
            ..ask(order, "k", 10)
        };
        assert!(reserve(&ledger, asked).await.is_ok());
        for step in order.chars() {
            match step {
                'k' => {
                    keep(&ledger, turn, vec![record(order, "k", 4)]).await;
                }
                'r' => {
                    ledger
                        .release(key("k"), order.to_owned(), NOW)
                        .await
                        .unwrap();
                }
                _ => {
                    sweep(&ledger, NOW + KEPT).await;
                }
            }
            verify(&ledger).await;
        }
        used += match &order[..1] {
            "k" => 4,
            "r" => 0,
            _ => 10,
        };
        let facts = &ledger.accounts(NOW).await.unwrap()[&key("k")];
        assert_eq!(
            (facts.credits_used, facts.credits_reserved),
            (used, 0),
            "{order}"
        );
        assert_eq!(facts.requests_used, turn, "one record a call: {order}");
        let end = ledger.record(order.to_owned()).await.unwrap().unwrap().end;
        let expected = if order.starts_with('s') {
            End::Unconfirmed
        } else {
            End::Done
        };
        assert_eq!(end, expected, "{order}");
    }
}

pub(crate) async fn an_allowance_pays_for_several_records(store: Store) {
    let ledger = store.open().await;
    reserve(&ledger, allowance("pot", 100, 10)).await.unwrap();
    let drawn = |id: &str, credits| {
        let mut drawn = record(id, "k", credits);
        drawn.reservation = Some("pot".to_owned());
        drawn
    };
    keep(
        &ledger,
        1,
        vec![drawn("a", 30), drawn("b", 60), drawn("c", 30)],
    )
    .await;
    assert_eq!(left(&ledger, "k").await, 400);
    let facts = &ledger.accounts(NOW).await.unwrap()[&key("k")];
    assert_eq!((facts.credits_used, facts.credits_reserved), (100, 0));
    assert!(
        ledger
            .release(key("k"), "pot".to_owned(), NOW)
            .await
            .unwrap()
    );
    keep(&ledger, 4, vec![drawn("d", 30)]).await;
    assert_eq!(left(&ledger, "k").await, 400);
    verify(&ledger).await;
}

pub(crate) async fn nobody_pays_from_anothers_reservation(store: Store) {
    let ledger = store.open().await;
    reserve(&ledger, ask("mine", "k", 100)).await.unwrap();
    let mut theirs = record("theirs", "thief", 50);
    theirs.reservation = Some("mine".to_owned());
    let mut forged = record("mine", "thief", 50);
    forged.reservation = Some("mine".to_owned());
    keep(&ledger, 1, vec![theirs]).await;
    let elsewhere = batch("spool-2", 1, vec![record("other-spool", "k", 50), forged]);
    ledger
        .keep(sender(), elsewhere, NOW)
        .await
        .unwrap()
        .unwrap();
    assert!(
        !ledger
            .release(key("thief"), "mine".to_owned(), NOW)
            .await
            .unwrap()
    );
    let facts = &ledger.accounts(NOW).await.unwrap()[&key("k")];
    assert_eq!((facts.credits_used, facts.credits_reserved), (0, 100));
    verify(&ledger).await;
}

pub(crate) async fn what_was_given_back_after_its_day_is_gone(store: Store) {
    let ledger = store.open().await;
    let daily = |id: &str, amount, wall_ms| ReserveCredits {
        credits: Credits {
            grant: 500,
            resets: Resets::Daily,
        },
        wall_ms,
        ..ask(id, "k", amount)
    };
    reserve(&ledger, daily("a", 400, NOW)).await.unwrap();
    reserve(&ledger, daily("b", 1, MIDNIGHT)).await.unwrap();
    assert!(
        ledger
            .release(key("k"), "a".to_owned(), MIDNIGHT)
            .await
            .unwrap()
    );
    assert_eq!(left_at(&ledger, "k", MIDNIGHT).await, 499);
    verify(&ledger).await;
}

pub(crate) async fn a_sweep_spares_whoever_was_seen(store: Store) {
    let ledger = store.open().await;
    for n in 0..3 {
        let asked = ReserveCredits {
            spool: format!("spool-{n}"),
            ..ask(&format!("r{n}"), "k", 10)
        };
        reserve(&ledger, asked).await.unwrap();
    }
    let one = |spool: &str| BTreeSet::from([spool.to_owned()]);
    ledger.seen(one("spool-0"), NOW + 10).await.unwrap();
    let swept = ledger
        .sweep(NOW + KEPT, KEPT, one("spool-1"))
        .await
        .unwrap();
    assert_eq!(swept, 1, "spool-2 alone");
    assert_eq!(sweep(&ledger, NOW + KEPT + 9).await, 0);
    assert_eq!(sweep(&ledger, NOW + KEPT + 10).await, 1, "spool-0");
    assert_eq!(sweep(&ledger, NOW + 2 * KEPT).await, 1, "spool-1");
    assert_eq!(left(&ledger, "k").await, 500);
    verify(&ledger).await;
}

pub(crate) async fn what_a_dead_process_held_comes_back_though_its_spool_lives_on(store: Store) {
    let ledger = store.open().await;
    let held_by = |life: &str, id: &str| ReserveCredits {
        spool: format!("spool-1.{life}"),
        ..ask(id, "k", 10)
    };
    for id in ["sent", "never sent"] {
        reserve(&ledger, held_by("dead", id)).await.unwrap();
    }
    reserve(&ledger, held_by("alive", "under way"))
        .await
        .unwrap();
    // The next process ships what the dead one sent, from the same spool.
    keep(&ledger, 1, vec![record("sent", "k", 7)]).await;
    let alive = BTreeSet::from(["spool-1.alive".to_owned()]);
    let swept = ledger.sweep(NOW + KEPT, KEPT, alive).await.unwrap();
    assert_eq!(swept, 1, "what is under way is its process's still");
    let facts = &ledger.accounts(NOW + KEPT).await.unwrap()[&key("k")];
    assert_eq!((facts.credits_used, facts.credits_reserved), (7, 10));
    let told = ledger.record("never sent".to_owned()).await.unwrap();
    assert_eq!(
        told.map(|told| (told.end, told.credits)),
        Some((End::Unconfirmed, 0))
    );
    // A process is not remembered for ever, as its spool's mark is.
    let later = NOW + KEPT + 86_400_001;
    sweep(&ledger, later).await;
    keep(&ledger, 2, vec![record("later", "k", 7)]).await;
    verify(&ledger).await;
}

pub(crate) async fn a_spool_that_goes_on_under_a_new_name_pays_what_it_held(store: Store) {
    let ledger = store.open().await;
    for id in ["before", "after", "stolen"] {
        let asked = ReserveCredits {
            spool: "spool-1.life".to_owned(),
            ..ask(id, "k", 10)
        };
        reserve(&ledger, asked).await.unwrap();
    }
    keep(&ledger, 1, vec![record("before", "k", 7)]).await;
    let thief = Sender {
        pod: "checkout-1".to_owned(),
        ..sender()
    };
    for (who, spool, id) in [
        (sender(), "spool-1b", "after"),
        (thief, "spool-2", "stolen"),
    ] {
        let shipped = batch(spool, 1, vec![record(id, "k", 7)]);
        ledger.keep(who, shipped, NOW).await.unwrap().unwrap();
    }
    let charged = async |id: &str| ledger.record(id.to_owned()).await.unwrap().unwrap().credits;
    assert_eq!((charged("after").await, charged("stolen").await), (7, 0));
    let facts = &ledger.accounts(NOW).await.unwrap()[&key("k")];
    assert_eq!((facts.credits_used, facts.credits_reserved), (14, 10));
    verify(&ledger).await;
}
