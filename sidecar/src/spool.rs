//! The usage records of one process, kept until the authority has them, and what calls are about to cost, kept until they ended. An
//! append-only file in segments of checksummed frames (`frame`), on a folder that one process has to itself (`folder`). Called by the
//! gateway before a call's first send and at its end; read by `ship`. It must never wait for the disk in a call, and never panic.
//!
//! Two frames make a call: its [`Intent`], written before any provider can see it, and its record. A process that dies leaves an intent
//! without a record; the next one finds it and writes the record itself, as interrupted (`recover`).
//!
//! Invariant: a number names one record for ever. So only records that no crash can lose are shipped, and where the disk lost any or the
//! authority's count does not fit, what is left goes on under a new name (`renew`).
//! Invariant: a segment is deleted only after all before it, because a later one may resolve an intent of an earlier one.

mod alone;
mod disk;
mod folder;
mod frame;
mod recover;
mod renew;
mod scan;
pub mod ship;
mod state;
mod write;

pub use recover::Recovered;

use purser_config::price::Micros;
use purser_config::usage::{Batch, Record};
use purser_config::{Endpoint, Name};
use serde::{Deserialize, Serialize};
use state::State;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How often the disk is waited for at most.
const SYNC_EVERY: Duration = Duration::from_millis(10);
/// How long a record waits at most while there is an authority, in milliseconds.
const BEHIND_MS: u64 = 5_000;
/// How long a disk that refuses is left alone.
const REFUSED_EVERY: Duration = Duration::from_secs(1);

/// How large a spool may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A segment's length, reached and then passed by less than a frame.
    pub segment_bytes: u64,
    /// Of all segments; beyond it metered calls are refused.
    pub bytes: u64,
    /// Records in memory; what waits beyond them is on disk only.
    pub window: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            segment_bytes: 8 << 20,
            bytes: 64 << 20,
            window: 4096,
        }
    }
}

/// A call about to be sent, and what its record needs should the process die.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent<'a> {
    /// `x-request-id`.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// Whose call.
    pub key: Name,
    /// Its plan.
    pub plan: Cow<'a, str>,
    /// The reservation that pays; absent: the plan is not metered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<Cow<'a, str>>,
    /// What is called.
    pub endpoint: Endpoint,
    /// The model that was asked for.
    pub asked: Cow<'a, str>,
    /// Whether it is a stream.
    pub stream: bool,
    /// When it began, in unix milliseconds.
    pub began_ms: u64,
    /// The credits that are held for it.
    pub reserved: Micros,
    /// Whether they are paid when nobody knows how it ended.
    pub unconfirmed_pays: bool,
}

/// Why a call may not be sent if it is to pay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The authority has not taken records for too long.
    #[error(
        "the usage spool is full, because no authority has taken its records for a while; it goes on when one does"
    )]
    Full,
    /// The disk does not take them.
    #[error("the usage spool cannot be written: {0}")]
    Disk(String),
    /// No reader would accept it.
    #[error("what the usage spool must keep of this call is too long: use a shorter model name")]
    TooLong,
}

