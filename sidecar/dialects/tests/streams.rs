//! Streams: events, the gate before the commit point, the tail after it.

use purser_dialects::sse::MAX_LINE;
use purser_dialects::{End, Event, Events, Gate, KEEP_ALIVE, Tail, TooLong, Usage, Verdict};

fn events(stream: &[u8]) -> Vec<(String, String)> {
    let mut splitter = Events::new();
    let found = splitter
        .push(stream)
        .into_iter()
        .flatten()
        .chain(splitter.finish());
    found
        .map(|Event { name, data }| (name, String::from_utf8_lossy(&data).into_owned()))
        .collect()
}

fn gate(stream: &str) -> Verdict {
    Gate::new().push(stream.as_bytes())
}

fn tail(stream: &str) -> Tail {
    let mut tail = Tail::new();
    tail.push(stream.as_bytes());
    tail.finish();
    tail
}

#[test]
fn events_are_split_as_the_standard_says() {
    for (stream, expected) in [
        ("data: a\n\n", vec![("", "a")]),
        (
            "\u{feff}data: a\r\n\r\ndata:b\r\rdata:  c\n\n",
            vec![("", "a"), ("", "b"), ("", " c")],
        ),
        (
            ": comment\nevent: e\nid: 1\ndata: a\ndata\ndata: b\n\n",
            vec![("e", "a\n\nb")],
        ),
        ("event: lost\n\ndata: a\n\n", vec![("", "a")]),
        ("data:\n\n", vec![("", "")]),
        ("data: a", vec![("", "a")]),
        ("datax: a\n\n\n\n: x\n\n", vec![]),
        ("data: é\u{feff}\n\n", vec![("", "é\u{feff}")]),
        ("", vec![]),
    ] {
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(name, data)| (name.to_owned(), data.to_owned()))
            .collect();
        assert_eq!(events(stream.as_bytes()), expected, "{stream:?}");
    }
    assert_eq!(events(KEEP_ALIVE), []);
}

#[test]
fn an_endless_line_or_event_is_refused_once() {
    let line = |length: usize| [b"data:".as_slice(), &vec![b'.'; length - 5]].concat();
    let mut splitter = Events::new();
    let stream = [
        b"data: a\n\n".as_slice(),
        &line(MAX_LINE + 1),
        b"\n\ndata: b\n\n",
    ]
    .concat();
    let found = splitter.push(&stream);
    assert_eq!((found.len(), found.last()), (2, Some(&Err(TooLong))));
    assert_eq!(splitter.push(b"data: b\n\n"), []);
    assert_eq!(splitter.finish(), None);
    assert!(
        Events::new()
            .push(&[line(MAX_LINE).as_slice(), b"\n\n"].concat())
            .iter()
            .all(Result::is_ok)
    );
    let many = "data: 0123456789\n".repeat(MAX_LINE / 10);
    assert_eq!(Events::new().push(many.as_bytes()), [Err(TooLong)]);
    assert_eq!(Gate::new().push(&stream), Verdict::TooLong);
}

#[test]
fn content_opens_the_gate() {
    for data in [
        r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#,
        r#"{"choices":[{"delta":{"content":[{"type":"thinking"}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#,
        r#"{"choices":[{"delta":{"refusal":"no"}}]}"#,
        r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#,
        r#"{"choices":[{"delta":{"function_call":{"name":"f"}}}]}"#,
        r#"{"choices":[{"delta":{}},{"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"error":null,"choices":[{"text":"a"}]}"#,
        r#"{"type":"response.output_item.added","item":{}}"#,
        r#"{"type":"response.completed","response":{"error":null}}"#,
        r#"{"type":"transcript.text.delta","delta":"a"}"#,
    ] {
        assert_eq!(
            gate(&format!(": hi\n\ndata: {data}\n\n")),
            Verdict::Content,
            "{data}"
        );
    }
    assert_eq!(
        gate("event: response.output_text.delta\ndata: {\"delta\":\"a\"}\n\n"),
        Verdict::Content
    );
}

