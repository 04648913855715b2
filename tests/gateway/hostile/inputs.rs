//! The inputs, one table for each part of a request. Used by `hostile`; nothing here is sent.

use super::super::setup::KEY;
use super::Verdict::{self, Answered, Cut, Refused};

pub(super) const BODY: &str = r#"{"model":"m"}"#;
const CHUNKED: &str = "d\r\n{\"model\":\"m\"}\r\n0\r\n\r\n";

/// One input, and what must become of it.
pub(super) struct Case {
    pub(super) what: &'static str,
    pub(super) verdict: Verdict,
    pub(super) bytes: Vec<u8>,
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

pub(super) fn sized(lines: &str) -> String {
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
            Cut,
            smuggled(&format!("content-length: 13\r\n{te}"), CHUNKED),
        ),
        case(
            "coding, then length",
            Cut,
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
            Cut,
            chunks(&format!("d \r\n{data}\r\n0\r\n\r\n")),
        ),
    ]
}

fn trailers() -> Vec<Case> {
    let data = "{\"model\":\"m\"}";
    let trailer = |line: &str| format!("d\r\n{data}\r\n0\r\n{line}\r\n\r\n");
    vec![
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
            Cut,
            sized("").replace("\r\n", "\n") + &sized(""),
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
        case("two requests at once", Answered(2), sized("") + &sized("")),
        case(
            "an empty line first",
            Answered(1),
            format!("\r\n{}", sized("")),
        ),
    ]
}

fn methods() -> Vec<Case> {
    let first = |line: &str| head(line, "content-length: 13", BODY);
    vec![
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
    ]
}

fn paths() -> Vec<Case> {
    let path = |path: &str| {
        let first = format!("POST {path} HTTP/1.1");
        head(&first, "content-length: 13", BODY)
    };
    vec![
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
    ]
}

/// Every table.
pub(super) fn all() -> Vec<Case> {
    let tables = [
        lengths(),
        encodings(),
        chunks(),
        trailers(),
        lines(),
        targets(),
        methods(),
        paths(),
    ];
    tables.into_iter().flatten().collect()
}
