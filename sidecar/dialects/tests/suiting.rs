//! A chat of OpenAI's that falls to a provider which shares its wire and takes less: spelt as that one takes it, refused by name where it has
//! no words, and untouched where nothing is to be said otherwise. What Mistral has is mistralai 3.7's client/models.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

use purser_config::Provider::{self, DashScope, DeepSeek, Mistral};
use purser_dialects::{Suited, suited};
use serde_json::{Value, json};

const LARGE: &str = "mistral-large-latest";

/// None: as it was.
fn sent(body: &Value, provider: Provider, model: &str) -> Option<Value> {
    let Suited { body, .. } = suited(body.to_string().as_bytes(), provider, model).unwrap();
    body.map(|body| serde_json::from_slice(&body).unwrap())
}

fn refused(body: &Value, provider: Provider, model: &str) -> String {
    let refused = suited(body.to_string().as_bytes(), provider, model);
    refused.expect_err("it can be told").param
}

fn chat(more: &Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn turns(turns: &Value) -> Value {
    chat(&json!({"messages": turns}))
}

fn at_mistral(before: &Value, after: &Value) {
    assert_eq!(sent(&turns(before), Mistral, LARGE), Some(turns(after)));
    assert_eq!(sent(&turns(after), Mistral, LARGE), None, "twice");
}

/// OpenAI's documentation appends `response.choices[0].message`; OpenMinis/OpenMinis#87, BerriAI/litellm#6696.
#[test]
fn an_answer_of_openais_is_given_back_to_mistral() {
    let before = json!([
        {"role": "developer", "content": "Be brief.", "name": "house"},
        {"role": "user", "content": "Hi.", "name": "ada"},
        {"role": "assistant", "content": "Hello.", "refusal": null, "annotations": [], "audio": null, "function_call": null,
            "tool_calls": null, "reasoning_content": "Greet.", "provider_specific_fields": {"a": 1}},
        {"role": "user", "name": "bob", "content": [{"type": "text", "text": "And I?", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": null, "refusal": "I will not."},
        {"role": "user", "content": "Why?"},
    ]);
    let after = json!([
        {"role": "system", "content": "house: Be brief."},
        {"role": "user", "content": "ada: Hi."},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": [{"type": "text", "text": "bob: And I?"}]},
        {"role": "assistant", "content": "I will not."},
        {"role": "user", "content": "Why?"},
    ]);
    at_mistral(&before, &after);
    let thinks = turns(&before).to_string();
    let thinks = suited(thinks.as_bytes(), Mistral, LARGE).unwrap();
    assert!(thinks.removed_state, "the caller is told of the thoughts");
}

#[test]
fn mistral_gets_ids_of_nine_characters_and_its_own_members_back() {
    let call = |id: &str| json!({"id": id, "type": "function", "index": 0, "function": {"name": "f", "arguments": "{}"}});
    let own = json!([
        {"role": "user", "content": [{"type": "document_url", "document_url": "https://example.com/a.pdf"}, {"type": "file", "file_id": "1"}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": true}],
            "tool_calls": [call("D681PevKs")], "prefix": false},
        {"role": "tool", "tool_call_id": "D681PevKs", "name": "f", "content": "y"},
        {"role": "assistant", "content": "z", "prefix": true},
    ]);
    assert_eq!(sent(&turns(&own), Mistral, LARGE), None);
    let mut other = own;
    other[1]["tool_calls"] = json!([call("call_PTLP8xhu3uwZk4l3nlnrrJha")]);
    other[1]["tool_calls"][0]["function"]["parsed_arguments"] = json!({"a": 1});
    other[2]["tool_call_id"] = json!("call_PTLP8xhu3uwZk4l3nlnrrJha");
    let sent = sent(&turns(&other), Mistral, LARGE).unwrap();
    let id = sent["messages"][2]["tool_call_id"].as_str().unwrap();
    assert_eq!(id.len(), 9);
    assert_eq!(sent["messages"][1]["tool_calls"][0], call(id));
}

#[test]
fn parts_are_spelt_as_mistral_takes_them() {
    let user = |parts: Value| json!([{"role": "user", "content": parts}]);
    at_mistral(
        &user(json!([
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}, "cache_control": {}},
        ])),
        &user(json!([
            {"type": "document_url", "document_url": "data:application/pdf;base64,AA==", "document_name": "a.pdf"},
            {"type": "input_audio", "input_audio": "AA=="},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        ])),
    );
    let stored = turns(&user(
        json!([{"type": "text", "text": "x"}, {"type": "file", "file": {"file_id": "file-1"}}]),
    ));
    assert_eq!(refused(&stored, Mistral, LARGE), "messages[0].content[1]");
}

/// 400 code 3230: avante-corp/avante.nvim#2695; LibreChat-AI/agents#344 for what is no text.
#[test]
fn no_user_speaks_right_after_a_tool_of_mistrals() {
    let called = |rest: &[Value]| {
        let calls = json!([{"id": "D681PevKs", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
        let mut all = vec![
            json!({"role": "user", "content": "x"}),
            json!({"role": "assistant", "tool_calls": calls}),
        ];
        all.extend_from_slice(rest);
        Value::from(all)
    };
    let tool = |said: Value| json!({"role": "tool", "tool_call_id": "D681PevKs", "content": said});
    let user = |said: Value| json!({"role": "user", "content": said});
    let parts = json!([{"type": "text", "text": "r"}]);
    at_mistral(
        &called(&[tool(parts), user(json!("Stop that.")), user(json!("Now."))]),
        &called(&[tool(json!("r\n\nStop that.\n\nNow."))]),
    );
    let image = user(json!([{"type": "image_url", "image_url": "https://example.com/a.png"}]));
    let bridge = json!({"role": "assistant", "content": "Ok, I understand."});
    at_mistral(
        &called(&[tool(json!("r")), image.clone(), user(json!("And?"))]),
        &called(&[tool(json!("r")), bridge, image, user(json!("And?"))]),
    );
}

/// What docs/translation.md calls a hint or a default is no reason to refuse a call.
#[test]
fn mistral_is_not_told_hints_and_defaults() {
    let hints = json!({
        "user": "u", "store": false, "safety_identifier": "s", "verbosity": "medium", "logit_bias": {}, "modalities": ["text"],
        "functions": [], "function_call": "none", "prompt_cache_retention": "24h", "service_tier": "flex", "audio": null,
        "stream_options": {"include_usage": true}, "parallel_tool_calls": null, "web_search_options": null,
        "prediction": {"type": "content", "content": [{"type": "text", "text": "x"}]},
    });
    let own = json!({
        "metadata": {"a": "b"}, "prompt_cache_key": "k", "random_seed": 3, "safe_prompt": true, "prompt_mode": "reasoning", "top_k": 5,
        "guardrails": [], "logprobs": true, "max_tokens": 5,
    });
    assert_eq!(sent(&chat(&hints), Mistral, LARGE), Some(chat(&json!({}))));
    assert_eq!(sent(&chat(&own), Mistral, LARGE), None);
    let seeded = chat(&json!({"random_seed": 3}));
    assert_eq!(
        sent(&chat(&json!({"seed": 3})), Mistral, LARGE),
        Some(seeded)
    );
    let limits = |older: Value| json!({"max_tokens": older, "max_completion_tokens": 7});
    for (older, told) in [(json!(5), 5), (Value::Null, 7)] {
        let expected = chat(&json!({"max_tokens": told}));
        assert_eq!(sent(&chat(&limits(older)), Mistral, LARGE), Some(expected));
    }
}

#[test]
fn what_mistral_has_no_words_for_is_refused_by_its_name() {
    for (more, param) in [
        (json!({"store": true}), "store"),
        (json!({"logit_bias": {"1": 2}}), "logit_bias"),
        (json!({"verbosity": "low"}), "verbosity"),
        (
            json!({"web_search_options": {"a": 1}}),
            "web_search_options",
        ),
        (json!({"frobnicate": 1}), "frobnicate"),
        (
            json!({"tools": [{"type": "custom", "custom": {"name": "f"}}]}),
            "tools[0]",
        ),
        (
            json!({"tool_choice": {"type": "allowed_tools"}}),
            "tool_choice",
        ),
        (json!({"reasoning_effort": "high"}), "reasoning_effort"),
        (
            json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "audio": {"id": "a"}}]}),
            "messages[1].audio",
        ),
        (
            json!({"messages": [{"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}]}),
            "messages[0].function_call",
        ),
    ] {
        assert_eq!(refused(&chat(&more), Mistral, LARGE), param);
    }
}

#[test]
fn mistral_is_given_tools_as_it_takes_them() {
    let tools = |function: Value| {
        chat(
            &json!({"tools": [{"type": "function", "function": function}], "tool_choice": "required"}),
        )
    };
    let bare = tools(json!({"name": "f", "strict": null}));
    let full = tools(json!({"name": "f", "parameters": {"type": "object", "properties": {}}}));
    assert_eq!(sent(&bare, Mistral, LARGE), Some(full.clone()));
    assert_eq!(sent(&full, Mistral, LARGE), None);
}

/// architects-toolkit/SmartHopper#647.
#[test]
fn an_effort_is_one_that_mistrals_model_knows() {
    let small = |more: Value| sent(&chat(&more), Mistral, "mistral-small-latest");
    let high = chat(&json!({"reasoning_effort": "high"}));
    assert_eq!(
        small(json!({"reasoning_effort": "medium"})),
        Some(high.clone())
    );
    assert_eq!(
        small(json!({"reasoning": {"max_tokens": 3000}})),
        Some(high)
    );
    assert_eq!(small(json!({"reasoning_effort": "none"})), None);
    let none = sent(&chat(&json!({"reasoning_effort": "none"})), Mistral, LARGE);
    assert_eq!(none, Some(chat(&json!({}))));
}

/// https://api-docs.deepseek.com/guides/thinking_mode.
#[test]
fn deepseek_is_told_in_its_words_not_to_think() {
    let told = |more: Value| sent(&chat(&more), DeepSeek, "deepseek-chat");
    let off = chat(&json!({"thinking": {"type": "disabled"}}));
    assert_eq!(told(json!({"reasoning_effort": "none"})), Some(off.clone()));
    assert_eq!(told(json!({"reasoning": {"enabled": false}})), Some(off));
    assert_eq!(told(json!({"reasoning_effort": "high"})), None);
    assert_eq!(
        told(json!({"thinking": {"type": "disabled"}, "user": "u"})),
        None
    );
    let developer = turns(&json!([{"role": "developer", "content": "x"}]));
    let system = turns(&json!([{"role": "system", "content": "x"}]));
    assert_eq!(sent(&developer, DeepSeek, "deepseek-chat"), Some(system));
}

/// It has no such member and reads past it: who wrote the chat for OpenAI may get several calls (docs/translation.md).
#[test]
fn deepseek_is_sent_a_wish_for_one_call_as_it_is() {
    let one = chat(&json!({"parallel_tool_calls": false}));
    assert_eq!(sent(&one, DeepSeek, "deepseek-chat"), None);
}

/// https://help.aliyun.com/zh/model-studio/deep-thinking; QuantumNous/new-api#1109.
#[test]
fn dashscope_is_told_in_its_words_how_much_to_think() {
    let told = |more: Value, model: &str| sent(&chat(&more), DashScope, model);
    let off = chat(&json!({"enable_thinking": false}));
    let on = chat(&json!({"enable_thinking": true, "thinking_budget": 16384}));
    assert_eq!(
        told(json!({"reasoning_effort": "none"}), "qwen-plus"),
        Some(off.clone())
    );
    assert_eq!(
        told(json!({"reasoning_effort": "high"}), "qwen-plus"),
        Some(on)
    );
    assert_eq!(told(json!({}), "qwen-plus"), None);
    assert_eq!(told(json!({}), "qwen3-32b"), Some(off));
    assert_eq!(told(json!({"stream": true}), "qwen3-32b"), None);
    let own = json!({"enable_thinking": true, "reasoning_effort": "none"});
    assert_eq!(told(own, "qwen3-32b"), None, "it says so itself");
    let high = chat(&json!({"reasoning_effort": "high"}));
    assert_eq!(refused(&high, DashScope, "qwen3-32b"), "reasoning_effort");
    assert_eq!(refused(&chat(&json!({})), DashScope, "qwq-plus"), "stream");
}

/// mistralai 3.7, client/models/chatcompletionrequest.py; OpenAI answers 400 "Unrecognized request argument supplied".
#[test]
fn what_mistrals_sdk_writes_is_said_to_openai_in_its_words() {
    let words =
        json!({"random_seed": 3, "safe_prompt": false, "prompt_mode": null, "tool_choice": "any"});
    let said = json!({"tool_choice": "required", "seed": 3});
    for provider in [Provider::OpenAI, Provider::AzureOpenAI] {
        assert_eq!(sent(&chat(&words), provider, "m"), Some(chat(&said)));
        assert_eq!(sent(&chat(&said), provider, "m"), None, "twice");
        let both = json!({"random_seed": 3, "seed": 4});
        let one = json!({"seed": 4});
        assert_eq!(sent(&chat(&both), provider, "m"), Some(chat(&one)));
        let none = json!({"random_seed": 3, "seed": null});
        let three = json!({"seed": 3});
        assert_eq!(sent(&chat(&none), provider, "m"), Some(chat(&three)));
        // Has it do what OpenAI's cannot: OpenAI says so.
        for own in [
            json!({"safe_prompt": true}),
            json!({"prompt_mode": "reasoning"}),
        ] {
            assert_eq!(sent(&chat(&own), provider, "m"), None);
        }
        let text = turns(&json!([{"role": "user", "content": "any \"random_seed\""}]));
        assert_eq!(sent(&text, provider, "m"), None);
    }
    assert_eq!(sent(&chat(&words), Provider::OpenAICompatible, "m"), None);
    for (words, has) in [
        (&words, true),
        (&json!({"tool_choice": "any"}), true),
        (&json!({"prompt_mode": "reasoning"}), true),
        (&said, false),
    ] {
        let scan = purser_dialects::scan_json(chat(words).to_string().as_bytes()).unwrap();
        assert_eq!(scan.says.has_mistrals_words(), has, "{words}");
        assert!(scan.says.is_plain(), "{words}");
    }
}

#[test]
fn what_is_no_chat_and_who_takes_all_is_left_alone() {
    let odd = [
        r#"{"messages":"x"}"#,
        r#"{"messages":[1,{"role":7}],"tools":{},"seed":null}"#,
        "x",
        "{",
        r#"{"messages":[{"role":"user""#,
    ];
    for body in odd {
        for provider in [Mistral, DeepSeek, DashScope, Provider::OpenAI] {
            let suited = suited(body.as_bytes(), provider, "qwen-plus").unwrap();
            let is_json = |body: &[u8]| serde_json::from_slice::<Value>(body).is_ok();
            assert!(suited.body.is_none_or(|body| is_json(&body)), "{body}");
        }
    }
    let all = chat(&json!({"user": "u", "reasoning_effort": "none", "store": true}));
    for provider in [
        Provider::OpenAI,
        Provider::AzureOpenAI,
        Provider::XAI,
        Provider::OpenAICompatible,
    ] {
        assert_eq!(sent(&all, provider, "m"), None);
    }
}
