//! The caller leaves: the provider is let go at once, and nobody else is asked.

use super::setup::{KEY, Sidecar, channel, chat, configuration};
use purser_config::Channel;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

async fn before(first: Behaviour) -> (Sidecar, Provider, Provider) {
    let first = Provider::start(first).await.unwrap();
    let second = Provider::start(Behaviour::healthy()).await.unwrap();
    let other = Channel {
        priority: 1,
        ..channel(&second)
    };
    let channels = [("one", channel(&first)), ("other", other)];
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    (sidecar, first, second)
}

async fn until_let_go(provider: &Provider) {
    let gone = provider.until("the call to be cancelled", |counts| counts.abandoned == 1);
    gone.await.unwrap();
}

#[tokio::test]
async fn a_caller_who_leaves_while_waiting_cancels_the_call_and_nothing_is_tried_again() {
    for stream in [false, true] {
        let (sidecar, first, second) = before(Behaviour::AcceptsAndHangs).await;
        let mut socket = TcpStream::connect(sidecar.address).await.unwrap();
        let bytes = chat(stream).bytes(sidecar.address);
        socket.write_all(&bytes).await.unwrap();
        first.until_calls(1).await.unwrap();
        drop(socket);
        until_let_go(&first).await;
        // Whoever retried would have done so by the end of another call.
        let next = Call::get("/v1/models").key(KEY);
        assert_eq!(sidecar.ask(next).await.status(), 200);
        assert_eq!((first.calls(), second.calls()), (1, 0), "stream: {stream}");
        let metrics = sidecar.page("/metrics").await.1;
        assert!(metrics.contains("purser_requests_in_flight 0"), "{metrics}");
    }
}

#[tokio::test]
async fn a_caller_who_leaves_a_running_stream_cancels_it() {
    let endless = Behaviour::Answers {
        chunks: 100_000,
        interval: Duration::from_millis(5),
    };
    let (sidecar, first, second) = before(endless).await;
    let mut answer = sidecar.chat(true).await;
    for _ in 0..3 {
        answer.next().await.unwrap().unwrap();
    }
    drop(answer);
    until_let_go(&first).await;
    assert_eq!((first.calls(), second.calls()), (1, 0));
    let metrics = sidecar.page("/metrics").await.1;
    let left = r#"purser_stream_ends_total{end="left"} 1"#;
    assert!(metrics.contains(left), "{metrics}");
    assert!(metrics.contains("purser_requests_in_flight 0"), "{metrics}");
}

#[tokio::test]
async fn a_caller_who_leaves_within_the_body_reaches_no_provider() {
    let (sidecar, first, second) = before(Behaviour::healthy()).await;
    let bytes = chat(false).bytes(sidecar.address);
    for cut in (1..bytes.len()).step_by(7) {
        let mut socket = TcpStream::connect(sidecar.address).await.unwrap();
        socket.write_all(&bytes[..cut]).await.unwrap();
        drop(socket);
    }
    assert_eq!(sidecar.chat(false).await.status(), 200);
    assert_eq!((first.calls(), second.calls()), (1, 0));
}
