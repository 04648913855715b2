//! One configuration, in each dialect's shape.

use super::*;
use crate::lane::Lanes;
use crate::snapshot::Snapshot;
use crate::testing;
use purser_config::price::{Price, TokenCost};
use purser_config::{Configuration, Name};
use serde_json::{Value, json};
use std::sync::Arc;

fn configuration() -> Configuration {
    let mut configuration = testing::configuration();
    let mut plan = testing::plan(&["*"], &[], 10);
    plan.context_percent = Some(50);
    plan.max_output_tokens = Some(1_000);
    plan.prices = vec![Price {
        models: vec!["chat".into()],
        cost: Cost {
            per_request: 500_000,
            per_million_tokens: Some(TokenCost {
                input: 150_000,
                cached_input: 75_000,
                cache_write: 150_000,
                output: 600_000,
            }),
        },
    }];
    configuration.plans.insert("team".into(), plan);
    let mut one = testing::channel("http://127.0.0.1:1/v1", &["chat", "embed"]);
    one.models[0].capabilities = Some(vec![
        Capability::Tools,
        Capability::Vision,
        Capability::Reasoning,
    ]);
    one.models[0].context_length = Some(128_000);
    one.models[1].endpoints = vec![Endpoint::Embeddings];
    let mut two = testing::channel("http://127.0.0.1:1/v1", &["chat"]);
    two.models[0].capabilities = Some(vec![
        Capability::Tools,
        Capability::Reasoning,
        Capability::JsonSchema,
    ]);
    two.models[0].context_length = Some(64_000);
    two.models[0].max_output_tokens = Some(8_000);
    for (name, channel) in [("shop/one", one), ("shop/two", two)] {
        configuration
            .channels
            .insert(name.parse().unwrap(), channel);
    }
    let key = testing::key("sk-1", "team", &["shop/one", "shop/two"]);
    configuration.keys.insert("shop/key".parse().unwrap(), key);
    configuration
}

fn shown(dialect: Dialect, model: Option<&str>) -> Value {
    let version = Version {
        published_ms: 1_700_000_000_000,
        ..Version::default()
    };
    let lanes = Lanes::default();
    let (snapshot, faults) = Snapshot::build(&configuration(), version.clone(), &lanes);
    assert_eq!(faults, []);
    let name: Name = "shop/key".parse().unwrap();
    let caller: Arc<Caller> = Arc::clone(snapshot.by_name(&name).unwrap());
    let asking = Asking {
        caller: &caller,
        dialect,
        version: &version,
        now: Duration::ZERO,
    };
    let bytes = match model {
        None => list(&asking),
        Some(model) => one(&asking, model).unwrap(),
    };
    serde_json::from_slice(&bytes).unwrap()
}

/// OpenRouter's fields, as every list has them.
fn fields() -> Value {
    json!({
        "owned_by": "one",
        "context_length": 32_000,
        "architecture": {"modality": "text->text", "input_modalities": ["text"], "output_modalities": ["text"]},
        "pricing": {"prompt": "0.00000015", "completion": "0.0000006", "request": "0.5", "input_cache_read": "0.000000075", "input_cache_write": "0.00000015"},
        "top_provider": {"context_length": 32_000, "max_completion_tokens": 1_000},
        "supported_parameters": ["max_tokens", "temperature", "top_p", "stop", "response_format", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "reasoning_effort", "include_reasoning"],
    })
}

fn can() -> Value {
    json!({"audio": false, "completion_chat": true, "function_calling": true, "json_schema": false, "reasoning": true, "tools": true, "vision": false})
}

fn with(mut entry: Value, more: &[Value]) -> Value {
    for more in more {
        let more = more.as_object().unwrap().clone();
        entry.as_object_mut().unwrap().extend(more);
    }
    entry
}

#[test]
fn openai_s_list_has_openrouter_s_fields() {
    let list = shown(Dialect::OpenAI, None);
    assert_eq!(list["object"], "list");
    let chat = json!({
        "id": "chat", "object": "model", "created": 1_700_000_000, "name": "chat",
        "type": "base",
    });
    let chat = with(chat, &[fields(), json!({"capabilities": can()})]);
    assert_eq!(list["data"][0], chat);
    assert_eq!(shown(Dialect::OpenAI, Some("chat")), chat);
    let embed = &list["data"][1];
    assert_eq!(embed["architecture"]["modality"], "text->embeddings");
    assert_eq!(embed["supported_parameters"], json!([]));
    assert!(
        embed["capabilities"] == json!({"completion_chat": false})
            && embed.get("pricing").is_none()
    );
}

#[test]
fn anthropic_s_and_gemini_s_lists_have_their_shapes() {
    let list = shown(Dialect::Anthropic, None);
    let chat = json!({"type": "model", "id": "chat", "display_name": "chat", "created_at": "2023-11-14T22:13:20Z", "max_input_tokens": 32_000, "max_tokens": 1_000, "lifecycle": "active"});
    let (yes, no) = (json!({"supported": true}), json!({"supported": false}));
    let can_do = json!({"batch": no, "image_input": no, "structured_outputs": no, "tools": yes, "audio": no,
        "thinking": {"supported": true, "types": {"adaptive": yes, "enabled": yes}}});
    let chat = with(chat, &[fields(), json!({"capabilities": can_do})]);
    assert_eq!(list["data"][0], chat);
    assert_eq!(
        (&list["first_id"], &list["last_id"], &list["has_more"]),
        (&json!("chat"), &json!("embed"), &json!(false))
    );
    let list = shown(Dialect::Gemini, None);
    let chat = json!({"name": "models/chat", "baseModelId": "chat", "version": "1", "displayName": "chat", "inputTokenLimit": 32_000,
        "outputTokenLimit": 1_000, "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"], "thinking": true});
    let chat = with(chat, &[fields(), json!({"capabilities": can()})]);
    assert_eq!(list["models"][0], chat);
    assert_eq!(shown(Dialect::Gemini, Some("chat")), chat);
    assert_eq!(
        list["models"][1]["supportedGenerationMethods"],
        json!(["embedContent", "batchEmbedContents"])
    );
}
