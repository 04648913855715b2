//! The window against a plain list of leavings.

use super::*;
use proptest::prelude::*;

const OCCUPANCY: u64 = 60_074_000_000;
const SECOND: u64 = 1_000_000_000;

fn ones(leaves: impl IntoIterator<Item = u64>) -> Vec<(u64, u64)> {
    leaves.into_iter().map(|leaves| (leaves, 1)).collect()
}

#[test]
fn an_entry_leaves_when_its_occupancy_ends_and_not_before() {
    let mut window = Window::default();
    window.take(1, OCCUPANCY, 1);
    window.expire(OCCUPANCY - 1);
    assert_eq!(window.load(&[]), 1);
    window.expire(OCCUPANCY);
    assert_eq!((window.load(&[]), window.empties()), (0, None));
}

#[test]
fn beyond_the_first_entries_a_grain_leaves_with_its_newest_and_frees_what_it_holds_once() {
    let mut window = Window::default();
    for i in 1..=100 {
        window.take(1, OCCUPANCY + i, 1);
    }
    assert_eq!(window.slots.len(), EXACT + 1);
    let end = window.empties().unwrap();
    assert!((OCCUPANCY + 100..OCCUPANCY + 100 + GRAIN).contains(&end));
    assert_eq!(window.free(2, end, 1), 0, "only its owner frees it");
    assert_eq!(window.free(1, end, 30), 30);
    assert_eq!(window.free(1, end, 30), 6);
    assert_eq!(window.load(&[]), 64);
}

#[test]
fn memory_is_bounded_at_any_limit() {
    let mut window = Window::default();
    for i in 0..1_000_000u64 {
        let now = i * OCCUPANCY / 1_000_000;
        window.expire(now);
        window.take(i % 3, now + OCCUPANCY, 1);
    }
    assert_eq!(window.load(&[]), 1_000_000);
    let most = EXACT + 3 * (OCCUPANCY / GRAIN + 2) as usize;
    assert!(window.slots.len() <= most, "{}", window.slots.len());
}

#[test]
fn a_report_of_what_is_known_adds_nothing_and_of_what_is_not_adds_it() {
    let mut window = Window::default();
    let at = |second: u64| second * SECOND;
    for second in [61, 62, 63] {
        window.take(7, at(second), 1);
    }
    window.take(8, at(64), 1);
    window.report(7, ones([at(61) + 9, at(62) + 9, at(63) + 9]), 10);
    assert_eq!(window.load(&[]), 4);
    window.report(7, ones([at(100), at(101), at(62), at(63)]), 10);
    assert_eq!((window.load(&[]), window.empties()), (5, Some(at(101))));
}

#[test]
fn an_unused_grant_does_not_hide_a_later_use() {
    let mut window = Window::default();
    window.take(7, 10 * SECOND, 1);
    window.report(7, ones([50 * SECOND]), 5);
    window.expire(10 * SECOND);
    assert_eq!(window.load(&[]), 1);
}

#[test]
fn no_report_makes_a_window_hold_more_than_twice_its_limit() {
    let mut window = Window::default();
    window.take(1, SECOND, 1);
    window.report(2, ones((1..1_000).map(|i| i * SECOND)), 5);
    window.report(3, ones([1_000 * SECOND; 3]), 5);
    window.add(4, vec![500 * SECOND; 1_000], 5);
    assert_eq!(
        (window.load(&[]), window.empties()),
        (10, Some(1_000 * SECOND))
    );
    assert_eq!(window.falls_to(4, &[]), Some(998 * SECOND));
}

#[test]
fn what_comes_back_unused_brings_no_use_to_light_that_was_forgotten() {
    let mut window = Window::default();
    for at in 1..=5 {
        window.take(1, (60 + at) * SECOND, 1);
    }
    window.add(2, (1..=5).map(|at| at * SECOND).collect(), 5);
    assert_eq!(window.free(1, 65 * SECOND, 1), 1);
    assert_eq!(
        window.falls_to(4, &[]),
        Some(5 * SECOND),
        "five uses, four grants"
    );
}

