//! The promise of a plan's rate, over three sidecars and one operator, under more calls than it allows.

use super::operator::World;
use super::place::Place;
use super::pressure::{
    Admission, Caller, MINUTE, Outcome, admissions, arrived_in_a_minute, at_once, figure, press,
    soak, surely_in_a_minute, tally,
};
use purser_tests::provider::{Behaviour, Provider};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const LIMIT: usize = 20;
const HEADERS: [&str; 8] = [
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
];

#[tokio::test]
async fn twenty_a_minute_are_never_exceeded_over_three_sidecars_and_are_all_given() {
    let world = World::shared().await;
    let place = Place::new(&world, "quota").await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let [secret, key] = place.key("one", "twenty");
    let documents = [
        place.plan(
            "twenty",
            "limits: {requestsPerMinute: 20}, models: {allow: ['*']}",
        ),
        place.channel("live", &provider.url(), "{name: m}"),
        secret,
        key,
    ];
    place.apply(&documents).await;
    let sidecars = place.sidecars(3).await;
    place.until_key("one", "True").await;
    let addresses: Vec<SocketAddr> = sidecars.iter().map(|one| one.address).collect();
    let caller = Caller {
        model: "m",
        key: place.value("one"),
        pause: Duration::from_millis(40),
    };
    let mut outcomes = at_once(&addresses, &caller, 300).await;
    let pressure = press(&addresses, &caller);
    let steady = Duration::from_secs(if soak() { 300 } else { 130 });
    tokio::time::sleep(steady).await;
    outcomes.extend(pressure.end().await);
    let all = admissions(&provider, &outcomes);
    judged(&outcomes, &all);
    promised(&all, steady);
}

/// Every call is answered, well or with a refusal that says when to come again.
fn judged(outcomes: &[Outcome], all: &[Admission]) {
    let tally = tally(outcomes);
    let (good, over) = ((200, ""), (429, "rate_limit_exceeded"));
    assert!(
        tally.keys().all(|kind| [good, over].contains(kind)),
        "{tally:?}"
    );
    assert_eq!(tally[&good], all.len(), "what was admitted was answered");
    for outcome in outcomes.iter().filter(|outcome| outcome.status == 429) {
        let head = outcome.head.as_ref().unwrap();
        let absent = HEADERS.iter().find(|name| head.header(name).is_none());
        assert_eq!(absent, None, "a 429 must have it: {head:?}");
        let number = |name: &str| head.header(name).unwrap().parse::<u64>().unwrap();
        assert!((1..=60).contains(&number("retry-after")));
        assert!(number("retry-after-ms") <= 59_999);
        assert_eq!(head.header("x-ratelimit-limit-requests"), Some("20"));
        assert_eq!(head.header("x-ratelimit-remaining-requests"), Some("0"));
    }
}

fn promised(all: &[Admission], steady: Duration) {
    let first = all.first().expect("some calls are admitted").arrived;
    let minutes = (steady.as_secs() / 60) as u32;
    let within = |one: &&Admission| one.arrived < first + MINUTE * minutes;
    let given = all.iter().filter(within).count() as f64 / f64::from(minutes);
    let worst = surely_in_a_minute(all);
    figure(&format!(
        "20 RPM, 3 sidecars, 300 at once and {} s of pressure: worst minute {worst} (by arrival {}), {given:.2} a minute, {} in all",
        steady.as_secs(),
        arrived_in_a_minute(all),
        all.len(),
    ));
    assert!(worst <= LIMIT, "{worst} in a minute");
    assert!(given >= 19.5, "{given} a minute");
}

#[tokio::test]
async fn what_a_killed_sidecar_might_still_use_is_withheld_until_its_pod_is_gone() {
    let world = World::shared().await;
    let place = Place::new(&world, "withheld").await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let [secret, key] = place.key("one", "thirty");
    let documents = [
        place.plan(
            "thirty",
            "limits: {requestsPerMinute: 30}, models: {allow: ['*']}",
        ),
        place.channel("live", &provider.url(), "{name: m}"),
        secret,
        key,
    ];
    place.apply(&documents).await;
    place.until_key("one", "True").await;
    let mut sidecars = place.sidecars(3).await;
    let caller = Caller {
        model: "m",
        key: place.value("one"),
        pause: Duration::from_millis(20),
    };
    // Shares are told at once, and again after a second until they are confirmed; nothing shows when they are.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    drop(sidecars.pop());
    let path = place.ours("apikeys", "one");
    let noticed = |key: &Value| key["status"]["enforced"] == "2/2";
    world
        .cluster
        .until("its end is noticed", &path, noticed)
        .await;
    let addresses: Vec<SocketAddr> = sidecars.iter().map(|one| one.address).collect();
    let good = |outcomes: &[Outcome]| tally(outcomes).get(&(200, "")).copied().unwrap_or(0);
    let first = good(&at_once(&addresses, &caller, 60).await);
    assert_eq!(first, 20, "ten of thirty might be used by the third");
    world.cluster.delete(&place.core("pods", "pod-2")).await;
    let freed = Instant::now();
    let pressure = press(&addresses, &caller);
    provider.until_calls(30).await.unwrap();
    let taken = freed.elapsed();
    assert_eq!(first + good(&pressure.end().await), 30);
    figure(&format!(
        "a dead pod's share is free again {} ms after its deletion",
        taken.as_millis()
    ));
    assert!(taken < Duration::from_secs(3), "{taken:?}");
}
