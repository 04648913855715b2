//! What is shown of a key's usage, and how often that may change.

use super::*;
use k8s_openapi::api::core::v1::ObjectReference;
use purser_config::{Credits, Resets};

const EVERY: Duration = Duration::from_secs(30);

fn report(name: &str, before: Value) -> Report {
    let before = before.as_object().cloned().unwrap_or_default();
    Report {
        object: ObjectRef::ApiKey(Name::new("shop", name)),
        reference: ObjectReference::default(),
        generation: None,
        before,
        conditions: Vec::new(),
        fields: Map::new(),
        refused: None,
        message: String::new(),
        key: None,
    }
}

fn used(count: u64) -> Map<String, Value> {
    let used = json!({"requestsUsed": count, "activated": "now"});
    used.as_object().cloned().unwrap()
}

#[test]
fn a_keys_usage_changes_once_in_a_while_and_what_began_is_shown_at_once() {
    let (mut usage, seconds) = (Usage::new(EVERY), Duration::from_secs);
    let report = report("a", json!({"requestsUsed": 1}));
    let mut shown = |count, at| {
        let (shown, waits) = usage.steady(&report, used(count), seconds(at));
        assert_eq!(shown["activated"], "now");
        (shown["requestsUsed"].as_u64().unwrap(), waits)
    };
    assert_eq!(shown(1, 100), (1, None));
    assert_eq!(
        shown(2, 101),
        (2, None),
        "nothing was shown by this process"
    );
    assert_eq!(shown(3, 111), (2, Some(seconds(20))));
    assert_eq!(shown(4, 131), (4, None));
}

#[test]
fn all_keys_together_change_twenty_times_a_second() {
    let (mut usage, now) = (Usage::new(EVERY), Duration::from_secs(100));
    let mut changed = |from: usize, now| {
        let changes = (from..from + 50).filter(|number| {
            let report = report(&format!("key-{number}"), json!({}));
            usage.steady(&report, used(1), now).1.is_none()
        });
        changes.count()
    };
    assert_eq!(changed(0, now), 20);
    assert_eq!(changed(100, now + Duration::from_millis(999)), 0);
    assert_eq!(changed(200, now + SECOND), 20);
}

#[test]
fn a_grant_that_comes_with_the_next_call_counts_and_one_that_came_does_not_count_twice() {
    let usage = Usage::new(EVERY);
    let (grant, resets) = (500, Resets::Never);
    let plan = Plan {
        credits: Some(Credits { grant, resets }),
        ..Plan::default()
    };
    assert_eq!(usage.credits(None, ("free", Some(&plan))), Some((0, 500)));
    let facts = AccountFacts {
        credits_left: 20,
        credits_used: 480,
        grants: [(("free".to_owned(), String::new()), 20)].into(),
        ..AccountFacts::default()
    };
    let spent = usage.credits(Some(&facts), ("free", Some(&plan)));
    assert_eq!(spent, Some((480, 20)));
    let moved = usage.credits(Some(&facts), ("pro", Some(&plan)));
    assert_eq!(moved, Some((480, 520)));
    assert_eq!(usage.credits(None, ("open", Some(&Plan::default()))), None);
}

#[test]
fn whatever_ends_a_key_first_is_when_it_expires() {
    let time = |second| Time(Timestamp::from_second(second).unwrap());
    let plan = json!(time(50));
    assert_eq!(earlier(None, Some(plan.clone())), Some(plan.clone()));
    assert_eq!(
        earlier(Some(&time(60)), Some(plan.clone())),
        Some(plan.clone())
    );
    assert_eq!(earlier(Some(&time(40)), Some(plan)), Some(json!(time(40))));
    assert_eq!(earlier(None, None), None);
}
