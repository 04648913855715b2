//! Callers that send a byte now and then, to hold what others need: those who are honest notice nothing, and the others
//! are cut when their time is over.

use super::super::setup::{Sidecar, channel, chat, configuration};
use purser_tests::provider::{Behaviour, Provider};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const SLOW: u64 = 100;
/// Between two bytes.
const APART: Duration = Duration::from_millis(200);

async fn sidecar() -> (Provider, Sidecar) {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let configuration = configuration(&[("one", channel(&provider))]);
    let sidecar = Sidecar::start_with(&configuration, &["--head-timeout", "2"]).await;
    (provider, sidecar)
}

/// Sends the first bytes at once and the others one by one; what came back when the connection ended or all was answered,
/// and how long that took.
async fn trickle(address: SocketAddr, bytes: Vec<u8>, at_once: usize) -> (String, Duration) {
    let begun = Instant::now();
    let socket = TcpStream::connect(address).await.unwrap();
    let (mut reading, mut writing) = socket.into_split();
    writing.write_all(&bytes[..at_once]).await.unwrap();
    let write = async {
        for byte in &bytes[at_once..] {
            if writing.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(APART).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = vec![0; 4_096];
    let length = tokio::select! {
        () = write => 0,
        read = reading.read(&mut answer) => read.unwrap_or(0),
    };
    answer.truncate(length);
    (String::from_utf8(answer).unwrap(), begun.elapsed())
}

/// Calls until all the slow ones are done; how they ended.
async fn beside_honest_calls(
    sidecar: &Sidecar,
    mut slow: JoinSet<(String, Duration)>,
) -> Vec<(String, Duration)> {
    let (mut ended, mut calls) = (Vec::new(), 0);
    while !slow.is_empty() {
        let begun = Instant::now();
        assert_eq!(sidecar.chat(calls % 2 == 0).await.status(), 200);
        assert!(begun.elapsed() < Duration::from_secs(2), "held up");
        calls += 1;
        while let Some(one) = slow.try_join_next() {
            ended.push(one.unwrap());
        }
    }
    assert!(calls > 10, "hardly anybody called meanwhile: {calls}");
    ended
}

#[tokio::test]
async fn heads_that_come_byte_by_byte_are_cut_and_honest_callers_stay_served() {
    let (_provider, sidecar) = sidecar().await;
    let mut slow = JoinSet::new();
    for _ in 0..SLOW {
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nx: {}",
            "y".repeat(200)
        );
        slow.spawn(trickle(sidecar.address, head.into_bytes(), 0));
    }
    for (answer, after) in beside_honest_calls(&sidecar, slow).await {
        assert_eq!(answer, "", "cut without an answer");
        assert!(after >= Duration::from_secs(2), "cut early: {after:?}");
        assert!(after < Duration::from_secs(10), "cut late: {after:?}");
    }
}

#[tokio::test]
async fn bodies_that_come_byte_by_byte_hold_up_nobody_and_are_answered_in_the_end() {
    let (provider, sidecar) = sidecar().await;
    let bytes = chat(false).bytes(sidecar.address).to_vec();
    let mut slow = JoinSet::new();
    for _ in 0..SLOW {
        slow.spawn(trickle(sidecar.address, bytes.clone(), bytes.len() - 15));
    }
    for (answer, after) in beside_honest_calls(&sidecar, slow).await {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(after > Duration::from_secs(2), "not slow: {after:?}");
    }
    assert!(provider.calls() > SLOW);
}
