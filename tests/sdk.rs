//! The promise to callers, kept with the official OpenAI SDKs for Python and Node, unmodified: a base URL and a key are all that
//! they are told. Owns `purser up` (or, in a cluster, operator and sidecar) as processes per test. What an SDK returned or raised
//! is judged here; it must never read bytes off the wire by itself, for that is the room of `gateway`.
//!
//! Needs what tests/toolchain.sh installs (`PURSER_TEST_PYTHON`, `PURSER_TEST_NODE_DIR`, `PURSER_TEST_GGUF`; target/toolchain when
//! unset), and for `kubernetes` the cluster that tests/run.sh starts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot go on says so"
)]

mod sdk {
    mod caller;
    mod gateway;
    mod kubectl;
    mod matrix;
    mod model_server;

    mod across;
    mod answers;
    mod endpoints;
    mod errors;
    mod failures;
    mod kept;
    mod kubernetes;
    mod local_model;
    mod other_mock;
    mod patience;
    mod retries;
    mod technical;
}
