//! SIGTERM: not ready at once, calls are accepted for a while, streams finish, and it ends in time.

use super::setup::{SOON, Sidecar, channel, configuration};
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::End;
use rustix::process::Signal;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

async fn before(behaviour: Behaviour, arguments: &[&str]) -> (Sidecar, Provider) {
    let provider = Provider::start(behaviour).await.unwrap();
    let all = configuration(&[("one", channel(&provider))]);
    (Sidecar::start_with(&all, arguments).await, provider)
}

fn stream(chunks: usize, interval: u64) -> Behaviour {
    let interval = Duration::from_millis(interval);
    Behaviour::Answers { chunks, interval }
}

#[tokio::test]
async fn sigterm_lets_calls_in_for_a_while_and_streams_finish() {
    let arguments = ["--linger", "1", "--grace", "20"];
    let (mut sidecar, provider) = before(stream(30, 100), &arguments).await;
    let mut running = sidecar.chat(true).await;
    running.next().await.unwrap();
    provider.set(Behaviour::healthy()).await.unwrap();
    let begun = Instant::now();
    sidecar.met().signal(Signal::TERM).unwrap();
    while sidecar.page_of_met("/readyz").await.0 == 200 {
        assert!(begun.elapsed() < Duration::from_millis(800), "still ready");
    }
    assert_eq!(sidecar.page_of_met("/healthz").await.0, 200);
    let mut late = 0;
    while let Ok(answer) = super::setup::chat(late % 2 == 1)
        .send(sidecar.address)
        .await
    {
        assert_eq!(answer.status(), 200);
        late += 1;
    }
    assert!(late > 2, "{late} calls came in after the signal");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let rest = running.stream().await;
    assert_eq!(rest.end, End::Done);
    assert!(rest.text().ends_with("word28 word29 "));
    let status = sidecar.met().until_ended(SOON).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_stream_that_never_ends_is_cut_when_the_grace_is_over() {
    let arguments = ["--linger", "0", "--grace", "2"];
    let (mut sidecar, _provider) = before(stream(2, 600_000), &arguments).await;
    let mut stuck = sidecar.chat(true).await;
    stuck.next().await.unwrap();
    let begun = Instant::now();
    sidecar.met().signal(Signal::TERM).unwrap();
    let status = sidecar.met().until_ended(SOON).await.unwrap();
    assert_eq!(status.code(), Some(0));
    let took = begun.elapsed();
    assert!((2_000..6_000).contains(&took.as_millis()), "{took:?}");
    assert_ne!(stuck.stream().await.end, End::Done);
}

#[tokio::test]
async fn connections_without_a_call_hold_up_nothing() {
    let (mut sidecar, _provider) = before(Behaviour::healthy(), &["--grace", "30"]).await;
    let silent = TcpStream::connect(sidecar.address).await.unwrap();
    let kept = sidecar.chat(false).await;
    let begun = Instant::now();
    let status = sidecar.met().end(SOON).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    drop((silent, kept));
}
