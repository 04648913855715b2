//! Leases, days and tokens, each alone; and what tests of limits ask with. What else calls hold is in `seats`.

use super::*;
use proptest::prelude::*;
use purser_config::quota::{self, GoesOn, LEASE_MS, Reserve, ReserveVerdict, Settle};

pub(super) fn with(terms: KeyTerms, channels: &[(&str, ChannelLimits)]) -> Windows {
    let mut windows = Windows::new(ms(0), 1, Memory::Fresh);
    windows.configure(ms(0), both(terms, channels));
    for sidecar in ["a", "b"] {
        windows.hello(at(ms(0)), sidecar, &hello(&[], 0), None);
    }
    windows
}

pub(super) fn both(mut terms: KeyTerms, channels: &[(&str, ChannelLimits)]) -> Terms {
    let named = channels.iter().map(|(name, _)| name.parse().unwrap());
    terms.channels = named.collect();
    let channels = channels
        .iter()
        .map(|(name, limits)| (name.parse().unwrap(), *limits));
    Terms {
        keys: [(key(), terms)].into(),
        channels: channels.collect(),
        ..Terms::default()
    }
}

pub(super) fn seats(minute: Option<u32>, slots: Option<u32>) -> ChannelLimits {
    ChannelLimits {
        requests_per_minute: minute,
        concurrent_requests: slots,
    }
}

pub(super) fn reserve(id: &str) -> Reserve {
    Reserve {
        id: id.to_owned(),
        key: key(),
        tokens: 0,
        slot: false,
        credits: 0,
        allowance: None,
        channels: vec![],
        others: false,
        spool: String::new(),
    }
}

pub(super) fn tokens(id: &str, tokens: u64) -> Reserve {
    Reserve {
        tokens,
        ..reserve(id)
    }
}

pub(super) fn slot(id: &str) -> Reserve {
    Reserve {
        slot: true,
        ..reserve(id)
    }
}

pub(super) fn on(id: &str, channels: &[&str]) -> Reserve {
    Reserve {
        channels: channels.iter().map(|name| name.parse().unwrap()).collect(),
        ..reserve(id)
    }
}

pub(super) fn settle(id: &str, tokens: Option<u64>) -> Settle {
    let (id, key) = (id.to_owned(), key());
    Settle {
        id,
        key,
        tokens,
        goes_on: None,
    }
}

pub(super) fn held(channel: Option<u32>) -> ReserveVerdict {
    let credits = 0;
    ReserveVerdict::Held { channel, credits }
}

pub(super) fn hold(windows: &mut Windows, at_ms: u64, reserve: &Reserve) -> ReserveVerdict {
    windows.hold(ms(at_ms), "a", reserve).verdict
}

pub(super) fn lease(windows: &mut Windows, at_ms: u64, (sidecar, want): (&str, u32)) -> Verdict {
    let ask = asking(want, 0);
    windows.ask(at(ms(at_ms)), sidecar, &ask).verdict
}

pub(super) fn asking(want: u32, ttl_ms: u64) -> Ask {
    let key = key();
    Ask { key, want, ttl_ms }
}

pub(super) fn size(verdict: &Verdict) -> (u32, u64) {
    match verdict {
        Verdict::Granted { count, ttl_ms, .. } => (*count, *ttl_ms),
        _ => (0, 0),
    }
}

pub(super) fn requests(minute: Option<u32>, day: Option<u32>) -> KeyTerms {
    KeyTerms {
        requests_per_minute: minute,
        requests_per_day: day,
        ..KeyTerms::default()
    }
}

pub(super) fn token_limit(limit: u64) -> KeyTerms {
    KeyTerms {
        tokens_per_minute: Some(limit),
        ..KeyTerms::default()
    }
}

pub(super) fn slots(limit: u32) -> KeyTerms {
    KeyTerms {
        concurrent_requests: Some(limit),
        ..KeyTerms::default()
    }
}

