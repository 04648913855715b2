//! Everything that is killed, and what it is killed under: stores, operator, sidecars with their spools, and a provider. Kills one part at
//! a time with SIGKILL, and starts it again on what it left. It must never end a part in good order before the last call was made.

use super::callers::{Callers, Door};
use super::operator::World;
use super::place::Place;
use super::plans::{KEYS, answers};
use super::sidecar::Sidecar;
use purser_tests::postgres::Postgres;
use purser_tests::provider::Provider;
use purser_tests::redis::Redis;
use purser_tests::service::Service;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a part stays away.
const AWAY: Duration = Duration::from_secs(1);
/// How long what is under way may take to come to rest on a busy machine.
pub(super) const REST: Duration = Duration::from_secs(180);
const SIDECARS: usize = 3;

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Sidecar,
    Operator,
    Redis,
    Postgres,
}

/// How much is asked of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal {
    pub(super) calls: u64,
    pub(super) kills: u64,
    /// From one kill to the next.
    pub(super) every: Duration,
}

impl Goal {
    /// Calls so far apart that they last for all kills.
    pub(super) fn apart(&self) -> Duration {
        let all = self.every * u32::try_from(self.kills).unwrap();
        all / u32::try_from(self.calls).unwrap()
    }
}

/// The stores that are processes of their own; none: the operator keeps everything in its folder.
#[derive(Default)]
pub(super) struct Stores {
    pub(super) redis: Option<Redis>,
    pub(super) postgres: Option<Postgres>,
}

/// A sidecar's place: its pod, its spool, and where its callers find it.
struct Desk {
    pod: String,
    spool: PathBuf,
    door: Arc<Door>,
    sidecar: Sidecar,
}

/// All of it.
pub(super) struct Parts {
    pub(super) place: Place,
    /// Until the oracle ends it.
    pub(super) provider: Option<Provider>,
    pub(super) kills: BTreeMap<Part, u64>,
    stores: Stores,
    operators: Vec<Arc<World>>,
    service: Service,
    desks: Vec<Desk>,
    folder: tempfile::TempDir,
}

impl Parts {
    /// Starts them: an operator with these arguments, two where they share their stores, and what their sidecars need.
    pub(super) async fn start(name: &str, stores: Stores, arguments: &[&str]) -> Self {
        // Several operators learn from the ledger who is alive at the others, and a busy machine makes that late.
        let after = match stores.redis {
            Some(_) => "--unconfirmed-after=10s",
            None => "--unconfirmed-after=2s",
        };
        let often = [after, "--usage-status-every=1s"];
        let world = World::own(&[arguments, &often].concat()).await;
        let place = Place::new(&world, name).await;
        let mut operators = vec![Arc::clone(&world)];
        if stores.redis.is_some() {
            operators.push(world.beside().await);
        }
        let behind = operators.iter().map(|operator| operator.stream).collect();
        let service = Service::start(behind).await.unwrap();
        let provider = Provider::start(answers()).await.unwrap();
        let mut documents = place.keys();
        documents.push(place.channel("live", &provider.url(), "{name: m}"));
        place.apply(&documents).await;
        for key in KEYS {
            place.until_key(key.name(), "True").await;
        }
        let folder = tempfile::tempdir().unwrap();
        place.mounted_secret(&folder.path().join("config")).await;
        let mut parts = Parts {
            place,
            provider: Some(provider),
            kills: BTreeMap::new(),
            stores,
            operators,
            service,
            desks: Vec::new(),
            folder,
        };
        for number in 0..SIDECARS {
            parts.open(number).await;
        }
        parts.until_connected().await;
        parts
    }

    async fn open(&mut self, number: usize) {
        let pod = format!("pod-{number}");
        let spool = self.folder.path().join(&pod);
        let sidecar = self.sidecar(&pod, &spool).await;
        let door = Door::new(sidecar.address);
        self.desks.push(Desk {
            pod,
            spool,
            door,
            sidecar,
        });
    }

