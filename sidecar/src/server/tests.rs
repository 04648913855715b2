//! Slow peers, by a clock that runs only while everybody waits: what is cut when, and what is not.

use super::*;
use crate::intake;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

const HEAD: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 600\r\n\r\n";

/// A connection to a server that reads each body, and answers 200 or as the intake refuses.
fn connect() -> (DuplexStream, watch::Sender<Phase>) {
    let (ours, theirs) = tokio::io::duplex(4_096);
    let (phase, phases) = watch::channel(Phase::Serving);
    let answer = service_fn(|request: Request<Incoming>| async move {
        let status = match intake::read(&mut request.into_body(), &Arc::default()).await {
            Ok(_) => 200,
            Err(reject) => reject.status(),
        };
        let response = Response::builder().status(status);
        Ok::<_, Infallible>(response.body(Body::Whole(None)).unwrap())
    });
    tokio::spawn(http1(Guarded::new(theirs), answer, phases, HEAD_TIMEOUT));
    (ours, phase)
}

/// Sends `bytes` one by one, this far apart; the first line that comes back, and after how many seconds something did.
async fn trickled(at_once: &str, bytes: &str, apart: Duration) -> (String, u64) {
    let (peer, _phase) = connect();
    let (mut reading, mut writing) = tokio::io::split(peer);
    writing.write_all(at_once.as_bytes()).await.unwrap();
    let begun = Instant::now();
    let write = async {
        for byte in bytes.as_bytes() {
            if writing.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(apart).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = [0; 4_096];
    let length = tokio::select! {
        () = write => 0,
        read = reading.read(&mut answer) => read.unwrap_or(0),
    };
    let answer = String::from_utf8_lossy(&answer[..length]);
    let line = answer.lines().next().unwrap_or_default().to_owned();
    (line, begun.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_byte_by_byte_is_cut_when_its_time_is_over() {
    let endless = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(1_000));
    for seconds in [1, 10, 100] {
        let told = trickled("", &endless, Duration::from_secs(seconds)).await;
        assert_eq!(told, (String::new(), 75), "a byte each {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_kept_as_long_as_a_head_may_take() {
    let (mut peer, _phase) = connect();
    let begun = Instant::now();
    for _ in 0..3 {
        peer.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        let mut answer = [0; 4_096];
        let length = peer.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
        tokio::time::sleep(Duration::from_secs(70)).await;
    }
    assert_eq!(peer.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(begun.elapsed().as_secs(), 3 * 70 + 5);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_falls_silent_or_takes_for_ever_is_refused_and_a_slow_one_is_not() {
    let body = "x".repeat(600);
    let timeout = |seconds| ("HTTP/1.1 408 Request Timeout".to_owned(), seconds);
    let silent = trickled(HEAD, "x", Duration::from_secs(1)).await;
    assert_eq!(silent, timeout(30));
    let endless = trickled(HEAD, &body, Duration::from_secs(10)).await;
    assert_eq!(endless, timeout(300));
    let slow = trickled(HEAD, &body, Duration::from_millis(400)).await;
    assert_eq!(slow, ("HTTP/1.1 200 OK".to_owned(), 239));
}
