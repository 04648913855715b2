//! What is said there and back: requests of a chat, at random. Called by the tests.

use proptest::prelude::*;
use purser_config::Provider;
use purser_dialects::Wire;
use purser_dialects::provider::Quirks;
use purser_dialects::translate::{Path, Target, read_ask, write_ask};
use serde_json::{Value, json};

/// What a provider is sent for a caller's request.
pub(crate) fn sent(from: Wire, body: &[u8], provider: Provider) -> Vec<u8> {
    let path = Path {
        model: "m",
        stream: false,
    };
    let ask = read_ask(from, body, path).unwrap();
    let target = Target {
        quirks: Quirks::of(provider),
        model: match provider {
            Provider::Gemini => "gemini-2.5-flash",
            _ => "claude-sonnet-4-5",
        },
        most_output: None,
    };
    let written = write_ask(&ask, &target).unwrap();
    assert!(!written.removed_state);
    written.body
}

pub(crate) fn text(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

/// Words that mean something, with whatever letters.
pub(crate) fn words() -> impl Strategy<Value = String> {
    "[a-z\"\\\\\u{e9}\u{1f980}\n{}]{0,20}x"
}

pub(crate) fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z_]{0,10}"
}

pub(crate) fn arguments() -> impl Strategy<Value = Value> {
    prop::collection::vec((name(), words()), 0..3).prop_map(|members| {
        members
            .into_iter()
            .map(|(name, is)| (name, json!(is)))
            .collect()
    })
}

fn user() -> impl Strategy<Value = Value> {
    let image = json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}});
    let data = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    let part = prop_oneof![
        3 => words().prop_map(|text| json!({"type": "text", "text": text})),
        1 => Just(image),
        1 => Just(data),
    ];
    prop_oneof![
        words().prop_map(|text| json!({"role": "user", "content": text})),
        prop::collection::vec(part, 2..4)
            .prop_map(|parts| json!({"role": "user", "content": parts})),
    ]
}

/// What the assistant says, and what the tools that it called answer.
fn answered() -> impl Strategy<Value = Vec<Value>> {
    let calls = prop::collection::vec((name(), arguments(), words()), 0..3);
    (prop::option::of(words()), calls, any::<u32>()).prop_map(|(said, calls, seed)| {
        let said = match (said, calls.is_empty()) {
            (None, true) => Some("Yes.".to_owned()),
            (said, _) => said,
        };
        let id = |index: usize| format!("call_{seed}_{index}");
        let mut assistant = json!({"role": "assistant", "content": said});
        if !calls.is_empty() {
            let calls = calls.iter().enumerate().map(|(index, (name, arguments, _))| {
                json!({"id": id(index), "type": "function", "function": {"name": name, "arguments": arguments.to_string()}})
            });
            assistant["tool_calls"] = calls.collect();
        }
        let answers = calls.iter().enumerate().map(|(index, (_, _, text))| {
            json!({"role": "tool", "tool_call_id": id(index), "content": text})
        });
        std::iter::once(assistant).chain(answers).collect()
    })
}

fn conversation() -> impl Strategy<Value = Vec<Value>> {
    let turns = prop::collection::vec((user(), answered()), 0..3);
    (prop::option::of(words()), turns, user()).prop_map(|(system, turns, last)| {
        let system = system.map(|text| json!({"role": "system", "content": text}));
        let turns = turns
            .into_iter()
            .flat_map(|(user, answered)| std::iter::once(user).chain(answered));
        system.into_iter().chain(turns).chain([last]).collect()
    })
}

fn tools() -> impl Strategy<Value = Value> {
    let tool = (name(), words(), any::<bool>()).prop_map(|(name, about, strict)| {
        let schema = json!({"type": "object", "properties": {"x": {"type": "string"}}});
        let mut function = json!({"name": name, "description": about, "parameters": schema});
        if strict {
            function["strict"] = json!(true);
            // Anthropic closes what is not.
            function["parameters"]["additionalProperties"] = json!(false);
        }
        json!({"type": "function", "function": function})
    });
    prop::collection::vec(tool, 1..3).prop_map(Value::Array)
}

pub(crate) fn request() -> impl Strategy<Value = Value> {
    let choice = prop::sample::select(vec![json!("auto"), json!("none"), json!("required")]);
    let stops = prop::collection::vec("[a-z]{1,4}", 0..4);
    (
        conversation(),
        prop::option::of((tools(), choice, any::<bool>())),
        (stops, prop::option::of(0..10_u32), 1..5_000_u32, any::<bool>()),
    )
        .prop_map(|(messages, tools, (stops, warmth, most, stream))| {
            let mut body = json!({"model": "m", "messages": messages, "stream": stream, "max_completion_tokens": most});
            if let Some((tools, choice, parallel)) = tools {
                body["tools"] = tools;
                // Nothing can be told not to be called twice.
                if choice != "none" {
                    body["parallel_tool_calls"] = json!(parallel);
                }
                body["tool_choice"] = choice;
            }
            if !stops.is_empty() {
                body["stop"] = json!(stops);
            }
            if let Some(tenths) = warmth {
                body["temperature"] = json!(f64::from(tenths) / 10.0);
            }
            body
        })
}
