//! The hostile inputs of reliability.md 6.1, byte by byte, and what becomes of each: refused, or legal and answered, or
//! tolerated for a reason. Whatever it is, one message never gets two answers.

use super::setup::{KEY, Sidecar, channel, configuration};
use purser_tests::provider::{Behaviour, Provider};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Longer than any answer takes.
const SILENCE: Duration = Duration::from_millis(1_500);
const BODY: &str = r#"{"model":"m"}"#;
const CHUNKED: &str = "d\r\n{\"model\":\"m\"}\r\n0\r\n\r\n";

/// What must become of an input.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// No good answer, and no provider hears of it.
    Refused,
    /// The same, and whatever follows on the connection is never read as a request.
    Cut,
    /// Legal: so many good answers.
    Answered(usize),
    /// hyper hides it from us; one answer at most, and nothing that follows is read as a request.
    Hidden,
}
use Verdict::{Answered, Cut, Hidden, Refused};

struct Case {
    what: &'static str,
    verdict: Verdict,
    bytes: Vec<u8>,
}

fn case(what: &'static str, verdict: Verdict, bytes: impl Into<Vec<u8>>) -> Case {
    Case {
        what,
        verdict,
        bytes: bytes.into(),
    }
}

/// A good head but for `lines`, which bring the framing, and then `body`.
fn post(lines: &str, body: &str) -> String {
    head("POST /v1/chat/completions HTTP/1.1", lines, body)
}

fn head(first: &str, lines: &str, body: &str) -> String {
    format!(
        "{first}\r\nhost: a\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n{lines}\r\n\r\n{body}"
    )
}

/// With another good request behind it, as a smuggler hides one.
fn smuggled(lines: &str, body: &str) -> String {
    format!("{}{}", post(lines, body), sized(""))
}

fn sized(lines: &str) -> String {
    post(&format!("{lines}content-length: 13"), BODY)
}

fn lengths() -> Vec<Case> {
    let length = |value: &str| smuggled(&format!("content-length: {value}"), BODY);
    vec![
        case(
            "lengths that differ",
            Cut,
            smuggled("content-length: 13\r\ncontent-length: 5", BODY),
        ),
        case("a list of lengths", Cut, length("13, 13")),
        case("+13", Cut, length("+13")),
        case("0xd", Cut, length("0xd")),
        case("no digits", Cut, length("")),
        case("-1", Cut, length("-1")),
        case("2^64", Cut, length("18446744073709551616")),
        case(
            "equal lengths",
            Answered(1),
            post("content-length: 13\r\ncontent-length: 13", BODY),
        ),
    ]
}

fn encodings() -> Vec<Case> {
    let coded = |value: &str| smuggled(&format!("transfer-encoding: {value}"), CHUNKED);
    let te = "transfer-encoding: chunked";
    let version = "POST /v1/chat/completions HTTP/1.0";
    vec![
        case(
            "length, then coding",
            Hidden,
            smuggled(&format!("content-length: 13\r\n{te}"), CHUNKED),
        ),
        case(
            "coding, then length",
            Hidden,
            smuggled(&format!("{te}\r\ncontent-length: 13"), CHUNKED),
        ),
        case("chunked, identity", Cut, coded("chunked, identity")),
        case("identity, chunked", Cut, coded("identity, chunked")),
        case(",chunked", Cut, coded(",chunked")),
        case("xchunked", Cut, coded("xchunked")),
        case("a vertical tab before chunked", Cut, coded("\u{b}chunked")),
        case(
            "two codings",
            Cut,
            smuggled(&format!("{te}\r\n{te}"), CHUNKED),
        ),
        case(
            "a coding in HTTP/1.0",
            Cut,
            head(version, te, CHUNKED) + &sized(""),
        ),
    ]
}

fn chunks() -> Vec<Case> {
    let chunks = |body: &str| smuggled("transfer-encoding: chunked", body);
    let data = "{\"model\":\"m\"}";
    let trailer = |line: &str| format!("d\r\n{data}\r\n0\r\n{line}\r\n\r\n");
    vec![
        case(
            "a chunk size of letters",
            Cut,
            chunks(&format!("zz\r\n{data}\r\n0\r\n\r\n")),
        ),
        case(
            "a chunk size too large",
            Cut,
            chunks(&format!("1000000000000000d\r\n{data}\r\n0\r\n\r\n")),
        ),
        case(
            "no chunk size",
            Cut,
            chunks(&format!("\r\n{data}\r\n0\r\n\r\n")),
        ),
        case(
            "a line feed for a chunk's line end",
            Cut,
            chunks(&format!("d\n{data}\r\n0\r\n\r\n")),
        ),
        case(
            "a line feed in an extension",
            Cut,
            chunks(&format!("d;a\nb\r\n{data}\r\n0\r\n\r\n")),
        ),
        case(
            "a chunk with a wrong end",
            Cut,
            chunks(&format!("d\r\n{data}XX0\r\n\r\n")),
        ),
        case(
            "a space after the chunk size",
            Hidden,
            post(
                "transfer-encoding: chunked",
                &format!("d \r\n{data}\r\n0\r\n\r\n"),
            ),
        ),
        case(
            "a length as trailer",
            Refused,
            post("transfer-encoding: chunked", &trailer("content-length: 3")),
        ),
        case(
            "a key as trailer",
            Refused,
            post(
                "transfer-encoding: chunked",
                &trailer("authorization: Bearer x"),
            ),
        ),
        case(
            "a chunk extension",
            Answered(1),
            post(
                "transfer-encoding: chunked",
                &format!("d;a=b\r\n{data}\r\n0\r\n\r\n"),
            ),
        ),
    ]
}

