//! The charts without a cluster: what Helm makes of them for seven sets of values (`charts/cases`), which values it refuses, and that
//! their copies are copies; and alerts and dashboards without a Prometheus. tests/run.sh builds Helm and brings promtool. What an API
//! server says of the same is in `kubernetes/injection.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot go on says so"
)]

mod charts {
    mod alerts;
    mod copies;
    mod dashboards;
    mod rendered;
    mod rights;
    mod series;
    mod values;
}
