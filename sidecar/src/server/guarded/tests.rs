//! hyper behind the guard: what it answers, and that nothing behind a fault is a request.

use super::*;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const GOOD: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nok";

/// Sends these pieces one after another; the statuses that come back, and the bodies that were read well.
async fn served_bodies(pieces: &[&[u8]]) -> (Vec<u16>, Vec<Bytes>) {
    // No more than a piece fits, so that each is read by itself.
    let room = pieces.iter().map(|piece| piece.len()).max().unwrap_or(1);
    let (mut ours, theirs) = tokio::io::duplex(room.max(1));
    let good = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&good);
    let answer = service_fn(move |request: Request<Incoming>| {
        let kept = Arc::clone(&kept);
        async move {
            let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
            match request.into_body().collect().await {
                Ok(read) => kept.lock().unwrap().push(read.to_bytes()),
                Err(_) => *response.status_mut() = http::StatusCode::BAD_REQUEST,
            }
            Ok::<_, Infallible>(response)
        }
    });
    let serving = tokio::spawn(async move {
        let stream = TokioIo::new(Guarded::new(theirs));
        let mut server = hyper::server::conn::http1::Builder::new();
        let _ = server
            .max_buf_size(64 << 10)
            .serve_connection(stream, answer)
            .await;
    });
    let (mut reading, mut writing) = tokio::io::split(&mut ours);
    let write = async {
        for piece in pieces {
            if writing.write_all(piece).await.is_err() {
                return;
            }
        }
    };
    let mut text = Vec::new();
    let read = async {
        // A refusal ends the connection by itself; a good end is the peer's.
        let _ = reading.read_to_end(&mut text).await;
    };
    let both = async { tokio::join!(write, read) };
    let _ = tokio::time::timeout(std::time::Duration::from_millis(200), both).await;
    drop(ours);
    serving.await.unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    let statuses = text.split("HTTP/1.1 ").skip(1);
    let statuses = statuses.map(|rest| rest[..3].parse().unwrap()).collect();
    let good = good.lock().unwrap().clone();
    (statuses, good)
}

async fn served(pieces: &[&[u8]]) -> (Vec<u16>, usize) {
    let (statuses, good) = served_bodies(pieces).await;
    (statuses, good.len())
}

const FAULTS: [&str; 6] = [
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\ncontent-length: 0\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\n\n",
    "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2 \r\nab\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx: y\r\n\r\n",
];

#[tokio::test(start_paused = true)]
async fn a_fault_is_answered_400_and_what_is_behind_it_never() {
    for fault in FAULTS {
        let text = format!("{fault}{GOOD}");
        assert_eq!(
            served(&[text.as_bytes()]).await,
            (vec![400], 0),
            "{fault:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_answered_the_same_wherever_the_bytes_are_split() {
    for fault in FAULTS {
        let text = format!("{fault}{GOOD}");
        for at in 1..text.len() {
            let (first, second) = text.as_bytes().split_at(at);
            let told = served(&[first, second]).await;
            assert_eq!(told, (vec![400], 0), "{fault:?} at {at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_requests_before_a_fault_are_answered() {
    for fault in FAULTS {
        let text = format!("{GOOD}{GOOD}{fault}{GOOD}");
        let told = served(&[text.as_bytes()]).await;
        assert_eq!(told, (vec![200, 200, 400], 2), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn good_requests_are_served_byte_by_byte() {
    let chunked =
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let text = format!("{GOOD}{chunked}{GOOD}");
    let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    assert_eq!(served(&single).await, (vec![200, 200, 200], 3));
}

/// The bodies of the requests that end before a fault, as the guard sees them.
fn delimited(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut framing, mut all, mut body) = (Framing::default(), Vec::new(), Vec::new());
    for byte in bytes {
        let before = (framing.is_between(), framing.is_in_data());
        if framing.follow(&[*byte]).is_err() {
            break;
        }
        if before.1 {
            body.push(*byte);
        }
        if !before.0 && framing.is_between() {
            all.push(std::mem::take(&mut body));
        }
    }
    all
}

const HEADS: [&str; 3] = [
    "POST / HTTP/1.1\r\n",
    "GET / HTTP/1.0\r\n",
    "\r\nGET / HTTP/1.1\r\n",
];

const LINES: [&str; 12] = [
    "content-length: 4\r\n",
    "Content-Length:\t004 \r\n",
    "content-length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "transfer-encoding:CHUNKED\r\n",
    "content-length : 4\r\n",
    "content_length: 4\r\n",
    " content-length: 4\r\n",
    "connection: keep-alive\r\n",
    "expect: 100-continue\r\n",
    "x: é\r\n",
    "host: a\r\n",
];

const BODIES: [&str; 6] = [
    "",
    "abcd",
    "4\r\nabcd\r\n0\r\n\r\n",
    "004;x=\"y\"\r\na\r\nb\r\n0;z\r\n\r\n",
    "0\r\n\r\n",
    "4\r\nabcd\r\n0\r\nx: y\r\n\r\n",
];

#[tokio::test(start_paused = true)]
async fn hyper_sees_every_request_end_where_the_guard_does() {
    let (mut seed, mut met) = (3_u64, 0);
    let mut draw = |most: usize| {
        seed = crate::route::mix(seed.wrapping_add(1));
        seed as usize % most
    };
    for _ in 0..1_500 {
        let mut text = String::new();
        for _ in 0..1 + draw(4) {
            text.push_str(HEADS[draw(HEADS.len())]);
            for _ in 0..draw(4) {
                text.push_str(LINES[draw(LINES.len())]);
            }
            text.push_str("\r\n");
            text.push_str(BODIES[draw(BODIES.len())]);
        }
        let at = draw(text.len());
        let (first, second) = text.as_bytes().split_at(at);
        let (_, read) = served_bodies(&[first, second]).await;
        let expected = delimited(text.as_bytes());
        assert!(expected.len() >= read.len(), "{text:?}: {read:?}");
        assert_eq!(expected[..read.len()], read, "{text:?}");
        met += read.len();
    }
    assert!(met > 1_000, "hardly anything was served: {met}");
}
