//! Concurrent requests and channels, each alone; and all limits together.

use super::limits::*;
use super::*;
use purser_config::quota::{self, KEPT_MS, Reserve, ReserveVerdict, Reserved, TokenUse};

const AGAIN: u64 = 1_000;

#[test]
fn concurrent_requests_are_free_again_when_they_are_settled_and_not_by_time() {
    let mut windows = with(slots(2), &[]);
    let no = ReserveVerdict::NoSlot { limit: 2 };
    assert_eq!(hold(&mut windows, 0, &slot("1")), held(None));
    assert_eq!(
        hold(&mut windows, 0, &slot("1")),
        held(None),
        "the same call"
    );
    assert_eq!(hold(&mut windows, 0, &slot("2")), held(None));
    assert_eq!(hold(&mut windows, 10_000_000, &slot("3")), no);
    windows.settle(ms(10_000_000), "b", &settle("2", Some(1)));
    assert_eq!(hold(&mut windows, 10_000_000, &slot("3")), no);
    windows.settle(ms(10_000_000), "a", &settle("2", Some(1)));
    windows.settle(ms(10_000_000), "a", &settle("2", Some(1)));
    assert_eq!(hold(&mut windows, 10_000_000, &slot("3")), held(None));
    assert_eq!(hold(&mut windows, 10_000_000, &slot("4")), no);
}

fn holding(ids: &[&str]) -> Hello {
    let holds = ids.iter().map(|id| quota::Hold {
        id: (*id).to_owned(),
        key: key(),
        slot: true,
        channel: None,
    });
    Hello {
        holds: holds.collect(),
        ..hello(&[], 0)
    }
}

#[test]
fn the_slots_of_a_lost_sidecar_are_held_until_its_hello_or_its_end_or_long_enough() {
    let no = ReserveVerdict::NoSlot { limit: 2 };
    let lost = || {
        let mut windows = with(slots(2), &[]);
        assert_eq!(hold(&mut windows, 0, &slot("1")), held(None));
        assert_eq!(hold(&mut windows, 0, &slot("2")), held(None));
        windows.lost(ms(1_000), "a", false);
        let third = windows.hold(ms(100_000), "b", &slot("3")).verdict;
        assert_eq!(third, no);
        windows
    };
    let third = |windows: &mut Windows, at_ms: u64| windows.hold(ms(at_ms), "b", &slot("3"));

    let mut windows = lost();
    windows.hello(at(ms(100_000)), "a", &holding(&["2"]), None);
    assert_eq!(third(&mut windows, 100_000).verdict, held(None));
    assert_eq!(hold(&mut windows, 100_000, &slot("4")), no);
    windows.settle(ms(100_000), "a", &settle("2", Some(1)));
    assert_eq!(hold(&mut windows, 100_000, &slot("4")), held(None));

    let mut windows = lost();
    windows.lost(ms(100_000), "a", true);
    assert_eq!(third(&mut windows, 100_000).verdict, held(None));

    let mut windows = lost();
    assert_eq!(third(&mut windows, 1_000 + KEPT_MS - 1).verdict, no);
    windows.shares_to_tell(ms(1_000 + KEPT_MS));
    assert_eq!(third(&mut windows, 1_000 + KEPT_MS).verdict, held(None));
}

#[test]
fn the_first_channel_that_admits_is_taken_and_else_the_shortest_wait_is_told() {
    let limits = [
        ("shop/full", seats(Some(1), None)),
        ("shop/slow", seats(None, Some(1))),
    ];
    let mut windows = with(KeyTerms::default(), &limits);
    let both = ["shop/full", "shop/slow"];
    assert_eq!(hold(&mut windows, 0, &on("1", &both)), held(Some(0)));
    assert_eq!(hold(&mut windows, 0, &on("2", &both)), held(Some(1)));
    let next_free_ms = AGAIN;
    let full = ReserveVerdict::ChannelsFull { next_free_ms };
    assert_eq!(hold(&mut windows, 0, &on("3", &both)), full);
    let next_free_ms = 500;
    let full = ReserveVerdict::ChannelsFull { next_free_ms };
    assert_eq!(hold(&mut windows, 59_574, &on("3", &both)), full);
    let others = Reserve {
        others: true,
        ..on("3", &both)
    };
    assert_eq!(hold(&mut windows, 0, &others), held(None));
    windows.settle(ms(1), "a", &settle("1", None));
    windows.settle(ms(1), "a", &settle("2", Some(1)));
    assert_eq!(
        hold(&mut windows, 1, &on("4", &both)),
        held(Some(0)),
        "never sent, so it counts in no minute"
    );
    assert_eq!(hold(&mut windows, 1, &on("5", &both)), held(Some(1)));
}

