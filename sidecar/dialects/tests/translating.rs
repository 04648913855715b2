//! What holds for every translation: no panic, no difference made by where a stream is cut, and what both sides can say comes back.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use proptest::collection::vec;
use proptest::prelude::*;
use purser_config::Provider;
use purser_dialects::provider::Quirks;
use purser_dialects::talk::{Block, Choice, Finish, Reply, Spent};
use purser_dialects::translate::{
    Asked, Interpreter, Path, Target, read_ask, read_reply, write_ask, write_reply,
};
use purser_dialects::{Dialect, Usage, Wire, count};

const MODELS: [(Provider, &str); 5] = [
    (Provider::OpenAI, "gpt-5.1"),
    (Provider::Anthropic, "claude-sonnet-4-5"),
    (Provider::Gemini, "gemini-2.5-flash"),
    (Provider::Gemini, "gemini-3-pro-preview"),
    (Provider::Mistral, "mistral-large"),
];

fn asked() -> Asked {
    Asked {
        model: "m".into(),
        request_id: "req_1".into(),
        now: 1,
        wants_usage: true,
        ..Asked::default()
    }
}

/// Everything that is done with a body that somebody wrote.
fn translate(body: &[u8]) {
    for wire in Wire::ALL {
        let path = Path {
            model: "m",
            stream: true,
        };
        if let Ok(ask) = read_ask(wire, body, path) {
            for (provider, model) in MODELS {
                let target = Target {
                    quirks: Quirks::of(provider),
                    model,
                    most_output: Some(5),
                };
                let _ = write_ask(&ask, &target);
                let _ = count::write(&ask, &target);
            }
            let _ = count::estimate(&ask);
        }
        if let Ok(reply) = read_reply(wire, body) {
            for to in Wire::ALL {
                let _ = write_reply(to, &reply, &asked());
            }
        }
    }
    let _ = count::read(Dialect::Gemini, body, "m");
    let _ = count::read(Dialect::Anthropic, body, "m");
}

/// Bodies made of what the three APIs are made of, whole and broken.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"x\"",
        "null",
        "1",
        "true",
        "-0.5",
        "1e999",
        "\"\\ud83d\\ude00\"",
        r#""contents":[{"role":"user","parts":["#,
        r#""contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":[1]}},"thoughtSignature":"AA=="}]},{"parts":[{"functionResponse":{"name":"f","response":"#,
        r#"{"text":"x","thought":true,"thoughtSignature":"cHVyc2VyOmFudGhyb3BpYzo="}"#,
        r#"{"inlineData":{"mimeType":"image/png","data":"-_"}}"#,
        r#"{"functionCall":{"name":"f"}}"#,
        r#""tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","nullable":true,"enum":[],"properties":{"a":{"anyOf":[],"nullable":true}}}}]}]"#,
        r#""generationConfig":{"thinkingConfig":{"thinkingLevel":"low"},"responseMimeType":"application/json","responseSchema":{}}"#,
        r#""toolConfig":{"functionCallingConfig":{"mode":"ANY"}}"#,
        r#""model":"m""#,
        r#""input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"#,
        r#""input":"x""#,
        r#"{"type":"reasoning","summary":[{"text":"x"}],"encrypted_content":"purser-hidden:anthropic:x"}"#,
        r#""text":{"format":{"type":"json_schema","schema":{}}}"#,
        r#""messages":[{"role":"user","content":"x"}]"#,
        r#""candidates":[{"content":{"parts":[{"text":"x"},{"functionCall":{"name":"f","args":{ "a" : "\"" }}}]},"finishReason":"STOP","index":4294967295}]"#,
        r#""usageMetadata":{"promptTokenCount":18446744073709551615,"candidatesTokenCount":9,"thoughtsTokenCount":1}"#,
        r#""promptFeedback":{"blockReason":"SAFETY"}"#,
    ]);
    vec(piece, 0..14).prop_map(|pieces| pieces.concat().into_bytes())
}