#[test]
fn a_lease_is_half_an_equal_part_and_shrinks_to_exact_requests() {
    let mut windows = fresh(100);
    assert_eq!(size(&lease(&mut windows, 0, ("a", 10))), (10, LEASE_MS));
    assert_eq!(size(&lease(&mut windows, 0, ("a", 80))), (45, LEASE_MS));
    assert_eq!(size(&lease(&mut windows, 0, ("b", 80))), (11, LEASE_MS));
    assert_eq!(size(&lease(&mut windows, 0, ("b", 1))), (1, 0));
    let next = || Some(size(&lease(&mut windows, 0, ("b", 80)))).filter(|(count, _)| *count > 0);
    let sizes: Vec<(u32, u64)> = std::iter::from_fn(next).collect();
    assert!(sizes.is_sorted_by(|a, b| a.0 >= b.0), "{sizes:?}");
    assert_eq!(sizes.last(), Some(&(1, 0)));
    assert_eq!(grants(&mut windows, ms(60_073), "a"), 0);
    let exact = grants(&mut windows, ms(60_100), "a");
    assert!(
        (1..34).contains(&exact),
        "leases occupy for longer: {exact}"
    );
    assert_eq!(grants(&mut windows, ms(60_595), "a") + exact, 100);
}

#[test]
fn one_alone_is_kept_as_long_as_was_asked_and_occupies_for_as_much_longer() {
    let mut windows = fresh(1);
    let kept = windows.ask(at(ms(0)), "a", &asking(1, 9_000));
    assert_eq!(size(&kept.verdict), (1, LEASE_MS));
    assert_eq!(kept.reset_ms, quota::occupancy_ms(LEASE_MS));
    let none = windows.ask(at(ms(0)), "a", &asking(0, 0));
    assert_eq!(none.remaining, 0);
    assert_eq!(grants(&mut windows, ms(60_574), "a"), 0);
    assert_eq!(grants(&mut windows, ms(60_575), "a"), 1);
}

#[test]
fn what_is_left_of_a_lease_comes_back_in_parts_and_no_more_than_was_given() {
    let mut windows = fresh(40);
    let Verdict::Granted { token, count, .. } = lease(&mut windows, 0, ("a", 20)) else {
        panic!("not granted");
    };
    assert_eq!((count, grants(&mut windows, ms(1), "b")), (20, 20));
    for (count, free) in [(5, 5), (10, 10), (9, 5), (9, 0)] {
        let key = key();
        windows.give_back(ms(2), "a", &Return { key, token, count });
        assert_eq!(grants(&mut windows, ms(2), "b"), free);
    }
}

#[test]
fn a_day_counts_at_the_grant_and_uncounts_at_the_return_and_ends_at_midnight() {
    let mut windows = with(requests(None, Some(2)), &[]);
    let token = granted(&mut windows, ms(0), "a").unwrap();
    assert!(granted(&mut windows, ms(0), "b").is_some());
    let by = Limited::Day;
    let next_free_ms = DAY_MS - 1_000 - 70_000;
    let full = asks(&mut windows, ms(70_000), "a");
    assert_eq!(full.verdict, Verdict::Denied { next_free_ms, by });
    assert_eq!((full.limit, full.remaining, full.reset_ms), (None, 0, 0));
    let key = key();
    windows.give_back(
        ms(71_000),
        "a",
        &Return {
            key,
            token,
            count: 1,
        },
    );
    assert_eq!(
        grants(&mut windows, ms(71_000), "a"),
        0,
        "too late to return"
    );
    assert_eq!(grants(&mut windows, ms(DAY_MS - 1_000), "a"), 2);
}

