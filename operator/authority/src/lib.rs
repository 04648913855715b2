//! Who may still call: the one place where requests are counted, and the shares for the time when it cannot be asked.
//!
//! ```text
//! Hello, Ask, Reserve, Settle, usage --> Authority --> Grant, Reserved, kept       authority: in which order the two are asked
//!                                         |      |
//!               Terms::of(&Configuration) |      |
//!                                 \       |      |
//!              Shares, Window -- Windows --      -- Ledger -- book                windows: what all limits over time say
//!                                   |                |                            book:    what an account has, and pays
//!                              Debit, Journal      SQLite, PostgreSQL             journal, ledger: what a crash may not forget
//! ```
//!
//! Used by the operator and by `purser up`, which own the streams, the clock and the epoch. `redis` decides as `windows` does, for several
//! operators together.
//!
//! Invariant: windows, shares and book have no clock, no I/O, no async: time is an argument, monotonic since any epoch, and never goes back.
//! Invariant: a balance is never below zero, and granted + topped up = available + reserved + spent + expired (`Ledger::verify`).
//! Invariant: a reservation is resolved once, and a usage record is kept once, whatever is sent again.
//! Invariant: a grant of lifetime ttl occupies its window for `quota::occupancy_ms(ttl)` and not a nanosecond less, unless it is returned
//! by the sidecar that it was given to. So no real 60 s hold more than the limit (reliability.md 2.4).
//! Invariant: a window never takes a grant beyond its limit, and no message makes it hold more entries than its limit.
//! Invariant: the shares that sidecars may believe in sum to at most the limit; after the limit was lowered, the sum
//! only falls until they do.
//! Invariant: a sidecar that has not said `Hello` on its present connection, or asks outside its scope, is denied.

mod authority;
pub mod book;
pub mod checker;
pub mod journal;
pub mod ledger;
pub mod redis;
mod shares;
mod terms;
mod window;
mod windows;

#[cfg(test)]
mod fleet;

pub use authority::{Activations, Authority};
pub use redis::Answers;
pub use terms::{Callers, KeyTerms, Terms};
pub use window::Owner;
pub use windows::{Debit, Hold, Log, Moment, Past, Seat, Sidecar, Windows};

/// What a new authority may assume about the time before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// No authority was ever here.
    Fresh,
    /// One was, and all that it granted is known.
    Kept,
    /// One was; what it granted is unknown.
    Lost,
}
