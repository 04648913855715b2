//! What holds for every input: no panic, and no difference made by where a stream is cut.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use purser_config::Endpoint;
use purser_dialects::sse::MAX_LINE;
use purser_dialects::{
    Dialect, ErrorBody, boundary, classify, dialect_of, estimate, render_event, scan_json,
    scan_multipart, upstream_error,
};
use purser_dialects::{
    End, Event, Events, Gate, Tail, TooLong, Usage, UsageFilter, Verdict, Whole,
};

/// Everything that is known of a stream.
type Seen = (
    Vec<Result<Event, TooLong>>,
    Option<Event>,
    Verdict,
    End,
    Passed,
);
/// Its end, an error, its usage, its events, what closes it before and after it ended.
type Passed = (bool, bool, Option<Usage>, u64, &'static [u8], &'static [u8]);

fn watch<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Seen {
    let (mut splitter, mut gate, mut tail) = (Events::new(), Gate::new(), Tail::new());
    let (mut events, mut verdict) = (Vec::new(), Verdict::Pending);
    for chunk in chunks {
        events.extend(splitter.push(chunk));
        verdict = gate.push(chunk);
        tail.push(chunk);
    }
    let before = tail.closer();
    tail.finish();
    let passed = (
        tail.is_done(),
        tail.has_error(),
        tail.usage(),
        tail.events(),
        before,
        tail.closer(),
    );
    (events, splitter.finish(), verdict, gate.finish(), passed)
}

/// `stream` cut at `cuts`, each taken modulo what is left.
fn cut<'a>(mut stream: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    for cut in cuts {
        let (chunk, rest) = stream.split_at(cut % (stream.len() + 1));
        chunks.push(chunk);
        stream = rest;
    }
    chunks.push(stream);
    chunks
}

/// What streams are made of, whole and broken.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "data: ",
        "data:",
        "event: ",
        "event: error",
        ": c",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        "\u{feff}",
        "é😀",
        "id: 1",
        "x",
        "[DONE]",
        "data: [DONE]\n\n",
        "event: response.completed\n",
        "event: response.failed\ndata: {}\n\n",
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"usage\":null}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"é\"}}]}\r\n\r\n",
        "data: {\"error\":{\"code\":429,\"message\":\"m\"}}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n",
        "data: {\"choices\":[],\"usage\":{}}\r\r\n",
        "data: {\"choices\":[],\"usage\":{}}\n",
        "data: {\"usage\":{},",
        "\"choices\"",
        ":[",
        "]",
        "}",
        "data: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":1}}}",
    ]);
    prop_oneof![
        4 => vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes()),
        1 => vec(any::<u8>(), 0..64),
    ]
}

/// Bytes that are nearly JSON, or anything.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "\\u0065",
        "\\ud800",
        "model",
        "\"model\":",
        "\"stream\":true",
        "\"error\":",
        "1e999",
        "-",
        "0",
        "null",
        "message",
        "\"code\":",
        "sk-",
        "http://",
        "10.0.0.1",
        "é",
        " ",
        "\n",
    ]);
    prop_oneof![
        3 => vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes()),
        1 => vec(any::<u8>(), 0..256),
    ]
}

/// What goes on to a caller who did not ask for usage.
fn without_usage<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let (mut filter, mut passed) = (UsageFilter::new(), Vec::new());
    for chunk in chunks {
        filter.push(Bytes::copy_from_slice(chunk), |part| {
            assert!(!part.is_empty());
            passed.extend_from_slice(&part);
        });
    }
    passed.extend(filter.finish().unwrap_or_default());
    passed
}

/// Whether an event is a usage and nothing else, by another reading than the filter's.
fn is_usage(event: &Result<Event, TooLong>) -> bool {
    let data = event.as_ref().map_or(&[][..], |event| &event.data);
    let value: serde_json::Value = serde_json::from_slice(data).unwrap_or_default();
    value["choices"].as_array().is_some_and(Vec::is_empty) && value["usage"].is_object()
}

