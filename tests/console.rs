//! The management API as people and programs meet it, over `purser up`: the seed's own lines, who may and who may not, and that what it
//! changes is what files say. It must never look inside the console's crate but for its table of routes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot go on says so"
)]

mod console {
    mod setup;

    mod documents;
    mod doors;
    mod fuzz;
    mod keys;
    mod login;
    mod manifests;
    mod seed;
}
