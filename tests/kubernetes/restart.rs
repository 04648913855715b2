//! An operator that is away for ten seconds, under load: no call of an active key fails, whether its plan has no limit, a limit that it
//! keeps to, or credits; and what was used meanwhile is on the books afterwards. On a cluster of its own.

use super::metered::until_status;
use super::operator::World;
use super::place::Place;
use super::pressure::{Caller, Outcome, figure, press, tally};
use super::sidecar::Sidecar;
use purser_tests::provider::{Behaviour, Provider};
use std::time::{Duration, Instant};

const AWAY: Duration = Duration::from_secs(10);
/// Until a key's rate of spending is known.
const ACTIVE: Duration = Duration::from_secs(20);
/// The pressure: about six calls a second of each key, over three sidecars.
const PAUSE: Duration = Duration::from_millis(500);

/// Everything of what one key may need, each alone: one test for the keys together, one restart.
const PLANS: [(&str, &str); 6] = [
    ("free", "models: {allow: ['*']}"),
    (
        "limited",
        "limits: {requestsPerMinute: 900, tokensPerMinute: 900000, concurrentRequests: 90}, maxOutputTokens: 20, models: {allow: ['*']}",
    ),
    (
        "one",
        "credits: {grant: '100000'}, prices: [{models: ['*'], perRequest: '1'}], models: {allow: ['*']}",
    ),
    (
        "tokens",
        "credits: {grant: '100000'}, maxOutputTokens: 20, prices: [{models: ['*'], perMillionTokens: {input: '3', output: '15'}}], models: {allow: ['*']}",
    ),
    (
        "month",
        "validity: {months: 1, startsAt: FirstUse}, models: {allow: ['*']}",
    ),
    (
        "pass",
        "validity: {duration: 240h, startsAt: FirstUse}, limits: {requestsPerMinute: 900, requestsPerDay: 90000}, credits: {grant: '100000'}, prices: [{models: ['*'], perRequest: '1'}], models: {allow: ['*']}",
    ),
];

async fn sidecars(place: &Place, spools: &std::path::Path) -> Vec<Sidecar> {
    let mut sidecars = Vec::new();
    for number in 0..3 {
        let spool = format!("--spool={}", spools.join(number.to_string()).display());
        let mut sidecar = place.sidecar(&format!("pod-{number}"), &[&spool]).await;
        sidecar.until_connected().await;
        sidecars.push(sidecar);
    }
    sidecars
}

#[tokio::test]
async fn an_operator_that_is_away_for_ten_seconds_fails_no_call_of_an_active_key() {
    let (data, spools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = format!("--data-dir={}", data.path().display());
    let world = World::own(&[&folder, "--usage-status-every=1s"]).await;
    let place = Place::new(&world, "restart").await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let mut documents = vec![place.channel("live", &provider.url(), "{name: m}")];
    for (name, plan) in PLANS {
        documents.push(place.plan(name, plan));
        documents.extend(place.key(name, name));
    }
    place.apply(&documents).await;
    for (name, _) in PLANS {
        place.until_key(name, "True").await;
    }
    let mut sidecars = sidecars(&place, spools.path()).await;
    let addresses: Vec<_> = sidecars.iter().map(|one| one.address).collect();
    let callers = PLANS.map(|(name, _)| {
        let key = place.value(name);
        let (model, pause) = ("m", PAUSE);
        press(&addresses, &Caller { model, key, pause })
    });
    tokio::time::sleep(ACTIVE).await;
    world.kill();
    let killed = Instant::now();
    tokio::time::sleep(AWAY).await;
    world.run().await;
    for sidecar in &mut sidecars {
        sidecar.until_connected().await;
    }
    let back = killed.elapsed();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut metered = 0;
    for (caller, (name, _)) in callers.into_iter().zip(PLANS) {
        let outcomes = caller.end().await;
        judged(name, &outcomes, (killed, back));
        if name == "one" {
            metered = outcomes.iter().filter(|one| one.status == 200).count();
        }
    }
    figure(&format!(
        "operator away for {} s, all sidecars back after {} ms; the metered key made {metered} calls",
        AWAY.as_secs(),
        back.as_millis()
    ));
    until_status(&place, "creditsUsed", metered.to_string().into()).await;
    until_status(&place, "requestsUsed", metered.into()).await;
}

/// No call fails. Where a busy machine kept a sidecar alone for longer than an allowance lasts, what came after that does not count.
fn judged(name: &str, outcomes: &[Outcome], (killed, back): (Instant, Duration)) {
    let lasts = killed + Duration::from_secs(15);
    let alone = |one: &&Outcome| one.sent > lasts && one.sent < killed + back;
    let counts = outcomes.iter().filter(|one| !alone(one));
    let failed: Vec<_> = counts
        .filter(|one| one.status != 200)
        .map(|one| (one.sidecar, one.sent.saturating_duration_since(killed)))
        .collect();
    assert!(
        failed.is_empty(),
        "{name}: {:?}, failed: {failed:?}",
        tally(outcomes)
    );
}
