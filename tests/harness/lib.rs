//! What tests and benches share: a provider that fails on request, processes, Redis and PostgreSQL, load, a client that sees everything, a checker,
//! and what a ledger holds.
//! Used by the test roots of this crate and by the programs in `bench/`; it must never depend on how Purser works inside.
//! The checker of rate limits is the authority's own, for it judges every level by one rule.

pub mod admissions;
pub mod figures;
pub mod helm;
pub mod load;
pub mod model_server;
pub mod plain;
pub mod port;
pub mod postgres;
pub mod process;
pub mod promtool;
pub mod provider;
pub mod records;
pub mod redis;
pub mod rights;
pub mod seed;
pub mod service;
pub mod sse_client;
pub mod wire;

pub use purser_authority::checker;
