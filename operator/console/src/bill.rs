//! What calls, plans and payments come to, for whoever pays: statements, what a printer and a spreadsheet make of them, the vendors' word
//! that money came, and how much of a budget is used. Called by the routes and by whoever watches budgets.
//!
//! ```text
//! sums, terms, prices --> statement --> JSON, csv, invoice
//! header, body, secrets --> signature --> event --> ledger::Payment
//! used, whole, account --> budget
//! ```
//!
//! Invariant: values in, values out: no clock, no store, no network. Amounts are whole millionths, never floats.
//! It must never act on a word whose signature it has not checked.

mod budget;
mod csv;
mod event;
mod invoice;
mod money;
mod signature;
mod statement;

pub use budget::{Stage, THRESHOLDS, due, stage};
pub use csv::csv;
pub use event::{Ignored, Unread, hmac_event, stripe_event};
pub use invoice::{Address, Invoice, invoice};
pub use money::{Money, decimal, of_minor_units};
pub use signature::{Forged, Window, check_hmac, check_stripe};
pub use statement::{GROUPS, Line, Of, Statement, Wanted, statement};
