//! The sentence on a real API server: objects are applied with kubectl, the operator and the sidecars run as processes under
//! their own accounts, and calls go through to providers. tests/run.sh starts the cluster and names it in PURSER_TEST_KUBECONFIG.
//! It must never look inside the operator's or the sidecar's crate: what they say over sockets and in objects is all there is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot go on says so"
)]

mod kubernetes {
    mod cluster;
    mod installed;
    mod offer;
    mod operator;
    mod place;
    mod pressure;
    mod sidecar;
    mod speaker;
    mod stream;
    mod volume;

    mod bare;
    mod budget;
    mod certificates;
    mod console;
    mod console_log;
    mod contract;
    mod credit;
    mod crowd;
    mod definitions;
    mod exact;
    mod gitops;
    mod guests;
    mod health;
    mod injection;
    mod isolation;
    mod metered;
    mod no_ipv6;
    mod outage;
    mod postgres;
    mod propagation;
    mod quarantine;
    mod quota;
    mod rate;
    mod recreated;
    mod references;
    mod refusals;
    mod restart;
    mod roles;
    mod rotation;
    mod secrets;
    mod shared;
    mod slots;
    mod some_namespaces;
    mod spools;
    mod stale;
    mod status;
    mod suffers;
    mod warnings;
}
