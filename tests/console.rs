//! The management API and its console, as people and their browsers meet them: real processes, real calls, a real Chromium.
//! Owns those processes per test; it must never reach into the program to see what only it knows.
//!
//! Needs what tests/toolchain.sh installs (`PURSER_TEST_NODE_DIR`; target/toolchain when unset) and Chromium.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot go on says so"
)]

mod console {
    mod browser;
}
