//! The promise of a plan's rate as a checker sees it: over three, ten and fifty sidecars, for plans of 10, 15, 20 and 6,000 requests a minute
//! at once, under ten times as many calls and bursts of three hundred, no 60 seconds hold more than the limit, and all of it is given.
//!
//! Plans say `Deny`: a machine so busy that a stream breaks must make calls wait, where a share would rightly admit up to twice the limit.

use super::offer::{Made, Offer};
use super::operator::World;
use super::place::Place;
use super::pressure::{MINUTE, figure, soak};
use super::sidecar::Sidecar;
use purser_tests::admissions::{Between, LOG, heard, placed, possibly, surely};
use purser_tests::process::resident_kib;
use purser_tests::provider::{Behaviour, Provider};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

const LIMITS: [usize; 4] = [10, 15, 20, 6_000];
const SIDECARS: [usize; 3] = [3, 10, 50];
const BURST: usize = 300;
const MINUTE_NS: i64 = 60_000_000_000;
/// Less than this times the limit was offered in a minute: whether all of it was given says more about the machine.
const ENOUGH: usize = 2;

/// One key's part of the run.
struct Part {
    offer: Offer,
    made: Vec<Made>,
}

/// A key's admissions, in the order of their earliest moments.
type Admitted = BTreeMap<String, Vec<(usize, Between)>>;

async fn place_of(world: &std::sync::Arc<World>, provider: &Provider) -> Place {
    let place = Place::new(world, "rate").await;
    let mut documents = vec![place.channel("live", &provider.url(), "{name: m}")];
    for limit in LIMITS {
        let spec = format!(
            "limits: {{requestsPerMinute: {limit}}}, models: {{allow: ['*']}}, whenQuotaUnreachable: Deny"
        );
        documents.push(place.plan(&format!("p{limit}"), &spec));
    }
    for (limit, sidecars) in keys() {
        documents.extend(place.key(&name(limit, sidecars), &format!("p{limit}")));
    }
    place.apply(&documents).await;
    for (limit, sidecars) in keys() {
        place.until_key(&name(limit, sidecars), "True").await;
    }
    place
}

/// Each limit over each number of sidecars; the largest not over the fewest, which would be a test of the machine.
fn keys() -> impl Iterator<Item = (usize, usize)> {
    let all = LIMITS
        .iter()
        .flat_map(|&limit| SIDECARS.map(|sidecars| (limit, sidecars)));
    all.filter(|&(limit, sidecars)| limit < 1_000 || sidecars >= 10)
}

fn name(limit: usize, sidecars: usize) -> String {
    format!("k{limit}-over-{sidecars}")
}

async fn fifty(place: &Place) -> Vec<Sidecar> {
    let mut all: Vec<Sidecar> = Vec::new();
    let log = format!("--log={LOG}");
    while all.len() < 50 {
        let more = (all.len()..all.len() + 10).map(|number| {
            let log = &log;
            async move {
                let pod = format!("pod-{number}");
                let mut sidecar = place.sidecar(&pod, &[log]).await;
                sidecar.until_connected().await;
                sidecar
            }
        });
        all.extend(futures::future::join_all(more).await);
    }
    all
}

fn offers(place: &Place, sidecars: &[Sidecar]) -> Vec<Offer> {
    let origin = Instant::now();
    let addresses: Vec<_> = sidecars.iter().map(|one| one.address).collect();
    let of = |(limit, count)| Offer {
        key: format!("{}/{}", place.namespace, name(limit, count)),
        value: place.value(&name(limit, count)),
        limit,
        times: times(limit),
        sidecars: addresses[..count].to_vec(),
        origin,
    };
    keys().map(of).collect()
}

/// Ten times six thousand calls a minute, twice and with unoptimised programs, would be a test of the machine.
fn times(limit: usize) -> f64 {
    if limit > 1_000 && !soak() { 3.0 } else { 10.0 }
}

