//! The Gregorian calendar in UTC and whole milliseconds: the one place that knows it. Validity, grants that reset and every moment that
//! is shown to a person use it. It must never read a clock, and no moment may make it panic: years after 9999 count as its end.

use std::fmt;

/// A day, in milliseconds.
pub const DAY_MS: u64 = 86_400_000;
/// The last millisecond of the year 9999, the latest moment that RFC 3339 can write: what would be later is then.
pub const LAST_MS: u64 = 253_402_300_799_999;
/// Days from 0000-03-01, where the count of leap days is simplest, to 1970-01-01.
const TO_EPOCH: u64 = 719_468;
/// Days of the 400 years after which the calendar repeats.
const ERA: u64 = 146_097;

/// A day from 1970-01-01 on; months and days count from 1. Written `2026-11-22`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// The year.
    pub year: u64,
    /// 1 to 12.
    pub month: u64,
    /// 1 to 31.
    pub day: u64,
}

impl Date {
    /// The day that holds this moment, in unix milliseconds.
    pub fn at(unix_ms: u64) -> Self {
        Date::of(unix_ms.min(LAST_MS) / DAY_MS)
    }

    /// The day so many days after 1970-01-01. The arithmetic is Howard Hinnant's, with years that begin in March.
    pub fn of(days: u64) -> Self {
        let days = days.min(LAST_MS / DAY_MS) + TO_EPOCH;
        let (era, day) = (days / ERA, days % ERA);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let march = (5 * day + 2) / 153;
        let day = day - (153 * march + 2) / 5 + 1;
        let (month, january) = if march < 10 {
            (march + 3, 0)
        } else {
            (march - 9, 1)
        };
        let year = era * 400 + year + january;
        Date { year, month, day }
    }

    /// How many days it is after 1970-01-01, which it must not be before.
    pub fn days(self) -> u64 {
        let (year, march) = if self.month > 2 {
            (self.year, self.month - 3)
        } else {
            (self.year - 1, self.month + 9)
        };
        let (era, year) = (year / 400, year % 400);
        let day = (153 * march + 2) / 5 + self.day - 1;
        (era * ERA + year * 365 + year / 4 - year / 100 + day).saturating_sub(TO_EPOCH)
    }

    /// The same day of a later month, or that month's last day where it has no such day.
    pub fn months_later(self, months: u32) -> Self {
        let month = self.year * 12 + self.month - 1 + u64::from(months);
        let (year, month) = (month / 12, month % 12 + 1);
        let day = self.day.min(length_of(year, month));
        Date { year, month, day }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A moment as people read it, to the second: `2026-11-22T21:52:36Z`.
pub fn moment(unix_ms: u64) -> String {
    let second = unix_ms.min(LAST_MS) % DAY_MS / 1_000;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", Date::at(unix_ms))
}

fn length_of(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(year: u64, month: u64, day: u64) -> Date {
        Date { year, month, day }
    }

    #[test]
    fn every_day_until_the_year_9999_has_its_own_date() {
        let last = LAST_MS / DAY_MS;
        assert!((0..=last).all(|days| Date::of(days).days() == days));
        assert_eq!(Date::of(0), date(1970, 1, 1));
        assert_eq!(Date::of(last), date(9999, 12, 31));
        assert!(
            (1..=last)
                .step_by(97)
                .all(|days| Date::of(days - 1) < Date::of(days))
        );
    }

    #[test]
    fn known_days_have_their_known_numbers() {
        for (days, (year, month, day)) in [
            (0, (1970, 1, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_779, (2026, 11, 22)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
            (2_932_896, (9999, 12, 31)),
        ] {
            let date = Date { year, month, day };
            assert_eq!((Date::of(days), date.days()), (date, days));
        }
    }

    #[test]
    fn a_month_later_is_the_same_day_or_the_last_one() {
        assert_eq!(date(2027, 1, 31).months_later(1), date(2027, 2, 28));
        assert_eq!(date(2028, 1, 31).months_later(1), date(2028, 2, 29));
        assert_eq!(date(2026, 11, 22).months_later(14), date(2028, 1, 22));
        assert_eq!(date(2026, 12, 1).months_later(1), date(2027, 1, 1));
        assert_eq!(date(2000, 2, 29).months_later(1_200), date(2100, 2, 28));
    }

    #[test]
    fn a_moment_reads_as_rfc_3339() {
        assert_eq!(moment(0), "1970-01-01T00:00:00Z");
        assert_eq!(moment(1_795_384_356_789), "2026-11-22T21:52:36Z");
        assert_eq!(moment(u64::MAX), "9999-12-31T23:59:59Z");
    }
}
