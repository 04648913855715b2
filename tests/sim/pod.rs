//! One pod's sidecar: the real ledger, link, store and spool, with a clock of its own, and callers who want more than they may have.
//! Started, frozen and killed as `world` says. It must never keep anything across a kill but its folder.

use super::call::Caller;
use super::center::wall_ms;
use super::dice::Dice;
use super::gate::Gate;
use super::history::History;
use super::network::{Line, Network, Socket};
use super::scenario::Scenario;
use purser_config::quota::{
    Ask, Grant, Reserve, ReserveVerdict, Reserved, Return, Settle, Verdict,
};
use purser_config::stream::Version;
use purser_config::usage::Batch;
use purser_sidecar::clock::Clock;
use purser_sidecar::gateway::Gateway;
use purser_sidecar::ledger::{Answer, Authority, Memory};
use purser_sidecar::link::{self, Handle, Surroundings};
use purser_sidecar::spool::{Spool, ship};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// How often the spool waits for its disk where something was written.
const SYNC_EVERY: Duration = Duration::from_millis(10);

/// A pod, and its sidecar while it lives.
pub(super) struct Pod {
    pub(super) index: usize,
    scenario: Rc<Scenario>,
    network: Arc<Network>,
    folder: PathBuf,
    lives: u32,
    pub(super) gate: Arc<Gate>,
    life: Option<Life>,
}

struct Life {
    gateway: Arc<Gateway>,
    tasks: JoinSet<()>,
}

impl Pod {
    pub(super) fn new(
        index: usize,
        scenario: &Rc<Scenario>,
        network: &Arc<Network>,
        folder: &Path,
    ) -> Self {
        Pod {
            index,
            scenario: Rc::clone(scenario),
            network: Arc::clone(network),
            folder: folder.join(format!("pod-{index}")),
            lives: 0,
            gate: Arc::default(),
            life: None,
        }
    }

    fn spool(&self) -> PathBuf {
        self.folder.join(self.lives.to_string())
    }

    pub(super) fn is_up(&self) -> bool {
        self.life.is_some()
    }

    /// Starts a process, with what the compiled Secret tells.
    pub(super) fn start(&mut self) {
        std::fs::create_dir_all(self.spool()).unwrap();
        let skew = self.scenario.clocks[self.index];
        let clock = Clock::simulated(skew.fast_ppm, wall_ms().saturating_add_signed(skew.wall_ms));
        let (handle, link) = link::new();
        let watched = Watched {
            handle,
            lost: Arc::default(),
            history: self.network.history.clone(),
        };
        let memory = Arc::new(Memory::default());
        let (spool, _) = Spool::open(&self.spool()).unwrap();
        let authority: Arc<dyn Authority> = Arc::new(watched);
        let gateway = purser_sidecar::run::gateway(
            Arc::clone(&authority),
            (Arc::clone(&memory), spool),
            clock,
        );
        let gateway = gateway.unwrap();
        let version = Version {
            published_ms: 1,
            hash: "secret".to_owned(),
            ..Version::default()
        };
        assert_eq!(
            gateway.store.put(version, self.scenario.configuration()),
            []
        );
        let operator = Socket {
            network: Arc::clone(&self.network),
            pod: self.index,
        };
        let around = Surroundings {
            operator: Arc::new(operator),
            store: Arc::clone(&gateway.store),
            memory,
            gateway: Arc::clone(&gateway),
            clock,
        };
        let written = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        tasks.spawn_local(self.gate.part(link.run(around)));
        tasks.spawn_local(self.gate.part(ships(Arc::clone(&gateway), authority)));
        tasks.spawn_local(
            self.gate
                .part(syncs(Arc::clone(&gateway), Arc::clone(&written))),
        );
        tasks.spawn_local(self.gate.part(tidies(Arc::clone(&gateway))));
        self.call(&mut tasks, &gateway, &written);
        self.life = Some(Life { gateway, tasks });
    }

