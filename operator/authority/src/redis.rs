//! The windows in Redis or Valkey, so that several replicas of the operator decide together. The same questions and answers as
//! `Windows`, one script a question; called by the facade. It never decides by itself what the store did not say, keeps no credits,
//! and knows no stream.
//!
//! ```text
//! ask, hold, settle, hello --> office: the term, the connection --> a script on one key: the fence, the clock, the window
//!                                 |
//!                     another run, a stepped clock, an empty store: a new term, told by `epochs`
//! ```
//!
//! Time is the server's. What is granted occupies for `quota::occupancy_ms`, exactly up to 64 entries a window and in grains of 250 ms
//! beyond. A grant of which nobody heard, because its answer was late, occupies all the same: an error is never more than the limit.
//! Scripts read the term and who lives besides one key's own names; a Redis Cluster is therefore refused.

mod ask;
mod board;
mod clock;
mod error;
mod hold;
mod link;
mod office;
mod people;
mod report;
mod scripts;
mod sharing;

pub use error::{RedisError, Unreachable};

use crate::terms::Terms;
use futures::future::BoxFuture;
use hold::Seats;
use office::{Office, Scripted, Store};
use people::People;
use purser_config::WhenQuotaUnreachable;
use purser_config::quota::occupancy_ms;
use redis::Cmd;
use scripts::Script;
use sharing::Sharing;
use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often the term is looked at.
const PULSE: Duration = Duration::from_millis(250);
/// How often the store is told who is connected.
const REFRESH: Duration = Duration::from_secs(2);
/// How long a server that loads its data is waited for.
const LOADS: Duration = Duration::from_secs(10);
/// How long a new authority listens to Hellos before it grants under `Share`, in milliseconds.
const LISTENS_MS: u64 = 2_000;
/// When a sidecar may ask again where time alone says nothing, in milliseconds.
const AGAIN_MS: u64 = 1_000;
/// The most that is kept to be told later.
const OWED: usize = 65_536;

/// Answers, and the term that they hold in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers<T> {
    /// The term: what an older one granted is void.
    pub epoch: u64,
    /// One per question.
    pub answers: Vec<T>,
}

/// Windows, once they are open; boxed, as `ledger::Opening` is.
pub type Opening<'a> = BoxFuture<'a, Result<RedisWindows, RedisError>>;

/// The windows of one replica, over what all replicas share.
pub struct RedisWindows {
    inner: Arc<Inner>,
    tending: tokio::task::JoinHandle<()>,
}

struct Inner {
    store: Store,
    terms: RwLock<Arc<Terms>>,
    people: Mutex<People>,
    seats: Mutex<Seats>,
    sharing: Mutex<Sharing>,
    /// What ended and could not be told, with its term.
    owed: Mutex<VecDeque<(u64, Cmd)>>,
    tokens: AtomicU64,
    refreshed: Mutex<Option<(u64, Instant)>>,
    /// Why the store could not be asked when that was last tried.
    fault: Mutex<Option<String>>,
}

impl RedisWindows {
    /// Windows in the server at `url`, all of whose names begin with `prefix`. Replicas that share both decide together.
    ///
    /// # Errors
    /// When the server cannot be reached, or would forget what was used.
    pub fn open<'a>(url: &'a str, prefix: &'a str) -> Opening<'a> {
        RedisWindows::open_at(url, prefix, None)
    }

    /// With a clock of a test's own, in microseconds.
    #[doc(hidden)]
    pub fn open_at<'a>(url: &'a str, prefix: &'a str, scripted: Option<Scripted>) -> Opening<'a> {
        Box::pin(RedisWindows::opened(url, prefix, scripted))
    }

    async fn opened(
        url: &str,
        prefix: &str,
        scripted: Option<Scripted>,
    ) -> Result<Self, RedisError> {
        let inner = Arc::new(Inner {
            store: Store::new(url, prefix, scripted)?,
            terms: RwLock::default(),
            people: Mutex::default(),
            seats: Mutex::default(),
            sharing: Mutex::default(),
            owed: Mutex::default(),
            tokens: AtomicU64::new(1),
            refreshed: Mutex::default(),
            fault: Mutex::default(),
        });
        inner.first().await?;
        let tending = tokio::spawn(tend(Arc::clone(&inner)));
        Ok(RedisWindows { inner, tending })
    }

    /// Replaces all limits. Windows stay as long as something occupies them, whatever became of their key.
    pub fn configure(&self, terms: Terms) {
        self.inner.sharing().configure(&terms);
        let mut present = self
            .inner
            .terms
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *present = Arc::new(terms);
    }

    /// The term that this replica is in.
    pub fn epoch(&self) -> u64 {
        *self.inner.store.epochs().borrow()
    }

