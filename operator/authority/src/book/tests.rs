//! The book under whatever happens in whatever order.

use super::*;
use proptest::prelude::*;
use purser_config::Resets;
use std::collections::BTreeSet;

const DAY: u64 = 86_400_000;

#[derive(Clone, Debug)]
enum Step {
    Grant(u8, Resets, u64),
    TopUp(i64),
    Reserve(u64, bool, bool),
    Pay(usize, u64, bool),
    Release(usize),
    Sweep(usize, bool),
    Pass(u64),
    Rewind(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let resets = prop_oneof![
        Just(Resets::Never),
        Just(Resets::Daily),
        Just(Resets::Monthly)
    ];
    let amount = || prop_oneof![0u64..1_000, Just(u64::MAX), Just(MOST)];
    prop_oneof![
        (0u8..3, resets, amount())
            .prop_map(|(plan, resets, amount)| Step::Grant(plan, resets, amount)),
        prop_oneof![-500i64..1_000, Just(i64::MIN), Just(i64::MAX)].prop_map(Step::TopUp),
        (amount(), any::<bool>(), any::<bool>()).prop_map(|(a, b, c)| Step::Reserve(a, b, c)),
        (0usize..8, amount(), any::<bool>()).prop_map(|(a, b, c)| Step::Pay(a, b, c)),
        (0usize..8).prop_map(Step::Release),
        (0usize..8, any::<bool>()).prop_map(|(a, b)| Step::Sweep(a, b)),
        (0u64..3 * DAY).prop_map(Step::Pass),
        (0u64..DAY).prop_map(Step::Rewind),
    ]
}

#[derive(Default)]
struct Run {
    account: Account,
    held: Vec<Reservation>,
    wall_ms: u64,
    /// How often each reservation was resolved.
    resolved: Vec<u32>,
    charged: u128,
}

impl Run {
    fn step(&mut self, step: Step) {
        let wall_ms = self.wall_ms;
        match step {
            Step::Grant(plan, resets, amount) => {
                let period = Period::of(resets, wall_ms);
                self.account.close_ended(wall_ms);
                let plan = format!("{plan}");
                if !self.account.was_granted(&plan, &period.name) {
                    self.account.grant(&plan, period, amount);
                }
            }
            Step::TopUp(amount) => {
                let before = self.account.available(wall_ms);
                let made = self.account.top_up(amount, wall_ms);
                let change = i128::from(self.account.available(wall_ms)) - i128::from(before);
                assert_eq!(change, made.map_or(0, |()| i128::from(amount)));
            }
            Step::Reserve(amount, allowance, unconfirmed_pays) => {
                self.reserve(amount, allowance, unconfirmed_pays);
            }
            Step::Pay(which, credits, own) => self.pay(which, credits, own),
            Step::Release(which) => self.resolve(which, |held, account| {
                held.release(account, wall_ms);
                0
            }),
            Step::Sweep(which, known) => self.resolve(which, |held, account| {
                held.sweep(account, known, wall_ms).unwrap_or(0)
            }),
            Step::Pass(ms) => self.wall_ms += ms,
            Step::Rewind(ms) => self.wall_ms = self.wall_ms.saturating_sub(ms),
        }
    }

    fn reserve(&mut self, amount: u64, allowance: bool, unconfirmed_pays: bool) {
        let before = self.account.available(self.wall_ms);
        let escrow = self.account.reserve(amount, self.wall_ms);
        assert_eq!(escrow.is_some(), amount <= before);
        let Some(escrow) = escrow else { return };
        assert_eq!(escrow.total(), amount);
        self.resolved.push(0);
        self.held.push(Reservation {
            id: format!("r{}", self.held.len()),
            key: "a/b".into(),
            plan: "0".into(),
            spool: "s".into(),
            allowance,
            unconfirmed_pays,
            made_ms: self.wall_ms,
            amount,
            escrow,
            resolved: None,
        });
    }

