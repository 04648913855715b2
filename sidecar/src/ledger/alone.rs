//! What a key's share was used for in a UTC day while no authority could be asked: no more than the share's part of the day's limit, and told
//! once it can be asked again, so that the day's count is whole. Part of `memory`; time is an argument.

/// The day, and its limit where there is one: requests in it, and in the minute that shares are parts of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Daily {
    /// Days since 1970, UTC.
    pub today: u64,
    /// A day's limit, and the minute's.
    pub limits: Option<(u32, u32)>,
}

/// See the file's page.
#[derive(Debug, Default)]
pub(super) struct Alone {
    day: u64,
    used: u32,
    /// Those that left the minute, and no authority was told.
    earlier: u32,
    /// Those that were told and of which nobody has answered.
    telling: u32,
}

impl Alone {
    /// Uses one, if a share of so much of the minute leaves one of the day.
    pub(super) fn take(&mut self, share: u32, Daily { today, limits }: Daily) -> bool {
        self.turn(today);
        let part = limits.map_or(u64::MAX, |(day, minute)| {
            u64::from(day) * u64::from(share) / u64::from(minute.max(1))
        });
        let may = u64::from(self.used) < part;
        self.used += u32::from(may);
        may
    }

    /// So many left the minute.
    pub(super) fn left(&mut self, count: u32) {
        self.earlier = self.earlier.saturating_add(count);
    }

    /// What a Hello must tell beside the uses of the minute, of which so many are of the share.
    pub(super) fn tell(&mut self, within: u32, today: u64) -> u32 {
        self.turn(today);
        let told = self.earlier.saturating_add(self.telling);
        (self.earlier, self.telling) = (0, told.saturating_add(within));
        told
    }

    /// So many were told of which nobody has answered.
    pub(super) fn telling(&mut self, count: u32) {
        self.telling = self.telling.saturating_add(count);
    }

    /// An earlier process used one in this day.
    pub(super) fn inherit(&mut self, today: u64) {
        self.turn(today);
        self.used = self.used.saturating_add(1);
    }

    /// What was told was heard.
    pub(super) fn heard(&mut self) {
        self.telling = 0;
    }

    fn turn(&mut self, today: u64) {
        if today != self.day {
            *self = Alone {
                day: today,
                ..Alone::default()
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daily(today: u64) -> Daily {
        let limits = Some((10, 4));
        Daily { today, limits }
    }

    #[test]
    fn a_share_is_a_part_of_the_day_too_and_a_new_day_begins_anew() {
        let mut alone = Alone::default();
        let mut taken = |today| (0..9).filter(|_| alone.take(2, daily(today))).count();
        assert_eq!((taken(1), taken(1), taken(2)), (5, 0, 5));
        let unlimited = Daily::default();
        assert!((0..99).all(|_| alone.take(1, unlimited)));
    }

    #[test]
    fn what_left_the_minute_is_told_until_it_was_heard_and_never_the_next_day() {
        let mut alone = Alone::default();
        alone.take(4, daily(1));
        alone.left(3);
        assert_eq!(alone.tell(2, 1), 3);
        assert_eq!(alone.tell(0, 1), 5, "the first Hello came to nobody");
        alone.heard();
        assert_eq!(alone.tell(0, 1), 0);
        alone.left(1);
        assert_eq!(alone.tell(0, 2), 0);
    }
}
