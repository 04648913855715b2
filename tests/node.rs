//! The sentence on a real node: kubelet and containerd run pods from the charts and images that ship (in a run of everything, the images
//! hold the programs of all other tests), and an ordinary program with the official SDK is served by the sidecar beside it. tests/run.sh
//! starts the node and names it in PURSER_TEST_NODE_KUBECTL.
//! It must never reach past kubectl, helm and what pods print, but for the servers that a test ends and the containers that it kills
//! (machine.rs), and the metrics-server that it starts (scaler.rs).
//! One test at a time: they share the one operator.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot go on says so"
)]

mod node {
    mod application;
    mod installed;
    mod kubectl;
    mod machine;
    mod memory;
    mod metered;
    mod scaler;

    mod agents;
    mod changed;
    mod console;
    mod events;
    mod examples;
    mod grown;
    mod lifecycle;
    mod outage;
    mod plan;
    mod real_model;
    mod refused;
    mod replaced;
    mod rights;
    mod scaled;
    mod served;
    mod shared;
}
