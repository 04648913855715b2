//! For which stretch of time a grant is made: a day or a month in UTC, or for ever. Called by the book. Never reads a clock.

use purser_config::Resets;
use purser_config::calendar::{DAY_MS, Date};

/// A stretch of time for which a grant is made once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// `2026-11-22`, `2026-11`, or nothing where a grant is made once for ever.
    pub name: String,
    /// The first moment after it; `None`: it has no end.
    pub ends_ms: Option<u64>,
}

impl Period {
    /// The one that holds this moment.
    pub fn of(resets: Resets, wall_ms: u64) -> Period {
        let date = Date::at(wall_ms);
        match resets {
            Resets::Never => Period {
                name: String::new(),
                ends_ms: None,
            },
            Resets::Daily => Period {
                name: date.to_string(),
                ends_ms: Some((date.days() + 1) * DAY_MS),
            },
            Resets::Monthly => Period {
                name: format!("{:04}-{:02}", date.year, date.month),
                ends_ms: Some(Date { day: 1, ..date }.months_later(1).days() * DAY_MS),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T21:52:36Z.
    const NOW: u64 = 1_795_384_356_000;

    #[test]
    fn a_moment_belongs_to_its_day_and_month_in_utc() {
        let day = Period::of(Resets::Daily, NOW);
        assert_eq!(day.name, "2026-11-22");
        let next = Period::of(Resets::Daily, day.ends_ms.unwrap());
        assert_eq!(next.name, "2026-11-23");
        assert_eq!(
            Period::of(Resets::Daily, day.ends_ms.unwrap() - 1).name,
            "2026-11-22"
        );
        let month = Period::of(Resets::Monthly, NOW);
        assert_eq!(month.name, "2026-11");
        let next = Period::of(Resets::Monthly, month.ends_ms.unwrap());
        assert_eq!(next.name, "2026-12");
        assert_eq!(
            Period::of(Resets::Monthly, next.ends_ms.unwrap()).name,
            "2027-01"
        );
        assert_eq!(Period::of(Resets::Never, NOW).ends_ms, None);
    }

    #[test]
    fn a_period_beyond_the_calendar_is_its_last_one() {
        assert_eq!(Period::of(Resets::Daily, u64::MAX).name, "9999-12-31");
    }
}
