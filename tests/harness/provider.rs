//! A provider on loopback that speaks OpenAI's wire and fails in every way that providers fail.
//! Owns its port, its connections and the log of what reached it; tests start it, switch its behaviour and wait on its counts.
//! It must never repair, retry or time out by itself: every fault is one that a test asked for.

mod act;
mod answers;
mod behaviour;
mod book;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

pub use behaviour::{Behaviour, Script};
pub use book::Book;

use crate::wire::{Head, Wire};
use book::Voice;

/// How many calls the log keeps; the count goes on.
const LOG: usize = 10_000;
/// How long the awaiting methods wait before they say what is missing.
const PATIENCE: Duration = Duration::from_secs(30);

/// The running provider. It ends, and its connections with it, when this is dropped.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    shared: Arc<Shared>,
    doors: mpsc::Sender<Door>,
}

/// One call as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// `POST` and so on.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names as written, in their order.
    pub headers: Vec<(String, String)>,
    /// The very bytes.
    pub body: Bytes,
    /// When the last of them was in.
    pub at: Instant,
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Calls read to their last byte.
    pub calls: u64,
    /// Calls whose behaviour was performed to its end.
    pub answered: u64,
    /// Calls whose caller left first.
    pub abandoned: u64,
    /// Calls in hand now.
    pub at_once: u64,
    /// Most calls ever in hand at one time.
    pub most_at_once: u64,
}

#[derive(Debug)]
struct Shared {
    script: Mutex<Script>,
    log: Mutex<VecDeque<Received>>,
    followers: Mutex<Vec<mpsc::UnboundedSender<Received>>>,
    counts: watch::Sender<Counts>,
    book: Mutex<Book>,
}

/// Open or close the port, and say when it is done.
struct Door {
    open: bool,
    done: oneshot::Sender<anyhow::Result<()>>,
}

impl Provider {
    /// Starts on a port that the system chooses.
    pub async fn start(script: impl Into<Script>) -> anyhow::Result<Self> {
        // This socket never listens: it only holds the port, so that `Refuses` is a refused connection and the port is ours to reopen.
        let holder = socket("127.0.0.1:0".parse()?)?;
        let address = holder.local_addr()?;
        let shared = Arc::new(Shared {
            script: Mutex::new(Script::Always(Behaviour::Refuses)),
            log: Mutex::default(),
            followers: Mutex::default(),
            counts: watch::Sender::new(Counts::default()),
            book: Mutex::default(),
        });
        let (doors, orders) = mpsc::channel(1);
        tokio::spawn(keep_port(holder, shared.clone(), orders));
        let provider = Self {
            address,
            shared,
            doors,
        };
        provider.set(script).await?;
        Ok(provider)
    }

    /// What a channel's `baseURL` is.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on calls meet this; in force when it returns. Calls in hand go on as they began, unless the port closes.
    pub async fn set(&self, script: impl Into<Script>) -> anyhow::Result<()> {
        let script = script.into();
        let open = !script.refuses();
        *locked(&self.shared.script) = script;
        let (done, opened) = oneshot::channel();
        self.doors
            .send(Door { open, done })
            .await
            .ok()
            .context("the provider has ended")?;
        opened.await.context("the provider has ended")?
    }

    /// What has happened so far.
    pub fn counts(&self) -> Counts {
        *self.shared.counts.borrow()
    }

    /// What it says that its answers took, of all that are over.
    pub fn book(&self) -> Book {
        *locked(&self.shared.book)
    }

    /// Calls read to their last byte.
    pub fn calls(&self) -> u64 {
        self.counts().calls
    }

    /// The newest calls, oldest first.
    pub fn log(&self) -> Vec<Received> {
        locked(&self.shared.log).iter().cloned().collect()
    }

    /// The newest call.
    pub fn last(&self) -> Option<Received> {
        locked(&self.shared.log).back().cloned()
    }

    /// Every call from now on, however many there are; they wait until they are read.
    pub fn follow(&self) -> mpsc::UnboundedReceiver<Received> {
        let (follower, calls) = mpsc::unbounded_channel();
        locked(&self.shared.followers).push(follower);
        calls
    }

    /// Forgets the log; counts stay.
    pub fn forget(&self) {
        locked(&self.shared.log).clear();
    }

