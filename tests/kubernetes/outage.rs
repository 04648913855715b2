//! The operator dies and comes back while sidecars serve: nothing fails but what needs the authority, and that as its plan says.
//! On a cluster of its own, whose operator watches one namespace.

use super::operator::World;
use super::place::Place;
use super::pressure::{
    Admission, Caller, Outcome, Pressure, admissions, arrived_in_a_minute, figure, none_failed,
    press, soak, surely_in_a_minute, tally,
};
use super::sidecar::Sidecar;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const LIMIT: usize = 30;
/// Until all sidecars have noticed, and until all have found the new operator: their longest pause, and its learning.
const SETTLED: Duration = Duration::from_secs(12);

struct Scene {
    place: Place,
    sidecars: Vec<Sidecar>,
    shared: Provider,
    all: Provider,
}

/// Three plans under constant pressure.
struct Callers {
    share: Pressure,
    deny: Pressure,
    free: Pressure,
}

struct Ended {
    share: Vec<Outcome>,
    deny: Vec<Outcome>,
    free: Vec<Outcome>,
}

impl Scene {
    async fn new() -> Self {
        let namespace = format!("outage-{}", std::process::id());
        let world = World::own(&[&format!("--watch-namespaces={namespace}")]).await;
        let place = Place::new(&world, "outage").await;
        let shared = Provider::start(Behaviour::healthy()).await.unwrap();
        let all = Provider::start(Behaviour::healthy()).await.unwrap();
        let limited = |deny: &str| {
            format!("limits: {{requestsPerMinute: {LIMIT}}}, models: {{allow: ['*']}}{deny}")
        };
        let mut documents = vec![
            place.plan("share", &limited("")),
            place.plan("deny", &limited(", whenQuotaUnreachable: Deny")),
            place.plan("free", "models: {allow: ['*']}"),
            place.channel("shared", &shared.url(), "{name: shared}"),
            place.channel("all", &all.url(), "{name: all}"),
        ];
        for name in ["share", "deny", "free"] {
            documents.extend(place.key(name, name));
        }
        place.apply(&documents).await;
        for name in ["share", "deny", "free"] {
            place.until_key(name, "True").await;
        }
        let sidecars = place.sidecars(3).await;
        Scene {
            place,
            sidecars,
            shared,
            all,
        }
    }

    fn press(&self) -> Callers {
        let addresses: Vec<SocketAddr> = self.sidecars.iter().map(|one| one.address).collect();
        let caller = |model, key, pause| Caller {
            model,
            key: self.place.value(key),
            pause: Duration::from_millis(pause),
        };
        Callers {
            share: press(&addresses, &caller("shared", "share", 50)),
            deny: press(&addresses, &caller("all", "deny", 200)),
            free: press(&addresses, &caller("all", "free", 50)),
        }
    }

    async fn until_connections(&mut self, wanted: bool) -> Instant {
        let mut last = Instant::now();
        for sidecar in &mut self.sidecars {
            last = last.max(sidecar.until_connection(wanted).await);
        }
        last
    }

    /// Starts one from the compiled Secret alone, and says how long it took until it served.
    async fn newcomer(&self) -> Duration {
        let folder = tempfile::tempdir().unwrap();
        self.place.mounted_secret(folder.path()).await;
        let config = format!("--config={}", folder.path().display());
        let ca = format!("--operator-ca={}", folder.path().display());
        let mut sidecar = self.place.sidecar("newcomer", &[&config, &ca]).await;
        let call = Call::chat("all", "hello", false).key(&self.place.value("free"));
        let address = sidecar.address;
        let served = sidecar
            .process
            .until_answers(address, &call, Duration::from_secs(10));
        served.await.unwrap()
    }
}

impl Callers {
    async fn end(self) -> Ended {
        Ended {
            share: self.share.end().await,
            deny: self.deny.end().await,
            free: self.free.end().await,
        }
    }
}

