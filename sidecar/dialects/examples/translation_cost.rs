//! Translates one request or one stream's chunk many times, to be counted: `valgrind --tool=none` and the like see nothing else in it.
//!
//! `translation_cost KIND COUNT`; the difference of two counts is what the rest cost. Called by `examples/translation_cost.sh`. Must
//! never do anything but what it is asked for.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measuring program may fail loudly"
)]

use purser_config::Provider;
use purser_dialects::provider::Quirks;
use purser_dialects::translate::{
    Asked, Interpreter, Path, Target, read_ask, read_reply, write_ask, write_reply,
};
use purser_dialects::{Tail, Wire, scan_json};
use std::hint::black_box;

const CHAT: &str = concat!(
    r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1741570283,"model":"gpt-4.1","choices":"#,
    r#"[{"index":0,"delta":{"content":" and the sea"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
    "\n\n"
);
const MESSAGES: &str = concat!(
    "event: content_block_delta\n",
    r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" and the sea"}}"#,
    "\n\n"
);
const GENERATE: &str = concat!(
    r#"data: {"candidates": [{"content": {"parts": [{"text": " and the sea"}],"role": "model"},"index": 0}],"#,
    r#""usageMetadata": {"promptTokenCount": 25,"candidatesTokenCount": 9,"totalTokenCount": 34},"#,
    r#""modelVersion": "gemini-2.5-flash","responseId": "mBq2aM7lJqWtxN8PvJyT2Ao"}"#,
    "\r\n\r\n"
);
const START: &str = concat!(
    "event: message_start\n",
    r#"data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"#,
    r#""model":"claude-sonnet-4-5","usage":{"input_tokens":25,"output_tokens":1}}}"#,
    "\n\nevent: content_block_start\n",
    r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    "\n\n"
);

fn stream(from: Wire, to: Wire, count: u32) {
    let asked = Asked {
        model: "public-model".into(),
        wants_usage: true,
        ..Asked::default()
    };
    let mut interpreter = Interpreter::new(from, to, asked);
    let chunk = match from {
        Wire::Messages => {
            black_box(interpreter.push(START.as_bytes()));
            MESSAGES
        }
        Wire::Generate => GENERATE,
        _ => CHAT,
    };
    for _ in 0..count {
        black_box(interpreter.push(black_box(chunk.as_bytes())));
    }
}

/// What every chunk passes, translated or not.
fn pass(count: u32) {
    let mut tail = Tail::counting();
    for _ in 0..count {
        tail.push(black_box(CHAT.as_bytes()));
    }
    black_box(tail.usage());
}

fn body(wire: Wire) -> Vec<u8> {
    let text = "What is the capital of France, and how far is it from the sea? ".repeat(12);
    let tool = |parameters: &str| {
        format!(
            r#""name":"look","description":"Looks it up.","{parameters}":{{"type":"object","properties":{{"of":{{"type":"string"}}}}}}"#
        )
    };
    match wire {
        Wire::Messages => format!(
            r#"{{"model":"m","max_tokens":100,"system":"Be brief.","messages":[{{"role":"user","content":"{text}"}}],"tools":[{{{}}}]}}"#,
            tool("input_schema")
        ),
        Wire::Generate => format!(
            r#"{{"contents":[{{"role":"user","parts":[{{"text":"{text}"}}]}}],"systemInstruction":{{"parts":[{{"text":"Be brief."}}]}},"tools":[{{"functionDeclarations":[{{{}}}]}}],"generationConfig":{{"maxOutputTokens":100}}}}"#,
            tool("parameters")
        ),
        Wire::Responses => format!(
            r#"{{"model":"m","max_output_tokens":100,"instructions":"Be brief.","input":"{text}","tools":[{{"type":"function",{}}}]}}"#,
            tool("parameters")
        ),
        _ => format!(
            r#"{{"model":"m","max_tokens":100,"messages":[{{"role":"system","content":"Be brief."}},{{"role":"user","content":"{text}"}}],"tools":[{{"type":"function","function":{{{}}}}}]}}"#,
            tool("parameters")
        ),
    }
    .into_bytes()
}

fn ask(from: Wire, provider: Provider, count: u32) {
    let body = body(from);
    let target = Target {
        quirks: Quirks::of(provider),
        model: "claude-sonnet-4-5",
        most_output: None,
    };
    for _ in 0..count {
        let ask = read_ask(from, black_box(&body), Path::default()).unwrap();
        black_box(write_ask(&ask, &target).unwrap());
    }
}

/// What every request passes, translated or not.
fn scan(count: u32) {
    let body = body(Wire::Chat);
    for _ in 0..count {
        black_box(scan_json(black_box(&body)).unwrap());
    }
}

fn reply(from: Wire, to: Wire, answer: &str, count: u32) {
    for _ in 0..count {
        let reply = read_reply(from, black_box(answer.as_bytes())).unwrap();
        black_box(write_reply(to, &reply, &Asked::default()).unwrap());
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().unwrap_or_default();
    let count = arguments.next().map_or(1, |count| count.parse().unwrap());
    match kind.as_str() {
        "pass" => pass(count),
        "scan" => scan(count),
        "messages-to-chat" => stream(Wire::Messages, Wire::Chat, count),
        "chat-to-messages" => stream(Wire::Chat, Wire::Messages, count),
        "ask-chat-to-messages" => ask(Wire::Chat, Provider::Anthropic, count),
        "ask-messages-to-chat" => ask(Wire::Messages, Provider::OpenAI, count),
        "generate-to-chat" => stream(Wire::Generate, Wire::Chat, count),
        "generate-to-messages" => stream(Wire::Generate, Wire::Messages, count),
        "generate-to-responses" => stream(Wire::Generate, Wire::Responses, count),
        "chat-to-generate" => stream(Wire::Chat, Wire::Generate, count),
        "chat-to-responses" => stream(Wire::Chat, Wire::Responses, count),
        "ask-chat-to-generate" => ask(Wire::Chat, Provider::Gemini, count),
        "ask-generate-to-chat" => ask(Wire::Generate, Provider::OpenAI, count),
        "ask-responses-to-chat" => ask(Wire::Responses, Provider::OpenAI, count),
        "reply-messages-to-chat" => reply(
            Wire::Messages,
            Wire::Chat,
            r#"{"id":"msg_1","content":[{"type":"text","text":"Paris."}],"stop_reason":"end_turn","usage":{"input_tokens":5,"output_tokens":3}}"#,
            count,
        ),
        other => panic!("unknown: {other}"),
    }
}
