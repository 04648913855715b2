//! Users, sessions, deeds, payments and marks, as the console and the bill rely on them.

use crate::setup::*;
use purser_authority::ledger::{
    Bought, Deed, Ledger, Mark, Paging, Patience, PayRefused, Payment, Received, Role, Sale,
    Session, User, UserRefused,
};
use purser_config::price::Money;

fn user(name: &str, role: Role) -> User {
    User {
        id: 0,
        name: name.to_owned(),
        display_name: format!("The {name}"),
        role,
        namespaces: vec!["shop".to_owned(), "bank".to_owned()],
        disabled: false,
        password: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned(),
        created_ms: NOW,
        login_ms: 0,
        failures: 0,
        locked_until_ms: 0,
    }
}

fn session(digest: &str, user: i64) -> Session {
    Session {
        digest: digest.to_owned(),
        user,
        made_ms: NOW,
        seen_ms: NOW,
        ends_ms: NOW + 1_000,
    }
}

pub(crate) async fn of_those_who_would_be_first_one_is(store: Store) {
    let handles = [store.open().await, store.open().await, store.open().await];
    let names = ["a", "b", "c"];
    let made = handles
        .iter()
        .zip(names)
        .map(|(ledger, name)| ledger.make_first_user(user(name, Role::Administrator)));
    let made = futures::future::join_all(made).await;
    let firsts = made.iter().filter(|made| matches!(made, Ok(Ok(1)))).count();
    let late = made
        .iter()
        .filter(|made| **made == Ok(Err(UserRefused::NotTheFirst)))
        .count();
    assert_eq!((firsts, late), (1, 2), "{made:?}");
    assert_eq!(handles[0].users().await.unwrap().len(), 1);
}

pub(crate) async fn a_name_is_given_once_and_a_number_never_again(store: Store) {
    let ledger = store.open().await;
    let first = ledger
        .make_user(user("anna", Role::Administrator))
        .await
        .unwrap();
    let (one, other) = futures::join!(
        ledger.make_user(user("ben", Role::Team)),
        ledger.make_user(user("ben", Role::Viewer))
    );
    let made: Vec<_> = [one.unwrap(), other.unwrap()].into();
    assert_eq!(
        (first, made),
        (Ok(1), vec![Ok(2), Err(UserRefused::NameTaken)])
    );
    let told = ledger.user("ben".to_owned()).await.unwrap().unwrap();
    assert_eq!(
        told,
        User {
            id: 2,
            ..user("ben", Role::Team)
        }
    );
    assert_eq!(ledger.drop_user(2).await.unwrap(), Ok(()));
    assert_eq!(
        ledger.drop_user(2).await.unwrap(),
        Err(UserRefused::Unknown)
    );
    assert_eq!(
        ledger.make_user(user("ben", Role::Team)).await.unwrap(),
        Ok(3)
    );
    assert!(ledger.make_user(user("nul\0", Role::Team)).await.is_err());
}

pub(crate) async fn the_last_administrator_stays_one(store: Store) {
    let ledger = store.open().await;
    for name in ["anna", "ben"] {
        ledger
            .make_user(user(name, Role::Administrator))
            .await
            .unwrap()
            .unwrap();
    }
    let disabled = User {
        id: 1,
        disabled: true,
        ..user("anna", Role::Administrator)
    };
    assert_eq!(ledger.change_user(disabled).await.unwrap(), Ok(()));
    let last = Err(UserRefused::LastAdministrator);
    assert_eq!(ledger.drop_user(2).await.unwrap(), last);
    let less = User {
        id: 2,
        ..user("ben", Role::Team)
    };
    assert_eq!(ledger.change_user(less).await.unwrap(), last);
    let nobody = User {
        id: 9,
        ..user("ben", Role::Administrator)
    };
    assert_eq!(
        ledger.change_user(nobody).await.unwrap(),
        Err(UserRefused::Unknown)
    );
    let renamed = User {
        id: 2,
        display_name: "Ben".to_owned(),
        ..user("other", Role::Administrator)
    };
    assert_eq!(ledger.change_user(renamed).await.unwrap(), Ok(()));
    let told = ledger.user("ben".to_owned()).await.unwrap().unwrap();
    assert_eq!(
        (told.display_name.as_str(), told.name.as_str()),
        ("Ben", "ben")
    );
}

