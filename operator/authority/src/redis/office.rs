//! The term that this replica is in, and the connection on which it is: opened again when it breaks, left when another term begins.
//! Every question of the windows goes through `Store::run`; no answer passes that is late, fenced, or from a clock that stepped.

use super::clock::{Clock, Reading};
use super::error::{RedisError, Unreachable};
use super::link::{Link, PATIENCE, Reply, client, place};
use super::scripts::Script;
use purser_config::Name;
use redis::{Client, Cmd, Pipeline};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// A test's clock in microseconds, for all scripts.
pub(super) type Scripted = Arc<AtomicI64>;

/// How long an answer may take while a test's clock stands: what no machine is too busy for.
const STANDS: Duration = Duration::from_secs(60);

/// A term, as this replica entered it.
pub(super) struct Office {
    link: Link,
    pub(super) epoch: u64,
    /// When the term began, in the server's microseconds.
    pub(super) since_us: i64,
    /// Whether an authority was here before, of whose grants nothing is known.
    pub(super) lost: bool,
    /// A number of this replica's own in this term.
    pub(super) number: u64,
}

/// The server, as far as it can be asked.
pub(super) struct Store {
    client: Client,
    prefix: String,
    scripted: Option<Scripted>,
    office: RwLock<Option<Arc<Office>>>,
    epochs: watch::Sender<u64>,
    last: AtomicU64,
    clock: Mutex<Clock>,
    stepped: AtomicBool,
    origin: Instant,
    /// Something is to be done before the next pulse.
    pub(super) wake: Notify,
}

impl Store {
    pub(super) fn new(
        url: &str,
        prefix: &str,
        scripted: Option<Scripted>,
    ) -> Result<Store, RedisError> {
        Ok(Store {
            client: client(url)?,
            prefix: prefix.to_owned(),
            scripted,
            office: RwLock::default(),
            epochs: watch::Sender::new(0),
            last: AtomicU64::new(0),
            clock: Mutex::default(),
            stepped: AtomicBool::new(false),
            origin: Instant::now(),
            wake: Notify::new(),
        })
    }

    /// The term and its connection.
    pub(super) fn office(&self) -> Result<Arc<Office>, Unreachable> {
        let office = self.office.read().unwrap_or_else(PoisonError::into_inner);
        office.clone().ok_or(Unreachable)
    }

    /// The last term that was entered, and each that will be.
    pub(super) fn epochs(&self) -> watch::Receiver<u64> {
        self.epochs.subscribe()
    }

    /// Connects if need be, enters the term, sees that it is still the same. To be called several times a second.
    pub(super) async fn tend(&self) -> Result<(), RedisError> {
        let (link, before) = match self.office() {
            Ok(office) => (office.link.clone(), Some(office)),
            Err(_) => (Link::open(&self.client).await?, None),
        };
        match self.enter(&link, before.as_deref()).await {
            Ok(Some(office)) => self.adopt(office),
            Ok(None) => {}
            Err(Unreachable) => {
                self.leave(before.as_ref());
                let at = place(&self.client);
                return Err(match link.said() {
                    Some(why) => RedisError::Fails { at, why },
                    None => {
                        let why = "it did not answer in time".to_owned();
                        RedisError::Unreachable { at, why }
                    }
                });
            }
        }
        Ok(())
    }

    async fn enter(
        &self,
        link: &Link,
        before: Option<&Office>,
    ) -> Result<Option<Office>, Unreachable> {
        let (mut number, mut epoch) = before.map_or((0, 0), |office| (office.number, office.epoch));
        loop {
            let wants = i32::from(number == 0);
            let stepped = i32::from(self.stepped.swap(false, Ordering::Relaxed));
            let mut calls = redis::pipe();
            let mut call = link.call(Script::Term, self.keys(String::new(), "").each());
            call.arg(&link.run).arg(self.last.load(Ordering::Relaxed));
            call.arg(stepped).arg(wants).arg(self.time());
            calls.add_command(call);
            let sent = self.origin.elapsed();
            let replies: Vec<Reply> = link.send(&calls, self.patience(PATIENCE)).await?;
            let Some(&[_, now, found, since_us, lost, given]) = replies.first().map(Vec::as_slice)
            else {
                return Err(Unreachable);
            };
            let found = u64::try_from(found).map_err(|_| Unreachable)?;
            if found == epoch && wants == 0 {
                if self.steps(sent, now) {
                    continue;
                }
                return Ok(None);
            }
            if found != self.last.load(Ordering::Relaxed) {
                // A new term begins with its own clock.
                self.clock().forget();
            }
            (epoch, number) = (found, u64::try_from(given).unwrap_or(0));
            if number == 0 {
                continue;
            }
            return Ok(Some(Office {
                link: link.clone(),
                epoch,
                since_us,
                lost: lost == 1,
                number,
            }));
        }
    }

