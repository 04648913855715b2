//! The promise of a plan's rate over several replicas: for 10, 15, 20 and 6,000 requests a minute at once, over ten and over fifty
//! sidecars, under ten times as many calls and bursts of three hundred. All sidecars are on one clock here, so each admission's moment is
//! the one that its sidecar checked, exactly.

use super::fleet::Fleet;
use super::redis_server::RedisServer;
use purser_sidecar::reject::Reject;
use purser_tests::checker::worst_window;
use purser_tests::figures::{figure, soak};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

const LIMITS: [u32; 4] = [10, 15, 20, 6_000];
const SIDECARS: [usize; 2] = [10, 50];
const BURST: usize = 300;
const TIMES: f64 = 10.0;
const MINUTE: Duration = Duration::from_secs(60);
/// How long a grant that nobody heard of may occupy its window, with what its answer was waited for.
const OCCUPIED: Duration = Duration::from_secs(65);
/// Less than this times the limit was offered in a minute: whether all of it was given says more about the machine.
const ENOUGH: usize = 2;

/// One call: when it was made, by which sidecar, and when it was admitted.
struct Made {
    at: Duration,
    sidecar: usize,
    admitted: Option<Duration>,
}

/// One key over so many of the sidecars.
#[derive(Clone)]
struct Offer {
    fleet: Arc<Fleet>,
    key: String,
    limit: u32,
    sidecars: usize,
}

impl Offer {
    async fn call(&self, sidecar: usize) -> Made {
        let (ledger, caller) = (&self.fleet.ledgers[sidecar], self.fleet.caller(&self.key));
        let at = self.fleet.clock.now();
        let admitted = match ledger.reserve(&caller).await {
            Ok((reservation, _)) => ledger.spend(reservation, &caller).await,
            Err(refused) => Err(refused),
        };
        let admitted = match admitted {
            Ok(admitted) => Some(admitted.expect("each grant is looked at")),
            Err(Reject::OverRate { .. } | Reject::QuotaUnavailable { .. }) => None,
            Err(other) => panic!("{}: {other:?}", self.key),
        };
        Made {
            at,
            sidecar,
            admitted,
        }
    }

    async fn burst(&self) -> Vec<Made> {
        let mut all = JoinSet::new();
        for number in 0..BURST {
            let offer = self.clone();
            all.spawn(async move { offer.call(number % offer.sidecars).await });
        }
        all.join_all().await
    }

    /// Calls in their time until then; what is late is left out.
    async fn steady(&self, until: Duration) -> Vec<Made> {
        let each = MINUTE.as_secs_f64() * self.sidecars as f64 / f64::from(self.limit);
        let (every, begun) = (
            Duration::from_secs_f64(each / TIMES),
            self.fleet.clock.now(),
        );
        let mut all = JoinSet::new();
        for sidecar in 0..self.sidecars {
            let offer = self.clone();
            let mut due = begun + every.mul_f64(sidecar as f64 / self.sidecars as f64);
            all.spawn(async move {
                let (clock, mut made) = (offer.fleet.clock, Vec::new());
                while due < until {
                    tokio::time::sleep_until(clock.instant(due)).await;
                    made.push(offer.call(sidecar).await);
                    due = (due + every).max(clock.now());
                }
                made
            });
        }
        all.join_all().await.into_iter().flatten().collect()
    }

