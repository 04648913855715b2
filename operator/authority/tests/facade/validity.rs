//! Time that passes: passes, trials and months, by a clock that the test holds.

use super::office::{DAY_MS, Office, Stores, after, is_granted, of};
use crate::setup::NOW;
use purser_authority::Moment;
use purser_authority::ledger::{Renewal, Renewed, Sale};
use purser_config::quota::{Grant, Verdict};
use purser_config::{Refusal, calendar};
use serde_json::json;

const TEN_DAYS_MS: u64 = 10 * DAY_MS;

/// Refused for good, in these words.
fn refusal(grant: Grant) -> (Refusal, String) {
    match grant.verdict {
        Verdict::Refused { code, message } => (code, message),
        other => panic!("not refused: {other:?}"),
    }
}

/// The pass bought again then.
fn renewal(at: Moment) -> Renewal {
    Renewal {
        key: of("k"),
        plan: "pass".to_owned(),
        id: "invoice-8".to_owned(),
        by: "admin".to_owned(),
        at_ms: at.unix_ms,
        sale: Sale {
            at_ms: at.unix_ms,
            price: None,
        },
    }
}

pub(crate) async fn a_ten_day_pass_is_bought_used_over_and_renewed(stores: Stores) {
    let mut office = Office::open(&stores).await;
    let pass = json!({
        "requests_per_minute": 10,
        "validity": {"length": {"milliseconds": TEN_DAYS_MS}, "starts": "first_use"},
    });
    office.plan(after(0), "pass", pass);
    office.key(after(0), "k", "pass");
    // It lies in the drawer for two days; nothing passes.
    let first = after(2 * DAY_MS);
    let used = office.ask(first, ("one", "k")).await;
    let ends = first.unix_ms + TEN_DAYS_MS;
    assert!(is_granted(&used), "{used:?}");
    assert_eq!((used.limit, used.remaining), (Some(10), 9));
    assert_eq!(used.expires_at_ms, Some(ends));
    let last = after(2 * DAY_MS + TEN_DAYS_MS - 1);
    assert!(is_granted(&office.ask(last, ("two", "k")).await));
    let over = after(2 * DAY_MS + TEN_DAYS_MS);
    let (code, message) = refusal(office.ask(over, ("two", "k")).await);
    assert_eq!(code, Refusal::PlanExpired);
    let moment = calendar::moment(ends);
    assert!(
        message.contains(&moment) && message.contains("`pass`"),
        "{message}"
    );

    // Bought again, as another process finds it: the second entry of the same id changes nothing.
    drop(office);
    let mut office = Office::open(&stores).await;
    let pass = json!({
        "validity": {"length": {"milliseconds": TEN_DAYS_MS}, "starts": "first_use"},
    });
    office.plan(over, "pass", pass);
    office.key(over, "k", "pass");
    assert_eq!(refusal(office.ask(over, ("one", "k")).await).0, code);
    let bought = after(13 * DAY_MS);
    for new in [true, false] {
        let at = if new { bought } else { after(20 * DAY_MS) };
        let renewed = office.authority.renew(renewal(at)).await.unwrap();
        let at_ms = bought.unix_ms;
        assert_eq!(renewed, Renewed::At { at_ms, new });
    }
    let again = office.ask(after(14 * DAY_MS), ("one", "k")).await;
    assert!(is_granted(&again), "{again:?}");
    assert_eq!(again.expires_at_ms, Some(bought.unix_ms + TEN_DAYS_MS));
    let over = office.ask(after(23 * DAY_MS), ("one", "k")).await;
    assert_eq!(refusal(over).0, Refusal::PlanExpired);
    office.verify().await;
}

pub(crate) async fn a_trial_that_two_sidecars_use_first_in_the_same_millisecond_begins_once(
    stores: Stores,
) {
    let mut office = Office::open(&stores).await;
    let trial = json!({"validity": {"length": {"milliseconds": DAY_MS}, "starts": "first_use"}});
    office.plan(after(0), "trial", trial);
    office.key(after(0), "k", "trial");
    let begun = office.authority.begun();
    let at = after(5);
    // The clocks of two replicas may differ; whoever comes first is believed, and the other one told so.
    let late = Moment {
        unix_ms: at.unix_ms + 7,
        ..at
    };
    let (one, two) = tokio::join!(office.ask(at, ("one", "k")), office.ask(late, ("two", "k")));
    assert!(is_granted(&one) && is_granted(&two), "{one:?} {two:?}");
    assert_eq!(one.expires_at_ms, two.expires_at_ms, "one end");
    let began = begun.borrow()[&(of("k"), "trial".to_owned())];
    assert_eq!(one.expires_at_ms, Some(began + DAY_MS));
    assert!([at.unix_ms, late.unix_ms].contains(&began));
    let kept = office.authority.ledger().activations().await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[&(of("k"), "trial".to_owned())], began);
}

pub(crate) async fn a_month_ends_on_its_day_and_a_key_that_was_made_long_ago_began_then(
    stores: Stores,
) {
    let mut office = Office::open(&stores).await;
    let month = json!({"validity": {"length": {"months": 1}, "starts": "creation"}});
    office.plan(after(0), "month", month);
    let made = NOW - 20 * DAY_MS;
    office.key_made(after(0), ("k", "month"), Some(made));
    let used = office.ask(after(0), ("one", "k")).await;
    // Made on the 2nd of November, so it ends on the 2nd of December, thirty days later.
    assert_eq!(used.expires_at_ms, Some(made + 30 * DAY_MS), "{used:?}");
    // It is sold now: when it was made is in a month that may be billed.
    let terms = office.authority.ledger().terms(0, u64::MAX).await.unwrap();
    let sold: Vec<u64> = terms.iter().map(|term| term.sale.at_ms).collect();
    assert_eq!(sold, [after(0).unix_ms]);
    let over = office.ask(after(10 * DAY_MS), ("one", "k")).await;
    assert_eq!(refusal(over).0, Refusal::PlanExpired);
}

pub(crate) async fn deleting_and_making_keys_again_begins_no_trial_anew(stores: Stores) {
    let mut office = Office::open(&stores).await;
    let trial = json!({
        "max_keys_per_namespace": 2,
        "validity": {"length": {"milliseconds": DAY_MS}, "starts": "first_use"},
    });
    office.plan(after(0), "trial", trial);
    office.key(after(0), "a", "trial");
    let ends = office.ask(after(0), ("one", "a")).await.expires_at_ms;
    office.delete(after(10), "a");
    office.key(after(20), "a", "trial");
    let again = office.ask(after(30), ("one", "a")).await;
    assert_eq!(again.expires_at_ms, ends, "the same name, the same time");
    office.delete(after(40), "a");
    office.key(after(50), "b", "trial");
    assert!(is_granted(&office.ask(after(60), ("one", "b")).await));
    office.delete(after(70), "b");
    office.key(after(80), "c", "trial");
    let third = office.ask(after(90), ("one", "c")).await;
    assert_eq!(refusal(third).0, Refusal::PlanNotAllowed);
}