    /// The terms as they begin. When it changes, what was granted before is not known whole: all streams are to be closed, so that
    /// the sidecars say Hello again.
    pub fn epochs(&self) -> watch::Receiver<u64> {
        self.inner.store.epochs()
    }

    /// Why the store cannot be asked, and what to do; none: it can.
    pub fn fault(&self) -> Option<String> {
        let fault = &self.inner.fault;
        let fault = fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.clone()
    }

    /// Whether the store can be asked at this moment.
    pub fn reachable(&self) -> bool {
        self.inner.store.office().is_ok()
    }
}

impl Drop for RedisWindows {
    fn drop(&mut self) {
        self.tending.abort();
    }
}

impl Inner {
    /// Enters the term for the first time; a server that is still starting is waited for.
    async fn first(&self) -> Result<(), RedisError> {
        let began = Instant::now();
        loop {
            match self.store.tend().await {
                Err(RedisError::Loading { .. }) if began.elapsed() < LOADS => {
                    tokio::time::sleep(PULSE).await;
                }
                Err(RedisError::Loading { at, .. }) => {
                    let waited_s = LOADS.as_secs();
                    return Err(RedisError::Loading { at, waited_s });
                }
                tended => return tended,
            }
        }
    }

    /// Tells the store something that must not be forgotten, now or later.
    async fn tell(&self, office: &Arc<Office>, calls: Vec<Cmd>) {
        if self.store.run(office, calls.clone()).await.is_ok() {
            return;
        }
        self.owe(office, calls);
    }

    /// Puts by what is to be told later.
    fn owe(&self, office: &Office, calls: Vec<Cmd>) {
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        let room = OWED.saturating_sub(owed.len());
        owed.extend(
            calls
                .into_iter()
                .take(room)
                .map(|call| (office.epoch, call)),
        );
    }

    /// Tells what could not be told before. What a term is over for is forgotten with it.
    async fn repay(&self, office: &Arc<Office>) {
        let calls: Vec<Cmd> = {
            let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
            let due = owed.drain(..).filter(|(epoch, _)| *epoch == office.epoch);
            due.map(|(_, call)| call).collect()
        };
        for some in calls.chunks(500) {
            self.tell(office, some.to_vec()).await;
        }
    }

    /// Says who is connected.
    async fn refresh(&self, office: &Arc<Office>) {
        let owners = self.people().owners(office.epoch);
        let before = *self
            .refreshed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let fresh = |(epoch, at): (u64, Instant)| epoch == office.epoch && at.elapsed() < REFRESH;
        if before.is_some_and(fresh) {
            return;
        }
        let mut call = self
            .store
            .call(office, Script::Refresh, &self.store.of_people());
        call.arg(owners);
        if self.store.run(office, vec![call]).await.is_ok() {
            let now = Some((office.epoch, Instant::now()));
            *self
                .refreshed
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = now;
        }
    }

    fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.terms.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sharing(&self) -> MutexGuard<'_, Sharing> {
        self.sharing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the connection and the term, for as long as the windows live.
async fn tend(inner: Arc<Inner>) {
    let mut failing = false;
    loop {
        let tended = inner.store.tend().await;
        if let (Err(error), false) = (&tended, failing) {
            tracing::warn!(%error, "the windows cannot be asked; trying again");
        }
        if failing && tended.is_ok() {
            tracing::info!("the windows can be asked again");
        }
        failing = tended.is_err();
        *inner.fault.lock().unwrap_or_else(PoisonError::into_inner) =
            tended.err().map(|error| error.to_string());
        if let Ok(office) = inner.store.office() {
            inner.refresh(&office).await;
            inner.repay(&office).await;
            inner.share(&office).await;
        }
        tokio::select! {
            () = tokio::time::sleep(PULSE) => {}
            () = inner.store.wake.notified() => {}
        }
        // A server that is down is asked no more often than this, however many wake us.
        if failing {
            tokio::time::sleep(PULSE / 5).await;
        }
    }
}

impl Office {
    /// From when, in the server's microseconds, enough is known to grant: as `Windows` learns.
    fn ready(&self, when: WhenQuotaUnreachable) -> i64 {
        let learns_ms = match (self.lost, when) {
            (false, _) => return 0,
            (true, WhenQuotaUnreachable::Share) => LISTENS_MS,
            (true, WhenQuotaUnreachable::Deny) => occupancy_ms(0),
        };
        self.since_us + i64::try_from(learns_ms * 1_000).unwrap_or(0)
    }
}

/// A limit, as the scripts read it.
fn optional(limit: Option<impl ToString>) -> String {
    limit.map_or_else(String::new, |limit| limit.to_string())
}

/// Rounded up: whoever waits so long does not come early.
fn millis(us: i64) -> u64 {
    u64::try_from(us).unwrap_or(0).div_ceil(1_000)
}
