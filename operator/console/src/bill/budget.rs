//! From when on somebody should be told how much of a budget is used. Pure functions of amounts and of what was told; `alarm` asks them.

use purser_authority::book::Period;
use purser_authority::ledger::AccountFacts;
use purser_config::Credits;
use purser_config::price::Micros;

/// Parts of a budget that are told of, in percent.
pub const THRESHOLDS: [u8; 3] = [50, 80, 100];

/// The highest threshold that is reached and was not told of; `told` is the highest that was, 0: none. A budget of nothing is never used.
pub fn due(used: u64, whole: u64, told: u8) -> Option<u8> {
    let reached = |percent: &&u8| {
        whole > 0 && u128::from(used) * 100 >= u128::from(whole) * u128::from(**percent)
    };
    let reached = THRESHOLDS.iter().rev().find(reached).copied()?;
    (reached > told).then_some(reached)
}

/// How far a key's grant of the present period is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The grant's period: `2026-11`, or nothing where it is made once for ever.
    pub period: String,
    /// The highest threshold that is reached.
    pub percent: u8,
    /// What calls cost that have ended.
    pub used: Micros,
    /// What was granted.
    pub whole: Micros,
    /// What can still be spent, top-ups included.
    pub left: Micros,
}

/// The stage that a key on this plan has reached, if any. What open reservations hold counts as unused: most of it comes back. And all is
/// used only when nothing at all can be spent: whoever bought credits beside the grant is not told that they are out.
pub fn stage(
    (plan, credits): (&str, Credits),
    facts: &AccountFacts,
    unix_ms: u64,
) -> Option<Stage> {
    let period = Period::of(credits.resets, unix_ms).name;
    let grant = (plan.to_owned(), period);
    let whole = *facts.granted.get(&grant)?;
    let unused = facts.grants.get(&grant).copied().unwrap_or(0);
    let used = whole
        .saturating_sub(unused)
        .saturating_sub(facts.credits_reserved);
    let [_, most, all] = THRESHOLDS;
    let percent = match due(used, whole, 0)? {
        reached if reached == all && facts.credits_left > 0 => most,
        reached => reached,
    };
    Some(Stage {
        period: grant.1,
        percent,
        used,
        whole,
        left: facts.credits_left,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::Resets;

    /// 2026-11-22T21:52:36Z.
    const NOW: u64 = 1_795_384_356_000;
    const MONTHLY: Credits = Credits {
        grant: 1_000,
        resets: Resets::Monthly,
    };

    fn facts(unused: u64, (topped_up, reserved): (u64, u64)) -> AccountFacts {
        let grant = ("team".to_owned(), "2026-11".to_owned());
        AccountFacts {
            credits_left: unused + topped_up,
            credits_reserved: reserved,
            granted: [(grant.clone(), 1_000)].into(),
            grants: [(grant, unused)].into(),
            ..AccountFacts::default()
        }
    }

    fn percent(facts: &AccountFacts) -> Option<u8> {
        Some(stage(("team", MONTHLY), facts, NOW)?.percent)
    }

    #[test]
    fn each_part_is_due_once_from_the_very_credit_that_reaches_it() {
        assert_eq!(due(499, 1_000, 0), None);
        assert_eq!(due(500, 1_000, 0), Some(50));
        assert_eq!(due(799, 1_000, 50), None);
        assert_eq!(due(800, 1_000, 50), Some(80));
        assert_eq!(due(999, 1_000, 80), None);
        assert_eq!(due(1_000, 1_000, 80), Some(100));
        assert_eq!(due(1_200, 1_000, 100), None);
    }

    #[test]
    fn who_passes_two_at_once_is_told_of_the_higher() {
        assert_eq!(due(1_000, 1_000, 0), Some(100));
        assert_eq!(due(u64::MAX, u64::MAX, 50), Some(100));
        assert_eq!(due(10, 0, 0), None);
    }

    #[test]
    fn what_open_reservations_hold_is_not_used_yet() {
        assert_eq!(percent(&facts(501, (0, 0))), None);
        assert_eq!(percent(&facts(500, (0, 0))), Some(50));
        assert_eq!(percent(&facts(100, (0, 401))), None);
        assert_eq!(percent(&facts(0, (0, 1))), Some(80));
        assert_eq!(percent(&facts(0, (0, 0))), Some(100));
    }

    #[test]
    fn who_can_still_spend_what_was_bought_is_not_out_of_credits() {
        assert_eq!(percent(&facts(0, (1, 0))), Some(80));
        let told = stage(("team", MONTHLY), &facts(0, (7, 0)), NOW).unwrap();
        assert_eq!((told.used, told.whole, told.left), (1_000, 1_000, 7));
    }

    #[test]
    fn a_budget_is_of_one_plan_and_one_period_and_of_what_was_granted_then() {
        let spent = facts(0, (0, 0));
        assert_eq!(stage(("pro", MONTHLY), &spent, NOW), None);
        let next = NOW + 9 * 24 * 3_600_000;
        assert_eq!(stage(("team", MONTHLY), &spent, next), None);
        let raised = Credits {
            grant: 9_000,
            ..MONTHLY
        };
        let told = stage(("team", raised), &spent, NOW).unwrap();
        assert_eq!((told.percent, told.period.as_str()), (100, "2026-11"));
        assert_eq!(percent(&AccountFacts::default()), None);
    }
}
