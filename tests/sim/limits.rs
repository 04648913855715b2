//! Whether a run kept what is promised beside requests a minute: tokens, and requests at the same time. Part of `judge`, and as ignorant of the
//! rules by which it was kept.

use super::call::MOST_TOKENS;
use super::history::Admission;
use super::judge::{Broken, WINDOW, broken, times};
use super::scenario::Promise;
use super::world::Ran;
use std::time::Duration;

/// An answer is so old at the most: a hold may have begun so long before its caller heard of it.
const LATE: Duration = Duration::from_secs(3);

/// Judges the calls of one key.
pub(super) fn judge(
    ran: &Ran,
    (key, promise): (usize, &Promise),
    admissions: &[&Admission],
) -> Result<(), Broken> {
    if let Some(limit) = promise.tokens {
        tokens(ran, (key, promise, limit), admissions)?;
    }
    if let Some(limit) = promise.slots {
        at_once(ran, (key, promise, limit as usize), admissions)?;
    }
    Ok(())
}

fn may(ran: &Ran, promise: &Promise, from: Duration) -> usize {
    let losses = [&ran.told.losses, &ran.told.unheld];
    times(ran, promise, (from, &losses))
}

/// What the calls of any minute used; of one whose process was killed nobody knows, so it is the most.
fn tokens(
    ran: &Ran,
    (key, promise, limit): (usize, &Promise, u64),
    admissions: &[&Admission],
) -> Result<(), Broken> {
    let used = |one: &Admission| {
        let over = ran.told.over.get(&one.id);
        over.and_then(|(_, used)| *used).unwrap_or(MOST_TOKENS)
    };
    let mut all: Vec<(Duration, u64)> =
        admissions.iter().map(|one| (one.held, used(one))).collect();
    all.sort_unstable();
    let (mut end, mut sum) = (0, 0);
    for (at, used) in &all {
        while let Some((last, used)) = all.get(end)
            && *last < *at + WINDOW - LATE
        {
            (end, sum) = (end + 1, sum + used);
        }
        let most = limit * may(ran, promise, *at) as u64;
        if sum > most {
            let what = format!(
                "key {key}: {sum} tokens in the minute from {at:?}, of at most {most} (limit {limit}, {:?})",
                promise.when
            );
            return broken(all[end - 1].0, what);
        }
        sum -= used;
    }
    Ok(())
}

/// How many were under way at any moment.
fn at_once(
    ran: &Ran,
    (key, promise, limit): (usize, &Promise, usize),
    admissions: &[&Admission],
) -> Result<(), Broken> {
    let over = |one: &Admission| ran.told.over.get(&one.id).map_or(ran.lasted, |(at, _)| *at);
    let mut turns: Vec<(Duration, isize)> = Vec::new();
    for one in admissions {
        turns.extend([(one.sent, 1), (over(one), -1)]);
    }
    turns.sort_unstable();
    let mut now = 0;
    for (at, turn) in turns {
        now += turn;
        let from = at.saturating_sub(WINDOW);
        let most = limit * may(ran, promise, from);
        if now > most as isize {
            let what = format!(
                "key {key}: {now} at once at {at:?}, of at most {most} (limit {limit}, {:?})",
                promise.when
            );
            return broken(at, what);
        }
    }
    Ok(())
}
