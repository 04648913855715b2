//! Purser's check under the measure that its peers are under (`quota/`): real operators over a real API server, embedded and over Redis and
//! PostgreSQL, asked through the sidecar's own client by their stream. `quota.sh` starts it, with what the tests need; it prints lines of
//! the table, and ends with 1 where a bar is missed. It must never ask past the sidecar's ledger.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    missing_docs,
    reason = "a bench that cannot go on says so"
)]

mod quota {
    #[path = "../../kubernetes/cluster.rs"]
    #[allow(dead_code, reason = "shared with the tests, which use the rest")]
    mod cluster;
    mod measure;
    #[path = "../../kubernetes/operator.rs"]
    #[allow(dead_code, reason = "shared with the tests, which use the rest")]
    mod operator;
    #[path = "../../kubernetes/place.rs"]
    #[allow(dead_code, reason = "shared with the tests, which use the rest")]
    mod place;
    mod proxy;
    pub(super) mod run;
    #[path = "../../kubernetes/sidecar.rs"]
    #[allow(dead_code, reason = "shared with the tests, which use the rest")]
    mod sidecar;
    mod stores;
}

// As the sidecar runs.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let missed = quota::run::all().await;
    std::process::exit(i32::from(missed));
}