/// Streams of Gemini's, whole and broken.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"é😀\"}]},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":3},\"responseId\":\"r\"}\r\n\r\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"t\",\"thought\":true}]}}]}\n\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"AA==\"}]}}]}\n\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1}},\"thoughtSignature\":\"AA==\"},{\"functionCall\":{\"name\":\"g\"}}]}}]}\n\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"index\":1,\"finishReason\":\"MAX_TOKENS\"}]}\n\n",
        "data: {\"candidates\":[{\"index\":4294967295,\"finishReason\":\"STOP\"}]}\n\n",
        "data: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"candidatesTokenCount\":4,\"thoughtsTokenCount\":2}}\n\n",
        "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n",
        "data: {\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}\n\n",
        "data: {\n\n",
        ": c\n",
        "data: []\n\n",
    ]);
    vec(piece, 0..10).prop_map(|pieces| pieces.concat().into_bytes())
}

fn interpret<'a>(from: Wire, to: Wire, chunks: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut interpreter = Interpreter::new(from, to, asked());
    let mut given: Vec<u8> = chunks.flat_map(|chunk| interpreter.push(chunk)).collect();
    given.extend(interpreter.finish());
    given
}

fn text() -> impl Strategy<Value = String> {
    "[a-z\"\\\\é😀 \n]{1,12}"
}

/// What every API can say in an answer.
fn replies() -> impl Strategy<Value = Reply> {
    let call = (text(), "[a-z]{1,5}", any::<bool>()).prop_map(|(value, name, empty)| {
        let arguments = if empty {
            "{}".into()
        } else {
            serde_json::json!({ "a": value }).to_string()
        };
        (name, arguments)
    });
    (text(), vec(call, 0..3), 1..1_000_u64, 1..1_000_u64).prop_map(|(text, calls, read, wrote)| {
        let mut blocks = vec![Block::text(text)];
        let finish = if calls.is_empty() {
            Finish::Stop
        } else {
            Finish::Tools
        };
        blocks.extend(
            calls
                .into_iter()
                .zip(0..)
                .map(|((name, arguments), index)| Block::ToolCall {
                    id: format!("call_{index}"),
                    name,
                    arguments,
                    sealed: None,
                    cache: None,
                }),
        );
        let usage = Usage {
            prompt_tokens: read,
            completion_tokens: wrote,
            total_tokens: read + wrote,
            ..Usage::default()
        };
        Reply {
            id: "x".into(),
            choices: vec![Choice {
                blocks,
                finish: Some(finish),
                logprobs: None,
            }],
            spent: Some(Spent {
                usage,
                reasoning_tokens: 0,
            }),
            ..Reply::default()
        }
    })
}

/// An answer without what is not said everywhere.
fn said(reply: &Reply) -> String {
    let choices: Vec<_> = reply
        .choices
        .iter()
        .map(|choice| (&choice.blocks, &choice.finish))
        .collect();
    let usage = reply.spent.as_ref().map(|spent| spent.usage);
    format!("{choices:?} {usage:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_body_makes_a_translation_panic(body in bodies()) {
        translate(&body);
        translate(&[b"{", body.as_slice(), b"}"].concat());
    }

    #[test]
    fn geminis_stream_is_given_the_same_wherever_it_is_cut(stream in streams(), size in 1..40_usize) {
        for to in Wire::ALL {
            let whole = interpret(Wire::Generate, to, [stream.as_slice()].into_iter());
            prop_assert_eq!(interpret(Wire::Generate, to, stream.chunks(size)), whole);
        }
    }

    #[test]
    fn an_answer_comes_back_from_every_api_as_it_was(reply in replies()) {
        for wire in [Wire::Generate, Wire::Chat, Wire::Messages] {
            let written = write_reply(wire, &reply, &asked()).unwrap();
            let read = read_reply(wire, &written).unwrap();
            prop_assert_eq!(said(&read), said(&reply), "{:?}", wire);
        }
    }
}
