//! When a validity ends. `purser-compile` and the authority's book both call it, so that what a
//! status shows is what is kept. It must never read a clock.

use crate::calendar::{DAY_MS, Date, LAST_MS};
use crate::{Length, Validity};

impl Validity {
    /// The first moment at which a key whose validity began at `start_ms` works no more, both in unix milliseconds.
    pub fn ends(&self, start_ms: u64) -> u64 {
        let end = match self.length {
            Length::Milliseconds(length) => start_ms.saturating_add(length),
            Length::Months(months) => months_after(start_ms, months),
        };
        end.min(LAST_MS)
    }
}

/// The same day and time so many months later, or the month's last day where it has no such day.
fn months_after(start_ms: u64, months: u32) -> u64 {
    let start_ms = start_ms.min(LAST_MS);
    Date::at(start_ms).months_later(months).days() * DAY_MS + start_ms % DAY_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Starts;

    const TIME: u64 = 13 * 3_600_000 + 37 * 60_000 + 1_234;

    fn at(year: u64, month: u64, day: u64) -> u64 {
        Date { year, month, day }.days() * DAY_MS + TIME
    }

    fn lasts(length: Length) -> Validity {
        let starts = Starts::FirstUse;
        Validity { length, starts }
    }

    fn months(start: u64, months: u32) -> u64 {
        lasts(Length::Months(months)).ends(start)
    }

    #[test]
    fn a_month_later_is_the_same_day_and_time() {
        assert_eq!(months(at(2026, 11, 22), 1), at(2026, 12, 22));
        assert_eq!(months(at(2026, 12, 22), 1), at(2027, 1, 22));
        assert_eq!(months(at(2026, 3, 15), 22), at(2028, 1, 15));
    }

    #[test]
    fn a_month_without_such_a_day_ends_on_its_last() {
        assert_eq!(months(at(2026, 1, 31), 1), at(2026, 2, 28));
        assert_eq!(months(at(2026, 1, 31), 2), at(2026, 3, 31));
        assert_eq!(months(at(2026, 10, 31), 1), at(2026, 11, 30));
        assert_eq!(months(at(2028, 1, 31), 1), at(2028, 2, 29), "a leap year");
        assert_eq!(months(at(2028, 2, 29), 12), at(2029, 2, 28));
        assert_eq!(months(at(2000, 1, 30), 1), at(2000, 2, 29), "by 400");
        assert_eq!(months(at(2100, 1, 30), 1), at(2100, 2, 28), "by 100");
    }

    #[test]
    fn a_span_is_added_as_it_is() {
        let day = lasts(Length::Milliseconds(DAY_MS));
        assert_eq!(day.ends(at(2026, 2, 28)), at(2026, 3, 1));
    }

    #[test]
    fn what_would_end_after_the_year_9999_ends_with_it() {
        let last = Date::of(LAST_MS / DAY_MS);
        assert_eq!((last.year, last.month, last.day), (9999, 12, 31));
        assert_eq!(months(at(9999, 11, 30), 1), at(9999, 12, 30));
        for end in [
            months(at(9999, 12, 1), 1),
            months(u64::MAX, u32::MAX),
            months(0, u32::MAX),
            lasts(Length::Milliseconds(u64::MAX)).ends(1),
            lasts(Length::Milliseconds(1)).ends(u64::MAX),
        ] {
            assert_eq!(end, LAST_MS);
        }
    }
}
