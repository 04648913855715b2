//! A stretch of time as whole days and whole hours, which have sums, and what is left at both ends, which has records. Pure.

use super::rollup::HOUR_MS;
use purser_config::calendar::{DAY_MS, LAST_MS};

/// A part of a stretch: its first moment, and the first after it.
pub(in crate::ledger) type Part = (u64, u64);

/// A stretch in parts that follow each other. None of them is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::ledger) struct Parts {
    /// Parts of hours.
    pub(in crate::ledger) records: Vec<Part>,
    /// Whole hours.
    pub(in crate::ledger) hours: Vec<Part>,
    /// Whole days.
    pub(in crate::ledger) days: Option<Part>,
}

/// The parts of a stretch; where hours are told apart, no days.
pub(in crate::ledger) fn parts((from_ms, to_ms): Part, by_hour: bool) -> Parts {
    let to_ms = to_ms.min(LAST_MS + 1);
    let (first, last) = (up(from_ms, HOUR_MS), to_ms / HOUR_MS * HOUR_MS);
    if first > last || from_ms >= to_ms {
        let records = some((from_ms, to_ms)).into_iter().collect();
        return Parts {
            records,
            ..Parts::default()
        };
    }
    let (dawn, dusk) = (up(first, DAY_MS), last / DAY_MS * DAY_MS);
    let (hours, days) = if by_hour || dawn >= dusk {
        (vec![(first, last)], None)
    } else {
        (vec![(first, dawn), (dusk, last)], some((dawn, dusk)))
    };
    Parts {
        records: [(from_ms, first), (last, to_ms)]
            .into_iter()
            .filter_map(some)
            .collect(),
        hours: hours.into_iter().filter_map(some).collect(),
        days,
    }
}

fn some((from_ms, to_ms): Part) -> Option<Part> {
    (from_ms < to_ms).then_some((from_ms, to_ms))
}

fn up(moment: u64, span: u64) -> u64 {
    moment.div_ceil(span).saturating_mul(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T00:00:00Z.
    const MIDNIGHT: u64 = 1_795_305_600_000;

    fn covered(from_ms: u64, to_ms: u64, by_hour: bool) -> Vec<Part> {
        let found = parts((from_ms, to_ms), by_hour);
        let mut all = [found.records, found.hours, found.days.into_iter().collect()].concat();
        all.sort_unstable();
        all
    }

    #[test]
    fn the_parts_of_a_stretch_follow_each_other_without_a_gap() {
        let ends = [
            0,
            1,
            HOUR_MS - 1,
            HOUR_MS,
            HOUR_MS + 1,
            DAY_MS,
            DAY_MS + 7,
            3 * DAY_MS - 1,
            3 * DAY_MS,
        ];
        for (from, to) in ends
            .iter()
            .flat_map(|from| ends.iter().map(move |to| (*from, *to)))
        {
            for by_hour in [false, true] {
                let (from, to) = (MIDNIGHT + from, MIDNIGHT + to);
                let all = covered(from, to, by_hour);
                assert!(all.windows(2).all(|pair| pair[0].1 == pair[1].0), "{all:?}");
                let ends = all
                    .first()
                    .map(|part| part.0)
                    .zip(all.last().map(|part| part.1));
                assert_eq!(ends, (from < to).then_some((from, to)), "{from} {to}");
            }
        }
    }

    #[test]
    fn a_month_is_its_days_and_for_ever_ends() {
        let month = parts((MIDNIGHT, MIDNIGHT + 30 * DAY_MS), false);
        assert_eq!(month.days, Some((MIDNIGHT, MIDNIGHT + 30 * DAY_MS)));
        assert!(month.hours.is_empty() && month.records.is_empty());
        let ever = parts((0, u64::MAX), false);
        assert_eq!(ever.days, Some((0, LAST_MS + 1)));
        assert!(parts((u64::MAX, u64::MAX), true).records.is_empty());
    }
}