pub(crate) async fn wrong_passwords_lock_for_longer_each_time_and_a_right_one_forgives(
    store: Store,
) {
    let ledger = store.open().await;
    ledger
        .make_user(user("anna", Role::Administrator))
        .await
        .unwrap()
        .unwrap();
    let patience = Patience {
        forgiven: 2,
        first_ms: 1_000,
        longest_ms: 3_000,
    };
    let wrong = async || {
        ledger
            .failed_login(1, patience, NOW)
            .await
            .unwrap()
            .unwrap()
    };
    let (one, two) = futures::join!(wrong(), wrong());
    assert_eq!([one.failures, two.failures], [1, 2]);
    assert_eq!([one.locked_until_ms, two.locked_until_ms], [0, 0]);
    for locked in [1_000, 2_000, 3_000, 3_000] {
        assert_eq!(wrong().await.locked_until_ms, NOW + locked);
    }
    // Who changes the user meanwhile forgives nothing.
    let changed = User {
        id: 1,
        ..user("anna", Role::Administrator)
    };
    ledger.change_user(changed).await.unwrap().unwrap();
    assert_eq!(wrong().await.failures, 7);
    let told = ledger.logged_in(1, NOW + 5).await.unwrap().unwrap();
    assert_eq!(
        (told.failures, told.locked_until_ms, told.login_ms),
        (0, 0, NOW + 5)
    );
    assert_eq!(ledger.failed_login(9, patience, NOW).await.unwrap(), None);
}

pub(crate) async fn a_session_ends_with_its_time_its_user_or_a_word(store: Store) {
    let ledger = store.open().await;
    for name in ["anna", "ben"] {
        ledger
            .make_user(user(name, Role::Administrator))
            .await
            .unwrap()
            .unwrap();
    }
    for (digest, of) in [("a1", 1), ("a2", 1), ("a3", 1), ("b1", 2), ("b2", 2)] {
        ledger.open_session(session(digest, of)).await.unwrap();
    }
    let lives = async |digest: &str, at| {
        ledger
            .session(digest.to_owned(), at)
            .await
            .unwrap()
            .is_some()
    };
    assert!(
        lives("a1", NOW + 999).await
            && !lives("a1", NOW + 1_000).await
            && !lives("a1\0", NOW).await
    );
    ledger.seen_session("a1".to_owned(), NOW + 7).await.unwrap();
    let (told, of) = ledger.session("a1".to_owned(), NOW).await.unwrap().unwrap();
    assert_eq!((told.seen_ms, of.name.as_str()), (NOW + 7, "anna"));
    ledger.end_session("a1".to_owned()).await.unwrap();
    ledger.end_session("a1".to_owned()).await.unwrap();
    ledger
        .end_sessions_of(1, Some("a3".to_owned()))
        .await
        .unwrap();
    assert_eq!(
        [
            lives("a1", NOW).await,
            lives("a2", NOW).await,
            lives("a3", NOW).await
        ],
        [false, false, true]
    );
}

pub(crate) async fn who_may_not_log_in_has_no_session(store: Store) {
    let ledger = store.open().await;
    for name in ["anna", "ben"] {
        let made = ledger.make_user(user(name, Role::Administrator)).await;
        made.unwrap().unwrap();
    }
    for (digest, of) in [("a3", 1), ("b1", 2)] {
        ledger.open_session(session(digest, of)).await.unwrap();
    }
    let lives = async |digest: &str| {
        let found = ledger.session(digest.to_owned(), NOW).await;
        found.unwrap().is_some()
    };
    let disabled = User {
        id: 1,
        disabled: true,
        ..user("anna", Role::Administrator)
    };
    ledger.change_user(disabled).await.unwrap().unwrap();
    assert!(!lives("a3").await && lives("b1").await);
    ledger
        .make_user(user("carl", Role::Administrator))
        .await
        .unwrap()
        .unwrap();
    ledger.drop_user(2).await.unwrap().unwrap();
    assert!(!lives("b1").await);
}

pub(crate) async fn deeds_are_told_last_first_page_by_page(store: Store) {
    let ledger = store.open().await;
    for n in 0..25 {
        let deed = Deed {
            at_ms: NOW + n,
            by: "anna".to_owned(),
            what: "create".to_owned(),
            object: format!("ApiKey shop/k{n}"),
            detail: "\0".repeat(9_000),
        };
        ledger.note(deed).await.unwrap();
    }
    let page = ledger
        .deeds(Paging {
            offset: 20,
            limit: 10,
        })
        .await
        .unwrap();
    let told: Vec<u64> = page.deeds.iter().map(|deed| deed.at_ms - NOW).collect();
    assert_eq!((page.total, told), (25, vec![4, 3, 2, 1, 0]));
    assert_eq!(page.deeds[0].object, "ApiKey shop/k4");
    let beyond = ledger
        .deeds(Paging {
            offset: 25,
            limit: 10,
        })
        .await
        .unwrap();
    assert!(beyond.deeds.is_empty());
}

fn payment(id: &str, buys: Bought) -> Payment {
    Payment {
        id: id.to_owned(),
        key: key("k"),
        buys,
        paid: 9_990_000,
        currency: "EUR".to_owned(),
        at_ms: NOW,
    }
}

