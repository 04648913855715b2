//! The promise under whatever a network, a machine and a kill can do: whole fleets, real authority and real sidecars, in simulated time.
//!
//! ```text
//! seed -> scenario -> world: pods (sidecar: gateway's ledger, link, spool) -- network (delay, cut, partition) -- center (operator: hub,
//!                            streams, authority, journal, ledger); faults when the scenario says; history of every admission -> judge
//! ```
//!
//! A seed is one run: one thread, tokio's paused clock, one source of randomness. Turmoil was refused: its part is sockets and hosts,
//! and the seam to the network here carries lines, so that no TLS and no HTTP/2 is simulated a million times; what it would have given
//! beside, clocks that drift and processes that freeze, it does not have.
//!
//! `PURSER_SIM_SEED=7 cargo test -p purser-tests --test sim seeds -- --nocapture` replays one seed, `PURSER_SIM_SEEDS=10000` takes as
//! many, from `PURSER_SIM_FIRST` on.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a simulation that cannot go on has failed"
)]

mod sim {
    mod call;
    mod center;
    mod dice;
    mod fault;
    mod gate;
    mod history;
    mod judge;
    mod limits;
    mod network;
    mod pod;
    mod promises;
    mod report;
    mod scenario;
    mod world;
}