    /// Waits until so many calls have come.
    pub async fn until_calls(&self, calls: u64) -> anyhow::Result<Counts> {
        self.until(&format!("{calls} calls"), |counts| counts.calls >= calls)
            .await
    }

    /// Waits until the counts are so.
    pub async fn until(
        &self,
        what: &str,
        so: impl FnMut(&Counts) -> bool,
    ) -> anyhow::Result<Counts> {
        let mut counts = self.shared.counts.subscribe();
        let reached = tokio::time::timeout(PATIENCE, counts.wait_for(so))
            .await
            .map(|seen| seen.map(|counts| *counts));
        match reached {
            Ok(seen) => Ok(seen?),
            Err(_) => anyhow::bail!("waited {PATIENCE:?} for {what}, saw {:?}", self.counts()),
        }
    }
}

impl Received {
    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(written, _)| written.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn new(head: &Head, body: Bytes) -> Self {
        let mut line = head.first_line().split(' ').map(str::to_owned);
        Self {
            method: line.next().unwrap_or_default(),
            path: line.next().unwrap_or_default(),
            headers: head
                .headers()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body,
            at: Instant::now(),
        }
    }
}

impl Shared {
    fn arrived(&self, call: &Received) -> Behaviour {
        let mut log = locked(&self.log);
        if log.len() == LOG {
            log.pop_front();
        }
        log.push_back(call.clone());
        drop(log);
        locked(&self.followers).retain(|follower| follower.send(call.clone()).is_ok());
        let behaviour = locked(&self.script).next();
        self.counts.send_modify(|counts| counts.calls += 1);
        behaviour
    }
}

/// Counts a call in hand for as long as it lives, however its connection ends.
struct InHand<'a>(&'a watch::Sender<Counts>);

impl<'a> InHand<'a> {
    fn new(counts: &'a watch::Sender<Counts>) -> Self {
        counts.send_modify(|counts| {
            counts.at_once += 1;
            counts.most_at_once = counts.most_at_once.max(counts.at_once);
        });
        Self(counts)
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|counts| counts.at_once -= 1);
    }
}

async fn keep_port(holder: TcpSocket, shared: Arc<Shared>, mut orders: mpsc::Receiver<Door>) {
    let mut listener: Option<TcpListener> = None;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some(Door { open, done }) = order else { return };
                let outcome = match (&listener, open) {
                    (None, true) => listen(&holder).map(|opened| listener = Some(opened)),
                    (Some(_), false) => { listener = None; connections.shutdown().await; Ok(()) }
                    _ => Ok(()),
                };
                let _ = done.send(outcome);
            }
            accepted = accept(listener.as_ref()) => {
                shared.counts.send_modify(|counts| counts.connections += 1);
                connections.spawn(converse(accepted, shared.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            return socket;
        }
    }
}

async fn converse(socket: TcpStream, shared: Arc<Shared>) {
    let Ok(mut wire) = Wire::new(socket) else {
        return;
    };
    while let Ok(Some(head)) = wire.head().await {
        let Ok(body) = wire.body(head.rest()).await else {
            return;
        };
        let call = Received::new(&head, body);
        let behaviour = shared.arrived(&call);
        let in_hand = InHand::new(&shared.counts);
        let mut voice = Voice::new(&mut wire);
        let outcome = act::perform(&mut voice, &behaviour, &call).await;
        if let Some(said) = voice.said {
            locked(&shared.book).enter(said, outcome.is_err());
        }
        shared.counts.send_modify(|counts| match outcome {
            Err(_) => counts.abandoned += 1,
            Ok(_) => counts.answered += 1,
        });
        drop(in_hand);
        match outcome {
            Ok(act::After::Keep) if head.keeps_open() => {}
            Ok(act::After::Reset) => return wire.reset(),
            _ => return,
        }
    }
}

fn listen(holder: &TcpSocket) -> anyhow::Result<TcpListener> {
    socket(holder.local_addr()?)?
        .listen(1024)
        .context("listening")
}

fn socket(address: SocketAddr) -> anyhow::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket
        .bind(address)
        .with_context(|| format!("binding {address}"))?;
    Ok(socket)
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
