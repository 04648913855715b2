//! Several replicas over one Redis, in real time: fifty sidecars' own ledgers ask them, and a checker slides its window over every
//! admission. No sockets but Redis': that streams and processes change nothing is `kubernetes`' to prove.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot go on says so"
)]

mod scale {
    mod fleet;
    mod rate;
    mod redis_server;
}
