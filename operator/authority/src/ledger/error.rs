//! Why the ledger could not do what it was asked, in words for whoever runs it. Made by the stores, told by the ledger to all whose
//! operations were in the transaction. Never holds a password.

use std::sync::Arc;

/// A failure of the store. Nothing of the operation is in force, but for [`LedgerError::Unreachable`], after which it may be: every
/// operation may be repeated with the same id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "`store` is the path or address, `why` the store's own words"
)]
pub enum LedgerError {
    /// No room for another page.
    #[error(
        "cannot write to the ledger {store}: its disk is full ({why}); free some space, nothing that was acknowledged is lost"
    )]
    DiskFull { store: Arc<str>, why: Arc<str> },
    /// Its file or folder may not be written.
    #[error(
        "cannot write to the ledger {store}: it is read-only ({why}); make the file and its folder writable for this user"
    )]
    ReadOnly { store: Arc<str>, why: Arc<str> },
    /// It cannot be opened or made.
    #[error(
        "cannot open the ledger {store}: {why}; its folder must exist and be writable for this user"
    )]
    CannotOpen { store: Arc<str>, why: Arc<str> },
    /// What is there is no ledger, or a damaged one.
    #[error(
        "cannot read the ledger {store}: it is damaged, or no ledger ({why}); restore it from a backup, or move it away to begin a new one without its balances"
    )]
    Corrupt { store: Arc<str>, why: Arc<str> },
    /// It was written by a later version.
    #[error(
        "cannot use the ledger {store}: its schema is version {found} and this version of purser knows {known} at most; run the newer version again"
    )]
    NewerSchema {
        store: Arc<str>,
        found: i64,
        known: i64,
    },
    /// Its tables are not there and may not be made.
    #[error(
        "cannot use the ledger {store}: its tables are missing and cannot be made ({why}); let the role create the schema `purser`, or create it for the role: CREATE SCHEMA purser AUTHORIZATION role"
    )]
    NoSchema { store: Arc<str>, why: Arc<str> },
    /// Its address cannot be read.
    #[error(
        "cannot read the address of the ledger: {why}; it is written postgres://user:password@host:port/database"
    )]
    Address { why: Arc<str> },
    /// Its server does not answer, or does not let us in.
    #[error("cannot reach the ledger {store}: {why}; it is tried again")]
    Unreachable { store: Arc<str>, why: Arc<str> },
    /// Another process keeps it locked.
    #[error(
        "cannot write to the ledger {store}: it is locked ({why}); only one process may use it"
    )]
    Locked { store: Arc<str>, why: Arc<str> },
    /// An id that is no id.
    #[error(
        "cannot keep {what} in the ledger: it must have 1 to 256 bytes and no control characters"
    )]
    Unfit { what: &'static str },
    /// Anything else.
    #[error(
        "cannot {attempt} in the ledger {store}: {why}; it is tried again with the next operation"
    )]
    Failed {
        store: Arc<str>,
        attempt: &'static str,
        why: Arc<str>,
    },
    /// This process is ending.
    #[error("cannot use the ledger: this process is stopping")]
    Stopped,
}

impl LedgerError {
    /// Whether another try at once may succeed.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, LedgerError::Locked { .. })
    }

    /// Whether one operation alone may be the reason, so that the others of its transaction are worth another try.
    pub(super) fn may_be_of_one(&self) -> bool {
        matches!(
            self,
            LedgerError::Failed { .. } | LedgerError::Corrupt { .. }
        )
    }
}
