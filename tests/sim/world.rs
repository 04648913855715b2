//! One run: starts everything, does the faults of its scenario in their time, lets callers go home, ends all in order and reads the books.

use super::center::Center;
use super::fault::{Fault, Volume};
use super::history::{History, Told};
use super::network::{Line, Network};
use super::pod::Pod;
use super::scenario::Scenario;
use purser_authority::ledger::{AccountFacts, Discrepancy, Filter, Ledger};
use purser_config::Name;
use purser_config::usage::Record;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// How long the last call may take.
const LAST_CALLS: Duration = Duration::from_secs(50);
/// For how long a sidecar must be silent before what it holds is resolved.
const UNCONFIRMED: Duration = Duration::from_secs(900);

/// What came of a run.
pub(super) struct Ran {
    pub(super) scenario: Rc<Scenario>,
    pub(super) told: Told,
    pub(super) books: Books,
    pub(super) lasted: Duration,
}

/// What the ledger says at the end.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) accounts: BTreeMap<Name, AccountFacts>,
    pub(super) records: Vec<Record>,
    pub(super) discrepancies: Vec<Discrepancy>,
}

/// What is to be done, and when.
#[derive(Clone, Copy)]
enum Act {
    Fault(Fault),
    StartPod(usize),
    StartCenter,
}

struct World {
    history: History,
    network: Arc<Network>,
    center: Center,
    pods: Vec<Pod>,
    agenda: VecDeque<(Duration, Act)>,
}

/// Runs a scenario on this thread.
pub(super) fn run(scenario: Scenario) -> Ran {
    purser_sidecar::clock::seed(scenario.seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    // Memory, where there is some to put files into: a disk that is waited for decides nothing here.
    let memory = std::path::Path::new("/dev/shm");
    let folder = tempfile::Builder::new()
        .prefix("purser-sim-")
        .tempdir_in(memory);
    let folder = folder.or_else(|_| tempfile::tempdir()).unwrap();
    let local = tokio::task::LocalSet::new();
    let ran = local.block_on(&runtime, World::run(Rc::new(scenario), folder.path()));
    drop((local, runtime));
    ran
}

impl World {
    async fn run(scenario: Rc<Scenario>, folder: &std::path::Path) -> Ran {
        let history = History::begin();
        let network = Network::new(scenario.seed, &scenario.delays, history.clone());
        let mut center = Center::new(
            folder.to_owned(),
            scenario.configuration(),
            scenario.center_ppm,
        );
        center.plant(scenario.occupancy);
        let pods = (0..scenario.pods).map(|pod| Pod::new(pod, &scenario, &network, folder));
        let faults = scenario
            .faults
            .iter()
            .map(|(at, fault)| (*at, Act::Fault(*fault)));
        let mut world = World {
            pods: pods.collect(),
            agenda: faults.collect(),
            history,
            network,
            center,
        };
        world.begin().await;
        let books = world.end(scenario.lasts).await;
        let (lasted, told) = (
            world.history.now(),
            std::mem::take(&mut *world.history.told()),
        );
        Ran {
            scenario,
            told,
            books,
            lasted,
        }
    }

    async fn begin(&mut self) {
        self.act(Act::StartCenter).await;
        for pod in 0..self.pods.len() {
            self.act(Act::StartPod(pod)).await;
        }
        while let Some((at, act)) = self.agenda.pop_front() {
            self.until(at).await;
            self.act(act).await;
        }
    }

    async fn until(&self, at: Duration) {
        sleep_until(Instant::now() + at.saturating_sub(self.history.now())).await;
    }

    fn later(&mut self, after: Duration, act: Act) {
        let at = self.history.now() + after;
        let place = self.agenda.partition_point(|(before, _)| *before <= at);
        self.agenda.insert(place, (at, act));
    }

    async fn act(&mut self, act: Act) {
        match act {
            Act::Fault(fault) => {
                self.history.fault(format!("{fault:?}"));
                self.fault(fault).await;
            }
            Act::StartPod(pod) => {
                self.history.fault(format!("pod {pod} starts"));
                self.pods[pod].start();
            }
            Act::StartCenter => {
                self.history.fault("the operator starts".to_owned());
                let door = self.center.start().await;
                self.network.listen(Some(door));
            }
        }
    }

    async fn fault(&mut self, fault: Fault) {
        let how = |silent| if silent { Line::Vanished } else { Line::Cut };
        match fault {
            Fault::Break { pod, silent } => self.network.end(pod, how(silent)),
            Fault::Part { pod, span } => self.network.part(pod, span),
            Fault::PartAll { span } => {
                (0..self.pods.len()).for_each(|pod| self.network.part(pod, span));
            }
            Fault::KillPod { pod, silent, down } if self.pods[pod].is_up() => {
                self.pods[pod].kill(how(silent)).await;
                self.later(down, Act::StartPod(pod));
            }
            Fault::FreezePod { pod, span } => self.pods[pod].gate.freeze(span),
            Fault::KillCenter { down, volume } if self.center.is_up() => {
                self.network.listen(None);
                (0..self.pods.len()).for_each(|pod| self.network.end(pod, Line::Cut));
                self.center.kill().await;
                match volume {
                    Volume::Kept => {}
                    Volume::Lost => self.center.lose_volume(),
                    Volume::Rebooted => self.center.reboot(),
                }
                self.later(down, Act::StartCenter);
            }
            Fault::FreezeCenter { span } => self.center.gate.freeze(span),
            Fault::KillPod { .. } | Fault::KillCenter { .. } => {}
        }
    }

    /// Callers go home, sidecars end in order, and what nobody will tell of any more is resolved.
    async fn end(&mut self, lasts: Duration) -> Books {
        self.until(lasts + LAST_CALLS).await;
        for pod in &mut self.pods {
            pod.end().await;
        }
        sleep(UNCONFIRMED + Duration::from_secs(60)).await;
        let operator = self.center.operator();
        operator.sweep(UNCONFIRMED).await.unwrap();
        let ledger = operator.authority().ledger().clone();
        drop(operator);
        let books = read(&ledger).await;
        drop(ledger);
        self.center.kill().await;
        books
    }
}

async fn read(ledger: &Ledger) -> Books {
    let mut records: Vec<Record> = Vec::new();
    loop {
        let oldest = records
            .last()
            .map(|record| (record.began_ms, record.id.clone()));
        let filter = Filter {
            before: oldest,
            limit: 1_000,
            ..Filter::default()
        };
        let more = ledger.records(filter).await.unwrap();
        if more.is_empty() {
            break;
        }
        records.extend(more);
    }
    Books {
        accounts: ledger.accounts(super::center::wall_ms()).await.unwrap(),
        records,
        discrepancies: ledger.verify().await.unwrap(),
    }
}