#[test]
fn amounts_of_any_size_never_overflow() {
    let mut window = Window::default();
    window.take(1, SECOND, u64::MAX);
    window.take(1, SECOND, u64::MAX);
    window.take(2, 2 * SECOND, u64::MAX);
    window.report(3, vec![(SECOND, u64::MAX), (2 * SECOND, u64::MAX)], 1_000);
    assert_eq!(window.load(&[]), u64::MAX);
    assert_eq!(window.falls_to(0, &[]), Some(2 * SECOND));
    window.expire(2 * SECOND);
    assert_eq!((window.load(&[]), window.held), (0, 0));
}

#[test]
fn a_cut_off_share_counts_beside_what_others_use_and_not_beside_its_own() {
    let mut window = Window::default();
    for (second, owner) in [(1, 7), (2, 7), (3, 8)] {
        window.take(owner, second * SECOND, 1);
    }
    let withheld = [Withheld { owner: 7, share: 4 }];
    assert_eq!(window.load(&withheld), 5);
    assert_eq!(
        window.falls_to(4, &withheld),
        Some(3 * SECOND),
        "what leaves of the share is still withheld"
    );
    assert_eq!(window.falls_to(3, &withheld), None);
    assert_eq!(window.load(&[Withheld { owner: 7, share: 1 }]), 3);
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Take(u64, u64),
    Free(usize, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..20 * SECOND).prop_map(Step::Wait),
        (0..3u64, 1..50u64).prop_map(|(owner, amount)| Step::Take(owner, amount)),
        (0..60usize, 0..50u64).prop_map(|(which, amount)| Step::Free(which, amount)),
    ]
}

proptest! {
    #[test]
    fn a_window_is_the_plain_list(steps in prop::collection::vec(step(), 1..200), most in 0..500u64) {
        let (mut window, mut now) = (Window::default(), 0);
        let mut model: Vec<(u64, Owner, u64)> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(time) => now += time,
                Step::Take(owner, amount) => {
                    let leaves = window.take(owner, now + OCCUPANCY, amount);
                    prop_assert!((now + OCCUPANCY..now + OCCUPANCY + GRAIN).contains(&leaves));
                    model.push((leaves, owner, amount));
                }
                Step::Free(which, amount) => {
                    if let Some((leaves, owner, held)) = model.get_mut(which) {
                        let freed = amount.min(*held);
                        prop_assert_eq!(window.free(*owner, *leaves, freed), freed);
                        *held -= freed;
                    }
                }
            }
            window.expire(now);
            model.retain(|(leaves, _, held)| *leaves > now && *held > 0);
            let load: u64 = model.iter().map(|(_, _, held)| held).sum();
            prop_assert_eq!(window.load(&[]), load);
            prop_assert_eq!(window.empties(), model.iter().map(|(leaves, ..)| *leaves).max());
            let left_at = |at: u64| model.iter().filter(|(leaves, ..)| *leaves > at).map(|(_, _, held)| held).sum::<u64>();
            let falls = model.iter().map(|(leaves, ..)| *leaves).filter(|at| left_at(*at) <= most).min();
            prop_assert_eq!(window.falls_to(most, &[]), falls);
        }
    }

    #[test]
    fn a_merged_report_covers_both_accounts_at_every_moment_and_no_more(
        known in prop::collection::vec((1..1_000u64, 1..9u64), 0..20),
        told in prop::collection::vec((1..1_000u64, 1..9u64), 1..20),
    ) {
        let mut window = Window::default();
        for (leaves, amount) in &known {
            window.take(1, *leaves, *amount);
        }
        window.report(1, told.clone(), 1_000);
        for now in 0..1_000 {
            window.expire(now);
            let left = |account: &[(u64, u64)]| account.iter().filter(|(leaves, _)| *leaves > now).map(|(_, amount)| amount).sum::<u64>();
            prop_assert_eq!(window.load(&[]), left(&known).max(left(&told)));
        }
    }
}
