//! The plan's rate over ten pods that press against it.

use super::application::{Application, Line};
use super::installed::installed;
use purser_tests::figures::{figure, soak};
use serde_json::json;
use std::time::Duration;

const PODS: usize = 10;
const RATE: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_a_minute_is_at_most_twenty_in_any_sixty_seconds_over_ten_pods() {
    installed().await;
    // Under `Share` a starved machine may admit up to twice as much, once: an operator that stalls is one that is away.
    let plan = json!({
        "models": {"allow": ["*"]}, "limits": {"requestsPerMinute": RATE}, "whenQuotaUnreachable": "Deny",
    });
    let application = Application::alone("pressed", plan).await;
    application.deploy(PODS, "press").await;
    // The pressure is the thing itself: two windows of it, and three minutes in a soak.
    let long = Duration::from_secs(if soak() { 180 } else { 125 });
    tokio::time::sleep(long).await;
    let printed = application.all_printed().await;
    let all: Vec<&Line> = printed.values().flatten().collect();
    let admitted: Vec<&&Line> = all
        .iter()
        .filter(|line| line.status() == Some(200))
        .collect();
    let worst = admitted
        .iter()
        .map(|first| within(&admitted, first.since()));
    let worst = worst.max().unwrap_or_default();
    let line = format!(
        "{RATE} a minute over {PODS} pods, {} calls in {long:?}: {} admitted, worst 60 s {worst}",
        all.len(),
        admitted.len()
    );
    figure("node.txt", &line).unwrap();
    assert_eq!(worst, RATE, "{admitted:?}");
    // An operator that a busy machine keeps from answering in time is one that is away, of which this plan says 503.
    let bearable = |status: u64| [200, 429].contains(&status) || (status == 503 && !soak());
    let other = |line: &&&Line| !line.status().is_some_and(bearable);
    let others: Vec<_> = all.iter().filter(other).collect();
    assert!(others.is_empty(), "{others:?}");
    application.end().await;
}

/// Calls that were certainly admitted in the 60 s from then: a call was admitted between its begin and its end.
fn within(admitted: &[&&Line], from: f64) -> usize {
    let inside = |line: &&&&Line| line.since() >= from && line.at() < from + 60.0;
    admitted.iter().filter(inside).count()
}
