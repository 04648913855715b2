//! The stream to the operator: configuration comes in, questions to the authority go out. Reconnects for ever. Started by
//! `run`; `ledger` asks through its handle. It must never decide what an unanswered question means: the plan does.

mod connect;
mod session;

pub use connect::{Endpoint, LinkError};

use crate::clock::{self, Clock};
use crate::gateway::Gateway;
use crate::ledger::{Answer, Authority, Memory, Unreachable};
use crate::store::Store;
use purser_config::quota::{Ask, Grant, Return};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long one question may stay unanswered before the plan decides.
const ANSWER_WITHIN: Duration = Duration::from_millis(750);
const RECONNECT_LEAST: Duration = Duration::from_millis(100);
const RECONNECT_MOST: Duration = Duration::from_secs(5);

/// A question and where its answer goes.
type Question = (Ask, oneshot::Sender<Grant>);

/// What the ledger holds of the link.
pub struct Handle {
    questions: mpsc::UnboundedSender<Question>,
    returns: mpsc::UnboundedSender<Return>,
    connected: Arc<AtomicBool>,
}

impl Authority for Handle {
    fn ask(&self, ask: Ask) -> Answer {
        if !self.connected.load(Ordering::Acquire) {
            return Box::pin(std::future::ready(Err(Unreachable)));
        }
        let (answer, answered) = oneshot::channel();
        let sent = self.questions.send((ask, answer));
        Box::pin(async move {
            sent.map_err(|_| Unreachable)?;
            match tokio::time::timeout(ANSWER_WITHIN, answered).await {
                Ok(Ok(grant)) => Ok(grant),
                _ => Err(Unreachable),
            }
        })
    }

    fn give_back(&self, unused: Return) {
        // Without a connection the token runs out by itself.
        let _ = self.returns.send(unused);
    }
}

/// The link's own side, to be run as a task.
pub struct Link {
    questions: mpsc::UnboundedReceiver<Question>,
    returns: mpsc::UnboundedReceiver<Return>,
    connected: Arc<AtomicBool>,
    instance: String,
}

/// What the link reads and writes in this process.
pub struct Surroundings {
    /// Where the operator is.
    pub endpoint: Endpoint,
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
    let (give_back, returns) = mpsc::unbounded_channel();
    let connected = Arc::new(AtomicBool::new(false));
    let instance = format!("{:016x}{:016x}", clock::draw(), clock::draw());
    (
        Handle {
            questions: ask,
            returns: give_back,
            connected: Arc::clone(&connected),
        },
        Link {
            questions,
            returns,
            connected,
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
            self.connected.store(false, Ordering::Release);
            around.gateway.metrics.connected.set(0);
            self.forget_questions();
            if around.clock.now() - began > RECONNECT_MOST {
                pause = RECONNECT_LEAST;
            }
            tracing::warn!(error, operator = %around.endpoint, "not connected to the operator; trying again");
            tokio::time::sleep(pause.mul_f64(0.5 + clock::fraction(clock::draw()))).await;
            pause = (pause * 2).min(RECONNECT_MOST);
        }
    }

    /// Questions that nobody will answer: dropping them tells who asked.
    fn forget_questions(&mut self) {
        while self.questions.try_recv().is_ok() {}
        while self.returns.try_recv().is_ok() {}
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let (mut text, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
