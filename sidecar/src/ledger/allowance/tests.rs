//! What an allowance is worth, when it pays, and when it is given back.

use super::*;

fn key() -> Name {
    Name::new("shop", "a")
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_key_that_spends_is_given_what_twenty_one_seconds_of_it_cost() {
    let mut allowances = Allowances::default();
    let mut asked = Vec::new();
    for tenth in 0..600_u32 {
        let step = allowances.spending(&key(), 100, Duration::from_millis(100) * tenth);
        if let Some(Step::Ask { credits, .. }) = step {
            asked.push(credits);
        }
    }
    // A thousand a second; whoever gets nothing asks again, and no more often than every two seconds.
    assert!(asked.len() <= 30, "{}", asked.len());
    assert!(
        asked
            .last()
            .is_some_and(|last| (19_500..23_000).contains(last)),
        "{asked:?}"
    );
}

#[test]
fn whatever_way_a_keys_spending_grew_it_lasts_fifteen_seconds_and_is_asked_for_seldom() {
    for growth in [1.0, 1.01, 1.03, 1.1] {
        let mut allowances = Allowances::default();
        let (mut asked, mut held) = (0, 0);
        for tenth in 0..1_200_u32 {
            let now = Duration::from_millis(100) * tenth;
            let grown = f64::powi(growth, i32::try_from(tenth.min(600) / 10).unwrap());
            let credits = (100.0 * grown) as u64;
            let step = allowances.spending(&key(), credits, now);
            if let Some(Step::Ask { credits, .. }) = step {
                (asked, held) = (asked + 1, held + credits);
                allowances.granted(&key(), (format!("a-{tenth}"), credits), now);
            }
            // Ten of these a second; it grows for a minute, and half a minute later the rate is known.
            let lasts = held as f64 / (credits * 10) as f64;
            assert!(tenth < 900 || lasts > 14.5, "{growth} {tenth}: {lasts}");
        }
        assert!(asked <= 60, "{growth}: {asked}");
    }
}

#[test]
fn a_single_call_is_given_enough_for_another() {
    let mut allowances = Allowances::default();
    assert_eq!(
        allowances.spending(&key(), 5, at(1)),
        Some(Step::Ask {
            credits: 15,
            call: 5
        })
    );
    allowances.granted(&key(), ("a-1".into(), 15), at(1));
    assert_eq!(allowances.spending(&key(), 5, at(20)), None);
}

#[test]
fn an_allowance_pays_until_it_is_empty_and_takes_back_what_was_not_used() {
    let mut allowances = Allowances::default();
    allowances.granted(&key(), ("a-1".into(), 10), at(1));
    let drawn = allowances.draw(&key(), 8, at(1)).unwrap();
    assert_eq!(allowances.draw(&key(), 8, at(1)), None);
    allowances.put_back(&key(), (&drawn, 7), at(1));
    assert_eq!(
        allowances
            .draw(&key(), 9, at(1))
            .map(|drawn| drawn.id)
            .as_deref(),
        Some("a-1")
    );
    assert_eq!(allowances.draw(&key(), 1, at(1)), None);
}

#[test]
fn a_silent_key_gives_its_allowance_back_once() {
    let mut allowances = Allowances::default();
    allowances.spending(&key(), 5, at(1));
    allowances.granted(&key(), ("a-1".into(), 9), at(1));
    assert!(allowances.idle(at(60)).is_empty());
    assert_eq!(
        allowances.idle(at(61)),
        [(key(), Step::Release("a-1".into()))]
    );
    assert!(allowances.idle(at(62)).is_empty());
    assert_eq!(allowances.draw(&key(), 1, at(1)), None);
}

#[test]
fn a_busy_key_pays_ahead_and_always_keeps_what_an_outage_needs() {
    let (mut allowances, mut ahead, mut asked) = (Allowances::default(), 0, 0);
    for tenth in 0..1_200_u32 {
        let now = Duration::from_millis(100) * tenth;
        let drawn = allowances.ahead(&key(), 100, now);
        if let Some(Step::Ask { credits, .. }) = allowances.spending(&key(), 100, now) {
            asked += 1;
            allowances.granted(&key(), (format!("a-{tenth}"), credits), now);
        }
        if let Some(drawn) = drawn {
            ahead += 1;
            allowances.put_back(&key(), (&drawn, 40), now);
        }
        allowances.idle(now);
        let purse = &allowances.purses[&key()];
        assert!(purse.held.len() <= 20, "{tenth}: {:?}", purse.held);
        assert!(
            tenth < 900 || purse.left(100) > 14_500,
            "{tenth}: {}",
            purse.left(100)
        );
    }
    assert!(ahead > 1_000, "{ahead}");
    assert!(asked <= 60, "{asked}");
}

/// How many of a key's calls paid ahead of those after its first ten, one each so many milliseconds, where all is granted that is asked for.
fn ahead_of_a_hundred(every: u64) -> usize {
    let mut allowances = Allowances::default();
    let paid = (0..110).filter(|number| {
        let now = Duration::from_millis(every * number);
        allowances.idle(now);
        let drawn = allowances.ahead(&key(), 5, now);
        if let Some(Step::Ask { credits, .. }) = allowances.spending(&key(), 5, now) {
            allowances.granted(&key(), (format!("a-{number}"), credits), now);
        }
        if let Some(drawn) = &drawn {
            allowances.put_back(&key(), (drawn, 0), now);
        }
        drawn.is_some() && *number >= 10
    });
    paid.count()
}

#[test]
fn the_calls_of_a_key_ask_for_themselves_only_after_a_silence() {
    for every in [250, 1_000, 30_000] {
        assert!(ahead_of_a_hundred(every) >= 99, "{every} ms");
    }
    assert_eq!(ahead_of_a_hundred(61_000), 0, "it was given back");
}

#[test]
fn a_key_whose_allowance_an_outage_needs_asks_for_each_call() {
    let mut allowances = Allowances::default();
    for tenth in 0..100 {
        let now = Duration::from_millis(100) * tenth;
        allowances.spending(&key(), 5, now);
        allowances.granted(&key(), (format!("a-{tenth}"), 5), now);
        assert_eq!(allowances.ahead(&key(), 5, now), None);
    }
}

#[test]
fn what_an_earlier_connection_granted_is_kept_for_an_outage_and_given_back() {
    let mut allowances = Allowances::default();
    for tenth in 0..50 {
        allowances.spending(&key(), 5, Duration::from_millis(100) * tenth);
    }
    allowances.granted(&key(), ("a-1".into(), 10_000), at(5));
    assert!(allowances.ahead(&key(), 5, at(5)).is_some());
    allowances.begin_anew();
    assert_eq!(allowances.ahead(&key(), 5, at(5)), None);
    let drawn = allowances.draw(&key(), 5, at(6)).unwrap();
    assert!(
        allowances.idle(at(30)).is_empty(),
        "two calls are under way"
    );
    for _ in 0..2 {
        allowances.put_back(&key(), (&drawn, 0), at(31));
    }
    assert!(allowances.idle(at(40)).is_empty());
    assert_eq!(
        allowances.idle(at(41)),
        [(key(), Step::Release("a-1".into()))]
    );
}

#[test]
fn an_allowance_that_pays_for_a_call_under_way_is_not_given_back_however_long_the_call_is() {
    let mut allowances = Allowances::default();
    allowances.granted(&key(), ("a-1".into(), 9), at(1));
    let drawn = allowances.draw(&key(), 5, at(2)).unwrap();
    assert!(allowances.idle(at(600)).is_empty());
    allowances.put_back(&key(), (&drawn, 1), at(600));
    assert!(
        allowances.idle(at(659)).is_empty(),
        "its record is on its way"
    );
    assert_eq!(allowances.idle(at(660)).len(), 1);
}