/// Why a folder cannot be a spool.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSpool {
    /// Another process has it.
    #[error("cannot use {} as a usage spool: another process has it; give each sidecar a folder of its own", .0.display())]
    Taken(PathBuf),
    /// The system refused.
    #[error("cannot {doing} for the usage spool {}; it needs a writable folder with room, as a disk-backed emptyDir is", folder.display())]
    Io {
        /// The spool's.
        folder: PathBuf,
        /// What was attempted.
        doing: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl InvalidSpool {
    fn io(folder: &Path, doing: &'static str, source: std::io::Error) -> Self {
        let folder = folder.to_owned();
        InvalidSpool::Io {
            folder,
            doing,
            source,
        }
    }
}

/// The spool of one process.
pub struct Spool {
    /// What calls used of their shares, for the next process.
    pub(crate) alone: alone::Alone,
    state: Mutex<State>,
    /// Damaged files that were found at the start.
    damaged: Vec<PathBuf>,
    /// Something was written.
    dirty: Notify,
    /// Something may be shipped.
    ready: Notify,
}

impl Spool {
    /// Takes the folder and settles what an earlier process left open there. Reads and waits for the disk: before serving only.
    ///
    /// # Errors
    /// When another process has the folder or the system refuses it.
    pub fn open(folder: &Path) -> Result<(Spool, Recovered), InvalidSpool> {
        Spool::open_with(folder, Limits::default())
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_with(folder: &Path, limits: Limits) -> Result<(Spool, Recovered), InvalidSpool> {
        let (state, recovered) = recover::recover(folder, limits)?;
        let spool = Spool {
            alone: alone::Alone::beside(folder),
            ..Spool::of(state, recovered.damaged.clone())
        };
        Ok((spool, recovered))
    }

    /// A spool that forgets everything when its process ends, and holds at most so many bytes: none where no authority will ever take
    /// any.
    pub fn memory(bytes: u64) -> Spool {
        let id = recover::fresh_id().unwrap_or_else(|_| format!("{:032x}", crate::clock::draw()));
        let limits = Limits {
            bytes,
            ..Limits::default()
        };
        Spool::of(State::new(id, limits, None), Vec::new())
    }

    fn of(state: State, damaged: Vec<PathBuf>) -> Spool {
        let spool = Spool {
            alone: alone::Alone::default(),
            state: Mutex::new(state),
            damaged,
            dirty: Notify::new(),
            ready: Notify::new(),
        };
        spool.ready.notify_one();
        spool
    }

    /// Its name: 32 hexadecimal digits, made with the folder.
    pub fn id(&self) -> String {
        self.state().id.clone()
    }

    /// Its name and, after a dot, this process's own: what was reserved under it, and by no record told, is nobody's once the process is
    /// gone, however long the next one lives on the same spool.
    pub fn life(&self) -> String {
        let state = self.state();
        format!("{}.{:016x}", state.id, state.life)
    }

    /// A call is about to be sent. One write, not synced.
    ///
    /// # Errors
    /// When it could not be kept: a call that pays must not be sent then, any other may.
    pub fn intent(&self, intent: &Intent<'_>) -> Result<(), Refused> {
        let mut state = self.state();
        let done = state.intent(intent);
        self.written(&state);
        done
    }

    /// The call of an intent was not sent after all, and has no record.
    pub fn withdraw(&self, id: &str) {
        let mut state = self.state();
        state.withdraw(id);
        self.written(&state);
    }

    /// The record of a call that ended, and its number. One write, not synced. None: it is lost, because there is no room and it
    /// owes nothing.
    pub fn outcome(&self, record: Record) -> Option<u64> {
        let mut state = self.state();
        let number = state.outcome(record);
        let at_once = state.disk.is_none();
        drop(state);
        if at_once {
            self.ready.notify_one();
        } else {
            self.dirty.notify_one();
        }
        number
    }

    /// At most so many records after those that the authority has, in order: always the same until `kept` is told.
    pub fn next_batch(&self, max: usize) -> Option<Batch> {
        self.state().next_batch(max)
    }

    /// How many records `next_batch` has to give.
    fn shippable(&self) -> usize {
        self.state().shippable()
    }

    /// The authority has every record of the spool of this name up to this number, for ever. Old news if the name is not ours any more.
    pub fn kept(&self, spool: &str, upto: u64) {
        let mut state = self.state();
        if state.id == spool {
            state.kept(upto);
            self.written(&state);
        }
    }

    /// Whether metered calls must be refused and unmetered ones go unrecorded.
    pub fn is_full(&self) -> bool {
        self.state().is_full()
    }

    /// What is wrong with its disk and what to do; none: nothing.
    pub fn fault(&self) -> Option<String> {
        self.state().fault()
    }

    /// Why metered calls are refused, and what to do; none: they are not, or nothing here is ever to take any.
    pub fn trouble(&self) -> Option<String> {
        let state = self.state();
        let full = state.limits.bytes > 0 && state.is_full();
        state
            .fault()
            .or_else(|| full.then(|| Refused::Full.to_string()))
    }

    /// Which files of an earlier process were damaged, and what to do; none: none were, or a person has removed them since. Asks the
    /// disk only where some were.
    pub fn damage(&self) -> Option<String> {
        let there = self.damaged.iter().filter(|file| file.exists());
        let files = there.map(|file| file.display().to_string());
        let files: Vec<String> = files.collect();
        (!files.is_empty()).then(|| {
            format!(
                "usage records of an earlier process were damaged; what could be read of them is on its way, calls without a record count as interrupted, and the files were set aside: {}. Look at the disk, then remove them",
                files.join(", ")
            )
        })
    }

    /// Records of unmetered calls that there was no room for.
    pub fn lost(&self) -> u64 {
        self.state().lost
    }

    /// Records that the authority may not have.
    pub fn waiting(&self) -> u64 {
        let state = self.state();
        state.last - state.kept
    }

    /// When the call of the oldest record that waits ended, in unix milliseconds; `Some(None)`: none waits; `None`: it is on disk only.
    pub fn oldest(&self) -> Option<Option<u64>> {
        let state = self.state();
        if state.last == state.kept {
            return Some(None);
        }
        state.queue.front().map(|record| Some(ended(record)))
    }

    /// Whether the record of a call that ended more than a few seconds ago still waits, as where no authority takes any.
    pub(crate) fn is_behind(&self, wall_ms: u64) -> bool {
        let state = self.state();
        let oldest = state.queue.front();
        let is_old = |record: &Record| ended(record).saturating_add(BEHIND_MS) <= wall_ms;
        oldest.map_or(state.last > state.kept, is_old)
    }

    /// Goes on under a new name with every record that the authority may not have, because its count does not fit. Waits for the disk.
    ///
    /// # Errors
    /// When the disk refuses; nothing has changed then.
    pub fn renew(&self) -> std::io::Result<()> {
        self.state().renew()
    }

    /// Waits for the disk until everything written so far is durable, and deletes what nothing needs. Blocks.
    pub fn sync(&self) {
        let mut state = self.state();
        // A sync that failed once tells nothing when it succeeds later: what it was for is written anew, elsewhere.
        let bad = state
            .disk
            .as_ref()
            .is_some_and(|disk| disk.unsynced.is_some());
        if bad && let Err(error) = state.renew() {
            tracing::warn!(%error, "the usage spool could not be written anew");
            return;
        }
        let round = state.prepare();
        drop(state);
        if let Some(mut round) = round {
            round.carry_out();
            self.state().finish(round);
        }
        self.ready.notify_one();
    }

    /// Makes what is written durable, at most every 10 ms, for as long as it is polled.
    pub async fn run(self: Arc<Self>) {
        let mut told = None;
        loop {
            self.dirty.notified().await;
            tokio::time::sleep(SYNC_EVERY).await;
            let spool = Arc::clone(&self);
            let _ = tokio::task::spawn_blocking(move || spool.sync()).await;
            let fault = self.fault();
            if let Some(fault) = fault.as_ref().filter(|_| fault != told) {
                tracing::error!(fault, "the usage spool is at fault");
            }
            told = fault;
            if told.is_some() {
                tokio::time::sleep(REFUSED_EVERY).await;
                self.dirty.notify_one();
            }
        }
    }

    /// Something may have been written, which matters to a disk only.
    fn written(&self, state: &State) {
        if state.disk.is_some() {
            self.dirty.notify_one();
        }
    }

    /// Until something may be there to ship.
    async fn ready(&self) {
        self.ready.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the call of a record did, in unix milliseconds.
fn ended(record: &Record) -> u64 {
    record.began_ms.saturating_add(record.latency_ms)
}

#[cfg(test)]
mod tests;
