//! The stream to the operator: configuration comes in, questions to the authority go out. Reconnects for ever. Started by
//! `run`; `ledger` asks through its handle. It must never decide what an unanswered question means: the plan does.

mod batch;
mod connect;
mod health;
mod inquiries;
mod over;
mod session;

pub(crate) use connect::Windows;
pub use connect::{Connector, Endpoint, Hears, Incoming, Lines, LinkError, Opened, Opening};

use crate::clock::{self, Clock};
use crate::gateway::Gateway;
use crate::ledger::{Answer, Authority, Memory, Unreachable};
use crate::store::Store;
use over::{Over, after_hello};
use purser_config::quota::{Ask, Grant, Reserve, Reserved, Return, Settle};
use purser_config::stream::ChannelHealth;
use purser_config::usage::Batch;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long a question about windows may stay unanswered before the plan decides.
const ANSWER_WITHIN: Duration = Duration::from_millis(750);
/// The same for credits, which a disk has to take, and for usage records.
const RESERVE_WITHIN: Duration = Duration::from_secs(2);
const KEEP_WITHIN: Duration = Duration::from_secs(10);
/// The least that a question waits while a new process opens its first stream: its first call need not fail for that.
const FIRST_WITHIN: Duration = Duration::from_secs(2);
const RECONNECT_LEAST: Duration = Duration::from_millis(100);
/// Half as much again at the most; an allowance lasts as long as an operator is away for ten seconds, and this.
const RECONNECT_MOST: Duration = Duration::from_secs(3);

/// How the channels of this process fare, those that were called.
pub fn health(store: &Store, now: Duration) -> Vec<ChannelHealth> {
    let found = health::survey(store, now);
    found.iter().map(|found| found.told(now)).collect()
}

/// A question and where its answer goes.
enum Question {
    Ask(Ask, oneshot::Sender<Grant>),
    Reserve(Reserve, oneshot::Sender<Reserved>),
    Keep(Batch, oneshot::Sender<u64>),
}

/// What the ledger holds of the link.
pub struct Handle {
    questions: mpsc::UnboundedSender<Question>,
    over: mpsc::UnboundedSender<Over>,
    reach: Arc<Reach>,
}

/// Whether the operator can be asked.
#[derive(Default)]
struct Reach {
    connected: AtomicBool,
    /// The first attempt is over, well or not.
    tried: AtomicBool,
}

impl Reach {
    fn put(&self, connected: bool) {
        self.connected.store(connected, Ordering::Release);
        self.tried.store(true, Ordering::Release);
    }

    /// How long a question may wait for its answer, which has so long once there is a stream; none: nobody will answer.
    fn patience(&self, within: Duration) -> Option<Duration> {
        // In this order: whoever finds that it was tried finds what came of it.
        let tried = self.tried.load(Ordering::Acquire);
        match (self.connected.load(Ordering::Acquire), tried) {
            (true, _) => Some(within),
            (false, false) => Some(within.max(FIRST_WITHIN)),
            (false, true) => None,
        }
    }
}

impl Handle {
    fn question<A: Send + 'static>(
        &self,
        within: Duration,
        ask: impl FnOnce(oneshot::Sender<A>) -> Question,
    ) -> Answer<A> {
        let Some(within) = self.reach.patience(within) else {
            return Box::pin(std::future::ready(Err(Unreachable)));
        };
        let (answer, answered) = oneshot::channel();
        let sent = self.questions.send(ask(answer));
        Box::pin(async move {
            sent.map_err(|_| Unreachable)?;
            match tokio::time::timeout(within, answered).await {
                Ok(Ok(answer)) => Ok(answer),
                _ => Err(Unreachable),
            }
        })
    }
}

impl Authority for Handle {
    fn ask(&self, ask: Ask) -> Answer<Grant> {
        self.question(ANSWER_WITHIN, |answer| Question::Ask(ask, answer))
    }

    fn give_back(&self, unused: Return) {
        // Without a connection the token runs out by itself.
        let _ = self.over.send(Over::Return(unused));
    }

    fn reserve(&self, reserve: Reserve) -> Answer<Reserved> {
        self.question(RESERVE_WITHIN, |answer| Question::Reserve(reserve, answer))
    }

    fn settle(&self, mut settle: Settle) {
        if !self.is_here() {
            settle.goes_on = settle.goes_on.map(after_hello);
        }
        let _ = self.over.send(Over::Settle(settle));
    }

    fn keep(&self, batch: Batch) -> Answer<u64> {
        self.question(KEEP_WITHIN, |answer| Question::Keep(batch, answer))
    }

    fn is_here(&self) -> bool {
        self.reach.connected.load(Ordering::Acquire)
    }

    fn is_remote(&self) -> bool {
        true
    }
}

/// The link's own side, to be run as a task.
pub struct Link {
    questions: mpsc::UnboundedReceiver<Question>,
    over: mpsc::UnboundedReceiver<Over>,
    /// Calls whose credits go back, because they were never sent or an allowance pays, and when that was told: it must be heard, whatever
    /// became of the connection.
    unsent: VecDeque<(Duration, Settle)>,
    reach: Arc<Reach>,
    instance: String,
}

/// What the link reads and writes in this process.
pub struct Surroundings {
    /// The seam to the network: where the operator is.
    pub operator: Arc<dyn Connector>,
    /// Where configuration goes.
    pub store: Arc<Store>,
    /// What a Hello tells.
    pub memory: Arc<Memory>,
    /// Whose ServiceAccount this is, once the operator says so; and numbers.
    pub gateway: Arc<Gateway>,
    /// The seam to time.
    pub clock: Clock,
}

/// A link that is not connected yet, and its handle.
pub fn new() -> (Handle, Link) {
    let (ask, questions) = mpsc::unbounded_channel();
    let (tell, over) = mpsc::unbounded_channel();
    let reach = Arc::new(Reach::default());
    let instance = format!("{:016x}{:016x}", clock::draw(), clock::draw());
    (
        Handle {
            questions: ask,
            over: tell,
            reach: Arc::clone(&reach),
        },
        Link {
            questions,
            over,
            unsent: VecDeque::new(),
            reach,
            instance,
        },
    )
}

impl Link {
    /// Connects, and connects again, for ever.
    pub async fn run(mut self, around: Surroundings) {
        let mut pause = RECONNECT_LEAST;
        loop {
            let began = around.clock.now();
            let error = match self.session(&around).await {
                Ok(()) => "the operator ended the stream".to_owned(),
                Err(error) => chain(&error),
            };
            self.reach.put(false);
            around.gateway.metrics.connected.set(0);
            self.forget_questions(around.clock.now());
            if around.clock.now() - began > RECONNECT_MOST {
                pause = RECONNECT_LEAST;
            }
            tracing::warn!(error, operator = %around.operator, "not connected to the operator; trying again");
            tokio::time::sleep(pause.mul_f64(0.5 + clock::fraction(clock::draw()))).await;
            pause = (pause * 2).min(RECONNECT_MOST);
        }
    }

    /// Questions that nobody will answer: dropping them tells who asked. What was never sent is told to the next one.
    fn forget_questions(&mut self, now: Duration) {
        while self.questions.try_recv().is_ok() {}
        while let Ok(over) = self.over.try_recv() {
            self.keep_unsent(&over, now);
        }
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let (mut text, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
