//! What is taken and what is refused, in whatever pieces it comes.

use super::*;
use bytes::Bytes;
use http::Request;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use std::convert::Infallible;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const GOOD: &str = "POST / HTTP/1.1\r\nhost: a\r\n";

/// How much is good in all, and what is wrong then.
type Verdict = Result<(), (usize, bool, &'static str)>;

fn follow(pieces: &[&[u8]]) -> (Framing, Verdict) {
    let (mut framing, mut before) = (Framing::default(), 0);
    for piece in pieces {
        if let Err(Fault { good, in_body, why }) = framing.follow(piece) {
            return (framing, Err((before + good, in_body, why)));
        }
        before += piece.len();
    }
    (framing, Ok(()))
}

/// The verdict on these bytes, which is the same in one piece, in any two, and byte by byte.
fn verdict(bytes: &[u8]) -> (Framing, Verdict) {
    let whole = follow(&[bytes]);
    for at in 0..=bytes.len() {
        let (first, second) = bytes.split_at(at);
        let split = follow(&[first, second]);
        assert_eq!(split.1, whole.1, "split at {at}");
        assert!(whole.1.is_err() || split.0 == whole.0, "split at {at}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(follow(&single).1, whole.1);
    whole
}

fn passes(text: &str) {
    let (framing, verdict) = verdict(text.as_bytes());
    assert_eq!(verdict, Ok(()), "{text:?}");
    assert_eq!(framing, Framing::default(), "{text:?} is not over");
}

fn refused(text: &str) -> &'static str {
    match verdict(text.as_bytes()).1 {
        Ok(()) => panic!("taken: {text:?}"),
        Err((_, _, why)) => why,
    }
}

fn chunked(body: &str) -> String {
    format!("{GOOD}transfer-encoding: chunked\r\n\r\n{body}")
}

#[test]
fn honest_requests_pass_one_behind_another() {
    let long = format!("{GOOD}authorization: {}\r\n\r\n", "x".repeat(300));
    let all = [
        format!("{GOOD}\r\n"),
        format!("{GOOD}Content-Length: 5\r\n\r\na\nb\r\n"),
        format!("{GOOD}content-length:\t0 \r\n\r\n"),
        format!("{GOOD}content-length: 2\r\nCONTENT-LENGTH:2\r\n\r\nab"),
        format!("{GOOD}content-lengthy: x\r\ntransfer-encodings: y\r\nte: z\r\n\r\n"),
        format!("\r\n\r\n{GOOD}\r\n"),
        long,
        chunked("0\r\n\r\n"),
        chunked("3\r\na\nb\r\n1F;a=\"b\"\r\n0123456789012345678901234567890\r\n000\r\n\r\n"),
        format!("{GOOD}Transfer-Encoding:Chunked\r\n\r\n0\r\n\r\n"),
    ];
    for one in &all {
        passes(one);
    }
    passes(&all.concat());
}

#[test]
fn two_framings_are_refused_in_either_order_and_before_the_head_is_over() {
    for lines in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\nx: y\r\nContent-Length: 0\r\n",
    ] {
        let text = format!("{GOOD}{lines}\r\n0\r\n\r\n");
        assert_eq!(
            refused(&text),
            "it has Content-Length and Transfer-Encoding"
        );
        let (good, in_body, _) = verdict(text.as_bytes()).1.unwrap_err();
        assert!(!in_body && good < GOOD.len() + lines.len());
    }
}

#[test]
fn lengths_and_codings_that_are_not_plain_are_refused() {
    let pad = " ".repeat(60);
    for line in [
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 5, 5",
        "content-length: +5",
        "content-length: 0x5",
        "content-length:",
        "content-length: 5 5",
        "content-length: 5\u{b}",
        "content-length: 9999999999999999999",
        &format!("content-length: {pad}5"),
        "transfer-encoding: identity",
        "transfer-encoding: chunked, chunked",
        "transfer-encoding: \u{b}chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        &format!("transfer-encoding: chunked{pad}"),
    ] {
        refused(&format!("{GOOD}{line}\r\n\r\n"));
    }
}

#[test]
fn a_line_feed_alone_ends_no_line_of_a_head() {
    for text in [
        "GET / HTTP/1.1\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n\n",
        "\nGET / HTTP/1.1\r\n\r\n",
        &format!("{GOOD}x: {}\n\r\n", "y".repeat(100)),
    ] {
        assert_eq!(refused(text), BARE, "{text:?}");
    }
}

#[test]
fn chunks_are_taken_only_as_the_standard_writes_them() {
    for body in [
        "1 \r\na\r\n0\r\n\r\n",
        "1\t\r\na\r\n0\r\n\r\n",
        " 1\r\na\r\n0\r\n\r\n",
        "1\na\r\n0\r\n\r\n",
        "1;x\ny\r\na\r\n0\r\n\r\n",
        "1;\0\r\na\r\n0\r\n\r\n",
        "\r\na\r\n0\r\n\r\n",
        ";x\r\na\r\n0\r\n\r\n",
        "-1\r\na\r\n0\r\n\r\n",
        "0x1\r\na\r\n0\r\n\r\n",
        "1\rxa\r\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "1\r\na\n0\r\n\r\n",
        "1\r\na\rx0\r\n\r\n",
        "ffffffffffffffff\r\na\r\n0\r\n\r\n",
        "0000000000000001\r\na\r\n0\r\n\r\n",
        "0\r\nx: y\r\n\r\n",
        "0\r\n\n",
        "0\r\n\rx",
    ] {
        let text = chunked(body);
        refused(&text);
        let (_, in_body, _) = verdict(text.as_bytes()).1.unwrap_err();
        assert!(in_body, "{body:?}");
    }
}

#[test]
fn a_fault_behind_good_requests_is_found_where_it_is() {
    let good = chunked("3\r\nabc\r\n0\r\n\r\n") + &format!("{GOOD}content-length: 3\r\n\r\nabc");
    let text = format!("{good}{GOOD}a: b\n\r\n");
    let at = good.len() + GOOD.len() + "a: b".len();
    assert_eq!(verdict(text.as_bytes()).1, Err((at, false, BARE)));
}

#[test]
fn no_bytes_make_it_fail_or_disagree_with_itself() {
    let alphabet: [&[u8]; 14] = [
        b"\r\n",
        b"\n",
        b"\r",
        b"content-length: 3",
        b"Transfer-Encoding: chunked",
        b"0",
        b"f",
        b";",
        b" ",
        b"GET / HTTP/1.1\r\n",
        b"\r\n\r\n",
        b"\xff",
        b"abc",
        b"content-",
    ];
    let mut seed = 7_u64;
    for _ in 0..2_000 {
        let mut bytes = b"GET / HTTP/1.1\r\n".to_vec();
        for _ in 0..12 {
            seed = crate::route::mix(seed.wrapping_add(1));
            bytes.extend_from_slice(alphabet[(seed % 14) as usize]);
        }
        let _ = verdict(&bytes);
    }
}

/// A request as a caller means it.
struct Meant {
    headers: Vec<(&'static str, String)>,
    pieces: Vec<Bytes>,
    sized: bool,
}

impl Meant {
    fn any(draw: &mut impl FnMut(u64) -> u64) -> Self {
        let names = ["content-type", "cookie", "x-title", "t", "te"];
        let header = |draw: &mut dyn FnMut(u64) -> u64| match names[draw(5) as usize] {
            "te" => ("te", "trailers".to_owned()),
            name => (name, "ab".repeat(draw(80) as usize)),
        };
        let piece = |draw: &mut dyn FnMut(u64) -> u64| {
            let bytes = (0..draw(300)).map(|_| draw(256) as u8).collect::<Vec<u8>>();
            Bytes::from(bytes)
        };
        Meant {
            headers: (0..draw(5)).map(|_| header(draw)).collect(),
            pieces: (0..draw(4)).map(|_| piece(draw)).collect(),
            sized: draw(2) == 0,
        }
    }

    fn request(self) -> Request<BoxBody<Bytes, Infallible>> {
        let mut request = Request::post("/v1/chat/completions").header("host", "a");
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let body = if self.sized {
            Full::new(Bytes::from(self.pieces.concat())).boxed()
        } else {
            let frames = self.pieces.into_iter().map(http_body::Frame::data);
            StreamBody::new(futures::stream::iter(frames.map(Ok))).boxed()
        };
        request.body(body).unwrap()
    }
}

/// What hyper's own client writes for these requests, one after another on one connection.
async fn written(requests: Vec<Meant>) -> Vec<u8> {
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(ours))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut all = Vec::new();
    for meant in requests {
        let answer = tokio::spawn(sender.send_request(meant.request()));
        let begun = all.len();
        while all.len() == begun || follow(&[&all]).0 != Framing::default() {
            assert_ne!(theirs.read_buf(&mut all).await.unwrap(), 0);
        }
        let told = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        theirs.write_all(told).await.unwrap();
        answer.await.unwrap().unwrap();
    }
    all
}

#[tokio::test]
async fn whatever_a_strict_client_writes_passes() {
    let mut seed = 11_u64;
    let mut draw = |most: u64| {
        seed = crate::route::mix(seed.wrapping_add(1));
        seed % most
    };
    for _ in 0..40 {
        let requests = (0..1 + draw(6)).map(|_| Meant::any(&mut draw)).collect();
        let bytes = written(requests).await;
        let (framing, verdict) = verdict(&bytes);
        assert_eq!(verdict, Ok(()), "{}", String::from_utf8_lossy(&bytes));
        assert_eq!(framing, Framing::default());
    }
}

/// What heads and bodies are made of, in any order, and bytes at random.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "GET / HTTP/1.1\r\n",
        "Content-Length: 3\r\n",
        "content-length:\t03 \r\n",
        "Transfer-Encoding: chunked\r\n",
        "\r\n",
        "\n",
        "\r",
        "abc",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
        ": ",
    ]);
    let piece = prop_oneof![
        6 => known.prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_get_the_same_verdict_however_they_are_cut(bytes in anything()) {
        let _ = verdict(&bytes);
    }
}
