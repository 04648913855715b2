//! The management API and its console, as people, programs and browsers meet them over `purser up`: the seed's own lines, who may and who
//! may not, that what is changed is what files say, and the page in a real Chromium. It must never look inside the console's crate but
//! for its table of routes.
//!
//! Needs what tests/toolchain.sh installs (`PURSER_TEST_NODE_DIR`, `PURSER_TEST_PYTHON`, `PURSER_TEST_SCHEMATHESIS`; target/toolchain when
//! unset) and Chromium.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot go on says so"
)]

mod console {
    mod setup;

    mod browser;
    mod budget;
    mod canary;
    mod documents;
    mod doors;
    mod fuzz;
    mod given_back;
    mod keys;
    mod login;
    mod manifests;
    mod new_api;
    mod oidc;
    mod payment;
    mod seed;
    mod statement;
    mod strangers;
}