#[test]
fn a_channel_counts_the_calls_of_all_namespaces_and_serves_only_keys_that_may_use_it() {
    let limits = [("shop/small", seats(None, Some(1)))];
    let mut terms = both(KeyTerms::default(), &limits);
    let (other, stranger) = (Name::new("lab", "other"), Name::new("lab", "stranger"));
    let known = terms.keys[&key()].clone();
    terms.keys.insert(other.clone(), known);
    terms.keys.insert(stranger.clone(), KeyTerms::default());
    let mut windows = Windows::new(ms(0), 1, Memory::Fresh);
    windows.configure(ms(0), terms);
    windows.hello(at(ms(0)), "a", &hello(&[], 0), Some("shop"));
    windows.hello(at(ms(0)), "lab", &hello(&[], 0), Some("lab"));
    let asks = |key: &Name| Reserve {
        key: key.clone(),
        ..on("1", &["shop/small"])
    };
    let mut lab = |key: &Name| windows.hold(ms(0), "lab", &asks(key)).verdict;
    let next_free_ms = AGAIN;
    let full = ReserveVerdict::ChannelsFull { next_free_ms };
    assert_eq!(lab(&stranger), full, "whatever it names");
    assert_eq!(
        lab(&key()),
        ReserveVerdict::Unavailable,
        "not its namespace"
    );
    assert_eq!(lab(&other), held(Some(0)));
    assert_eq!(hold(&mut windows, 0, &on("2", &["shop/small"])), full);
}

#[test]
fn a_call_that_moves_on_holds_the_next_channel_too_until_it_ends() {
    let limits = [
        ("shop/first", seats(None, Some(1))),
        ("shop/second", seats(None, Some(1))),
    ];
    let mut windows = with(slots(1), &limits);
    let all = Reserve {
        slot: true,
        ..on("1", &["shop/first"])
    };
    assert_eq!(hold(&mut windows, 0, &all), held(Some(0)));
    assert_eq!(
        hold(&mut windows, 0, &on("1", &["shop/second"])),
        held(Some(0))
    );
    for channel in ["shop/first", "shop/second"] {
        let verdict = hold(&mut windows, 0, &on("2", &[channel]));
        assert!(matches!(verdict, ReserveVerdict::ChannelsFull { .. }));
    }
    let theirs = windows.hold(ms(0), "b", &on("1", &["shop/first"]));
    assert_eq!(
        theirs.verdict,
        ReserveVerdict::Unavailable,
        "an id has one holder"
    );
    windows.settle(ms(0), "a", &settle("1", Some(0)));
    for (id, channel) in [("2", "shop/first"), ("3", "shop/second")] {
        assert_eq!(hold(&mut windows, 0, &on(id, &[channel])), held(Some(0)));
    }
    assert_eq!(hold(&mut windows, 0, &slot("4")), held(None));
}

#[test]
fn what_cannot_be_held_whole_is_not_held_at_all() {
    let limits = [("shop/small", seats(Some(9), Some(1)))];
    let terms = KeyTerms {
        concurrent_requests: Some(2),
        ..token_limit(100)
    };
    let mut windows = with(terms, &limits);
    let whole = |id: &str, amount| Reserve {
        slot: true,
        tokens: amount,
        ..on(id, &["shop/small"])
    };
    assert_eq!(hold(&mut windows, 0, &whole("1", 10)), held(Some(0)));
    let before = windows.account();
    for amount in [10, 91, 101] {
        let verdict = hold(&mut windows, 0, &whole("2", amount));
        assert!(!matches!(verdict, ReserveVerdict::Held { .. }));
    }
    assert_eq!(windows.account(), before);
    let plain = Reserve {
        slot: true,
        ..tokens("2", 90)
    };
    assert_eq!(hold(&mut windows, 0, &plain), held(None));
    let before = windows.account();
    let no = ReserveVerdict::NoSlot { limit: 2 };
    assert_eq!(hold(&mut windows, 0, &slot("3")), no);
    assert_eq!(windows.account(), before);
}

#[test]
fn ids_that_are_too_long_hold_nothing() {
    let mut windows = with(slots(2), &[]);
    let fits = slot(&"x".repeat(128));
    let long = slot(&"x".repeat(129));
    assert_eq!(hold(&mut windows, 0, &fits), held(None));
    assert_eq!(hold(&mut windows, 0, &long), ReserveVerdict::Unavailable);
    windows.hello(at(ms(0)), "b", &holding(&[&"y".repeat(129)]), None);
    assert_eq!(hold(&mut windows, 0, &slot("2")), held(None));
}

