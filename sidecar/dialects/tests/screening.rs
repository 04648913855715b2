//! An error event that is cut into pieces: nothing that is ours leaves in any of them, and no other byte changes.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use purser_dialects::sse::MOST;
use purser_dialects::{Dialect, Screen, Tail};

const KEY: &str = "sk-proj-AbCdEf0123456789";
const ORGANISATION: &str = "org-AbCdEf0123456789";

/// What a caller is given of a stream that comes in these chunks, and the most that was kept back.
fn given<'a>(dialect: Dialect, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, usize) {
    let (mut tail, mut screen) = (Tail::of(dialect, false), Screen::new());
    let (mut given, mut came, mut most) = (Vec::new(), 0, 0);
    for chunk in chunks {
        tail.push(chunk);
        came += chunk.len();
        given.extend(
            screen
                .pass(Bytes::copy_from_slice(chunk), &tail)
                .unwrap_or_default(),
        );
        most = most.max(came.saturating_sub(given.len()));
    }
    tail.finish();
    given.extend(screen.finish(&tail).unwrap_or_default());
    (given, most)
}

fn content(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::OpenAI => format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"error\":null}}]}}\n\n"
        ),
        Dialect::Anthropic => format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
        ),
        Dialect::Gemini => format!(
            "data: {{\"candidates\": [{{\"content\": {{\"parts\": [{{\"text\": \"{text}\"}}],\"role\": \"model\"}}}}]}}\r\n\r\n"
        ),
    }
}

/// Errors as providers write them into streams; `@` stands for what is ours.
const ERRORS: [(Dialect, &str); 9] = [
    (
        Dialect::OpenAI,
        "data: {\"error\":{\"message\":\"bad @\",\"type\":\"server_error\",\"param\":null,\"code\":\"x\"}}\n\n",
    ),
    (
        Dialect::OpenAI,
        "data: {\"error\": {\"message\": \"bad @\", \"code\": 500}}\r\n\r\n",
    ),
    // OpenRouter's stands beside a choice.
    (
        Dialect::OpenAI,
        "data: {\"id\":\"g\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"provider\":\"p\",\"error\":{\"code\":502,\"message\":\"bad @\"},\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}]}\n\n",
    ),
    // Mistral's and older vLLM's are flat, and so would be one whose type comes last.
    (
        Dialect::OpenAI,
        "data: {\"object\":\"error\",\"message\":\"bad @\",\"type\":\"BadRequestError\",\"code\":400}\n\n",
    ),
    (
        Dialect::OpenAI,
        "data: {\"message\":\"bad @\",\"type\":\"error\"}\n\n",
    ),
    (
        Dialect::OpenAI,
        "event: error\ndata: {\"type\":\"error\",\"code\":\"x\",\"message\":\"bad @\",\"param\":null,\"sequence_number\":3}\n\n",
    ),
    (
        Dialect::OpenAI,
        "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":3,\"response\":{\"id\":\"resp_1\",\"error\":{\"code\":\"server_error\",\"message\":\"bad @\"}}}\n\n",
    ),
    (
        Dialect::Anthropic,
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"bad @\"}}\n\n",
    ),
    (
        Dialect::Gemini,
        "data: {\"error\": {\"code\": 500,\"message\": \"bad @\",\"status\": \"INTERNAL\"}}\n\n",
    ),
];

fn streams() -> impl Iterator<Item = (Dialect, String, String)> {
    ERRORS.into_iter().map(|(dialect, error)| {
        let before = content(dialect, "my sk-abcdefghijkl") + &content(dialect, "two");
        let ours = format!("{KEY} of {ORGANISATION} at http://10.0.0.1/v1");
        let sent = before.clone() + &error.replace('@', &ours);
        let clean = before + &error.replace('@', "[redacted] of [redacted] at [redacted]");
        (dialect, sent, clean)
    })
}

#[test]
fn an_error_that_is_cut_anywhere_loses_what_is_ours_and_nothing_else() {
    for (dialect, sent, clean) in streams() {
        let sent = sent.as_bytes();
        for first in 0..=sent.len() {
            let (one, two) = sent.split_at(first);
            let (given, _) = given(dialect, [one, two]);
            assert_eq!(String::from_utf8_lossy(&given), clean, "cut at {first}");
        }
        for size in 1..40 {
            let (given, most) = given(dialect, sent.chunks(size));
            assert_eq!(String::from_utf8_lossy(&given), clean, "chunks of {size}");
            assert!(most < 512, "{most}");
        }
    }
}

#[test]
fn content_that_is_cut_goes_on_at_once() {
    for dialect in [Dialect::OpenAI, Dialect::Anthropic, Dialect::Gemini] {
        for (text, kept) in [("some words ", 2), ("x \\\"error\\\": y ", 4)] {
            let stream = content(dialect, &text.repeat(8_000)).repeat(3);
            let (given, most) = given(dialect, stream.as_bytes().chunks(1_400));
            assert!(given == stream.as_bytes());
            assert!(most < kept * 1_400, "{dialect:?} kept {most}");
        }
    }
}

#[test]
fn an_error_longer_than_any_goes_on_in_parts_without_what_is_ours() {
    let long = format!("{} {KEY} ", "word ".repeat(200)).repeat(200);
    let sent = format!("data: {{\"error\":{{\"message\":\"{long}\"}}}}\n\n");
    for size in [7, 1_000, 16_384] {
        let (given, most) = given(Dialect::OpenAI, sent.as_bytes().chunks(size));
        let clean = sent.replace(KEY, "[redacted]");
        assert!(given == clean.as_bytes(), "chunks of {size}");
        let shorter = 200 * (KEY.len() - "[redacted]".len());
        assert!(most <= MOST + size + shorter, "{most}");
    }
}

#[test]
fn what_is_held_at_the_end_goes_on() {
    for (stream, dialect) in [
        ("data: [DONE]", Dialect::OpenAI),
        ("data: {\"unknown\":1}", Dialect::OpenAI),
        (": a comment", Dialect::Gemini),
    ] {
        for cut in 0..stream.len() {
            let (one, two) = stream.as_bytes().split_at(cut);
            assert_eq!(given(dialect, [one, two]).0, stream.as_bytes());
        }
    }
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\r".to_owned()),
        Just("data: {\"id\":\"a\",\"error\":null,\"choices\":[]}".to_owned()),
        Just("data: {\"candidates\":[{\"args\":{\"error\":\"x\"}}]}".to_owned()),
        Just("event: message".to_owned()),
        Just(": ping".to_owned()),
        "[ -~]{0,12}",
        "data: [ -~é]{0,24}",
    ]
}

proptest! {
    /// Without an error nothing changes, however it is cut.
    #[test]
    fn a_stream_without_an_error_passes_unchanged(
        pieces in vec(piece(), 0..40),
        sizes in vec(1_usize..50, 1..30),
        dialect in 0..3_usize,
    ) {
        let dialect = [Dialect::OpenAI, Dialect::Anthropic, Dialect::Gemini][dialect];
        let stream = pieces.concat().into_bytes();
        let mut tail = Tail::of(dialect, false);
        tail.push(&stream);
        tail.finish();
        prop_assume!(!tail.has_error());
        let (mut rest, mut chunks) = (stream.as_slice(), Vec::new());
        for size in sizes.iter().cycle() {
            let (chunk, after) = rest.split_at(rest.len().min(*size));
            chunks.push(chunk);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(given(dialect, chunks).0, stream);
    }
}
