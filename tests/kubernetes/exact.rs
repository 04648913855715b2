//! Moments at which sidecars go on with their shares while an authority is there, or is about to be: what it was not asked it must
//! learn all the same, or the limit is given twice. Each test has a cluster and an operator of its own.

use super::operator::World;
use super::place::Place;
use super::pressure::{
    Caller, Outcome, admissions, arrived_in_a_minute, at_once, figure, press, surely_in_a_minute,
};
use super::sidecar::Sidecar;
use purser_config::stream::PING_MS;
use purser_tests::provider::{Behaviour, Provider};
use std::net::SocketAddr;
use std::time::Duration;

const LIMIT: usize = 30;

struct Scene {
    place: Place,
    sidecars: Vec<Sidecar>,
    provider: Provider,
    caller: Caller,
}

impl Scene {
    async fn new() -> Self {
        let world = World::own(&[]).await;
        let place = Place::new(&world, "exact").await;
        let provider = Provider::start(Behaviour::healthy()).await.unwrap();
        let [secret, key] = place.key("one", "thirty");
        let limits = format!("limits: {{requestsPerMinute: {LIMIT}}}, models: {{allow: ['*']}}");
        let channel = place.channel("live", &provider.url(), "{name: m}");
        place
            .apply(&[place.plan("thirty", &limits), channel, secret, key])
            .await;
        place.until_key("one", "True").await;
        let sidecars = place.sidecars(3).await;
        // Shares are told at once, and again after a second until they are confirmed; nothing shows when they are.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let caller = Caller {
            model: "m",
            key: place.value("one"),
            pause: Duration::from_millis(30),
        };
        Scene {
            place,
            sidecars,
            provider,
            caller,
        }
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.sidecars.iter().map(|one| one.address).collect()
    }

    /// A while of pressure, and then what the worst minute held.
    async fn is_exact(&self, what: &str, mut outcomes: Vec<Outcome>) {
        let pressure = press(&self.addresses(), &self.caller);
        tokio::time::sleep(Duration::from_secs(8)).await;
        outcomes.extend(pressure.end().await);
        let all = admissions(&self.provider, &outcomes);
        let worst = surely_in_a_minute(&all);
        figure(&format!(
            "{what}: worst minute {worst} of {LIMIT} (by arrival {})",
            arrived_in_a_minute(&all)
        ));
        assert_eq!(worst, LIMIT);
    }
}

#[tokio::test]
async fn a_burst_at_the_moment_of_the_operators_return_stays_within_the_limit() {
    let mut scene = Scene::new().await;
    scene.place.world.kill();
    for sidecar in &mut scene.sidecars {
        sidecar.until_connection(false).await;
    }
    scene.place.world.run().await;
    for sidecar in &mut scene.sidecars {
        sidecar.until_connected().await;
    }
    let burst = at_once(&scene.addresses(), &scene.caller, 3 * LIMIT).await;
    scene
        .is_exact("burst at the operator's return", burst)
        .await;
}

#[tokio::test]
async fn what_was_used_while_the_operator_stood_still_leaves_the_others_so_much_less() {
    let scene = Scene::new().await;
    scene.place.world.stand_still(true);
    // Answers come late, the connections live: each sidecar goes on with its share.
    let burst = at_once(&scene.addresses(), &scene.caller, 3 * LIMIT).await;
    // What each used it tells with its next beat, to be read when the operator goes on; nothing shows that it did.
    tokio::time::sleep(Duration::from_millis(PING_MS * 6 / 5)).await;
    scene.place.world.stand_still(false);
    scene.is_exact("the operator stood still", burst).await;
}