fn nearly_form() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "--b",
        "--b\r\n",
        "--b--",
        "\r\n",
        "\r\n\r\n",
        "\r\n--b\r\n",
        "Content-Disposition: form-data; name=\"model\"",
        "content-disposition:form-data;name=stream",
        "; filename=\"",
        "\\",
        "\"",
        "=",
        ";",
        "true",
        "é",
        "\0",
    ]);
    vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_cut_of_a_stream_makes_a_difference(stream in pieces(), cuts in vec(any::<usize>(), 0..12)) {
        let whole = watch(std::iter::once(stream.as_slice()));
        prop_assert_eq!(&whole, &watch(cut(&stream, &cuts).into_iter()));
        prop_assert_eq!(&whole, &watch(stream.chunks(1)));
    }

    #[test]
    fn without_the_usage_a_stream_holds_all_its_other_events_however_it_is_cut(stream in pieces(), cuts in vec(any::<usize>(), 0..12)) {
        let whole = without_usage(std::iter::once(stream.as_slice()));
        prop_assert_eq!(&whole, &without_usage(cut(&stream, &cuts).into_iter()));
        prop_assert_eq!(&whole, &without_usage(stream.chunks(1)));
        let events = |stream: &[u8]| {
            let mut splitter = Events::new();
            // A byte order mark within a stream must not come to begin it.
            splitter.push(b"\n");
            let mut events = splitter.push(stream);
            events.extend(splitter.finish().map(Ok));
            events.retain(|event| !is_usage(event));
            events
        };
        prop_assert_eq!(events(&stream), events(&whole));
    }

    #[test]
    fn no_estimate_panics(body in nearly_json(), stream in pieces()) {
        let mut tail = Tail::counting();
        tail.push(&stream);
        let _ = (tail.written().map(|written| written.tokens()), estimate::output(&body));
        for endpoint in Endpoint::ALL {
            prop_assert!(estimate::input(&body, endpoint) >= u64::from(!body.is_empty()));
        }
    }

    #[test]
    fn a_closer_makes_room_for_one_more_event(stream in pieces()) {
        let mut tail = Tail::new();
        tail.push(&stream);
        let error = ErrorBody { status: 502, kind: "server_error", code: None, param: None, message: "cut", request_id: "r" };
        let added = render_event(Dialect::OpenAI, &error);
        let mut splitter = Events::new();
        let all = splitter.push(&[&stream, tail.closer(), &added].concat());
        let last = Event { name: String::new(), data: added.trim_ascii().strip_prefix(b"data: ").map(<[u8]>::to_vec).unwrap_or_default() };
        prop_assert_eq!(all.last(), Some(&Ok(last)));
    }

    #[test]
    fn no_body_panics(body in nearly_json(), form in nearly_form(), status in any::<u16>()) {
        if let Ok(found) = scan_json(&body) {
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            if let Some(model) = found.model {
                prop_assert_eq!(value["model"].as_str(), Some(model.value.as_str()));
                prop_assert_eq!(serde_json::from_slice::<String>(&body[model.span]).ok(), Some(model.value));
            }
        }
        for bytes in [&form, &body] {
            if let Ok(Some(model)) = scan_multipart(bytes, "b").map(|found| found.model) {
                prop_assert_eq!(&bytes[model.span], model.value.as_bytes());
            }
        }
        let read = upstream_error::read(status, &body);
        prop_assert!(read.message.len() <= 2_048);
        let clean: serde_json::Value = serde_json::from_slice(&upstream_error::sanitise(&body)).unwrap_or_default();
        prop_assert_eq!(clean["error"].as_object().map(serde_json::Map::len), Some(4));
        let _ = (boundary(&String::from_utf8_lossy(&form)), Whole::read(&body).is_ok());
    }

    #[test]
    fn no_path_panics(path in "(/|v1|models|chat|completions|%|2f|\\.|\\PC){0,12}", value in "\\PC{0,64}") {
        let _ = (classify("GET", &path), dialect_of(&path), boundary(&format!("multipart/form-data;{value}")));
    }
}

#[test]
fn no_cut_near_the_longest_line_makes_a_difference() {
    for length in MAX_LINE - 4..MAX_LINE + 4 {
        for begin in ["", "\u{feff}"] {
            let fill = "x".repeat(length - "data: ".len());
            let stream = format!("{begin}data: {fill}\n\ndata: [DONE]\n\n");
            let whole = watch(std::iter::once(stream.as_bytes()));
            for cut in [
                1,
                2,
                3,
                length - 1,
                length,
                length + 1,
                length + 2,
                length + 3,
                length + 4,
            ] {
                let (first, second) = stream.as_bytes().split_at(cut);
                assert_eq!(whole, watch([first, second].into_iter()), "{length} {cut}");
            }
        }
    }
}
