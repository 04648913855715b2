//! When calls were admitted: the moment of a sidecar's last check before its first upstream write, which it logs at the level `debug`, put
//! on the test's own clock. Used by tests of a plan's rate. Each sidecar's clock began at a moment that nobody knows, but it lies between
//! what two neighbours of every call saw: its caller, who sent it before and had the answer after. Over many calls that is narrow.
//!
//! What counts is bounded from both sides: `surely` cannot invent an excess, `possibly` cannot miss one.

use std::collections::HashMap;

/// What makes a sidecar log its admissions.
pub const LOG: &str = "info,purser_sidecar::failover::pay=debug";

/// One admission, in nanoseconds of its sidecar's own clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// `x-request-id` of the call.
    pub request: String,
    /// `namespace/name` of its key.
    pub key: String,
    /// When.
    pub at_ns: i64,
}

/// What the caller of a call saw, in nanoseconds of the test's clock.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Before its first byte left.
    pub sent_ns: i64,
    /// After the first bytes of the answer came.
    pub answered_ns: i64,
}

/// Between which moments of the test's clock an admission was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Between {
    /// Not before.
    pub earliest_ns: i64,
    /// Not after.
    pub latest_ns: i64,
}

/// The admissions in a sidecar's log.
pub fn heard(log: &str) -> Vec<Heard> {
    let admitted = log.lines().filter(|line| line.contains("call admitted"));
    admitted.filter_map(parsed).collect()
}

fn parsed(line: &str) -> Option<Heard> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = &line["fields"];
    let text = |name: &str| Some(fields[name].as_str()?.to_owned());
    Some(Heard {
        request: text("request")?,
        key: text("key")?,
        at_ns: fields["at_ns"].as_i64()?,
    })
}

/// One sidecar's admissions on the test's clock, each with its key; those of calls that nobody saw answered too.
///
/// # Errors
/// When no call was seen, or the calls contradict each other.
pub fn placed<'a>(
    heard: &'a [Heard],
    seen: &HashMap<String, Seen>,
) -> anyhow::Result<Vec<(&'a str, Between)>> {
    let (mut begins, mut ends) = (i64::MIN, i64::MAX);
    for one in heard {
        if let Some(seen) = seen.get(&one.request) {
            begins = begins.max(seen.sent_ns - one.at_ns);
            ends = ends.min(seen.answered_ns - one.at_ns);
        }
    }
    anyhow::ensure!(
        heard.is_empty() || begins > i64::MIN,
        "none of {} admissions was seen by a caller",
        heard.len()
    );
    anyhow::ensure!(begins <= ends, "callers contradict the sidecar's clock");
    let placed = heard.iter().map(|one| {
        let between = Between {
            earliest_ns: one.at_ns + begins,
            latest_ns: one.at_ns + ends,
        };
        (one.key.as_str(), between)
    });
    Ok(placed.collect())
}

/// The most admissions that surely lay in one half-open window of this width.
pub fn surely(all: &[Between], width_ns: i64) -> usize {
    let (earliest, latest) = sorted(all);
    let since = |end: i64| all.len() - earliest.partition_point(|&one| one <= end - width_ns);
    let after = |end: i64| all.len() - latest.partition_point(|&one| one <= end);
    let within = |&end: &i64| since(end).saturating_sub(after(end));
    latest.iter().map(within).max().unwrap_or(0)
}

/// The most admissions that possibly lay in one half-open window of this width.
pub fn possibly(all: &[Between], width_ns: i64) -> usize {
    let (earliest, _) = sorted(all);
    let within = |first: &Between| {
        let before = earliest.partition_point(|&one| one < first.earliest_ns);
        earliest.partition_point(|&one| one < first.latest_ns + width_ns) - before
    };
    all.iter().map(within).max().unwrap_or(0)
}

fn sorted(all: &[Between]) -> (Vec<i64>, Vec<i64>) {
    let mut earliest: Vec<i64> = all.iter().map(|one| one.earliest_ns).collect();
    let mut latest: Vec<i64> = all.iter().map(|one| one.latest_ns).collect();
    earliest.sort_unstable();
    latest.sort_unstable();
    (earliest, latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exactly(at: &[i64]) -> Vec<Between> {
        let exact = |&at: &i64| Between {
            earliest_ns: at,
            latest_ns: at,
        };
        at.iter().map(exact).collect()
    }

    #[test]
    fn exact_moments_are_judged_as_the_checker_judges_them() {
        for at in [
            &[][..],
            &[0, 10],
            &[0, 9, 10],
            &[5, 5, 5],
            &[3, 14, 12, 4, 13, 25],
        ] {
            let mut plain: Vec<u64> = at.iter().map(|&at| at as u64).collect();
            let width = std::time::Duration::from_nanos(10);
            let worst = crate::checker::worst_window(&mut plain, width);
            assert_eq!(surely(&exactly(at), 10), worst, "{at:?}");
            assert_eq!(possibly(&exactly(at), 10), worst, "{at:?}");
        }
    }

    #[test]
    fn what_is_not_exact_is_bounded_from_both_sides() {
        let mut all = exactly(&[0]);
        all.push(Between {
            earliest_ns: 8,
            latest_ns: 12,
        });
        assert_eq!((surely(&all, 10), possibly(&all, 10)), (1, 2));
    }

    #[test]
    fn a_sidecars_clock_is_placed_by_the_narrowest_of_its_calls() {
        let line = |request: &str, at: i64| {
            format!(
                r#"{{"level":"DEBUG","fields":{{"message":"call admitted","request":"{request}","key":"shop/one","at_ns":{at}}}}}"#
            )
        };
        let log = format!("{}\nnoise\n{}", line("a", 100), line("b", 250));
        let heard = heard(&log);
        let seen = |sent_ns, answered_ns| Seen {
            sent_ns,
            answered_ns,
        };
        let callers = [("a", seen(1_090, 1_140)), ("b", seen(1_100, 1_255))];
        let callers = callers.map(|(id, seen)| (id.to_owned(), seen)).into();
        let placed = placed(&heard, &callers).unwrap();
        let first = Between {
            earliest_ns: 1_090,
            latest_ns: 1_105,
        };
        assert_eq!(placed[0], ("shop/one", first));
        assert_eq!(placed[1].1.earliest_ns, 1_240);
    }
}
