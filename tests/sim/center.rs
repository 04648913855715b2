//! The operator's process: the real hub, streams, authority, journal and ledger, started, frozen and killed as `world` says. Its machine's
//! clocks go on through its restarts. It must never keep anything across a kill but its files.

use super::gate::Gate;
use super::network::Accepted;
use bytes::Bytes;
use futures::stream::unfold;
use http_body_util::StreamBody;
use hyper::body::Frame;
use purser_config::Configuration;
use purser_operator::simulation::{Operator, Pod, Start};
use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Whose keys they are.
pub(super) const NAMESPACE: &str = "shop";
/// A Tuesday afternoon, so that no day ends in a run.
const WALL_MS: u64 = 1_795_608_000_000;

thread_local! {
    /// The machine's clocks: when they began, and how fast they are.
    static MACHINE: Cell<Option<(Instant, i32)>> = const { Cell::new(None) };
}

fn clocks() -> (Duration, u64) {
    let (began, fast_ppm) = MACHINE.get().unwrap();
    let passed = began.elapsed();
    let change = passed * fast_ppm.unsigned_abs() / 1_000_000;
    let passed = if fast_ppm < 0 {
        passed - change
    } else {
        passed + change
    };
    // It was up for a while when the run began.
    (
        Duration::from_secs(100_000) + passed,
        WALL_MS + passed.as_millis() as u64,
    )
}

/// The wall clock that all others are set by.
pub(super) fn wall_ms() -> u64 {
    clocks().1
}

/// The operator's machine, and its process while it lives.
pub(super) struct Center {
    folder: PathBuf,
    configuration: Configuration,
    occupancy: Option<Duration>,
    boot: u32,
    epoch: u64,
    pub(super) gate: Arc<Gate>,
    process: Option<Process>,
}

struct Process {
    operator: Rc<Operator>,
    tasks: JoinSet<()>,
}

impl Center {
    pub(super) fn new(folder: PathBuf, configuration: Configuration, fast_ppm: i32) -> Self {
        MACHINE.set(Some((Instant::now(), fast_ppm)));
        Center {
            folder,
            configuration,
            occupancy: None,
            boot: 1,
            epoch: 0,
            gate: Arc::default(),
            process: None,
        }
    }

    /// Plants a fault: a grant occupies its window for so long.
    pub(super) fn plant(&mut self, occupancy: Option<Duration>) {
        self.occupancy = occupancy;
    }

    pub(super) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// Starts the next term; where streams are to be sent.
    pub(super) async fn start(&mut self) -> mpsc::UnboundedSender<Accepted> {
        self.epoch += 1;
        let volume = self.folder.join("volume");
        std::fs::create_dir_all(&volume).unwrap();
        let (boot, ledger) = (format!("boot-{}", self.boot), self.folder.join("ledger.db"));
        let started = Operator::start(Start {
            volume: &volume,
            ledger: &ledger,
            boot: &boot,
            epoch: self.epoch,
            clock: clocks,
            configuration: self.configuration.clone(),
            occupancy: self.occupancy,
        });
        let (operator, work) = started.await.unwrap();
        let operator = Rc::new(operator);
        let (door, streams) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn_local(self.gate.part(work));
        tasks.spawn_local(self.gate.part(tell_shares(Rc::clone(&operator))));
        let accepts = accept((Arc::clone(&self.gate), Rc::clone(&operator)), streams);
        tasks.spawn_local(self.gate.part(accepts));
        self.process = Some(Process { operator, tasks });
        door
    }

    /// SIGKILL.
    pub(super) async fn kill(&mut self) {
        if let Some(Process {
            operator,
            mut tasks,
        }) = self.process.take()
        {
            tasks.shutdown().await;
            // What its tasks had begun themselves ends when each of them is looked at next.
            while Rc::strong_count(&operator) > 1 {
                tokio::task::yield_now().await;
            }
        }
        self.gate = Arc::default();
    }

    /// While it is down: its volume is lost, but for the ledger, which is elsewhere.
    pub(super) fn lose_volume(&mut self) {
        let _ = std::fs::remove_dir_all(self.folder.join("volume"));
    }

    /// While it is down: its machine starts anew.
    pub(super) fn reboot(&mut self) {
        self.boot += 1;
    }

    pub(super) fn operator(&self) -> Rc<Operator> {
        Rc::clone(&self.process.as_ref().unwrap().operator)
    }
}

async fn tell_shares(operator: Rc<Operator>) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        operator.tell_shares();
    }
}

async fn accept(
    (gate, operator): (Arc<Gate>, Rc<Operator>),
    mut streams: mpsc::UnboundedReceiver<Accepted>,
) {
    let mut carried = JoinSet::new();
    while let Some(accepted) = streams.recv().await {
        while carried.try_join_next().is_some() {}
        carried.spawn_local(gate.part(carry(Rc::clone(&operator), accepted)));
    }
}

async fn carry(operator: Rc<Operator>, accepted: Accepted) {
    let Accepted { pod, heard, out } = accepted;
    let frames = unfold(heard, |mut heard: mpsc::Receiver<Bytes>| async {
        let line = heard.recv().await?;
        Some((Ok(Frame::data(line)), heard))
    });
    let pod = Pod {
        namespace: NAMESPACE.to_owned(),
        uid: format!("pod-{pod}"),
    };
    operator
        .carry(pod, StreamBody::new(Box::pin(frames)), out)
        .await;
}
