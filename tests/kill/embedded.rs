//! The same, shorter, where the operator keeps everything in its own folder.

use super::parts::{Goal, Parts, Stores};
use super::scale_out::survives;
use purser_authority::ledger::Ledger;
use purser_tests::figures::soak;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn with_a_data_directory_neither_a_killed_operator_nor_a_killed_sidecar_loses_a_call() {
    let data = tempfile::tempdir().unwrap();
    let folder = format!("--data-dir={}", data.path().display());
    let parts = Parts::start("kill-embedded", Stores::default(), &[&folder]).await;
    let goal = Goal {
        calls: if soak() { 100_000 } else { 10_000 },
        kills: if soak() { 60 } else { 8 },
        every: Duration::from_secs(4),
    };
    let file = data.path().join("ledger.sqlite");
    let open = async || Ledger::sqlite(&file).await.unwrap();
    survives("embedded", parts, &goal, open).await;
}
