//! Answers that SDKs have stumbled over: what a stream of one API holds must be such that the SDKs of another put it together, and what cannot
//! be given must be raised. The streams are those of the golden cases; callers are the programs `answers` of `matrix`.

use super::gateway::{Gateway, KEY};
use super::matrix::{ACCOUNT, family, run};
use purser_tests::provider::{Behaviour, Provider};
use serde_json::{Value, json};

macro_rules! case {
    ($path:literal) => {
        include_str!(concat!(
            "../../sidecar/dialects/cases/",
            $path,
            "/stream.txt"
        ))
    };
}

/// A model by our name, the provider behind it, and the stream that it answers with.
const STREAMS: [(&str, &str, &str); 8] = [
    ("signed", "Gemini", case!("chat-to-gemini/signed-calls")),
    (
        "lists",
        "Anthropic",
        case!("chat-to-anthropic/thoughts-and-sources-come-once"),
    ),
    ("images", "Gemini", case!("chat-to-gemini/images")),
    (
        "no-object",
        "OpenAICompatible",
        case!("messages-to-compatible/arguments-that-are-no-object-in-a-stream"),
    ),
    (
        "broken-input",
        "OpenAICompatible",
        case!("messages-to-compatible/arguments-that-break-in-a-stream"),
    ),
    (
        "cut-input",
        "OpenAICompatible",
        case!("messages-to-compatible/arguments-that-the-limit-cut"),
    ),
    (
        "refused",
        "Anthropic",
        case!("responses-to-anthropic/refusal"),
    ),
    (
        "tired",
        "DeepSeek",
        case!("messages-to-deepseek/it-broke-off"),
    ),
];
/// The same of channels behind which another one waits: nothing of theirs can be shown.
const FIRST: [(&str, &str, &str); 3] = [
    (
        "nothing-said",
        "Gemini",
        "data: {\"candidates\":[{\"content\":{\"parts\":[],\"role\":\"model\"},\"finishReason\":\"MALFORMED_FUNCTION_CALL\",\"index\":0}],\
         \"modelVersion\":\"g\",\"responseId\":\"r\"}\r\n\r\n",
    ),
    (
        "drawn",
        "Gemini",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"iVBORw0KGgo=\"}}],\"role\":\"model\"},\
         \"finishReason\":\"STOP\",\"index\":0}],\"modelVersion\":\"g\",\"responseId\":\"r\"}\r\n\r\n",
    ),
    (
        "tired-at-once",
        "DeepSeek",
        "data: {\"id\":\"c\",\"model\":\"d\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n\
         data: {\"id\":\"c\",\"model\":\"d\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"insufficient_system_resource\"}]}\n\n\
         data: [DONE]\n\n",
    ),
];

/// What the provider that works says.
const HELLO: &str = "word0 word1 word2 word3 word4 ";

async fn streams(body: &str) -> Provider {
    let headers = vec![("content-type".into(), "text/event-stream".into())];
    let body = body.to_owned();
    let answer = Behaviour::Status {
        code: 200,
        headers,
        body,
    };
    Provider::start(answer).await.unwrap()
}

/// What each program saw, by check.
async fn seen(programs: &[&str]) -> Vec<Vec<Value>> {
    let (mut providers, mut channels) = (Vec::new(), vec![ACCOUNT.to_owned()]);
    for (name, provider, body) in STREAMS.into_iter().chain(FIRST) {
        let answers = streams(body).await;
        let model = format!("{{name: {name}, upstreamName: a-model}}");
        channels.push(family(name, provider, &answers.url(), &model));
        providers.push(answers);
    }
    let healthy = Provider::start(Behaviour::healthy()).await.unwrap();
    for (name, ..) in FIRST {
        let model = format!("{{name: {name}}}");
        let channel = family(&format!("{name}-next"), "OpenAI", &healthy.url(), &model);
        channels.push(format!("{channel}  priority: 1\n"));
    }
    let gateway = Gateway::start(&channels).await;
    let argument = json!({"base": gateway.root(), "key": KEY, "models": []});
    let mut all = Vec::new();
    for program in programs {
        all.push(run(program, &argument).await);
    }
    gateway.end().await;
    all
}

fn same(lines: &[Value], right: &[(&str, Value)]) {
    let mut wrong = Vec::new();
    for (check, right) in right {
        let found = lines.iter().find(|line| line["check"] == *check);
        if found.is_none_or(|line| line["saw"] != *right) {
            wrong.push(format!("{check}: {found:?}\n    expected {right}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(lines.len(), right.len(), "{lines:?}");
}

fn in_both() -> Vec<(&'static str, Value)> {
    let city = |city: &str| json!({"city": city});
    vec![
        (
            "signed",
            json!([
                ["fc-1", "weather", city("Oslo"), "Q2lnQlU="],
                ["fc-2", "weather", city("Rome"), null]
            ]),
        ),
        (
            "lists",
            json!({"text": "Zürich: es regnet.", "thoughts": ["thinking", "redacted_thinking", "thinking"],
                "sources": [["a", 8, 17], ["b", 8, 17], ["c", 17, 18]]}),
        ),
        (
            "no object",
            json!(["tool_use", {"invalid_arguments": "city is \"Paris\""}]),
        ),
    ]
}

#[tokio::test]
async fn what_sdks_have_stumbled_over_they_put_together_or_raise() {
    let mut seen = seen(&["answers.py", "answers.mjs"]).await;
    let (node, python) = (seen.pop().unwrap(), seen.pop().unwrap());
    let cities = json!([{"city": "Oslo"}, {"city": "Rome"}]);
    let named = json!([["weather", {"city": "Oslo"}], ["weather", {"city": "Rome"}]]);
    let image = "data:image/png;base64,iVBORw0KGgo=";
    let mut right = in_both();
    right.extend([
        ("signed, in a loop", cities),
        ("signed, by langchain", named.clone()),
        ("signed, by litellm", named),
        ("images", json!(["Here it is: And again:", [image, image]])),
        ("broken input", json!("APIStatusError 200")),
        ("cut input", json!(["max_tokens", {}])),
        ("refused", json!(["incomplete", "content_filter", "No."])),
        ("tired", json!("APIStatusError 200")),
        ("nothing said", json!(HELLO)),
        ("tired at once", json!(HELLO)),
        ("drawn", json!(HELLO)),
    ]);
    same(&python, &right);
    let mut right = in_both();
    right.extend([
        ("broken input", json!("APIError null")),
        ("tired", json!("APIError null")),
    ]);
    same(&node, &right);
}