#[test]
fn announcements_do_not() {
    for event in [
        ": ping\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        "data: {\"choices\":[],\"prompt_filter_results\":[{}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[],\"refusal\":null}}]}\n\n",
        "data: {\"choices\":[{\"text\":\"\",\"finish_reason\":null}]}\n\n",
        "data: {\"choices\":[{\"finish_reason\":\"\"}]}\n\n",
        "data: {\"choices\":null,\"usage\":{}}\n\n",
        "data: {\"type\":\"response.created\",\"response\":{\"error\":null}}\n\n",
        "event: response.in_progress\ndata: {\"type\":\"response.in_progress\"}\n\n",
        "data: {\"type\":\"response.queued\"}\n\n",
        "data: not json\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n",
    ] {
        assert_eq!(gate(event), Verdict::Pending, "{event:?}");
    }
}

/// An event; status, code, type, message.
type InBand = (
    &'static str,
    Option<u16>,
    Option<&'static str>,
    Option<&'static str>,
    &'static str,
);

const IN_BAND: [InBand; 9] = [
    (
        r#"data: {"error":{"message":"m","type":"server_error","code":null}}"#,
        Some(500),
        None,
        Some("server_error"),
        "m",
    ),
    (
        r#"data: {"error":{"message":"m","code":503},"choices":[{"delta":{"content":"x"}}]}"#,
        Some(503),
        None,
        None,
        "m",
    ),
    (r#"data: {"error":"m"}"#, None, None, None, "m"),
    (
        r#"data: {"object":"error","message":"m","code":400}"#,
        Some(400),
        None,
        None,
        "m",
    ),
    ("event: error\ndata: m", None, None, None, "m"),
    (
        "event: error\ndata: {\"message\":\"m\",\"code\":\"429\"}",
        Some(429),
        Some("429"),
        None,
        "m",
    ),
    (
        r#"data: {"type":"error","code":"rate_limit_exceeded","message":"m"}"#,
        Some(429),
        Some("rate_limit_exceeded"),
        None,
        "m",
    ),
    (
        r#"data: {"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
        Some(529),
        None,
        Some("overloaded_error"),
        "m",
    ),
    (
        r#"data: {"type":"response.failed","response":{"error":{"code":"server_error","message":"m"}}}"#,
        Some(500),
        Some("server_error"),
        None,
        "m",
    ),
];

#[test]
fn errors_in_a_stream_are_errors() {
    for (event, status, code, kind, message) in IN_BAND {
        let (code, kind) = (code.map(str::to_owned), kind.map(str::to_owned));
        assert_eq!(
            gate(&format!("{event}\n\n")),
            Verdict::Error {
                status,
                code,
                kind,
                message: message.into()
            },
            "{event}"
        );
    }
}

#[test]
fn a_stream_that_ends_before_content_says_how() {
    let end = |stream: &str| {
        let mut gate = Gate::new();
        gate.push(stream.as_bytes());
        gate.finish()
    };
    assert_eq!(end(": hi\n\n"), End::Empty);
    assert_eq!(end("data: {\"choices\":[]}\n\n"), End::NoContent);
    assert_eq!(end("data: [DONE]"), End::Decided(Verdict::Done));
    assert_eq!(
        end("data: [DONE]\n\ndata: {\"choices\":[{\"text\":\"a\"}]}\n\n"),
        End::Decided(Verdict::Done)
    );
    assert_eq!(
        end("data: {\"choices\":[{\"text\":\"a\"}]}"),
        End::Decided(Verdict::Content)
    );
}

const USAGE: Usage = Usage {
    prompt_tokens: 3,
    completion_tokens: 4,
    total_tokens: 7,
    cached_tokens: 0,
    cache_write_tokens: 0,
};

#[test]
fn the_tail_knows_a_good_end() {
    let chat = tail(
        "data: {\"choices\":[],\"usage\":null}\n\ndata: {\"usage\": {\"prompt_tokens\":3,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n",
    );
    assert_eq!(
        (
            chat.is_done(),
            chat.has_error(),
            chat.usage(),
            chat.events()
        ),
        (true, false, Some(USAGE), 3)
    );
    for stream in [
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"error\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":4,\"total_tokens\":7}}}\n\n",
        "data: {\"sequence_number\":9,\"type\":\"response.incomplete\",\"response\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}",
    ] {
        let responses = tail(stream);
        assert_eq!(
            (
                responses.is_done(),
                responses.has_error(),
                responses.usage()
            ),
            (true, false, Some(USAGE)),
            "{stream}"
        );
    }
    assert!(tail("data: [DONE]").is_done());
}

#[test]
fn the_tail_is_not_deceived_by_what_the_model_writes() {
    for content in [
        r#""[DONE]""#,
        r#""\"error\":{} \"usage\":{\"prompt_tokens\":1} response.completed""#,
        r#""error""#,
        r#""data: [DONE]\n\n""#,
    ] {
        let tail = tail(&format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":{content},\"type\":\"error\"}}}}]}}\n\n"
        ));
        assert_eq!(
            (tail.is_done(), tail.has_error(), tail.usage()),
            (false, false, None),
            "{content}"
        );
    }
}

#[test]
fn the_tail_knows_errors_and_cut_ends() {
    assert!(tail("data: {\"choices\":[],\"error\":{\"message\":\"m\"}}\n\n").has_error());
    assert!(tail("event: error\ndata: m\n\n").has_error());
    let failed = tail("event: response.failed\ndata: {}\n\n");
    assert!(failed.is_done() && failed.has_error());
    for (stream, closer, sequence) in [
        ("", "", 0),
        ("data: a\n\n", "", 1),
        ("data: a\r\n\r", "", 1),
        ("data: a\n", "\n", 1),
        ("data: a\r", "\n\n", 1),
        (": x\n", "\n", 0),
        ("data: a\n\ndata: {\"type\":\"response.compl", "\n\n", 1),
        (
            "event: response.completed\ndata: {\"type\":\"response.compl",
            "\n\n",
            0,
        ),
        ("data: [DON", "\n\n", 0),
        ("event: err", "\n\n", 0),
        ("\u{feff}", "", 0),
    ] {
        let mut before = Tail::new();
        before.push(stream.as_bytes());
        let after = tail(stream);
        assert_eq!(
            (before.closer(), after.closer()),
            (closer.as_bytes(), closer.as_bytes()),
            "{stream:?}"
        );
        assert_eq!(after.is_between_events(), closer.is_empty());
        assert_eq!(
            (after.is_done(), after.has_error(), after.events()),
            (false, false, sequence),
            "{stream:?}"
        );
    }
}
