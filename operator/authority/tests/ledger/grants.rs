//! Who is granted what, how often, and for how many keys.

use crate::setup::*;
use purser_authority::ledger::{Activate, Activation, Ledger, ReserveCredits};
use purser_config::{Credits, Name, Resets};

pub(crate) async fn a_key_is_granted_once_and_what_is_used_is_gone(store: Store) {
    let ledger = store.open().await;
    assert_eq!(
        reserve(&ledger, ask("a", "k", 300)).await.unwrap().left,
        200
    );
    keep(&ledger, 1, vec![record("a", "k", 250)]).await;
    assert_eq!(left(&ledger, "k").await, 250);
    let refused = reserve(&ledger, ask("b", "k", 251)).await.unwrap_err();
    assert_eq!((refused.left, refused.capped), (250, false));
    verify(&ledger).await;
}

pub(crate) async fn only_so_many_keys_of_a_namespace_are_granted(store: Store) {
    let ledger = store.open().await;
    for n in 0..10 {
        assert!(
            reserve(&ledger, ask(&format!("r{n}"), &format!("k{n}"), 1))
                .await
                .is_ok()
        );
    }
    let refused = reserve(&ledger, ask("r10", "k10", 1)).await.unwrap_err();
    assert_eq!((refused.left, refused.capped), (0, true));
    let mut elsewhere = ask("r11", "k10", 1);
    elsewhere.key = Name::new("shop2", "k10");
    assert!(reserve(&ledger, elsewhere).await.is_ok());
    let mut other_plan = ask("r12", "k10", 1);
    other_plan.plan = "paid".to_owned();
    assert!(reserve(&ledger, other_plan).await.is_ok());
    verify(&ledger).await;
}

pub(crate) async fn keys_that_come_together_are_granted_to_no_more_than_may(store: Store) {
    let (one, other) = (store.open().await, store.open().await);
    let asked = (0..40).map(|n| {
        let ledger: &Ledger = if n % 2 == 0 { &one } else { &other };
        reserve(ledger, ask(&format!("r{n}"), &format!("k{n}"), 1))
    });
    let held = futures::future::join_all(asked).await;
    assert_eq!(held.iter().filter(|held| held.is_ok()).count(), 10);
    verify(&one).await;
}

pub(crate) async fn deleting_and_making_a_key_again_mints_nothing(store: Store) {
    let ledger = store.open().await;
    assert!(reserve(&ledger, ask("a", "k", 500)).await.is_ok());
    keep(&ledger, 1, vec![record("a", "k", 500)]).await;
    drop(ledger);
    // The object is gone and made again: to the ledger it is the same name in another process.
    let ledger = store.open().await;
    assert_eq!(
        reserve(&ledger, ask("b", "k", 1)).await.unwrap_err().left,
        0
    );
    verify(&ledger).await;
}

fn resetting(id: &str, resets: Resets, wall_ms: u64) -> ReserveCredits {
    ReserveCredits {
        credits: Credits { grant: 500, resets },
        wall_ms,
        ..ask(id, "k", 400)
    }
}

pub(crate) async fn a_daily_grant_is_new_at_midnight_and_not_before(store: Store) {
    let ledger = store.open().await;
    let asked = |id: &'static str, wall_ms| reserve(&ledger, resetting(id, Resets::Daily, wall_ms));
    assert!(asked("a", NOW).await.is_ok());
    assert_eq!(asked("b", MIDNIGHT - 1).await.unwrap_err().left, 100);
    assert_eq!(asked("c", MIDNIGHT).await.unwrap().left, 100);
    assert_eq!(
        asked("d", MIDNIGHT + 86_399_999).await.unwrap_err().left,
        100
    );
    verify(&ledger).await;
}

pub(crate) async fn a_clock_that_steps_back_mints_nothing(store: Store) {
    let ledger = store.open().await;
    let asked = |id: &'static str, wall_ms| reserve(&ledger, resetting(id, Resets::Daily, wall_ms));
    asked("a", NOW).await.unwrap();
    // Two replicas around midnight: what they ask arrives together and in any order.
    let around = futures::join!(
        asked("b", MIDNIGHT),
        asked("c", MIDNIGHT - 1),
        asked("d", MIDNIGHT),
        asked("e", MIDNIGHT - 1)
    );
    let held = [around.0, around.1, around.2, around.3];
    assert_eq!(held.iter().filter(|held| held.is_ok()).count(), 1);
    assert!(asked("f", NOW).await.is_err());
    verify(&ledger).await;
}

pub(crate) async fn a_monthly_grant_is_new_on_the_first_and_not_before(store: Store) {
    let ledger = store.open().await;
    let asked =
        |id: &'static str, wall_ms| reserve(&ledger, resetting(id, Resets::Monthly, wall_ms));
    let december = MIDNIGHT + 8 * 86_400_000;
    assert!(asked("a", NOW).await.is_ok());
    assert_eq!(asked("b", december - 1).await.unwrap_err().left, 100);
    assert_eq!(asked("c", december).await.unwrap().left, 100);
    verify(&ledger).await;
}

pub(crate) async fn another_plan_adds_its_grant_once(store: Store) {
    let ledger = store.open().await;
    assert!(reserve(&ledger, ask("a", "k", 400)).await.is_ok());
    let paid = |id: &str, amount| ReserveCredits {
        plan: "paid".to_owned(),
        ..ask(id, "k", amount)
    };
    assert_eq!(reserve(&ledger, paid("b", 100)).await.unwrap().left, 500);
    assert_eq!(
        reserve(&ledger, ask("c", "k", 100)).await.unwrap().left,
        400
    );
    assert_eq!(
        reserve(&ledger, paid("d", 500)).await.unwrap_err().left,
        400
    );
    verify(&ledger).await;
}

fn begin(name: &str, at_ms: u64) -> Activate {
    Activate {
        key: key(name),
        plan: "trial".to_owned(),
        max_keys: 10,
        at_ms,
        sale: sold(at_ms),
    }
}

pub(crate) async fn time_begins_once_whoever_sees_it_first(store: Store) {
    let (one, other) = (store.open().await, store.open().await);
    let asked = (0..20).map(|n| {
        let ledger: &Ledger = if n % 2 == 0 { &one } else { &other };
        ledger.activate(begin("k", NOW + n))
    });
    let begun = futures::future::join_all(asked).await;
    let first = begun[0].clone().unwrap();
    assert!(begun.iter().all(|at| *at.as_ref().unwrap() == first));
    let expected = [((key("k"), "trial".to_owned()), first)];
    let known = one.activations().await.unwrap().into_iter();
    let known: Vec<_> = known.map(|(of, at)| (of, Activation::At(at))).collect();
    assert_eq!(known, expected);
}

pub(crate) async fn time_begins_for_no_more_keys_than_may(store: Store) {
    let (one, other) = (store.open().await, store.open().await);
    let names: Vec<String> = (0..30).map(|n| format!("k{n}")).collect();
    let asked = names.iter().enumerate().map(|(n, name)| {
        let ledger: &Ledger = if n % 2 == 0 { &one } else { &other };
        ledger.activate(begin(name, NOW))
    });
    let begun = futures::future::join_all(asked).await;
    let refused = begun
        .iter()
        .filter(|at| matches!(at, Ok(Activation::TooMany { max: 10 })));
    assert_eq!(refused.count(), 20);
    assert_eq!(one.activations().await.unwrap().len(), 10);
}