#[test]
fn a_returned_grant_of_the_day_is_free_again_but_not_that_of_yesterday() {
    let mut windows = with(requests(None, Some(2)), &[]);
    let late = DAY_MS - 1_001;
    let token = granted(&mut windows, ms(late), "a").unwrap();
    let back = Return {
        key: key(),
        token,
        count: 1,
    };
    assert_eq!(grants(&mut windows, ms(late), "a"), 1);
    windows.give_back(ms(late), "a", &back);
    let yesterday = granted(&mut windows, ms(late), "a").unwrap();
    assert_eq!(grants(&mut windows, ms(late + 1), "a"), 2);
    let token = yesterday;
    windows.give_back(ms(late + 2), "a", &Return { token, ..back });
    assert_eq!(grants(&mut windows, ms(late + 2), "a"), 0);
}

#[test]
fn minute_and_day_admit_together_or_not_at_all_and_the_longer_wait_is_told() {
    let mut windows = with(requests(Some(2), Some(3)), &[]);
    assert_eq!(grants(&mut windows, ms(0), "a"), 2);
    assert_eq!(asks(&mut windows, ms(0), "a").verdict, denied(60_074));
    assert_eq!(grants(&mut windows, ms(60_074), "a"), 1);
    let full = asks(&mut windows, ms(60_074), "a");
    assert!(matches!(
        full.verdict,
        Verdict::Denied {
            by: Limited::Day,
            ..
        }
    ));
    assert_eq!(
        full.remaining, 1,
        "the minute has room that the day has not"
    );
    assert_eq!(size(&lease(&mut windows, DAY_MS, ("a", 9))), (1, 0));
}

#[test]
fn what_a_share_was_used_for_meanwhile_counts_in_the_day() {
    let mut windows = with(requests(Some(10), Some(12)), &[]);
    let mut told = hello(&[1_000], 0);
    told.uses[0].earlier = 9;
    windows.hello(at(ms(0)), "a", &told, None);
    assert_eq!(grants(&mut windows, ms(0), "a"), 2);
}

#[test]
fn a_deleted_and_recreated_key_keeps_its_day() {
    let mut windows = with(requests(None, Some(2)), &[]);
    assert_eq!(grants(&mut windows, ms(0), "a"), 2);
    windows.configure(ms(100_000), Terms::default());
    windows.shares_to_tell(ms(200_000));
    windows.configure(ms(300_000), both(requests(None, Some(2)), &[]));
    assert_eq!(grants(&mut windows, ms(300_000), "a"), 0);
}

#[test]
fn tokens_occupy_a_minute_from_admission_and_settle_down_only() {
    let mut windows = with(token_limit(100), &[]);
    let first = windows.hold(ms(0), "a", &tokens("1", 60));
    let left = first.tokens.unwrap();
    assert_eq!(
        (left.limit, left.remaining, left.reset_ms),
        (100, 40, 60_074)
    );
    let no = |next_free_ms| ReserveVerdict::NoTokens { next_free_ms };
    assert_eq!(
        hold(&mut windows, 1_000, &tokens("2", 41)),
        no(Some(59_074))
    );
    assert_eq!(hold(&mut windows, 1_000, &tokens("2", 101)), no(None));
    windows.settle(ms(2_000), "b", &settle("1", Some(0)));
    windows.settle(ms(2_000), "a", &settle("1", Some(10)));
    windows.settle(ms(2_000), "a", &settle("1", Some(0)));
    assert_eq!(
        hold(&mut windows, 2_000, &tokens("2", 91)),
        no(Some(58_074))
    );
    assert_eq!(hold(&mut windows, 2_000, &tokens("2", 90)), held(None));
    windows.settle(ms(3_000), "a", &settle("2", None));
    assert_eq!(hold(&mut windows, 60_073, &tokens("3", 91)), no(Some(1)));
    assert_eq!(hold(&mut windows, 60_074, &tokens("3", 100)), held(None));
}

