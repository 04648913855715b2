//! The house rules, as tests: what a reviewer should not have to remember. Owns the limits of CONTRIBUTING.md and the
//! arrows of the code map; reads the tree and `cargo tree`, changes nothing.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot read the tree has failed"
)]

mod house {
    mod arrows;
    mod tree;
}
