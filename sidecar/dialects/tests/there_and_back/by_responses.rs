//! By way of responses: what is asked in either of OpenAI's APIs is sent to a chat alike, and what a response says comes back in the next
//! request as the chat said it.

use crate::said::{arguments, name, request, sent, text, words};
use proptest::prelude::*;
use purser_config::Provider;
use purser_dialects::Wire;
use purser_dialects::translate::{Asked, read_reply, write_reply};
use serde_json::{Value, json};

/// The same, asked for as a response.
fn as_response(chat: &Value) -> Value {
    let mut input = Vec::new();
    for message in chat["messages"].as_array().unwrap() {
        if message["role"] == "tool" {
            let (id, output) = (&message["tool_call_id"], &message["content"]);
            input.push(json!({"type": "function_call_output", "call_id": id, "output": output}));
            continue;
        }
        if !message["content"].is_null() {
            let said_by = if message["role"] == "assistant" {
                "output_text"
            } else {
                "input_text"
            };
            let content = match message["content"].as_array() {
                Some(parts) => parts.iter().map(|part| as_part(part, said_by)).collect(),
                None => message["content"].clone(),
            };
            input.push(json!({"role": message["role"], "content": content}));
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let (id, function) = (&call["id"], &call["function"]);
            input.push(json!({"type": "function_call", "call_id": id, "name": function["name"], "arguments": function["arguments"]}));
        }
    }
    let mut body = json!({"model": chat["model"], "stream": chat["stream"], "input": input, "max_output_tokens": chat["max_completion_tokens"]});
    for name in ["temperature", "parallel_tool_calls", "tool_choice"] {
        if !chat[name].is_null() {
            body[name] = chat[name].clone();
        }
    }
    if let Some(tools) = chat["tools"].as_array() {
        let flat = tools.iter().map(|tool| {
            let mut function = tool["function"].clone();
            function["type"] = json!("function");
            function
        });
        body["tools"] = flat.collect();
    }
    body
}

fn as_part(part: &Value, text: &str) -> Value {
    match part["type"].as_str() {
        Some("text") => json!({"type": text, "text": part["text"]}),
        _ => json!({"type": "input_image", "image_url": part["image_url"]["url"]}),
    }
}

/// What a chat says: words, calls, or both.
fn answer() -> impl Strategy<Value = (Option<String>, Vec<(String, Value)>)> {
    let calls = prop::collection::vec((name(), arguments()), 0..3);
    (prop::option::of(words()), calls).prop_map(|(said, calls)| match calls.is_empty() {
        true => (said.or(Some("Yes.".to_owned())), calls),
        false => (said, calls),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_asked_as_a_response_is_sent_to_a_chat_as_a_chat_s_own(chat in request()) {
        let mut chat = chat;
        // A response has no stops, and ends with its usage.
        chat.as_object_mut().unwrap().remove("stop");
        if chat["stream"] == json!(true) {
            chat["stream_options"] = json!({"include_usage": true});
        }
        let response = as_response(&chat).to_string();
        let direct = text(&sent(Wire::Chat, chat.to_string().as_bytes(), Provider::OpenAI));
        let there = sent(Wire::Responses, response.as_bytes(), Provider::OpenAI);
        prop_assert_eq!(&direct, &text(&there));
        let again = sent(Wire::Chat, &there, Provider::OpenAI);
        prop_assert_eq!(direct, text(&again));
    }

    #[test]
    fn what_a_response_says_comes_back_as_the_chat_said_it((said, calls) in answer()) {
        let mut message = json!({"role": "assistant", "content": said});
        let id = |index: usize| format!("call_{index}");
        if !calls.is_empty() {
            let calls = calls.iter().enumerate().map(|(index, (name, arguments))| {
                json!({"id": id(index), "type": "function", "function": {"name": name, "arguments": arguments.to_string()}})
            });
            message["tool_calls"] = calls.collect();
        }
        let finish = if calls.is_empty() { "stop" } else { "tool_calls" };
        let answer = json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        });
        let reply = read_reply(Wire::Chat, answer.to_string().as_bytes()).unwrap();
        let given = write_reply(Wire::Responses, &reply, &Asked::default()).unwrap();
        let mut input = vec![json!({"role": "user", "content": "x"})];
        input.extend(text(&given)["output"].as_array().unwrap().iter().cloned());
        for index in 0..calls.len() {
            input.push(json!({"type": "function_call_output", "call_id": id(index), "output": "x"}));
        }
        input.push(json!({"role": "user", "content": "x"}));
        let next = json!({"model": "m", "input": input}).to_string();
        let sent = text(&sent(Wire::Responses, next.as_bytes(), Provider::OpenAI));
        prop_assert_eq!(&sent["messages"][1], &message);
    }
}
