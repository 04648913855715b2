//! kill -9, again and again, while calls go through real processes: what the provider saw is on record once, and what each account lost is
//! what its records say. tests/run.sh starts the cluster. The operator and the sidecars are processes, and so are the stores; only the
//! ledger is read, through the authority's own reader. It must never judge by what a killed process itself says.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot go on says so"
)]

mod kill {
    #[path = "../kubernetes/cluster.rs"]
    #[allow(dead_code, reason = "shared with another root, which uses the rest")]
    mod cluster;
    #[path = "../kubernetes/operator.rs"]
    #[allow(dead_code, reason = "shared with another root, which uses the rest")]
    mod operator;
    #[path = "../kubernetes/place.rs"]
    #[allow(dead_code, reason = "shared with another root, which uses the rest")]
    mod place;
    #[path = "../kubernetes/sidecar.rs"]
    #[allow(dead_code, reason = "shared with another root, which uses the rest")]
    mod sidecar;

    mod callers;
    mod oracle;
    mod parts;
    mod plans;

    mod embedded;
    mod scale_out;
    mod up;
}
