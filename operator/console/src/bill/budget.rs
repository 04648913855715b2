//! From when on somebody should be told how much of a budget is used. A pure function of two amounts and of what was told.

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
