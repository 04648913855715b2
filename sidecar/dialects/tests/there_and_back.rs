//! What two APIs can both say survives the way there and back: requests, answers and streams of a chat, by way of Anthropic's messages; and by
//! way of Gemini's API and of responses, in the files below.
//! And a stream takes no more memory than its blocks need, however long it is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

#[path = "there_and_back/by_gemini.rs"]
mod by_gemini;
#[path = "there_and_back/by_responses.rs"]
mod by_responses;
#[path = "there_and_back/said.rs"]
mod said;

use proptest::prelude::*;
use purser_config::Provider;
use purser_dialects::Wire;
use purser_dialects::translate::{Asked, Interpreter, LONGEST_EVENT, read_reply, write_reply};
use said::{arguments, name, request, sent, text, words};
use serde_json::{Value, json};

/// A part of an answer: its text or its call, in fragments.
fn blocks() -> impl Strategy<Value = Vec<(Option<String>, Vec<String>)>> {
    let said = prop::collection::vec(words(), 1..4).prop_map(|parts| (None, parts));
    let called = (name(), arguments(), 1..9_usize).prop_map(|(name, arguments, size)| {
        let text: Vec<char> = arguments.to_string().chars().collect();
        (
            Some(name),
            text.chunks(size)
                .map(|part| part.iter().collect())
                .collect(),
        )
    });
    let pair = (said, prop::collection::vec(called, 0..3));
    prop::collection::vec(pair, 1..3).prop_map(|pairs| {
        // Two texts in a row would be one in a chat.
        let mut blocks: Vec<(Option<String>, Vec<String>)> = Vec::new();
        for (said, called) in pairs {
            if !blocks.last().is_some_and(|(call, _)| call.is_none()) {
                blocks.push(said);
            }
            blocks.extend(called);
        }
        blocks
    })
}

fn event(data: &Value) -> String {
    let name = data["type"].as_str().unwrap();
    format!("event: {name}\ndata: {data}\n\n")
}

fn stream(blocks: &[(Option<String>, Vec<String>)]) -> String {
    let usage = json!({"input_tokens": 5, "output_tokens": 1});
    let mut stream = event(
        &json!({"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": usage}}),
    );
    for (index, (name, parts)) in blocks.iter().enumerate() {
        let block = match name {
            Some(name) => {
                json!({"type": "tool_use", "id": format!("toolu_{index}"), "name": name, "input": {}})
            }
            None => json!({"type": "text", "text": ""}),
        };
        stream +=
            &event(&json!({"type": "content_block_start", "index": index, "content_block": block}));
        for part in parts {
            let delta = match name {
                Some(_) => json!({"type": "input_json_delta", "partial_json": part}),
                None => json!({"type": "text_delta", "text": part}),
            };
            stream +=
                &event(&json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        stream += &event(&json!({"type": "content_block_stop", "index": index}));
    }
    let calls = blocks.iter().any(|(name, _)| name.is_some());
    let reason = if calls { "tool_use" } else { "end_turn" };
    stream += &event(
        &json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 9}}),
    );
    stream + &event(&json!({"type": "message_stop"}))
}

fn interpreted(from: Wire, to: Wire, stream: &[u8]) -> Vec<u8> {
    let asked = Asked {
        model: "m".into(),
        wants_usage: true,
        ..Asked::default()
    };
    let mut interpreter = Interpreter::new(from, to, asked);
    let mut given = interpreter.push(stream);
    given.extend(interpreter.finish());
    given
}

/// Without its first event, which tells an id and counts that are known there only.
fn after_start(stream: &[u8]) -> String {
    let text = std::str::from_utf8(stream).unwrap();
    text.split_once("\n\n").unwrap().1.to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_chat_request_comes_back_from_messages_as_it_was(body in request()) {
        let body = body.to_string().into_bytes();
        let direct = text(&sent(Wire::Chat, &body, Provider::OpenAI));
        let there = sent(Wire::Chat, &body, Provider::Anthropic);
        let back = text(&sent(Wire::Messages, &there, Provider::OpenAI));
        prop_assert_eq!(direct, back);
    }

    #[test]
    fn an_answer_comes_back_from_a_chat_as_it_was(parts in blocks()) {
        let calls = parts.iter().any(|(name, _)| name.is_some());
        // A chat tells its text before its calls.
        let mut parts = parts;
        parts.sort_by_key(|(name, _)| name.is_some());
        parts.dedup_by(|(later, _), (earlier, _)| later.is_none() && earlier.is_none());
        let content: Vec<Value> = parts.iter().enumerate().map(|(index, (name, parts))| match name {
            Some(name) => json!({"type": "tool_use", "id": format!("toolu_{index}"), "name": name, "input": text(parts.concat().as_bytes())}),
            None => json!({"type": "text", "text": parts.concat()}),
        }).collect();
        let answer = json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
            "stop_reason": if calls { "tool_use" } else { "end_turn" }, "stop_sequence": null,
            "usage": {"input_tokens": 5, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 3, "output_tokens": 9},
        });
        let asked = Asked { model: "m".into(), ..Asked::default() };
        let reply = read_reply(Wire::Messages, answer.to_string().as_bytes()).unwrap();
        let there = write_reply(Wire::Chat, &reply, &asked).unwrap();
        let back = write_reply(Wire::Messages, &read_reply(Wire::Chat, &there).unwrap(), &asked).unwrap();
        let (mut answer, mut back) = (answer, text(&back));
        (answer["id"], back["id"]) = (Value::Null, Value::Null);
        prop_assert_eq!(answer, back);
    }

    #[test]
    fn a_stream_comes_back_from_a_chat_as_it_was(parts in blocks()) {
        let stream = stream(&parts);
        let direct = interpreted(Wire::Messages, Wire::Messages, stream.as_bytes());
        let there = interpreted(Wire::Messages, Wire::Chat, stream.as_bytes());
        let back = interpreted(Wire::Chat, Wire::Messages, &there);
        prop_assert_eq!(after_start(&direct), after_start(&back));
    }
}