    /// Three hundred at once, pressure, three hundred again as the first window empties, pressure.
    async fn press(self, steady: Duration) -> (Self, Vec<Made>) {
        let mut made = self.burst().await;
        let begun = self.fleet.clock.now();
        made.extend(self.steady(begun + MINUTE).await);
        made.extend(self.burst().await);
        made.extend(self.steady(begun + steady).await);
        (self, made)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_three_replicas_and_redis_no_minute_holds_more_than_the_limit_and_all_of_it_is_given()
{
    let server = RedisServer::start().await;
    let all = LIMITS
        .iter()
        .flat_map(|&limit| SIDECARS.map(|sidecars| (limit, sidecars)));
    let named: Vec<_> = all
        .map(|(limit, count)| (format!("k{limit}-over-{count}"), limit, count))
        .collect();
    let keys: Vec<_> = named
        .iter()
        .map(|(key, limit, _)| (key.clone(), *limit))
        .collect();
    let fleet = Arc::new(Fleet::open(&server.url(), SIDECARS[1], &keys).await);
    let steady = Duration::from_secs(if soak() { 300 } else { 130 });
    let parts = named.into_iter().map(|(key, limit, sidecars)| {
        let offer = Offer {
            fleet: Arc::clone(&fleet),
            key,
            limit,
            sidecars,
        };
        tokio::spawn(offer.press(steady))
    });
    for part in parts.collect::<Vec<_>>() {
        let (offer, made) = part.await.unwrap();
        judged(&offer, &made, steady);
    }
}

fn judged(offer: &Offer, made: &[Made], steady: Duration) {
    let (key, limit) = (&offer.key, offer.limit as usize);
    let mut admitted: Vec<u64> = made
        .iter()
        .filter_map(|one| Some(one.admitted?.as_nanos() as u64))
        .collect();
    let worst = worst_window(&mut admitted, MINUTE);
    let given = minutes(offer, made, (Duration::from_nanos(admitted[0]), steady));
    let told: Vec<_> = given
        .iter()
        .map(|minute| format!("{} of {}", minute.given, minute.offered))
        .collect();
    let ever = Duration::ZERO..Duration::MAX;
    let (least, unheard) = (least(offer, made), offer.fleet.unheard(key, &ever));
    let line = format!(
        "Redis, 3 replicas, {limit} a minute over {} sidecars: worst minute {worst} ({:.2}); given of offered, minute by minute: {}; least part of a sidecar {:.1} % of {}; answers that came too late for {unheard}",
        offer.sidecars,
        worst as f64 / limit as f64,
        told.join(", "),
        least * 100.0,
        admitted.len(),
    );
    figure("scale.txt", &line).unwrap();
    assert!(worst <= limit, "{key}: {worst} in a minute");
    // Beyond 64 a minute entries leave Redis in grains of 250 ms.
    let percent = if limit > 64 { 98 } else { 99 };
    for minute in given {
        if minute.offered >= ENOUGH * limit {
            assert!(
                (minute.given + minute.unheard) * 100 >= limit * percent,
                "{key}: {minute:?} of all {unheard} unheard"
            );
        }
    }
    if offer.sidecars == 10 && admitted.len() > 400 {
        assert!(least >= 0.05, "{key}: a sidecar got {least}");
    }
}

/// One whole minute.
#[derive(Debug)]
struct Minute {
    given: usize,
    /// Calls that were made.
    offered: usize,
    /// Requests that may have occupied its window though nobody heard of them.
    unheard: usize,
}

/// Each whole minute since the first admission.
fn minutes(offer: &Offer, made: &[Made], (first, steady): (Duration, Duration)) -> Vec<Minute> {
    let within = |number: u32| {
        let minute = first + MINUTE * number..first + MINUTE * (number + 1);
        let given = made
            .iter()
            .filter(|one| one.admitted.is_some_and(|at| minute.contains(&at)));
        let offered = made.iter().filter(|one| minute.contains(&one.at));
        // What was granted before a minute and is not over in it takes from it, too.
        let occupied = minute.start.saturating_sub(OCCUPIED)..minute.end;
        Minute {
            given: given.count(),
            offered: offered.count(),
            unheard: offer.fleet.unheard(&offer.key, &occupied),
        }
    };
    (0..u32::try_from(steady.as_secs() / 60).unwrap())
        .map(within)
        .collect()
}

/// The smallest part of all admissions that any of the sidecars got.
fn least(offer: &Offer, made: &[Made]) -> f64 {
    let mut of = vec![0_usize; offer.sidecars];
    for one in made.iter().filter(|one| one.admitted.is_some()) {
        of[one.sidecar] += 1;
    }
    let all: usize = of.iter().sum();
    of.iter().min().copied().unwrap_or(0) as f64 / all.max(1) as f64
}