/// Three hundred at once, pressure, three hundred again as the first window empties, pressure.
async fn press(offer: Offer, steady: Duration) -> Part {
    let mut made = offer.burst(BURST).await;
    let begun = Instant::now();
    made.extend(offer.steady(begun + MINUTE).await);
    made.extend(offer.burst(BURST).await);
    made.extend(offer.steady(begun + steady).await);
    Part { offer, made }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_minute_of_any_plan_holds_more_than_its_limit_over_three_ten_and_fifty_sidecars_and_all_of_it_is_given()
 {
    let world = World::own(&[]).await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let place = place_of(&world, &provider).await;
    let sidecars = fifty(&place).await;
    let memory: u64 = sidecars
        .iter()
        .map(|one| resident_kib(one.process.pid()))
        .sum();
    let steady = Duration::from_secs(if soak() { 300 } else { 130 });
    let parts = offers(&place, &sidecars)
        .into_iter()
        .map(|offer| press(offer, steady));
    let parts: Vec<_> = parts.map(tokio::spawn).collect();
    let mut all = Vec::new();
    for part in parts {
        all.push(part.await.unwrap());
    }
    let admitted = admitted(&sidecars, &all);
    let total: usize = admitted.values().map(Vec::len).sum();
    assert_eq!(provider.calls(), total as u64, "nothing is sent unchecked");
    figure(&format!(
        "50 sidecars, {} KiB of memory each before the first call, {} keys, {} calls in {} s, {total} admitted",
        memory / 50,
        all.len(),
        all.iter().map(|part| part.made.len()).sum::<usize>(),
        steady.as_secs()
    ));
    for part in &all {
        answered(part);
        judged(part, &admitted[&part.offer.key], steady);
    }
}

/// Every sidecar's admissions on the test's clock, by key.
fn admitted(sidecars: &[Sidecar], parts: &[Part]) -> Admitted {
    let made = parts.iter().flat_map(|part| &part.made);
    let seen: HashMap<_, _> = made.map(|one| (one.request.clone(), one.seen)).collect();
    let mut all: Admitted = BTreeMap::new();
    for (number, sidecar) in sidecars.iter().enumerate() {
        let heard = heard(&sidecar.process.stderr());
        for (key, between) in placed(&heard, &seen).unwrap() {
            all.entry(key.to_owned())
                .or_default()
                .push((number, between));
        }
    }
    for one in all.values_mut() {
        one.sort_by_key(|(_, between)| between.earliest_ns);
    }
    all
}

/// Every call is answered, well or with a refusal that says when to come again.
fn answered(part: &Part) {
    let mut tally: BTreeMap<(u16, &str), usize> = BTreeMap::new();
    for made in &part.made {
        *tally.entry((made.status, &made.code)).or_default() += 1;
        assert_eq!(made.lacks, "", "a 429 of {}", part.offer.key);
    }
    let known = [
        (200, ""),
        (429, "rate_limit_exceeded"),
        (503, "quota_unavailable"),
    ];
    let others: Vec<_> = tally.keys().filter(|kind| !known.contains(kind)).collect();
    assert!(others.is_empty(), "{}: {tally:?}", part.offer.key);
}

fn judged(part: &Part, admitted: &[(usize, Between)], steady: Duration) {
    let (key, limit) = (&part.offer.key, part.offer.limit);
    let all: Vec<Between> = admitted.iter().map(|(_, between)| *between).collect();
    let (surely, possibly) = (surely(&all, MINUTE_NS), possibly(&all, MINUTE_NS));
    let width = all.iter().map(|one| one.latest_ns - one.earliest_ns).max();
    let given = minutes(part, &all, steady);
    let told: Vec<_> = given
        .iter()
        .map(|(given, offered)| format!("{given} of {offered}"))
        .collect();
    figure(&format!(
        "{limit} a minute over {} sidecars: worst minute {surely} to {possibly} ({:.2}); each moment known to {} us; given of offered, minute by minute: {}; least part of a sidecar {:.1} % of {}",
        part.offer.sidecars.len(),
        surely as f64 / limit as f64,
        width.unwrap_or(0) / 1_000,
        told.join(", "),
        least_part(part, admitted) * 100.0,
        admitted.len(),
    ));
    assert!(surely <= limit, "{key}: {surely} in a minute");
    assert!(
        possibly <= limit,
        "{key}: perhaps {possibly} in a minute, by moments that are known to {width:?} ns"
    );
    for (given, offered) in given {
        if offered >= ENOUGH * limit {
            assert!(
                given * 100 >= limit * 99,
                "{key}: {given} of {limit} given, {offered} offered"
            );
        }
    }
    if part.offer.sidecars.len() == 10 && admitted.len() > 400 && asked_alike(part) {
        let least = least_part(part, admitted);
        let all = admitted.len();
        assert!(least >= 0.05, "{key}: a sidecar got {least} of {all}");
    }
}

/// Whether no sidecar was called less than half as often as on the average.
fn asked_alike(part: &Part) -> bool {
    let count = part.offer.sidecars.len();
    let of = |sidecar: usize| {
        let made = part.made.iter().filter(|one| one.sidecar == sidecar);
        made.count()
    };
    let least = (0..count).map(of).min();
    least.unwrap_or(0) * count * 2 >= part.made.len()
}

/// Of each whole minute since the first admission: how many were given, and how many calls were made.
fn minutes(part: &Part, all: &[Between], steady: Duration) -> Vec<(usize, usize)> {
    let Some(first) = all.first() else {
        return Vec::new();
    };
    let within = |number: u64| {
        let from = first.earliest_ns + i64::try_from(number).unwrap() * MINUTE_NS;
        let minute = from..from + MINUTE_NS;
        let given = all.iter().filter(|one| minute.contains(&one.earliest_ns));
        let offered = part
            .made
            .iter()
            .filter(|one| minute.contains(&one.seen.sent_ns));
        (given.count(), offered.count())
    };
    (0..steady.as_secs() / 60).map(within).collect()
}

/// The smallest part of all admissions that any of the sidecars got.
fn least_part(part: &Part, admitted: &[(usize, Between)]) -> f64 {
    let count = part.offer.sidecars.len();
    let of = |sidecar: usize| {
        admitted
            .iter()
            .filter(|(number, _)| *number == sidecar)
            .count()
    };
    let least = (0..count).map(of).min().unwrap_or(0);
    least as f64 / admitted.len().max(1) as f64
}
