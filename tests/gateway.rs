//! The sidecar's promises, kept by the real binary before providers that fail. Owns one process and its configuration per
//! test; asks over sockets and reads what came. It must never look inside the sidecar's crate. `gateway/shared.sh` runs all of it once more,
//! through the shared gateway.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot go on says so"
)]

mod gateway {
    mod setup;
    mod shared;

    mod admin;
    mod beside;
    mod bytes;
    mod client;
    mod dialects;
    mod drain;
    mod failover;
    mod hostile;
    mod kept;
    mod left;
    mod logs;
    mod metered;
    mod metrics;
    mod needs;
    mod otlp;
    mod outage;
    mod quarantine;
    mod records;
    mod refusals;
    mod reload;
    mod statement;
    mod stored;
    mod stream;
    mod upstream;
}