#[test]
fn a_new_authority_learns_what_calls_hold_and_occupy_from_their_hellos() {
    let terms = KeyTerms {
        concurrent_requests: Some(2),
        ..token_limit(100)
    };
    let mut windows = Windows::new(ms(0), 1, Memory::Lost);
    windows.configure(ms(0), both(terms, &[("shop/small", seats(None, Some(1)))]));
    let mut told = holding(&["1", "2"]);
    told.holds[0].channel = Some(Name::new("shop", "small"));
    let amounts = vec![(30_000, 60), (70_000, 90)];
    told.tokens.push(TokenUse {
        key: key(),
        amounts,
    });
    windows.hello(at(ms(1_000)), "a", &told, None);
    let learning = ReserveVerdict::Learning { ready_ms: 1_000 };
    assert_eq!(hold(&mut windows, 1_000, &tokens("3", 1)), learning);
    let ready = |windows: &mut Windows, reserve: &Reserve| hold(windows, 2_000, reserve);
    let no = ReserveVerdict::NoSlot { limit: 2 };
    assert_eq!(ready(&mut windows, &slot("3")), no);
    let verdict = ready(&mut windows, &on("3", &["shop/small"]));
    assert!(matches!(verdict, ReserveVerdict::ChannelsFull { .. }));
    let next_free_ms = Some(1_000 + 60_074 - 30_000 - 2_000);
    let no = ReserveVerdict::NoTokens { next_free_ms };
    assert_eq!(ready(&mut windows, &tokens("3", 41)), no);
    windows.settle(ms(2_000), "a", &settle("1", Some(20)));
    let both = Reserve {
        slot: true,
        tokens: 40,
        ..on("3", &["shop/small"])
    };
    assert_eq!(ready(&mut windows, &both), held(Some(0)));
}

#[test]
fn what_is_reported_again_counts_once_and_no_longer_settles_down() {
    let mut windows = with(token_limit(100), &[]);
    assert_eq!(hold(&mut windows, 0, &tokens("1", 50)), held(None));
    assert_eq!(hold(&mut windows, 0, &tokens("3", 10)), held(None));
    let mut told = holding(&["1", "3"]);
    told.holds.iter_mut().for_each(|hold| hold.slot = false);
    let amounts = vec![(1_000, 60)];
    told.tokens.push(TokenUse {
        key: key(),
        amounts,
    });
    windows.lost(ms(1_000), "a", false);
    windows.hello(at(ms(1_000)), "a", &told, None);
    let left = |reserved: Reserved| reserved.tokens.unwrap().remaining;
    assert_eq!(left(windows.hold(ms(1_000), "a", &tokens("2", 101))), 40);
    windows.settle(ms(1_000), "a", &settle("3", Some(0)));
    assert_eq!(left(windows.hold(ms(1_000), "a", &tokens("2", 101))), 40);
    windows.settle(ms(1_000), "a", &settle("1", Some(60)));
    assert_eq!(left(windows.hold(ms(1_000), "a", &tokens("2", 101))), 30);
}

#[test]
fn a_cut_off_share_is_a_part_of_every_limit_of_the_key() {
    let terms = KeyTerms {
        requests_per_minute: Some(10),
        requests_per_day: Some(100),
        concurrent_requests: Some(4),
        ..token_limit(1_000)
    };
    let mut windows = with(terms, &[]);
    windows.hello(at(ms(0)), "b", &hello(&[], 5), None);
    windows.lost(ms(0), "b", false);
    let no = ReserveVerdict::NoSlot { limit: 4 };
    assert_eq!(hold(&mut windows, 0, &slot("1")), held(None));
    assert_eq!(hold(&mut windows, 0, &slot("2")), held(None));
    assert_eq!(hold(&mut windows, 0, &slot("3")), no);
    let left = windows.hold(ms(0), "a", &tokens("4", 400)).tokens.unwrap();
    assert_eq!(left.remaining, 100);
    assert_eq!(grants(&mut windows, ms(0), "a"), 5);
    windows.lost(ms(0), "b", true);
    assert_eq!(hold(&mut windows, 0, &slot("3")), held(None));
    assert_eq!(hold(&mut windows, 0, &tokens("5", 600)), held(None));
}

#[test]
fn nobody_makes_a_key_hold_more_than_is_bounded() {
    let mut windows = with(token_limit(u64::MAX), &[]);
    for i in 0..(holds::MOST as u64 + 500) {
        assert_eq!(
            hold(&mut windows, i, &tokens(&i.to_string(), 1)),
            held(None)
        );
    }
    assert_eq!(windows.holds.all().count(), holds::MOST);
    windows.shares_to_tell(ms(KEPT_MS + 20_000));
    assert_eq!(windows.holds.all().count(), 0, "old ones fade");
}
