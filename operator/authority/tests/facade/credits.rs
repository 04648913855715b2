//! Credits behind the door, with the windows beside them: what is spent at once, what resets, what survives a plan or a key.

use super::office::{CREDIT, DAY_MS, Office, Stores, after, credits, is_granted, is_held, of};
use crate::setup::{MIDNIGHT, NOW};
use futures::future::join_all;
use purser_authority::Moment;
use purser_authority::ledger::TopUp;
use purser_config::quota::{Limited, Reserve, ReserveVerdict, Reserved, Verdict};
use serde_json::{Value, json};

const SIDECARS: [&str; 3] = ["one", "two", "three"];

fn metered(grant: u64, resets: &str) -> Value {
    json!({"credits": {"grant": grant * CREDIT, "resets": resets}})
}

fn is_poor(answer: &Reserved) -> bool {
    matches!(answer.verdict, ReserveVerdict::NoCredits { .. })
}

/// So many calls at once, over three sidecars, each of one credit.
async fn at_once(office: &Office, calls: usize) -> Vec<Reserved> {
    let call = |number: usize| async move {
        let id = format!("call-{number}");
        office.pay(after(0), (SIDECARS[number % 3], "k"), &id).await
    };
    join_all((0..calls).map(call)).await
}

pub(crate) async fn the_five_hundredth_credit_is_spent_once_by_fifty_callers_at_once(
    stores: Stores,
) {
    let mut office = Office::open(&stores).await;
    office.plan(after(0), "free", metered(500, "never"));
    office.key(after(0), "k", "free");
    let spent = credits("k", ("before", "one"), 499 * CREDIT);
    let spent = office.reserve(after(0), "one", &spent).await;
    assert!(is_held(&spent), "{spent:?}");
    let answers = at_once(&office, 50).await;
    assert_eq!(answers.iter().filter(|one| is_held(one)).count(), 1);
    assert_eq!(answers.iter().filter(|one| is_poor(one)).count(), 49);
    assert_eq!(office.left(after(0), "k").await, 0);
    office.verify().await;
}

pub(crate) async fn of_a_thousand_calls_on_the_last_credit_one_is_held(stores: Stores) {
    let mut office = Office::open(&stores).await;
    office.plan(after(0), "last", metered(1, "never"));
    office.key(after(0), "k", "last");
    let answers = at_once(&office, 1_000).await;
    assert_eq!(answers.iter().filter(|one| is_held(one)).count(), 1);
    assert_eq!(answers.iter().filter(|one| is_poor(one)).count(), 999);
    office.verify().await;
}

async fn top_up(office: &Office, at: Moment, name: &str) {
    let entry = TopUp {
        key: of(name),
        amount: 100 * i64::try_from(CREDIT).unwrap(),
        id: format!("gift-{name}"),
        by: "admin".to_owned(),
        wall_ms: at.unix_ms,
    };
    let ledger = office.authority.ledger();
    ledger.top_up(entry).await.unwrap().unwrap();
}

pub(crate) async fn a_grant_is_new_at_midnight_and_on_the_first_and_a_top_up_survives_both(
    stores: Stores,
) {
    let midnight = MIDNIGHT - NOW;
    // The first of December is eight days after that midnight.
    let first = midnight + 8 * DAY_MS;
    for (resets, new) in [("daily", midnight), ("monthly", first)] {
        let mut office = Office::open(&stores).await;
        office.plan(after(0), resets, metered(5, resets));
        office.key(after(0), resets, resets);
        let paid = async |ms: u64, number: u32| {
            let id = format!("{resets}-{number}");
            let answer = office.pay(after(ms), ("one", resets), &id).await;
            answer.credits_left.unwrap() / CREDIT
        };
        assert_eq!(paid(0, 1).await, 4, "{resets}");
        top_up(&office, after(1), resets).await;
        assert_eq!(
            paid(new - 1, 2).await,
            103,
            "{resets}: the grant goes first"
        );
        assert_eq!(
            paid(new, 3).await,
            104,
            "{resets}: a new grant, the same gift"
        );
        office.verify().await;
    }
}