#[tokio::test]
async fn while_the_operator_is_dead_calls_go_on_as_their_plans_say_and_after_it_all_is_exact_again()
{
    let mut scene = Scene::new().await;
    let outage = Duration::from_secs(if soak() { 600 } else { 60 });
    let callers = scene.press();
    // The shares are told and the window is full: the worst moment.
    tokio::time::sleep(Duration::from_secs(5)).await;

    scene.place.world.kill();
    let killed = Instant::now();
    scene.until_connections(false).await;
    let newcomer = scene.newcomer().await;
    tokio::time::sleep(outage.saturating_sub(killed.elapsed())).await;

    let restarted = Instant::now();
    let ready = scene.place.world.run().await;
    let back = scene.until_connections(true).await;
    // A whole window that began after the sidecars have told the new authority what they used.
    tokio::time::sleep(Duration::from_secs(60) + SETTLED).await;
    let ended = callers.end().await;

    figure(&format!(
        "operator dead for {} s; a sidecar started meanwhile served after {} ms; operator ready {} ms after its start, all connected after {} ms",
        outage.as_secs(),
        newcomer.as_millis(),
        ready.as_millis(),
        (back - restarted).as_millis(),
    ));
    // A busy machine with debug binaries promises no times.
    if soak() {
        assert!(newcomer < Duration::from_secs(1), "{newcomer:?}");
    }
    none_failed(&ended.free, "a plan without limit never fails");
    denied(&ended.deny, killed, restarted);
    shared(&scene, &ended.share, [killed, restarted, back]);
    assert!(scene.all.calls() > 0);
}

fn between(outcomes: &[Outcome], from: Instant, to: Instant) -> Vec<&Outcome> {
    let within = |one: &&Outcome| (from..to).contains(&one.sent);
    outcomes.iter().filter(within).collect()
}

/// A plan that denies: 503 with a time to come again, from the loss on until the authority is back and sure.
fn denied(outcomes: &[Outcome], killed: Instant, restarted: Instant) {
    let known = [
        (200, ""),
        (429, "rate_limit_exceeded"),
        (503, "quota_unavailable"),
    ];
    let tally = tally(outcomes);
    assert!(tally.keys().all(|kind| known.contains(kind)), "{tally:?}");
    // A denial is remembered for a second.
    let dead = between(outcomes, killed + Duration::from_secs(2), restarted);
    assert!(!dead.is_empty());
    for outcome in dead {
        assert_eq!(
            (outcome.status, outcome.code.as_str()),
            (503, "quota_unavailable")
        );
        let head = outcome.head.as_ref().unwrap();
        assert!(head.header("retry-after").is_some(), "{head:?}");
    }
    let before = between(outcomes, outcomes[0].sent, killed);
    let failed = before
        .iter()
        .filter(|outcome| outcome.status == 503)
        .count();
    let bearable = if soak() { 0 } else { before.len() / 4 };
    assert!(
        failed <= bearable,
        "{failed} of {} failed before",
        before.len()
    );
}

/// A plan that shares: some are served all the time, never more than the limit in any minute after the loss, and at most twice
/// the limit in the minute that straddles it.
fn shared(scene: &Scene, outcomes: &[Outcome], [killed, restarted, back]: [Instant; 3]) {
    let known = [
        (200, ""),
        (429, "rate_limit_exceeded"),
        (503, "quota_unavailable"),
    ];
    let tally = tally(outcomes);
    assert!(tally.keys().all(|kind| known.contains(kind)), "{tally:?}");
    let all = admissions(&scene.shared, outcomes);
    let part = |from: Instant, to: Instant| -> Vec<Admission> {
        let within = |one: &&Admission| (from..to).contains(&one.arrived);
        all.iter().filter(within).copied().collect()
    };
    let end = outcomes[outcomes.len() - 1].sent + SETTLED;
    let dead = part(killed, restarted);
    let exact = part(back + SETTLED, end);
    let worst = surely_in_a_minute;
    figure(&format!(
        "Share, {LIMIT} RPM over 3 sidecars: worst minute {} in all (by arrival {}), {} while dead, {} from the restart on, {} once settled; {} admitted while dead",
        worst(&all),
        arrived_in_a_minute(&all),
        worst(&dead),
        worst(&part(restarted, end)),
        worst(&exact),
        dead.len(),
    ));
    assert!(
        !dead.is_empty(),
        "keys used before go on within their share"
    );
    assert!(worst(&dead) <= LIMIT, "the shares sum to the limit");
    assert!(worst(&all) <= 2 * LIMIT);
    assert!(worst(&exact) <= LIMIT && !exact.is_empty(), "exact again");
    let sidecars: std::collections::BTreeSet<usize> = between(outcomes, killed, restarted)
        .iter()
        .filter(|outcome| outcome.status == 200)
        .map(|outcome| outcome.sidecar)
        .collect();
    assert_eq!(sidecars.len(), 3, "each sidecar has a share");
}
