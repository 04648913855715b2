//! The windows over Redis, as the facade sees them, against a real server: `PURSER_TEST_REDIS` names the program.
//! Without one these tests say so and prove nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

mod redis {
    pub(crate) mod server;
    pub(crate) mod setup;

    mod board;
    mod equal;
    mod fleet;
    mod loss;
    mod opening;
    mod shares;
    mod speed;
}