pub(crate) async fn a_key_that_moves_up_and_down_keeps_its_credits_and_mints_none(stores: Stores) {
    let mut office = Office::open(&stores).await;
    office.plan(after(0), "small", metered(3, "never"));
    office.plan(after(0), "large", metered(10, "never"));
    let mut left = Vec::new();
    for (number, plan) in ["small", "large", "small", "large"].into_iter().enumerate() {
        office.key(after(number as u64), "k", plan);
        let call = format!("{plan}-{number}");
        let answer = office.pay(after(number as u64), ("one", "k"), &call).await;
        left.push(answer.credits_left.unwrap() / CREDIT);
    }
    // 3 - 1, + 10 - 1, and no grant for coming back.
    assert_eq!(left, [2, 11, 10, 9]);
    office.verify().await;
}

pub(crate) async fn deleting_and_making_keys_again_mints_no_credit_and_no_window(stores: Stores) {
    let mut office = Office::open(&stores).await;
    let plan = json!({
        "requests_per_minute": 2, "requests_per_day": 3, "max_keys_per_namespace": 2,
        "credits": {"grant": CREDIT, "resets": "never"},
    });
    office.plan(after(0), "plan", plan);
    let mut held = 0;
    for round in 0..4 {
        for name in ["a", "b", "c"] {
            office.key(after(round), name, "plan");
            let id = format!("{name}-{round}");
            let answer = office.pay(after(round), ("one", name), &id).await;
            held += usize::from(is_held(&answer));
            office.delete(after(round), name);
        }
    }
    assert_eq!(
        held, 2,
        "one credit for each of two keys, whatever their name"
    );
    let mut granted = 0;
    for ms in [10, 11, 12, 70_000, 70_001] {
        office.key(after(ms), "k", "plan");
        granted += usize::from(is_granted(&office.ask(after(ms), ("one", "k")).await));
        office.delete(after(ms), "k");
    }
    assert_eq!(
        granted, 3,
        "two of the first minute, one that the day has left"
    );
    office.key(after(70_002), "k", "plan");
    let over = office.ask(after(70_002), ("one", "k")).await;
    assert!(
        matches!(
            over.verdict,
            Verdict::Denied {
                by: Limited::Day,
                ..
            }
        ),
        "{over:?}"
    );
    office.verify().await;
}

fn large(id: &str, tokens: u64) -> Reserve {
    Reserve {
        tokens,
        slot: true,
        ..credits("k", (id, "one"), CREDIT)
    }
}

fn limited() -> Value {
    json!({
        "tokens_per_minute": 100, "concurrent_requests": 1,
        "credits": {"grant": CREDIT, "resets": "never"},
    })
}

pub(crate) async fn what_credits_refuse_holds_no_token_and_no_slot(stores: Stores) {
    let mut office = Office::open(&stores).await;
    office.plan(after(0), "plan", limited());
    office.key(after(0), "k", "plan");
    let dear = Reserve {
        credits: 2 * CREDIT,
        ..large("dear", 100)
    };
    for at in 0..3 {
        let answer = office.reserve(after(at), "one", &dear).await;
        assert!(is_poor(&answer), "{answer:?}");
    }
    let answer = office.reserve(after(4), "one", &large("fits", 100)).await;
    assert!(is_held(&answer), "all of it is free: {answer:?}");
    let slot = office.reserve(after(5), "one", &large("second", 0)).await;
    assert_eq!(slot.verdict, ReserveVerdict::NoSlot { limit: 1 });
    office.verify().await;
}

pub(crate) async fn a_call_larger_than_the_tokens_of_a_minute_is_told_that_it_never_fits(
    stores: Stores,
) {
    let mut office = Office::open(&stores).await;
    office.plan(after(0), "plan", limited());
    office.key(after(0), "k", "plan");
    let answer = office.reserve(after(0), "one", &large("huge", 101)).await;
    assert_eq!(
        answer.verdict,
        ReserveVerdict::NoTokens { next_free_ms: None }
    );
    assert_eq!(answer.tokens.map(|left| left.remaining), Some(100));
    assert!(is_held(
        &office.reserve(after(1), "one", &large("whole", 100)).await
    ));
    let later = Reserve {
        slot: false,
        ..large("later", 1)
    };
    let answer = office.reserve(after(2), "one", &later).await;
    let wait = match answer.verdict {
        ReserveVerdict::NoTokens { next_free_ms } => next_free_ms.unwrap(),
        other => panic!("{other:?}"),
    };
    assert!((60_000..=61_000).contains(&wait), "{wait}");
    assert_eq!(answer.tokens.map(|left| left.remaining), Some(0));
    office.verify().await;
}
