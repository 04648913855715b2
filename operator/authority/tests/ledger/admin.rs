//! What administrators do, and what they are told.

use crate::setup::*;
use purser_authority::ledger::{
    Activate, Activation, Ledger, Renewal, Renewed, ReserveCredits, TopUp, TopUpRefused, ToppedUp,
};
use purser_config::{Credits, Resets};

async fn top_up(ledger: &Ledger, id: &str, amount: i64) -> Result<ToppedUp, TopUpRefused> {
    let asked = TopUp {
        key: key("k"),
        amount,
        id: id.to_owned(),
        by: "admin@example.org".to_owned(),
        wall_ms: NOW,
    };
    ledger.top_up(asked).await.unwrap()
}

pub(crate) async fn a_top_up_is_made_once_and_survives_resets(store: Store) {
    let ledger = store.open().await;
    let daily = |id: &str, amount, wall_ms| ReserveCredits {
        credits: Credits {
            grant: 500,
            resets: Resets::Daily,
        },
        wall_ms,
        ..ask(id, "k", amount)
    };
    assert_eq!(
        top_up(&ledger, "t", 100).await,
        Ok(ToppedUp {
            left: 100,
            new: true
        })
    );
    assert_eq!(
        top_up(&ledger, "t", 100).await,
        Ok(ToppedUp {
            left: 100,
            new: false
        })
    );
    let (one, other) = futures::join!(top_up(&ledger, "u", 10), top_up(&ledger, "u", 10));
    assert_ne!(one.unwrap().new, other.unwrap().new);
    reserve(&ledger, daily("a", 450, NOW)).await.unwrap();
    let tomorrow = reserve(&ledger, daily("b", 550, MIDNIGHT)).await.unwrap();
    assert_eq!(tomorrow.left, 60);
    let after = reserve(&ledger, daily("c", 1, MIDNIGHT + 86_400_000))
        .await
        .unwrap();
    assert_eq!(after.left, 559);
    verify(&ledger).await;
}

pub(crate) async fn a_correction_never_goes_below_zero(store: Store) {
    let ledger = store.open().await;
    top_up(&ledger, "t", 100).await.unwrap();
    assert_eq!(
        top_up(&ledger, "u", -101).await,
        Err(TopUpRefused::BelowZero { left: 100 })
    );
    assert_eq!(top_up(&ledger, "v", -60).await.unwrap().left, 40);
    assert_eq!(
        top_up(&ledger, "w", i64::MIN).await,
        Err(TopUpRefused::BelowZero { left: 40 })
    );
    assert_eq!(
        top_up(&ledger, "x", i64::MAX).await,
        Err(TopUpRefused::TooMuch)
    );
    reserve(&ledger, ask("a", "k", 1)).await.unwrap();
    assert_eq!(top_up(&ledger, "y", -100).await.unwrap().left, 439);
    verify(&ledger).await;
}

pub(crate) async fn an_id_that_says_something_else_is_refused(store: Store) {
    let ledger = store.open().await;
    top_up(&ledger, "t", 100).await.unwrap();
    assert_eq!(
        top_up(&ledger, "t", 200).await,
        Err(TopUpRefused::OtherEntry)
    );
    assert_eq!(left(&ledger, "k").await, 100);
}

pub(crate) async fn a_renewal_begins_time_anew_once(store: Store) {
    let ledger = store.open().await;
    let begin = |at_ms| Activate {
        key: key("k"),
        plan: "pass".to_owned(),
        max_keys: 10,
        at_ms,
        sale: sold(at_ms),
    };
    let renewal = |id: &str, at_ms| Renewal {
        key: key("k"),
        plan: "pass".to_owned(),
        id: id.to_owned(),
        by: "admin@example.org".to_owned(),
        at_ms,
        sale: sold(at_ms),
    };
    assert_eq!(
        ledger.activate(begin(10)).await.unwrap(),
        Activation::At(10)
    );
    let made = ledger.renew(renewal("r", 50)).await.unwrap();
    assert_eq!(
        made,
        Renewed::At {
            at_ms: 50,
            new: true
        }
    );
    let again = ledger.renew(renewal("r", 90)).await.unwrap();
    assert_eq!(
        again,
        Renewed::At {
            at_ms: 50,
            new: false
        }
    );
    assert_eq!(
        ledger.activate(begin(99)).await.unwrap(),
        Activation::At(50)
    );
    let mut other = renewal("r", 90);
    other.key = key("other");
    assert_eq!(ledger.renew(other).await.unwrap(), Renewed::OtherEntry);
}

pub(crate) async fn accounts_tell_what_was_used(store: Store) {
    let ledger = store.open().await;
    let begin = Activate {
        key: key("k"),
        plan: "free".to_owned(),
        max_keys: 10,
        at_ms: 7,
        sale: sold(7),
    };
    ledger.activate(begin).await.unwrap();
    reserve(&ledger, ask("a", "k", 100)).await.unwrap();
    reserve(&ledger, ask("b", "k", 50)).await.unwrap();
    keep(&ledger, 1, vec![record("a", "k", 30)]).await;
    let facts = ledger.accounts(NOW).await.unwrap();
    let facts = &facts[&key("k")];
    assert_eq!(facts.activated["free"], 7);
    assert_eq!(
        (
            facts.credits_left,
            facts.credits_reserved,
            facts.credits_used
        ),
        (420, 50, 30)
    );
    assert_eq!((facts.requests_used, facts.last_used_ms), (1, NOW));
    assert_eq!(facts.grants[&("free".to_owned(), String::new())], 420);
}