    fn adopt(&self, office: Office) {
        let epoch = office.epoch;
        let mut present = self.office.write().unwrap_or_else(PoisonError::into_inner);
        *present = Some(Arc::new(office));
        drop(present);
        self.last.store(epoch, Ordering::Relaxed);
        self.epochs.send_if_modified(|known| {
            let new = *known != epoch;
            if new && *known != 0 {
                tracing::warn!(
                    epoch,
                    "the windows began a new term: what was granted before is not known whole"
                );
            }
            *known = epoch;
            new
        });
    }

    /// The connection is not to be trusted any more.
    fn leave(&self, left: Option<&Arc<Office>>) {
        let mut present = self.office.write().unwrap_or_else(PoisonError::into_inner);
        if let (Some(now), Some(left)) = (present.as_ref(), left)
            && Arc::ptr_eq(now, left)
        {
            *present = None;
        }
        self.wake.notify_one();
    }

    /// A call of a script about a key, a channel or the sidecars, fenced by the term.
    pub(super) fn call(&self, office: &Office, script: Script, keys: &Keys) -> Cmd {
        let mut call = office.link.call(script, keys.each());
        call.arg(office.epoch).arg(self.time());
        call
    }

    /// Asks all of it at once; all answers, or none.
    pub(super) async fn run(
        &self,
        office: &Arc<Office>,
        calls: Vec<Cmd>,
    ) -> Result<Vec<Reply>, Unreachable> {
        self.run_for(office, calls, PATIENCE).await
    }

    /// The same, with more patience.
    pub(super) async fn run_for(
        &self,
        office: &Arc<Office>,
        calls: Vec<Cmd>,
        patience: Duration,
    ) -> Result<Vec<Reply>, Unreachable> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let asked = calls.len();
        let sent = self.origin.elapsed();
        let replies: Vec<Reply> = self.fetch(office, calls, patience).await?;
        let fenced = replies.iter().any(|reply| reply.first() != Some(&1));
        let last = replies.last().and_then(|reply| reply.get(1)).copied();
        if fenced || replies.len() != asked || last.is_none_or(|now| self.steps(sent, now)) {
            self.wake.notify_one();
            return Err(Unreachable);
        }
        Ok(replies)
    }

    /// Plain commands, unfenced.
    pub(super) async fn fetch<T: redis::FromRedisValue>(
        &self,
        office: &Arc<Office>,
        calls: Vec<Cmd>,
        patience: Duration,
    ) -> Result<T, Unreachable> {
        let mut all = Pipeline::with_capacity(calls.len());
        for call in calls {
            all.add_command(call);
        }
        let answered = office.link.send(&all, self.patience(patience)).await;
        if answered.is_err() {
            self.leave(Some(office));
        }
        answered
    }

    fn steps(&self, sent: Duration, server_us: i64) -> bool {
        if self.scripted.is_some() {
            return false;
        }
        let read = Reading {
            sent,
            heard: self.origin.elapsed(),
            server_us,
        };
        let stepped = self.clock().steps(read);
        if stepped {
            self.stepped.store(true, Ordering::Relaxed);
            tracing::warn!("the clock of Redis stepped against ours");
        }
        stepped
    }

    fn clock(&self) -> std::sync::MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// By a clock that stands no answer is late.
    fn patience(&self, patience: Duration) -> Duration {
        self.scripted.as_ref().map_or(patience, |_| STANDS)
    }

    fn time(&self) -> String {
        let scripted = self.scripted.as_ref();
        scripted.map_or_else(String::new, |at| at.load(Ordering::Relaxed).to_string())
    }

    fn keys(&self, stem: String, by: &str) -> Keys {
        let name = |what: &str| format!("{}:{what}", self.prefix);
        Keys([name("term"), stem, name("alive"), name(&format!("by:{by}"))])
    }

    /// What scripts about a key are given.
    pub(super) fn of_key(&self, key: &Name, owner: u64) -> Keys {
        self.keys(format!("{}:k{{{key}}}:", self.prefix), &owner.to_string())
    }

    /// What scripts about a channel are given.
    pub(super) fn of_channel(&self, channel: &Name, owner: u64) -> Keys {
        let stem = format!("{}:c{{{channel}}}:", self.prefix);
        self.keys(stem, &owner.to_string())
    }

    /// What scripts about the sidecars are given.
    pub(super) fn of_people(&self) -> Keys {
        self.keys(format!("{}:sidecars", self.prefix), "")
    }

    /// What scripts about the shares of a term are given.
    pub(super) fn of_shares(&self, epoch: u64) -> Keys {
        self.keys(self.shares(epoch, ""), "")
    }

    /// A name among the shares of a term.
    pub(super) fn shares(&self, epoch: u64, what: &str) -> String {
        format!("{}:shares:{epoch}:{what}", self.prefix)
    }

    /// A name of the whole store.
    pub(super) fn name(&self, what: &str) -> String {
        format!("{}:{what}", self.prefix)
    }
}

/// The names that a script is given.
pub(super) struct Keys([String; 4]);

impl Keys {
    fn each(&self) -> [&str; 4] {
        self.0.each_ref().map(String::as_str)
    }
}