fn lines() -> Vec<Case> {
    let lines = |line: &str| sized(&format!("{line}\r\n"));
    let many: String = (0..101).map(|at| format!("x-{at}: 1\r\n")).collect();
    let (start, end) = (b"x-a: caf".to_vec(), b"\xe9\r\n".to_vec());
    let latin = [start, end].concat();
    let mut high = sized("x-a: 1\r\n").into_bytes();
    let at = memchr::memmem::find(&high, b"x-a: 1\r\n").unwrap();
    high.splice(at..at + 8, latin);
    vec![
        case("a space before the colon", Refused, lines("x-a : 1")),
        case("a NUL in a value", Refused, lines("x-a: \u{0}")),
        case("a bare CR in a value", Refused, lines("x-a: a\rb")),
        case("a folded line", Refused, lines("x-a: a\r\n b")),
        case("a line without a colon", Refused, lines("x-a")),
        case("a line without a name", Refused, lines(": a")),
        case("101 headers", Refused, sized(&many)),
        case(
            "a header of 500 KB",
            Refused,
            lines(&format!("x-a: {}", "x".repeat(500_000))),
        ),
        case("a byte beyond ASCII in a value", Refused, high),
        case(
            "lines that end in a line feed",
            Hidden,
            sized("").replace("\r\n", "\n"),
        ),
        case(
            "an upgrade to h2c",
            Refused,
            lines("connection: upgrade\r\nupgrade: h2c"),
        ),
        case("two keys", Refused, lines("authorization: Bearer sk-other")),
        case(
            "a tab within the credential",
            Refused,
            sized("").replace("Bearer ", "Bearer\t"),
        ),
        case("Expect", Answered(1), lines("expect: 100-continue")),
    ]
}

fn targets() -> Vec<Case> {
    let first = |line: &str| head(line, "content-length: 13", BODY);
    let path = |path: &str| first(&format!("POST {path} HTTP/1.1"));
    let host = |line: &str| sized("").replace("host: a\r\n", line);
    let long = format!("/v1/{}", "x".repeat(70 << 10));
    vec![
        case(
            "HTTP/1.2",
            Refused,
            first("POST /v1/chat/completions HTTP/1.2"),
        ),
        case(
            "two spaces",
            Refused,
            first("POST  /v1/chat/completions HTTP/1.1"),
        ),
        case("a target of 70 KiB", Refused, path(&long)),
        case("two hosts", Refused, host("host: a\r\nhost: b\r\n")),
        case("no host", Refused, host("")),
        case("a user in the host", Refused, host("host: u@evil\r\n")),
        case(
            "another host in the target",
            Refused,
            path("http://evil/v1/chat/completions"),
        ),
        case(
            "a host for a target",
            Refused,
            head("GET evil:80 HTTP/1.1", "x-a: 1", ""),
        ),
        case(
            "CONNECT",
            Refused,
            head("CONNECT evil:80 HTTP/1.1", "x-a: 1", ""),
        ),
        case(
            "TRACE",
            Refused,
            head("TRACE /v1/models HTTP/1.1", "x-a: 1", ""),
        ),
        case(
            "a method in small letters",
            Refused,
            first("post /v1/chat/completions HTTP/1.1"),
        ),
        case("..", Refused, path("/v1/x/../chat/completions")),
        case("%2e%2e", Refused, path("/v1/%2e%2e/v1/chat/completions")),
        case("an escaped letter", Refused, path("/v1/%63hat/completions")),
        case("a backslash", Refused, path("/v1\\chat/completions")),
        case(
            "raw UTF-8 in the path",
            Refused,
            path("/v1/ché/completions"),
        ),
        case(
            "a doubled slash",
            Answered(1),
            path("//v1//chat/completions/"),
        ),
        case(
            "OPTIONS *",
            Refused,
            head("OPTIONS * HTTP/1.1", "x-a: 1", ""),
        ),
        case(
            "GET with a body",
            Answered(1),
            head("GET /v1/models HTTP/1.1", "content-length: 13", BODY),
        ),
        case("two requests at once", Answered(2), sized("") + &sized("")),
        case(
            "an empty line first",
            Answered(1),
            format!("\r\n{}", sized("")),
        ),
    ]
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
        Hidden => statuses.len() <= 1 && provider.calls() <= 1,
    };
    (!fine).then(|| format!("{}: {statuses:?}, {:?} expected", case.what, case.verdict))
}

#[tokio::test]
async fn hostile_bytes_are_refused_or_do_no_harm() {
    let tables = [lengths(), encodings(), chunks(), lines(), targets()];
    let all: Vec<Case> = tables.into_iter().flatten().collect();
    let count = |verdict| all.iter().filter(|case| case.verdict == verdict).count();
    let (total, hidden) = (all.len(), count(Hidden));
    println!("{total} hostile or odd inputs, {hidden} accepted for now because hyper hides them");
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
