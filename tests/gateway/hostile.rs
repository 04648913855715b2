//! The hostile inputs of reliability.md 6.1, byte by byte, and what becomes of each: refused, or legal and answered.
//! Whatever it is, one message never gets two answers.

mod inputs;
mod slow;

use super::setup::{KEY, Sidecar, channel, configuration};
use Verdict::{Answered, Cut, Refused};
use inputs::{BODY, Case, all, sized};
use purser_tests::provider::{Behaviour, Provider};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Longer than any answer takes.
const SILENCE: Duration = Duration::from_millis(1_500);
/// What must become of an input.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// No good answer, and no provider hears of it.
    Refused,
    /// The same, and whatever follows on the connection is never read as a request.
    Cut,
    /// Legal: so many good answers.
    Answered(usize),
}

/// Sends bytes as they are; what comes back until the end, or until silence.
pub(super) async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // Who refuses early closes early; what was answered by then counts.
    let _ = socket.write_all(bytes).await;
    let mut answer = Vec::new();
    while let Ok(Ok(1..)) = tokio::time::timeout(SILENCE, socket.read_buf(&mut answer)).await {}
    String::from_utf8_lossy(&answer).into_owned()
}

/// What is wrong with what became of the case.
async fn judged(case: &Case) -> Option<String> {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let sidecar = Sidecar::start(&configuration(&[("one", channel(&provider))])).await;
    let answer = exchange(sidecar.address, &case.bytes).await;
    let statuses: Vec<u16> = answer
        .split("HTTP/1.1 ")
        .skip(1)
        .filter_map(|rest| rest.get(..3)?.parse().ok())
        .filter(|status| *status != 100)
        .collect();
    let refused = statuses.iter().all(|status| (400..600).contains(status));
    let fine = match case.verdict {
        Refused | Cut => refused && statuses.len() <= 1 && provider.calls() == 0,
        Answered(count) => statuses == vec![200; count],
    };
    (!fine).then(|| format!("{}: {statuses:?}, {:?} expected", case.what, case.verdict))
}

#[tokio::test]
async fn hostile_bytes_are_refused_or_do_no_harm() {
    let all = all();
    let total = all.len();
    let mut wrong = Vec::new();
    let mut judging = JoinSet::new();
    for case in all {
        if judging.len() == 8 {
            wrong.extend(judging.join_next().await.unwrap().unwrap());
        }
        judging.spawn(async move { judged(&case).await });
    }
    while let Some(one) = judging.join_next().await {
        wrong.extend(one.unwrap());
    }
    println!(
        "{total} hostile or odd inputs, {} judged wrongly",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_refused_key_is_told_so_without_asking_for_the_body() {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let sidecar = Sidecar::start(&configuration(&[("one", channel(&provider))])).await;
    let head = sized("expect: 100-continue\r\n").replace(KEY, "sk-wrong");
    let head = head.trim_end_matches(BODY);
    let answer = exchange(sidecar.address, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn nothing_is_read_behind_a_message_that_ends_its_connection() {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let sidecar = Sidecar::start(&configuration(&[("one", channel(&provider))])).await;
    let both = sized("connection: close\r\n") + &sized("");
    let answer = exchange(sidecar.address, both.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert_eq!(provider.calls(), 1);
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed_and_many_of_them_harm_nobody() {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let sidecar = Sidecar::start(&configuration(&[("one", channel(&provider))])).await;
    let begun = Instant::now();
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(TcpStream::connect(sidecar.address).await.unwrap());
    }
    for stream in [false, true] {
        assert_eq!(sidecar.chat(stream).await.status(), 200);
    }
    for mut socket in idle {
        let read = tokio::time::timeout(Duration::from_secs(15), socket.read(&mut [0])).await;
        assert!(matches!(read, Ok(Ok(0) | Err(_))), "still open");
    }
    assert!(begun.elapsed() < Duration::from_secs(15));
}