    fn call(&self, tasks: &mut JoinSet<()>, gateway: &Arc<Gateway>, written: &Arc<Notify>) {
        for key in 0..self.scenario.keys.len() {
            let purpose = format!("calls {} {} {key}", self.index, self.lives);
            let caller = Caller {
                pod: self.index,
                key,
                life: self.lives,
                scenario: Rc::clone(&self.scenario),
                gateway: Arc::clone(gateway),
                gate: Arc::clone(&self.gate),
                written: Arc::clone(written),
                history: self.network.history.clone(),
            };
            let dice = Dice::new(self.scenario.seed, &purpose);
            tasks.spawn_local(self.gate.part(Rc::new(caller).run(dice)));
        }
    }

    /// SIGKILL: what was written stays, as it was at that moment, and nobody says goodbye.
    pub(super) async fn kill(&mut self, line: Line) {
        let Some(mut life) = self.life.take() else {
            return;
        };
        // Before its folder is looked at: what is polled after that would write there what nobody reads.
        self.gate.close();
        self.network.end(self.index, line);
        self.network.history.killed(self.index);
        let before = self.spool();
        self.lives += 1;
        copy(&before, &self.spool());
        life.tasks.shutdown().await;
        self.gate = Arc::default();
        drop(life);
        let _ = std::fs::remove_dir_all(before);
    }

    /// The end, in order: what is held goes back, what is recorded is kept.
    pub(super) async fn end(&mut self) {
        if let Some(life) = &self.life {
            let flush = life.gateway.ledger.flush();
            let done = tokio::time::timeout(Duration::from_secs(60), flush).await;
            assert!(
                done.is_ok(),
                "pod {} cannot hand its records over",
                self.index
            );
            // What is given back is on its way.
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        self.kill(Line::Cut).await;
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

async fn ships(gateway: Arc<Gateway>, authority: Arc<dyn Authority>) {
    let send = |batch| {
        let kept = authority.keep(batch);
        async move { kept.await.map_err(|_| ship::Unreachable) }
    };
    ship::ship(&gateway.ledger.spool, send).await;
}

/// As `Spool::run`, without a thread.
async fn syncs(gateway: Arc<Gateway>, written: Arc<Notify>) {
    gateway.ledger.spool.sync();
    loop {
        written.notified().await;
        tokio::time::sleep(SYNC_EVERY).await;
        gateway.ledger.spool.sync();
    }
}

async fn tidies(gateway: Arc<Gateway>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        gateway.ledger.tidy(false);
    }
}

/// The link's handle, watched: when the authority is lost is what the promise of `Share` is measured from.
struct Watched {
    handle: Handle,
    lost: Arc<AtomicBool>,
    history: History,
}

impl Authority for Watched {
    fn ask(&self, ask: Ask) -> Answer<Grant> {
        let answer = self.handle.ask(ask);
        let (lost, history) = (Arc::clone(&self.lost), self.history.clone());
        Box::pin(async move {
            let answer = answer.await;
            let knows = |grant: &Grant| !matches!(grant.verdict, Verdict::Learning { .. });
            let is_lost = !answer.as_ref().is_ok_and(knows);
            if is_lost && !lost.swap(is_lost, Ordering::Relaxed) {
                history.loss();
            }
            lost.store(is_lost, Ordering::Relaxed);
            answer
        })
    }

    fn give_back(&self, unused: Return) {
        self.handle.give_back(unused);
    }

    fn reserve(&self, reserve: Reserve) -> Answer<Reserved> {
        let answer = self.handle.reserve(reserve);
        let history = self.history.clone();
        Box::pin(async move {
            let answer = answer.await;
            let unsaid = |told: &Reserved| {
                matches!(
                    told.verdict,
                    ReserveVerdict::Learning { .. } | ReserveVerdict::Unavailable
                )
            };
            if answer.as_ref().map_or(true, unsaid) {
                history.unheld();
            }
            answer
        })
    }

    fn settle(&self, settle: Settle) {
        self.handle.settle(settle);
    }

    fn keep(&self, batch: Batch) -> Answer<u64> {
        self.handle.keep(batch)
    }

    fn is_here(&self) -> bool {
        self.handle.is_here()
    }

    fn is_remote(&self) -> bool {
        true
    }
}