    fn pay(&mut self, which: usize, credits: u64, own: bool) {
        let wall_ms = self.wall_ms;
        self.resolve(which, |held, account| {
            let id = held.id.clone();
            let drawn = Drawn {
                record: if own { &id } else { "another" },
                key: "a/b",
                spool: "s",
                credits,
                wall_ms,
            };
            held.pay(account, &drawn)
        });
    }

    fn resolve(&mut self, which: usize, how: impl FnOnce(&mut Reservation, &mut Account) -> u64) {
        let Some(held) = self.held.get_mut(which) else {
            return;
        };
        let open = held.resolved.is_none();
        let before = held.escrow.total();
        let charged = how(held, &mut self.account);
        assert!(charged <= before);
        self.charged += u128::from(charged);
        self.resolved[which] += u32::from(open && held.resolved.is_some());
    }
}

proptest! {
    #[test]
    fn nothing_is_minted_or_lost_whatever_happens(steps in prop::collection::vec(step(), 1..80)) {
        let mut run = Run::default();
        for step in steps {
            run.step(step);
            prop_assert!(run.account.balances());
            let held: u128 = run.held.iter().map(|held| u128::from(held.escrow.total())).sum();
            prop_assert_eq!(u128::from(run.account.reserved), held);
            prop_assert_eq!(u128::from(run.account.spent), run.charged);
            prop_assert!(run.resolved.iter().all(|times| *times <= 1));
            prop_assert!(run.account.granted <= MOST);
            let grants: BTreeSet<_> = run.account.pots.iter().map(|pot| (&pot.plan, &pot.period)).collect();
            prop_assert_eq!(grants.len(), run.account.pots.len());
        }
    }
}

fn daily(account: &mut Account, wall_ms: u64, amount: u64) {
    account.close_ended(wall_ms);
    account.grant("p", Period::of(Resets::Daily, wall_ms), amount);
}

#[test]
fn a_reset_replaces_the_grant_and_leaves_the_top_up() {
    let mut account = Account::default();
    daily(&mut account, 0, 100);
    account.top_up(50, 0).unwrap();
    let mut escrow = account.reserve(120, 0).unwrap();
    assert_eq!((escrow.parts[0].amount, escrow.top_up), (100, 20));
    assert_eq!(account.charge(&mut escrow, 30), 30);
    daily(&mut account, DAY, 100);
    account.give_back(escrow);
    assert_eq!(account.available(DAY), 100 + 50);
    assert_eq!(account.expired, 70);
    assert!(account.balances());
}

#[test]
fn what_ends_first_is_spent_first() {
    let mut account = Account::default();
    account.grant("for-ever", Period::of(Resets::Never, 0), 10);
    daily(&mut account, 0, 10);
    let escrow = account.reserve(15, 0).unwrap();
    let order: Vec<_> = escrow.parts.iter().map(|part| part.plan.as_str()).collect();
    assert_eq!(order, ["p", "for-ever"]);
}

#[test]
fn a_correction_takes_top_ups_first_and_never_more_than_there_is() {
    let mut account = Account::default();
    daily(&mut account, 0, 10);
    account.top_up(5, 0).unwrap();
    assert_eq!(
        account.top_up(-16, 0),
        Err(TopUpRefused::BelowZero { left: 15 })
    );
    account.top_up(-7, 0).unwrap();
    assert_eq!((account.top_up, account.available(0)), (0, 8));
    assert_eq!(account.topped_up, -2);
    assert!(account.balances());
}

#[test]
fn time_begins_once_and_for_no_more_keys_than_may() {
    assert_eq!(activate(None, 9, 10, 7), Activation::At(7));
    assert_eq!(activate(Some(3), 10, 10, 7), Activation::At(3));
    assert_eq!(activate(None, 10, 10, 7), Activation::TooMany { max: 10 });
}

#[test]
fn a_sidecar_is_lost_once_it_was_silent_for_as_long_as_is_waited() {
    assert!(!is_lost(1_000, 0, 1_899, 900));
    assert!(is_lost(1_000, 0, 1_900, 900));
    assert!(!is_lost(1_000, 1_500, 1_900, 900));
}