async fn pay(ledger: &Ledger, payment: Payment) -> Result<bool, PayRefused> {
    let sale = Sale {
        at_ms: NOW + 77,
        price: Some(Money {
            micros: 5,
            currency: "EUR".to_owned(),
        }),
    };
    Ok(ledger.pay(payment, sale).await.unwrap()?.new)
}

pub(crate) async fn a_payment_does_what_it_pays_for_once(store: Store) {
    let (ledger, replica) = (store.open().await, store.open().await);
    let credits = payment("stripe:evt_1", Bought::Credits(500));
    let (one, other) = futures::join!(
        pay(&ledger, credits.clone()),
        pay(&replica, credits.clone())
    );
    assert_eq!(u8::from(one.unwrap()) + u8::from(other.unwrap()), 1);
    assert_eq!(left(&ledger, "k").await, 500);
    let plan = payment("stripe:evt_2", Bought::Plan("pro".to_owned()));
    assert_eq!(pay(&ledger, plan.clone()).await, Ok(true));
    assert_eq!(pay(&ledger, plan.clone()).await, Ok(false));
    let begun = ledger.activations().await.unwrap()[&(key("k"), "pro".to_owned())];
    assert_eq!(begun, NOW);
    let other = payment("stripe:evt_2", Bought::Credits(1));
    assert_eq!(pay(&ledger, other).await, Err(PayRefused::OtherEvent));
    let huge = payment("stripe:evt_3", Bought::Credits(u64::MAX));
    assert_eq!(pay(&ledger, huge).await, Err(PayRefused::TooMuch));
    let received = |payment: &Payment, done| Received {
        payment: payment.clone(),
        done,
    };
    let all = Paging {
        offset: 0,
        limit: 10,
    };
    let page = ledger.payments(all).await.unwrap();
    let (plan, credits) = (received(&plan, false), received(&credits, true));
    assert_eq!((page.total, page.payments), (2, vec![plan, credits]));
    let second = Paging {
        offset: 1,
        limit: 10,
    };
    let page = ledger.payments(second).await.unwrap();
    assert_eq!((page.total, page.payments.len()), (2, 1));
    // Its time counts from the payment, and was sold when the payment was heard of.
    let terms = ledger.terms(NOW + 77, NOW + 78).await.unwrap();
    assert_eq!((terms.len(), terms[0].plan.as_str()), (1, "pro"));
    assert_eq!(terms[0].sale.price.as_ref().unwrap().micros, 5);
    assert_eq!(ledger.terms(0, NOW + 77).await.unwrap(), []);
    verify(&ledger).await;
}

pub(crate) async fn a_plan_that_is_on_is_done_with_and_so_is_what_was_paid_before(store: Store) {
    let ledger = store.open().await;
    let bought = |id: &str, at_ms| Payment {
        at_ms,
        ..payment(id, Bought::Plan(format!("plan of {id}")))
    };
    let payments = [bought("a", NOW), bought("b", NOW + 1), bought("c", NOW + 2)];
    let other = Payment {
        key: key("other"),
        ..bought("other", NOW)
    };
    for payment in payments.iter().chain([&other]) {
        assert_eq!(pay(&ledger, payment.clone()).await, Ok(true));
    }
    let done = async || {
        let mut done = Vec::new();
        for id in ["a", "b", "c", "other"] {
            let found = ledger.payment(id.to_owned()).await.unwrap().unwrap();
            done.push(found.done);
        }
        done
    };
    assert_eq!(done().await, [false, false, false, false]);
    ledger.paid_plan_is_on(&payments[1]).await.unwrap();
    assert_eq!(done().await, [true, true, false, false]);
    assert_eq!(ledger.payment("d".to_owned()).await.unwrap(), None);
    // Told again it is no news, and stays done.
    assert_eq!(pay(&ledger, payments[0].clone()).await, Ok(false));
    assert_eq!(done().await, [true, true, false, false]);
}

pub(crate) async fn somebody_is_told_of_each_part_of_a_budget_once(store: Store) {
    let (ledger, replica) = (store.open().await, store.open().await);
    let mark = |percent, budget: &str| Mark {
        key: key("k"),
        budget: budget.to_owned(),
        percent,
        at_ms: NOW,
    };
    let (one, other) = futures::join!(
        ledger.mark(mark(50, "team/2026-11")),
        replica.mark(mark(50, "team/2026-11"))
    );
    assert_ne!(one.unwrap(), other.unwrap());
    assert!(ledger.mark(mark(100, "team/2026-11")).await.unwrap());
    assert!(!ledger.mark(mark(80, "team/2026-11")).await.unwrap());
    assert!(ledger.mark(mark(50, "team/2026-12")).await.unwrap());
}
