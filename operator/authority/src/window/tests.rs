//! The window against a plain list of leavings.

use super::*;
use proptest::prelude::*;

const OCCUPANCY: u64 = 60_074_000_000;
const SECOND: u64 = 1_000_000_000;

fn grant(window: &mut Window, (token, owner, leaves): (u64, Owner, u64), limit: u32) {
    window.grant(
        Token {
            token,
            leaves,
            owner,
        },
        limit,
    );
}

#[test]
fn an_entry_leaves_when_its_occupancy_ends_and_not_before() {
    let mut window = Window::default();
    grant(&mut window, (1, 1, OCCUPANCY), 1);
    window.expire(OCCUPANCY - 1);
    assert_eq!(window.load(&[]), 1);
    window.expire(OCCUPANCY);
    assert_eq!((window.load(&[]), window.empties()), (0, None));
}

#[test]
fn a_grain_leaves_with_its_newest_possible_entry_and_is_returned_one_by_one() {
    let mut window = Window::default();
    for token in 1..=100 {
        grant(&mut window, (token, 1, OCCUPANCY + token), 1_000);
    }
    assert_eq!(window.slots.len(), 1);
    window.give_back(50, 1);
    window.give_back(50, 1);
    window.give_back(51, 2);
    assert_eq!(window.load(&[]), 99);
    window.expire(OCCUPANCY + 100);
    assert_eq!(window.load(&[]), 99);
    window.expire(OCCUPANCY + GRAIN);
    assert!(window.is_empty());
}

#[test]
fn memory_is_bounded_at_any_limit() {
    let mut window = Window::default();
    for i in 0..1_000_000u64 {
        let now = i * OCCUPANCY / 1_000_000;
        window.expire(now);
        grant(&mut window, (i, i % 3, now + OCCUPANCY), 2_000_000);
    }
    assert_eq!(window.load(&[]), 1_000_000);
    assert!(window.slots.len() <= 3 * 242, "{}", window.slots.len());
    assert!(window.tokens.len() <= RETURNABLE);
}

#[test]
fn a_report_of_what_is_known_adds_nothing_and_of_what_is_not_adds_it() {
    let mut window = Window::default();
    let at = |second: u64| second * SECOND;
    for (token, second) in [(1, 61), (2, 62), (3, 63)] {
        grant(&mut window, (token, 7, at(second)), 10);
    }
    grant(&mut window, (4, 8, at(64)), 10);
    window.report(7, vec![at(61) + 9, at(62) + 9, at(63) + 9], 10);
    assert_eq!(window.load(&[]), 4);
    window.report(7, vec![at(100), at(101), at(62), at(63)], 10);
    assert_eq!((window.load(&[]), window.empties()), (5, Some(at(101))));
    window.give_back(1, 7);
    assert_eq!(
        window.load(&[]),
        5,
        "an entry that stands for a reported use stays"
    );
    window.give_back(4, 8);
    assert_eq!(window.load(&[]), 4);
}

#[test]
fn an_unused_grant_does_not_hide_a_later_use() {
    let mut window = Window::default();
    grant(&mut window, (1, 7, 10 * SECOND), 5);
    window.report(7, vec![50 * SECOND], 5);
    window.expire(10 * SECOND);
    assert_eq!(window.load(&[]), 1);
}

#[test]
fn no_report_makes_a_window_hold_more_than_its_limit() {
    let mut window = Window::default();
    grant(&mut window, (1, 1, SECOND), 5);
    window.report(2, (1..1_000).map(|i| i * SECOND).collect(), 5);
    window.report(3, vec![1_000 * SECOND; 3], 5);
    assert_eq!(
        (window.load(&[]), window.empties()),
        (5, Some(1_000 * SECOND))
    );
    assert_eq!(window.frees(5, &[]), Some(998 * SECOND));
}

#[test]
fn a_cut_off_share_counts_beside_what_others_use_and_not_beside_its_own() {
    let mut window = Window::default();
    for (token, owner) in [(1, 7), (2, 7), (3, 8)] {
        grant(&mut window, (token, owner, token * SECOND), 9);
    }
    let withheld = [Withheld { owner: 7, share: 4 }];
    assert_eq!(window.load(&withheld), 5);
    assert_eq!(
        window.frees(5, &withheld),
        Some(3 * SECOND),
        "what leaves of the share is still withheld"
    );
    assert_eq!(window.frees(4, &withheld), None);
    assert_eq!(window.load(&[Withheld { owner: 7, share: 1 }]), 3);
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Grant(u64),
    GiveBack(u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..20 * SECOND).prop_map(Step::Wait),
        (0..3u64).prop_map(Step::Grant),
        (0..3u64, 0..60u64).prop_map(|(owner, token)| Step::GiveBack(owner, token)),
    ]
}

proptest! {
    #[test]
    fn a_window_of_single_entries_is_the_plain_list(steps in prop::collection::vec(step(), 1..200), limit in 1..20u32) {
        let (mut window, mut model, mut now, mut token) = (Window::default(), Vec::new(), 0, 0);
        for step in steps {
            match step {
                Step::Wait(time) => now += time,
                Step::Grant(owner) if window.load(&[]) < limit => {
                    token += 1;
                    grant(&mut window, (token, owner, now + OCCUPANCY), limit);
                    model.push((token, owner, now + OCCUPANCY));
                }
                Step::Grant(_) => {
                    let frees = model.iter().map(|(_, _, leaves)| *leaves).min();
                    prop_assert_eq!(window.frees(limit, &[]), frees);
                }
                Step::GiveBack(owner, token) => {
                    window.give_back(token, owner);
                    model.retain(|(t, o, _)| (*t, *o) != (token, owner));
                }
            }
            window.expire(now);
            model.retain(|(_, _, leaves)| *leaves > now);
            prop_assert_eq!(window.load(&[]) as usize, model.len());
            prop_assert_eq!(window.empties(), model.iter().map(|(_, _, leaves)| *leaves).max());
        }
    }

    #[test]
    fn a_merged_report_covers_both_accounts_at_every_moment(
        granted in prop::collection::vec(1..1_000u64, 0..20),
        reported in prop::collection::vec(1..1_000u64, 1..20),
    ) {
        let mut window = Window::default();
        for (token, leaves) in (0..).zip(&granted) {
            grant(&mut window, (token, 1, *leaves), 40);
        }
        window.report(1, reported.clone(), 40);
        prop_assert_eq!(window.load(&[]) as usize, granted.len().max(reported.len()));
        for now in 0..1_000 {
            window.expire(now);
            let left = |account: &[u64]| account.iter().filter(|leaves| **leaves > now).count();
            prop_assert_eq!(window.load(&[]) as usize, left(&granted).max(left(&reported)));
        }
    }
}
