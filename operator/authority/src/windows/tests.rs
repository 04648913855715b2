//! The answers for requests, one rule each. What else limits is in `limits` and `seats`, what is replayed in `replays`, whole fleets in `fleet`.

mod limits;
mod replays;
mod seats;

use super::*;
use purser_config::quota::{Ask, Grant, Limited, Return, Share, Use, Verdict};

fn key() -> Name {
    Name::new("shop", "checkout")
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Late in the evening of no particular day.
fn at(now: Duration) -> Moment {
    let unix_ms = 20_000 * DAY_MS + 1_000 + now.as_millis() as u64;
    Moment { now, unix_ms }
}

fn terms(requests: Option<u32>, when_unreachable: WhenQuotaUnreachable) -> Terms {
    let terms = KeyTerms {
        requests_per_minute: requests,
        when_unreachable,
        ..KeyTerms::default()
    };
    Terms {
        keys: [(key(), terms)].into(),
        ..Terms::default()
    }
}

fn hello(ages_ms: &[u64], held: u32) -> Hello {
    Hello {
        instance: "one".to_owned(),
        version: None,
        uses: vec![Use {
            key: key(),
            ages_ms: ages_ms.to_vec(),
            earlier: 0,
        }],
        shares: vec![Share {
            key: key(),
            requests: held,
        }],
        holds: vec![],
        tokens: vec![],
        spool: String::new(),
    }
}

fn windows(memory: Memory, requests: u32, when: WhenQuotaUnreachable) -> Windows {
    let mut windows = Windows::new(ms(0), 1, memory);
    windows.configure(ms(0), terms(Some(requests), when));
    windows
}

/// One that sidecars `a` and `b` have greeted.
fn fresh(requests: u32) -> Windows {
    let mut windows = windows(Memory::Fresh, requests, WhenQuotaUnreachable::Deny);
    for sidecar in ["a", "b"] {
        windows.hello(at(ms(0)), sidecar, &hello(&[], 0), None);
    }
    windows
}

fn asks(windows: &mut Windows, now: Duration, sidecar: &str) -> Grant {
    windows.ask(
        at(now),
        sidecar,
        &Ask {
            key: key(),
            want: 1,
            ttl_ms: 0,
        },
    )
}

fn granted(windows: &mut Windows, now: Duration, sidecar: &str) -> Option<u64> {
    match asks(windows, now, sidecar).verdict {
        Verdict::Granted { token, .. } => Some(token),
        _ => None,
    }
}

fn grants(windows: &mut Windows, now: Duration, sidecar: &str) -> usize {
    std::iter::from_fn(|| granted(windows, now, sidecar))
        .take(1_000)
        .count()
}

fn denied(next_free_ms: u64) -> Verdict {
    let by = Limited::Minute;
    Verdict::Denied { next_free_ms, by }
}

#[test]
fn grants_up_to_the_limit_and_then_says_when() {
    let mut windows = fresh(2);
    let first = asks(&mut windows, ms(0), "a");
    assert_eq!(
        (first.limit, first.remaining, first.reset_ms),
        (Some(2), 1, 60_074)
    );
    assert!(granted(&mut windows, ms(1_000), "b").is_some());
    let third = asks(&mut windows, Duration::from_nanos(2_000_000_001), "a");
    assert_eq!(
        (third.verdict, third.remaining, third.reset_ms),
        (denied(58_074), 0, 59_074)
    );
    assert_eq!(
        grants(&mut windows, ms(60_074) - Duration::from_nanos(1), "a"),
        0
    );
    assert_eq!(grants(&mut windows, ms(60_074), "a"), 1);
}

#[test]
fn a_returned_grant_is_free_again_once_and_only_for_its_holder() {
    let mut windows = fresh(2);
    let token = granted(&mut windows, ms(0), "a").unwrap();
    granted(&mut windows, ms(0), "b").unwrap();
    let back = Return {
        key: key(),
        token,
        count: 1,
    };
    windows.give_back(ms(1), "b", &back);
    windows.give_back(ms(1), "nobody", &back);
    assert_eq!(grants(&mut windows, ms(1), "a"), 0);
    windows.give_back(ms(1), "a", &back);
    windows.give_back(ms(1), "a", &back);
    assert_eq!(grants(&mut windows, ms(1), "a"), 1);
}

#[test]
fn what_a_late_answer_left_to_the_share_counts_beside_what_was_granted_and_once() {
    let mut windows = windows(Memory::Fresh, 6, WhenQuotaUnreachable::Share);
    for sidecar in ["a", "b"] {
        windows.hello(at(ms(0)), sidecar, &hello(&[], 0), None);
    }
    let unused = granted(&mut windows, ms(0), "a").unwrap();
    granted(&mut windows, ms(0), "a").unwrap();
    let uses = |key| Use {
        key,
        ages_ms: vec![600, 100],
        earlier: 0,
    };
    windows.used(at(ms(1_000)), "nobody", &[uses(key())]);
    let other = uses(Name::new("shop", "other"));
    windows.used(at(ms(1_000)), "a", &[other, uses(key())]);
    assert_eq!(asks(&mut windows, ms(1_000), "b").remaining, 1);
    let back = Return {
        key: key(),
        token: unused,
        count: 1,
    };
    windows.give_back(ms(1_000), "a", &back);
    assert_eq!(grants(&mut windows, ms(1_000), "b"), 2);
    let again = hello(&[1_600, 1_100, 2_000], 0);
    windows.hello(at(ms(2_000)), "a", &again, None);
    assert_eq!(
        grants(&mut windows, ms(60_474), "b"),
        2,
        "its grant and the first"
    );
    assert_eq!(grants(&mut windows, ms(60_974), "b"), 1);
}

#[test]
fn who_has_not_said_hello_or_asks_outside_its_scope_is_denied() {
    let mut windows = windows(Memory::Fresh, 5, WhenQuotaUnreachable::Share);
    assert_eq!(asks(&mut windows, ms(0), "a").verdict, denied(1_000));
    windows.hello(at(ms(0)), "a", &hello(&[1, 2, 3, 4, 5], 0), Some("other"));
    assert_eq!(asks(&mut windows, ms(0), "a").verdict, denied(1_000));
    windows.hello(at(ms(0)), "b", &hello(&[], 0), Some("shop"));
    assert_eq!(grants(&mut windows, ms(0), "b"), 5);
    windows.lost(ms(0), "b", false);
    assert_eq!(asks(&mut windows, ms(70_000), "b").verdict, denied(1_000));
}

#[test]
fn unknown_keys_are_denied_and_unlimited_ones_never() {
    let mut windows = fresh(1);
    let other = Ask {
        key: Name::new("shop", "other"),
        want: 1,
        ttl_ms: 0,
    };
    assert_eq!(windows.ask(at(ms(0)), "a", &other).verdict, denied(1_000));
    windows.configure(ms(0), terms(None, WhenQuotaUnreachable::Deny));
    assert_eq!(asks(&mut windows, ms(0), "a").limit, None);
    assert_eq!(grants(&mut windows, ms(0), "a"), 1_000);
}

#[test]
fn a_deleted_and_recreated_key_keeps_its_window() {
    let mut windows = fresh(3);
    assert_eq!(grants(&mut windows, ms(0), "a"), 3);
    windows.configure(ms(10_000), Terms::default());
    assert_eq!(asks(&mut windows, ms(20_000), "a").verdict, denied(1_000));
    windows.configure(ms(30_000), terms(Some(3), WhenQuotaUnreachable::Deny));
    assert_eq!(asks(&mut windows, ms(30_000), "a").verdict, denied(30_074));
}

#[test]
fn a_lowered_limit_counts_what_was_granted() {
    let mut windows = fresh(4);
    for second in 0..4 {
        granted(&mut windows, ms(second * 1_000), "a").unwrap();
    }
    windows.configure(ms(5_000), terms(Some(2), WhenQuotaUnreachable::Deny));
    assert_eq!(
        asks(&mut windows, ms(5_000), "a").verdict,
        denied(62_074 - 5_000)
    );
    assert_eq!(grants(&mut windows, ms(62_073), "a"), 0);
    assert_eq!(grants(&mut windows, ms(62_074), "a"), 1);
}

#[test]
fn a_window_that_ran_empty_keeps_no_memory() {
    let mut windows = fresh(3);
    grants(&mut windows, ms(0), "a");
    windows.configure(ms(0), Terms::default());
    assert_eq!(windows.keys.len(), 1);
    windows.shares_to_tell(ms(71_000));
    assert_eq!(windows.keys.len(), 0);
}

#[test]
fn learns_for_two_seconds_under_share_and_then_counts_what_it_heard() {
    let mut windows = windows(Memory::Lost, 5, WhenQuotaUnreachable::Share);
    windows.hello(at(ms(100)), "a", &hello(&[1_000, 30_000, 70_000], 0), None);
    assert_eq!(
        asks(&mut windows, ms(500), "a").verdict,
        Verdict::Learning { ready_ms: 1_500 }
    );
    assert_eq!(grants(&mut windows, ms(2_000), "a"), 3);
    assert_eq!(
        asks(&mut windows, ms(2_000), "a").verdict,
        denied(60_074 + 100 - 30_000 - 2_000)
    );
}

#[test]
fn a_share_that_is_used_while_it_learns_is_counted_when_it_grants() {
    let mut windows = windows(Memory::Lost, 5, WhenQuotaUnreachable::Share);
    windows.hello(at(ms(100)), "a", &hello(&[], 2), None);
    windows.hello(at(ms(100)), "b", &hello(&[], 3), None);
    for _ in 0..4 {
        asks(&mut windows, ms(500), "a");
    }
    asks(&mut windows, ms(600), "b");
    let grants = (0..5).filter(|_| {
        let verdict = asks(&mut windows, ms(2_000), "b").verdict;
        matches!(verdict, Verdict::Granted { .. })
    });
    assert_eq!(
        grants.count(),
        2,
        "two of a's share and one of b's are used"
    );
}

#[test]
fn learns_for_a_whole_occupancy_under_deny() {
    let mut windows = windows(Memory::Lost, 5, WhenQuotaUnreachable::Deny);
    windows.hello(at(ms(100)), "a", &hello(&[0], 0), None);
    assert_eq!(
        asks(&mut windows, ms(60_073), "a").verdict,
        Verdict::Learning { ready_ms: 1 }
    );
    assert_eq!(grants(&mut windows, ms(60_074), "a"), 4);
}

#[test]
fn a_late_hello_counts_and_a_repeated_one_does_not_count_twice() {
    let mut windows = windows(Memory::Lost, 5, WhenQuotaUnreachable::Share);
    windows.hello(at(ms(0)), "a", &hello(&[], 0), None);
    assert!(granted(&mut windows, ms(3_000), "a").is_some());
    windows.hello(at(ms(4_000)), "b", &hello(&[500, 600], 0), None);
    windows.lost(ms(4_000), "a", false);
    windows.hello(at(ms(4_000)), "a", &hello(&[990], 0), None);
    assert_eq!(grants(&mut windows, ms(4_000), "a"), 2);
}

#[test]
fn another_process_of_the_same_sidecar_is_counted_beside_the_first() {
    let mut windows = fresh(5);
    assert!(granted(&mut windows, ms(0), "a").is_some());
    windows.lost(ms(1), "a", false);
    let second = Hello {
        instance: "two".to_owned(),
        ..hello(&[0], 0)
    };
    windows.hello(at(ms(1)), "a", &second, None);
    assert_eq!(grants(&mut windows, ms(1), "a"), 3);
}

#[test]
fn the_share_of_a_cut_off_sidecar_is_withheld_until_it_is_back_or_gone() {
    let mut windows = windows(Memory::Fresh, 10, WhenQuotaUnreachable::Share);
    for sidecar in ["a", "b"] {
        windows.hello(at(ms(0)), sidecar, &hello(&[], 5), None);
    }
    windows.lost(ms(0), "b", false);
    assert_eq!(grants(&mut windows, ms(0), "a"), 5);
    windows.hello(at(ms(1_000)), "b", &hello(&[900, 800], 5), None);
    assert_eq!(grants(&mut windows, ms(1_000), "a"), 3);
    windows.lost(ms(70_000), "b", true);
    assert_eq!(grants(&mut windows, ms(70_000), "a"), 10);
}

#[test]
fn what_an_older_term_granted_frees_nothing_of_this_one() {
    let mut older = fresh(1);
    let token = granted(&mut older, ms(0), "a").unwrap();
    let mut windows = Windows::new(ms(0), 2, Memory::Fresh);
    windows.configure(ms(0), terms(Some(1), WhenQuotaUnreachable::Deny));
    windows.hello(at(ms(0)), "a", &hello(&[], 0), None);
    assert!(granted(&mut windows, ms(1), "a").is_some());
    windows.give_back(
        ms(2),
        "a",
        &Return {
            key: key(),
            token,
            count: 1,
        },
    );
    assert_eq!(granted(&mut windows, ms(3), "a"), None);
}