    /// With the compiled Secret, so that it serves at once though the operator may be away.
    async fn sidecar(&self, pod: &str, spool: &std::path::Path) -> Sidecar {
        let spool = format!("--spool={}", spool.display());
        let config = format!("--config={}", self.folder.path().join("config").display());
        let operator = format!("--operator=https://{}", self.service.address());
        self.place.sidecar(pod, &[&spool, &config, &operator]).await
    }

    pub(super) fn doors(&self) -> Vec<Arc<Door>> {
        self.desks
            .iter()
            .map(|desk| Arc::clone(&desk.door))
            .collect()
    }

    /// The parts in the order in which they are killed.
    fn turns(&self) -> Vec<Part> {
        let mut turns = vec![Part::Sidecar, Part::Operator];
        turns.extend(self.stores.redis.as_ref().map(|_| Part::Redis));
        turns.extend(self.stores.postgres.as_ref().map(|_| Part::Postgres));
        turns
    }

    /// Kills one after the other until both the kills and the calls are made; a machine that is too busy for the calls is let off after
    /// three times the kills.
    pub(super) async fn kill_in_turn(&mut self, callers: &Callers, goal: &Goal) {
        let (turns, mut due) = (self.turns(), Instant::now());
        let mut turn = turns.iter().cycle();
        let mut made = 0;
        while made < goal.kills || (made < goal.kills * 3 && callers.taken() < goal.calls) {
            due += goal.every;
            tokio::time::sleep_until(due).await;
            self.kill(*turn.next().unwrap()).await;
            made += 1;
        }
    }

    async fn kill(&mut self, part: Part) {
        let before = self.kills.entry(part).or_default();
        let turn = *before as usize;
        *before += 1;
        match part {
            Part::Sidecar => self.kill_sidecar(turn % SIDECARS).await,
            Part::Operator => {
                let operator = &self.operators[turn % self.operators.len()];
                operator.kill();
                tokio::time::sleep(AWAY).await;
                operator.run().await;
            }
            Part::Redis => {
                let redis = self.stores.redis.as_mut().unwrap();
                redis.kill();
                tokio::time::sleep(AWAY).await;
                redis.run().await.unwrap();
            }
            Part::Postgres => {
                let postgres = self.stores.postgres.as_mut().unwrap();
                postgres.kill();
                tokio::time::sleep(AWAY).await;
                postgres.run().await.unwrap();
            }
        }
    }

    async fn kill_sidecar(&mut self, victim: usize) {
        let desk = &mut self.desks[victim];
        desk.door.dies();
        desk.sidecar.process.kill();
        tokio::time::sleep(AWAY).await;
        let (pod, spool) = (desk.pod.clone(), desk.spool.clone());
        let sidecar = self.sidecar(&pod, &spool).await;
        self.desks[victim].door.moved(sidecar.address);
        self.desks[victim].sidecar = sidecar;
    }

    /// Waits until every sidecar has the operator's stream.
    pub(super) async fn until_connected(&mut self) {
        for desk in &mut self.desks {
            desk.sidecar.until_connected().await;
        }
    }

    /// Waits until calls with every key are answered at every sidecar.
    pub(super) async fn until_served(&self) {
        let from = Instant::now();
        for desk in &self.desks {
            for key in KEYS {
                let value = self.place.value(key.name());
                loop {
                    let judged = desk.sidecar.judged("m", &value).await;
                    if judged.0 == 200 {
                        break;
                    }
                    assert!(
                        from.elapsed() < REST,
                        "{key:?} is still refused: {judged:?}"
                    );
                    tokio::time::sleep(AWAY / 10).await;
                }
            }
        }
    }

    /// Waits until the ledger has every record, then ends the sidecars in good order.
    pub(super) async fn end_sidecars(&mut self) {
        let from = Instant::now();
        for desk in &mut self.desks {
            while !desk
                .sidecar
                .page("/metrics")
                .await
                .contains("\npurser_spool_waiting 0\n")
            {
                assert!(from.elapsed() < REST, "records wait at {}", desk.pod);
                tokio::time::sleep(AWAY / 10).await;
            }
            desk.sidecar.process.end(REST).await.unwrap();
        }
    }
}
