//! Whether a run kept what is promised, by brute force over all that happened. Knows no rule by which it was kept.

use super::history::Admission;
use super::limits;
use super::scenario::{Promise, Scenario, UNNOTICED};
use super::world::Ran;
use purser_config::WhenQuotaUnreachable;
use purser_config::usage::{End, Record};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// A promise that was broken, and about when.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    pub(super) what: String,
    pub(super) at: Duration,
}

pub(super) fn broken<T>(at: Duration, what: String) -> Result<T, Broken> {
    Err(Broken { what, at })
}

/// The worst window over the limit that was seen, where all is as promised.
pub(super) fn judge(ran: &Ran) -> Result<f64, Broken> {
    let mut worst = 0.0_f64;
    for (key, promise) in ran.scenario.keys.iter().enumerate() {
        let of_key = ran.told.admissions.iter().filter(|one| one.key == key);
        let admissions: Vec<&Admission> = of_key.collect();
        worst = worst.max(rate(ran, (key, promise), &admissions)?);
        limits::judge(ran, (key, promise), &admissions)?;
        flows(ran, (key, promise), &admissions)?;
        account(ran, (key, promise))?;
    }
    records(ran)?;
    Ok(worst)
}

/// By the moment of the last check the promise holds as it stands; by the moment of the send, but for calls whose process stood still
/// between the two.
fn rate(
    ran: &Ran,
    (key, promise): (usize, &Promise),
    admissions: &[&Admission],
) -> Result<f64, Broken> {
    let mut checked: Vec<Duration> = admissions.iter().map(|one| one.checked).collect();
    let in_time = admissions.iter().filter(|one| one.sent == one.checked);
    let mut sent: Vec<Duration> = in_time.map(|one| one.sent).collect();
    checked.sort_unstable();
    sent.sort_unstable();
    let mut worst = 0;
    for moments in [&checked, &sent] {
        let mut end = 0;
        for (start, at) in moments.iter().enumerate() {
            while moments.get(end).is_some_and(|last| *last - *at < WINDOW) {
                end += 1;
            }
            let (count, most) = (end - start, most(ran, promise, *at));
            worst = worst.max(count);
            if count > most {
                let what = format!(
                    "key {key}: {count} in the 60 s from {at:?}, of at most {most} (limit {}, {:?})",
                    promise.limit, promise.when
                );
                return broken(moments[end - 1], what);
            }
        }
    }
    Ok(worst as f64 / f64::from(promise.limit))
}

/// What a window that begins then may hold: under `Share` the limit once more for a loss within it, and where the memory of several
/// authorities was lost, for each of them.
fn most(ran: &Ran, promise: &Promise, from: Duration) -> usize {
    let limit = promise.limit as usize;
    times(ran, promise, (from, &[&ran.told.losses])) * limit
}

/// How often a window that begins then may hold the limit, after these losses.
pub(super) fn times(
    ran: &Ran,
    promise: &Promise,
    (from, losses): (Duration, &[&Vec<Duration>]),
) -> usize {
    if promise.when == WhenQuotaUnreachable::Deny {
        return 1;
    }
    let near = |at: &Duration| *at + UNNOTICED > from && *at < from + WINDOW;
    let unheard = losses.iter().any(|losses| losses.iter().any(near));
    1 + usize::from(unheard).max(ran.scenario.unknown(from, WINDOW))
}

/// For so much longer than a minute a use may occupy its window: the life of a grant, and what clocks may be apart.
const LATE: Duration = Duration::from_secs(2);

/// Long after the last fault callers get what they may have.
fn flows(
    ran: &Ran,
    (key, promise): (usize, &Promise),
    admissions: &[&Admission],
) -> Result<(), Broken> {
    let (from, to) = (ran.scenario.lasts - WINDOW, ran.scenario.lasts);
    if promise.limit > 1_000 && ran.scenario.forgot(to) {
        // Such a run is too short to wait a window out and see another one flow.
        return Ok(());
    }
    let offered = ran
        .told
        .offered
        .iter()
        .filter(|(of, at)| *of == key && (from..to).contains(at));
    // A window that is full when another begins leaves that one fewer: only who found room can be missed.
    let mut checked: Vec<Duration> = admissions.iter().map(|one| one.checked).collect();
    checked.sort_unstable();
    let has_room = |at: &Duration| {
        let before = checked.partition_point(|one| one < at);
        let gone = checked.partition_point(|one| *one + WINDOW + LATE <= *at);
        before - gone < promise.limit as usize
    };
    let offered = offered.filter(|(_, at)| has_room(at)).count();
    let admitted = admissions
        .iter()
        .filter(|one| (from..to).contains(&one.checked))
        .count();
    let least = offered.min(promise.limit as usize) * 7 / 10;
    let only_requests = promise.tokens.or(promise.slots.map(u64::from)).is_none();
    if only_requests && promise.credits.is_none() && admitted + 2 < least {
        let what = format!(
            "key {key}: only {admitted} of {offered} calls that found room flow, limit {}",
            promise.limit
        );
        return broken(to, what);
    }
    Ok(())
}

/// Grants are what is left and what its records cost; nothing stays held.
fn account(ran: &Ran, (key, promise): (usize, &Promise)) -> Result<(), Broken> {
    let name = Scenario::name(key);
    let Some(facts) = ran.books.accounts.get(&name) else {
        return Ok(());
    };
    let of_key = || ran.books.records.iter().filter(|record| record.key == name);
    let cost: u64 = of_key().map(|record| record.credits).sum();
    let granted = facts.credits_left + facts.credits_used + facts.credits_reserved;
    let as_promised = promise.credits.is_none_or(|grant| granted == grant);
    if !as_promised || facts.credits_reserved > 0 || facts.credits_used != cost {
        let what = format!(
            "key {key}: its records cost {cost}, its grant is {:?}, but {facts:?}",
            promise.credits
        );
        return broken(ran.lasted, what);
    }
    if facts.requests_used != of_key().count() as u64 {
        return broken(
            ran.lasted,
            format!("key {key}: {facts:?} counts other records than there are"),
        );
    }
    Ok(())
}

/// Each call that a provider saw has one record, and no other costs anything.
fn records(ran: &Ran) -> Result<(), Broken> {
    if let Some(wrong) = ran.books.discrepancies.first() {
        return broken(ran.lasted, format!("the ledger does not add up: {wrong:?}"));
    }
    let mut by_id: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in &ran.books.records {
        by_id.entry(&record.id).or_default().push(record);
    }
    for Admission { id, sent, .. } in &ran.told.admissions {
        match by_id.remove(id.as_str()).as_deref() {
            Some([_]) => {}
            found => {
                return broken(
                    *sent,
                    format!("call {id} has other records than one: {found:?}"),
                );
            }
        }
    }
    let innocent = |record: &&Record| {
        record.credits == 0 && matches!(record.end, End::Interrupted | End::Unconfirmed)
    };
    match by_id.values().flatten().find(|record| !innocent(record)) {
        Some(record) => broken(
            ran.lasted,
            format!("no provider saw the call of {record:?}"),
        ),
        None => Ok(()),
    }
}
