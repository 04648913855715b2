//! The ledger: credits, first uses and usage records, kept for ever in `SQLite` or PostgreSQL. Called by the authority and by whoever
//! shows accounts. An answer means that it is kept: a loss of power after it loses nothing.
//!
//! ```text
//! reserve, keep, ... --> worker: one transaction for all that wait --> answers
//!                          load rows -> rules of the book -> save rows        sheet, translate, credits, usage, admin
//!                          through one connection                             rows: sqlite, postgres
//! ```
//!
//! Invariant: no rule is written here or in a store, and none is written twice.
//! Invariant: whatever is asked again with the same id is answered again, and done once.

mod admin;
mod change;
mod credits;
mod deeds;
mod error;
mod fill;
mod log;
mod payments;
mod people;
mod postgres;
mod reads;
mod rows;
mod schema;
mod sheet;
mod sqlite;
mod sums;
mod translate;
mod usage;
mod worker;

pub use crate::book::{Activation, TopUpRefused};
pub use admin::{Renewal, Renewed, TopUp, ToppedUp};
pub use credits::{Activate, Held, Refused, ReserveCredits};
pub use deeds::{Deed, DeedPage};
pub use error::LedgerError;
pub use log::{LogPage, Outcome, Paging, Query, Scope, Tail};
pub use payments::{Bought, Mark, Paid, PayRefused, Payment, PaymentPage, Received, Sale, Term};
pub use people::{Patience, Role, Session, User, UserRefused};
pub use reads::{AccountFacts, Discrepancy, Filter};
pub use sums::{By, Sum};
pub use usage::{KeepRefused, Kept, Sender};

use change::Change;
use futures::future::{BoxFuture, LocalBoxFuture};
use purser_config::Name;
use purser_config::usage::{Batch, Record};
use reads::{Question, SWEPT_AT_ONCE};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tokio::sync::{mpsc, oneshot};

/// A ledger, once it is open. Boxed, as all is that much stands behind: an async function is compiled where it is awaited, which would be
/// in each of the programs and tests that open one.
pub type Opening = BoxFuture<'static, Result<Ledger, LedgerError>>;

/// A handle; all clones are of one ledger, which ends with the last of them.
#[derive(Clone)]
pub struct Ledger {
    writes: mpsc::Sender<worker::Job>,
    reads: mpsc::Sender<Question>,
}

impl Ledger {
    /// Opens the file, or makes it; its folder must exist.
    pub fn sqlite(path: &Path) -> Opening {
        let (one, other) = (path.to_owned(), path.to_owned());
        Box::pin(async move {
            let writes = worker::writes(move || sqlite::Sqlite::new(one)).await?;
            let reads = worker::reads(move || sqlite::Sqlite::new(other)).await?;
            Ok(Ledger { writes, reads })
        })
    }

