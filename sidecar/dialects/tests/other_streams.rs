//! Streams of Anthropic and Gemini: when they may be shown, how they end, what they used; cut at every offset, the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use purser_config::Endpoint;
use purser_dialects::{Dialect, Gate, Tail, Verdict, Whole, estimate};

const MESSAGE: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"role\":\"assistant\",\"content\":[],\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":7}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

const CHUNKS: &str = concat!(
    "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":8,\"totalTokenCount\":8}}\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Hello\"}]},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":8,\"candidatesTokenCount\":2,\"totalTokenCount\":10}}\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":8,\"candidatesTokenCount\":3,\"thoughtsTokenCount\":4,\"totalTokenCount\":15}}\r\n\r\n",
);

fn gated(dialect: Dialect, stream: &str, size: usize) -> Verdict {
    let mut gate = Gate::of(dialect);
    for chunk in stream.as_bytes().chunks(size) {
        let verdict = gate.push(chunk);
        if verdict != Verdict::Pending {
            return verdict;
        }
    }
    match gate.finish() {
        purser_dialects::End::Decided(verdict) => verdict,
        _ => Verdict::Pending,
    }
}

fn watched(dialect: Dialect, stream: &str, size: usize) -> Tail {
    let mut tail = Tail::of(dialect, true);
    stream
        .as_bytes()
        .chunks(size)
        .for_each(|chunk| tail.push(chunk));
    tail.finish();
    tail
}

/// Up to the first event of that text, that one left out.
fn until<'a>(stream: &'a str, text: &str) -> &'a str {
    let before = &stream[..stream.find(text).unwrap()];
    let begin = ["\n\n", "\r\n\r\n"].map(|end| before.rfind(end).map_or(0, |at| at + end.len()));
    &stream[..begin[0].max(begin[1])]
}

#[test]
fn a_stream_is_shown_from_its_first_content_however_it_is_cut() {
    for (dialect, stream) in [(Dialect::Anthropic, MESSAGE), (Dialect::Gemini, CHUNKS)] {
        let before = until(stream, "Hello");
        for size in 1..stream.len() {
            assert_eq!(gated(dialect, before, size), Verdict::Pending, "{size}");
            assert_eq!(gated(dialect, stream, size), Verdict::Content, "{size}");
        }
    }
}

#[test]
fn an_end_and_a_usage_are_seen_however_the_stream_is_cut() {
    for (dialect, stream, counts) in [
        (Dialect::Anthropic, MESSAGE, (15, 7, 5)),
        (Dialect::Gemini, CHUNKS, (8, 7, 0)),
    ] {
        for size in 1..stream.len() {
            let tail = watched(dialect, stream, size);
            let usage = tail.usage().unwrap();
            assert!(tail.is_done() && !tail.has_error() && tail.usage_is_whole());
            let found = (
                usage.prompt_tokens,
                usage.completion_tokens,
                usage.cached_tokens,
            );
            assert_eq!(found, counts);
            assert_eq!(tail.written().unwrap().tokens(), 2);
        }
    }
}

#[test]
fn a_stream_that_was_cut_is_not_done_and_its_usage_not_whole() {
    for (dialect, stream, end) in [
        (Dialect::Anthropic, MESSAGE, "message_delta"),
        (Dialect::Gemini, CHUNKS, "finishReason"),
    ] {
        let tail = watched(dialect, until(stream, end), 9);
        assert!(!tail.is_done() && !tail.usage_is_whole());
        assert!(tail.usage().unwrap().prompt_tokens > 0);
    }
}

#[test]
fn an_error_is_seen_first_and_later() {
    let anthropic = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let gemini = "data: {\"error\":{\"code\":503,\"message\":\"Overloaded\",\"status\":\"UNAVAILABLE\"}}\n\n";
    for (dialect, stream, error, meant) in [
        (Dialect::Anthropic, MESSAGE, anthropic, 529),
        (Dialect::Gemini, CHUNKS, gemini, 503),
    ] {
        let before = until(stream, "Hello");
        for stream in [error.to_owned(), format!("{before}{error}")] {
            let Verdict::Error {
                status, message, ..
            } = gated(dialect, &stream, 11)
            else {
                panic!("{stream}");
            };
            assert_eq!((status, message.as_str()), (Some(meant), "Overloaded"));
            let tail = watched(dialect, &stream, 11);
            assert!(tail.has_error());
        }
    }
}

#[test]
fn tools_refusals_and_blocked_prompts_are_content() {
    let event = |data: &str| format!("data: {data}\n\n");
    for (dialect, data) in [
        (
            Dialect::Anthropic,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        ),
        (
            Dialect::Anthropic,
            r#"{"type":"message_delta","delta":{"stop_reason":"refusal"},"usage":{"output_tokens":0}}"#,
        ),
        (
            Dialect::Gemini,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]}}]}"#,
        ),
        (
            Dialect::Gemini,
            r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}}"#,
        ),
    ] {
        assert_eq!(gated(dialect, &event(data), 5), Verdict::Content, "{data}");
    }
    let nothing = event(r#"{"type":"message_stop"}"#);
    assert_eq!(gated(Dialect::Anthropic, &nothing, 5), Verdict::Done);
}

#[test]
fn a_whole_answer_tells_its_usage_in_its_api_s_way() {
    let message = br#"{"type":"message","content":[{"type":"text","text":"Hello"}],"usage":{"input_tokens":3,"cache_creation_input_tokens":4,"output_tokens":2}}"#;
    let usage = Whole::of(Dialect::Anthropic, message)
        .unwrap()
        .usage
        .unwrap();
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (7, 2));
    assert_eq!(estimate::output(message), 2);
    let generated = br#"{"candidates":[{"content":{"parts":[{"text":"Hello"}]}}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2}}"#;
    let usage = Whole::of(Dialect::Gemini, generated)
        .unwrap()
        .usage
        .unwrap();
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (3, 2));
    assert_eq!(estimate::output(generated), 2);
    let error = br#"{"error":{"code":503,"message":"no","status":"UNAVAILABLE"}}"#;
    assert!(Whole::of(Dialect::Gemini, error).unwrap().may_be_error);
}

#[test]
fn what_is_no_text_is_not_estimated_as_text() {
    let payload = "QUJD".repeat(10_000);
    let image = format!(
        r#"{{"messages":[{{"content":[{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{payload}"}}}}]}}]}}"#
    );
    let tokens = estimate::input_of(Dialect::Anthropic, image.as_bytes(), Endpoint::Chat);
    assert!((2_048..2_200).contains(&tokens), "{tokens}");
    let film = format!(
        r#"{{"contents":[{{"parts":[{{"inlineData":{{"mimeType":"video/mp4","data":"{payload}"}}}}]}}]}}"#
    );
    let tokens = estimate::input_of(Dialect::Gemini, film.as_bytes(), Endpoint::Chat);
    assert!((625..700).contains(&tokens), "{tokens}");
    let schema = br#"{"tools":[{"input_schema":{"properties":{"source":{"type":"string"}}}}]}"#;
    let tokens = estimate::input_of(Dialect::Anthropic, schema, Endpoint::Chat);
    assert!(tokens < 40, "{tokens}");
}
