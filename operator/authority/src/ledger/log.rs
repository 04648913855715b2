//! What is asked of the calls on record, and what is answered: pages for a person who looks back, arrivals for one who looks on. Called by
//! the console. The rooms below write the SQL; the store's clock is never read.

mod filter;
pub(super) mod pages;
pub(super) mod tail;

pub(super) use filter::Sql;

use super::reads::Question;
use super::{Ledger, LedgerError};
use purser_config::Name;
use purser_config::usage::{End, Record};

/// Whose calls may be seen at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Everyone's.
    #[default]
    All,
    /// Those of the keys of these namespaces; of none: nothing.
    Namespaces(Vec<String>),
    /// Those of one key.
    Key(Name),
}

/// Whether a call did what was asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did, or its caller left before it could.
    Ok,
    /// It broke off, was refused by its provider, or nobody knows.
    Failed,
}

impl Outcome {
    /// That of this call.
    pub fn of(record: &Record) -> Outcome {
        let whole = matches!(record.end, End::Done | End::ClientLeft);
        if whole && record.status < 400 {
            Outcome::Ok
        } else {
            Outcome::Failed
        }
    }
}

/// Which calls; what is absent asks nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Whose may be seen.
    pub scope: Scope,
    /// Begun at this moment or later, in unix milliseconds.
    pub from_ms: u64,
    /// Begun before this moment, in unix milliseconds.
    pub to_ms: u64,
    /// Of the key `namespace/name`, or of every key `name`.
    pub key: Option<String>,
    /// The model that was asked for.
    pub model: Option<String>,
    /// The channel that served, `namespace/name`; of sums also one that wasted.
    pub channel: Option<String>,
    /// Of the keys of this namespace.
    pub namespace: Option<String>,
    /// The key's plan then.
    pub plan: Option<String>,
    /// How it went.
    pub outcome: Option<Outcome>,
    /// The answer's status; 0: none was given.
    pub status: Option<u16>,
    /// The one call of this request id.
    pub id: Option<String>,
}

impl Default for Query {
    /// Every call.
    fn default() -> Query {
        Query {
            scope: Scope::All,
            from_ms: 0,
            to_ms: u64::MAX,
            key: None,
            model: None,
            channel: None,
            namespace: None,
            plan: None,
            outcome: None,
            status: None,
            id: None,
        }
    }
}

/// Which stretch of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// How many come before it.
    pub offset: u64,
    /// How many it has at most; never more than 1,000.
    pub limit: u32,
}

impl Paging {
    /// The limit, as a store is asked.
    pub(super) fn most(&self) -> i64 {
        i64::from(self.limit.min(1_000))
    }
}

/// A stretch of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    /// How many calls there are on all pages.
    pub total: u64,
    /// The calls, newest first.
    pub records: Vec<Record>,
}

/// What arrived after something else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// Ask for what comes after this one next: everything up to it was looked at.
    pub upto: u64,
    /// The calls, in the order of their arrival.
    pub records: Vec<Record>,
}

impl Ledger {
    /// A page of calls, those that began last first, and how many there are.
    pub async fn log(&self, query: Query, paging: Paging) -> Result<LogPage, LedgerError> {
        self.ask(|reply| Question::Log(query, paging, reply)).await
    }

    /// The calls that arrived after the one numbered `after`, in the order of their arrival; no call is ever given a number below one that
    /// was told. `from_ms` and `to_ms` ask nothing here.
    pub async fn log_after(
        &self,
        query: Query,
        after: u64,
        limit: u32,
    ) -> Result<Tail, LedgerError> {
        self.ask(|reply| Question::After(query, (after, limit), reply))
            .await
    }

    /// The number at which the call of this request id arrived.
    pub async fn arrival(&self, id: String) -> Result<Option<u64>, LedgerError> {
        self.ask(|reply| Question::Arrival(id, reply)).await
    }

    /// The number of the last arrival: where a tail that shows nothing old begins; 0: there was none.
    pub async fn arrivals(&self) -> Result<u64, LedgerError> {
        self.ask(Question::Arrivals).await
    }
}