/// As good a measure of what it keeps as any: each byte that is kept is shown in at least one.
fn kept(interpreter: &Interpreter) -> usize {
    format!("{interpreter:?}").len()
}

/// Chunk after chunk of a stream that does not end.
type Chunk = fn(usize) -> String;

fn chunk(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// A few of them are more than anything that is kept.
const LONG: usize = 160_000;

#[test]
fn a_long_stream_takes_no_more_memory_than_a_short_one() {
    let streams: [(&str, usize, Wire, Chunk); 6] = [
        ("words and thoughts", 8, Wire::Chat, |_| {
            let words = "x".repeat(LONG);
            chunk(
                &json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": words, "reasoning_content": words}}]}),
            )
        }),
        ("thoughts", 8, Wire::Chat, |_| {
            let words = "x".repeat(LONG);
            chunk(
                &json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"reasoning_content": words}}]}),
            )
        }),
        ("calls that never end", 300, Wire::Chat, |index| {
            let id = format!("{index}{}", "x".repeat(4_000));
            chunk(
                &json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [{"id": id, "function": {"name": "f", "arguments": "{"}}]}}]}),
            )
        }),
        ("a line", LONGEST_EVENT / LONG + 1, Wire::Chat, |_| {
            "x".repeat(LONG)
        }),
        ("thoughts of Anthropic's", 8, Wire::Messages, |index| {
            let start = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}});
            let thought = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "x".repeat(LONG)}});
            event(if index == 0 { &start } else { &thought })
        }),
        ("blocks that never end", 300, Wire::Messages, |index| {
            event(
                &json!({"type": "content_block_start", "index": index, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}}),
            )
        }),
    ];
    for (what, count, from, chunk) in streams {
        // A stream of responses repeats at its end all that it said: that writer keeps it.
        for to in [Wire::Chat, Wire::Completions, Wire::Messages] {
            let mut interpreter = Interpreter::new(from, to, Asked::default());
            let mut run = |chunks: std::ops::Range<usize>| {
                for index in chunks {
                    interpreter.push(chunk(index).as_bytes());
                }
                kept(&interpreter)
            };
            let (few, many) = (run(0..count), run(count..2 * count));
            assert!(
                many < few + 10_000,
                "{what}, {from:?} to {to:?}: {few}, then {many}"
            );
        }
    }
}

#[test]
fn what_a_chat_is_told_once_at_its_end_has_a_bound() {
    let start = |block: Value| {
        event(&json!({"type": "content_block_start", "index": 0, "content_block": block}))
    };
    let stop = event(&json!({"type": "content_block_stop", "index": 0}));
    let delta =
        |delta: Value| event(&json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    let long = "x".repeat(LONG);
    let text = start(json!({"type": "text", "text": ""}));
    let cites =
        text + &delta(json!({"type": "citations_delta", "citation": {"cited_text": long}})) + &stop;
    let seals = start(json!({"type": "thinking", "thinking": ""}))
        + &delta(json!({"type": "signature_delta", "signature": long}))
        + &stop;
    let hidden = start(json!({"type": "redacted_thinking", "data": long})) + &stop;
    let thoughts = start(json!({"type": "thinking", "thinking": long}))
        + &delta(json!({"type": "signature_delta", "signature": "s"}))
        + &stop;
    for (what, event, fails) in [
        ("citations", cites, true),
        ("seals", seals, true),
        ("hidden thoughts", hidden, true),
        ("thoughts", thoughts, false),
    ] {
        let mut interpreter = Interpreter::new(Wire::Messages, Wire::Chat, Asked::default());
        for _ in 0..100 {
            interpreter.push(event.as_bytes());
        }
        assert!(kept(&interpreter) < 5 << 20, "{what}");
        assert_eq!(interpreter.has_failed(), fails, "{what}");
    }
}

#[test]
fn calls_that_overlap_in_a_message_are_kept_within_one_bound() {
    let call = |index: usize| {
        let calls = json!([{"index": index, "id": format!("c{index}"), "function": {"name": "f", "arguments": "{\"a\":\""}}]);
        chunk(
            &json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": calls}}]}),
        )
    };
    let more = |index: usize| {
        let calls = json!([{"index": index, "function": {"arguments": "x".repeat(LONG)}}]);
        chunk(
            &json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": calls}}]}),
        )
    };
    let mut interpreter = Interpreter::new(Wire::Chat, Wire::Messages, Asked::default());
    for _ in 0..6 {
        for index in 0..60 {
            interpreter.push(call(index).as_bytes());
            interpreter.push(more(index).as_bytes());
        }
        let kept = kept(&interpreter);
        assert!(kept < 5 << 20, "{kept}");
    }
    assert!(!interpreter.has_failed());
}