#[test]
fn more_than_the_estimate_is_a_debt_from_the_settling_on_even_beyond_the_limit() {
    let mut windows = with(token_limit(100), &[]);
    assert_eq!(hold(&mut windows, 0, &tokens("1", 90)), held(None));
    windows.settle(ms(30_000), "a", &settle("1", Some(u64::MAX)));
    let next_free_ms = Some(60_074);
    let no = ReserveVerdict::NoTokens { next_free_ms };
    assert_eq!(hold(&mut windows, 30_000, &tokens("2", 1)), no);
    assert_eq!(hold(&mut windows, 90_074, &tokens("2", 100)), held(None));
}

/// A call of `a` goes on without an answer.
fn goes_on(windows: &mut Windows, at_ms: u64, (id, tokens): (&str, u64)) {
    let slot = true;
    let settle = Settle {
        goes_on: Some(GoesOn {
            tokens,
            slot,
            credits: false,
        }),
        ..settle(id, None)
    };
    windows.settle(ms(at_ms), "a", &settle);
}

#[test]
fn a_call_that_goes_on_without_an_answer_counts_whatever_the_limits_are_and_once() {
    let both = KeyTerms {
        concurrent_requests: Some(2),
        ..token_limit(100)
    };
    let mut windows = with(both, &[]);
    let call = |id: &str, amount| Reserve {
        slot: true,
        ..tokens(id, amount)
    };
    let no = |next_free_ms| ReserveVerdict::NoTokens { next_free_ms };
    assert_eq!(hold(&mut windows, 0, &call("1", 80)), held(None));
    assert_eq!(hold(&mut windows, 0, &call("2", 40)), no(Some(60_074)));
    // Nobody waited for either answer.
    goes_on(&mut windows, 1_000, ("1", 80));
    goes_on(&mut windows, 1_000, ("2", 40));
    let full = ReserveVerdict::NoSlot { limit: 2 };
    assert_eq!(hold(&mut windows, 1_000, &slot("3")), full);
    windows.settle(ms(2_000), "a", &settle("1", Some(30)));
    windows.settle(ms(2_000), "a", &settle("2", Some(25)));
    assert_eq!(hold(&mut windows, 2_000, &call("3", 46)), no(Some(58_074)));
    assert_eq!(hold(&mut windows, 2_000, &call("3", 45)), held(None));
    goes_on(&mut windows, 3_000, ("4", u64::MAX));
    assert_eq!(hold(&mut windows, 61_000, &call("5", 1)), no(Some(2_074)));
}

#[test]
fn what_a_hello_told_of_a_call_that_goes_on_is_not_counted_again() {
    let mut windows = with(token_limit(100), &[]);
    let mut told = hello(&[], 0);
    told.tokens = vec![quota::TokenUse {
        key: key(),
        amounts: vec![(0, 60)],
    }];
    windows.hello(at(ms(0)), "a", &told, None);
    goes_on(&mut windows, 0, ("1", 0));
    assert_eq!(hold(&mut windows, 0, &tokens("2", 40)), held(None));
}

proptest! {
    #[test]
    fn no_minute_of_admissions_used_more_tokens_than_the_limit(
        calls in prop::collection::vec((0..9_000u64, 1..90u64, 0..100u64, any::<bool>()), 1..150),
    ) {
        let mut windows = with(token_limit(100), &[]);
        let (mut now, mut used) = (0, Vec::new());
        for (id, (pause, estimate, percent, settles)) in calls.into_iter().enumerate() {
            now += pause;
            let id = id.to_string();
            if hold(&mut windows, now, &tokens(&id, estimate)) == held(None) {
                let actual = if settles { estimate * percent / 100 } else { estimate };
                windows.settle(ms(now), "a", &settle(&id, Some(actual)));
                used.push((now, actual));
            }
        }
        for (start, _) in &used {
            let window = used.iter().filter(|(at, _)| (*start..start + quota::WINDOW_MS).contains(at));
            prop_assert!(window.map(|(_, actual)| actual).sum::<u64>() <= 100);
        }
    }
}