    /// The same without a thread of its own: it works while the future that comes with it is polled, in the order in which it was asked.
    /// So a simulation decides when, and what a kill cuts off.
    pub fn sqlite_here(
        path: &Path,
    ) -> LocalBoxFuture<'static, Result<(Ledger, LocalBoxFuture<'static, ()>), LedgerError>> {
        let (writing, reading) = (path.to_owned(), path.to_owned());
        Box::pin(async move {
            let (writing, reading) = (sqlite::Sqlite::new(writing), sqlite::Sqlite::new(reading));
            let (writes, reads, work) = worker::here(writing, reading).await?;
            let work: LocalBoxFuture<'static, ()> = Box::pin(work);
            Ok((Ledger { writes, reads }, work))
        })
    }

    /// Opens the schema `purser` of the database at `postgres://…`, or makes it. A server that is lost later is looked for again.
    pub fn postgres(url: &str) -> Opening {
        let address = postgres::Address::read(url);
        Box::pin(async move {
            let address = address?;
            let again = address.clone();
            let writes = worker::writes(move || postgres::Postgres::new(address)).await?;
            let reads = worker::reads(move || postgres::Postgres::new(again)).await?;
            Ok(Ledger { writes, reads })
        })
    }

    /// Holds credits, of a grant that is made now where it is due.
    pub async fn reserve(
        &self,
        asked: ReserveCredits,
    ) -> Result<Result<Held, Refused>, LedgerError> {
        self.change(asked).await
    }

    /// Gives back what a reservation holds; answers whether it held anything open.
    pub async fn release(&self, key: Name, id: String, wall_ms: u64) -> Result<bool, LedgerError> {
        self.change(credits::Release { key, id, wall_ms }).await
    }

    /// Begins a key's time where it has not begun.
    pub async fn activate(&self, asked: Activate) -> Result<Activation, LedgerError> {
        self.change(asked).await
    }

    /// Keeps a batch of usage records, and lets each pay from its reservation.
    pub async fn keep(
        &self,
        sender: Sender,
        batch: Batch,
        wall_ms: u64,
    ) -> Result<Result<Kept, KeepRefused>, LedgerError> {
        let keep = usage::Keep {
            sender,
            batch,
            wall_ms,
        };
        self.change(keep).await
    }

    /// Adds credits, or takes what is there.
    pub async fn top_up(
        &self,
        asked: TopUp,
    ) -> Result<Result<ToppedUp, TopUpRefused>, LedgerError> {
        self.change(asked).await
    }

    /// Begins a key's time anew, whatever was before.
    pub async fn renew(&self, asked: Renewal) -> Result<Renewed, LedgerError> {
        self.change(asked).await
    }

    /// Remembers that these spools are alive.
    pub async fn seen(&self, spools: BTreeSet<String>, wall_ms: u64) -> Result<(), LedgerError> {
        self.change(usage::Seen { spools, wall_ms }).await
    }

    /// Resolves what sidecars hold that have been silent for `kept_ms`, those that are `alive` left out; answers how many.
    pub async fn sweep(
        &self,
        wall_ms: u64,
        kept_ms: u64,
        alive: BTreeSet<String>,
    ) -> Result<u64, LedgerError> {
        self.seen(alive, wall_ms).await?;
        let mut swept = 0;
        loop {
            let before_ms = wall_ms.saturating_sub(kept_ms);
            let stale = self.ask(|reply| Question::Stale(before_ms, reply)).await?;
            let more = stale.len() == SWEPT_AT_ONCE;
            let sweep = usage::Sweep {
                stale,
                wall_ms,
                kept_ms,
            };
            let now = self.change(sweep).await?;
            swept += now;
            if !more || now == 0 {
                return Ok(swept);
            }
        }
    }

    /// When each plan began for each key.
    pub async fn activations(&self) -> Result<BTreeMap<(Name, String), u64>, LedgerError> {
        self.ask(Question::Activations).await
    }

    /// What is told of every account at this moment.
    pub async fn accounts(
        &self,
        wall_ms: u64,
    ) -> Result<BTreeMap<Name, AccountFacts>, LedgerError> {
        self.ask(|reply| Question::Accounts(wall_ms, reply)).await
    }

    /// The call of this request id.
    pub async fn record(&self, id: String) -> Result<Option<Record>, LedgerError> {
        self.ask(|reply| Question::Record(id, reply)).await
    }

    /// Calls on record, newest first.
    pub async fn records(&self, filter: Filter) -> Result<Vec<Record>, LedgerError> {
        self.ask(|reply| Question::Records(filter, reply)).await
    }

    /// Everything that does not add up; nothing, unless someone wrote into the store by hand.
    pub async fn verify(&self) -> Result<Vec<Discrepancy>, LedgerError> {
        self.ask(Question::Verify).await
    }

    async fn change<C: Change>(&self, change: C) -> Result<C::Answer, LedgerError> {
        change.check()?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(change::Job::new(change, reply));
        self.writes
            .send(job)
            .await
            .map_err(|_| LedgerError::Stopped)?;
        answer.await.unwrap_or(Err(LedgerError::Stopped))
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<Result<T, LedgerError>>) -> Question,
    ) -> Result<T, LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.reads
            .send(question(reply))
            .await
            .map_err(|_| LedgerError::Stopped)?;
        answer.await.unwrap_or(Err(LedgerError::Stopped))
    }
}
