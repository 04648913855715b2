//! What clients other than OpenAI's own raise for a key that may not call, a provider that fails and a stream that breaks: a class of their
//! own, with the status, and never silence. Callers are the programs `failures` of `matrix`; `errors` asks the same of OpenAI's SDKs.

use super::gateway::{Gateway, KEY, SUSPENDED};
use super::matrix::{ACCOUNT, family, run};
use purser_tests::provider::{Behaviour, Provider};
use serde_json::{Value, json};

/// A model whose stream breaks after two words, by our name, and the API of the provider behind it.
const BREAKS: [(&str, &str); 4] = [
    ("gpt-breaks", "OpenAI"),
    ("claude-breaks", "Anthropic"),
    ("gemini-breaks", "Gemini"),
    ("gpt-dies", "OpenAI"),
];
const SAID: &str = "word0 word1 ";

/// What a program saw, by client.
async fn seen(program: &str) -> Vec<Value> {
    let mut providers = Vec::new();
    let mut channels = vec![ACCOUNT.to_owned()];
    let good = [("good", "OpenAI"), ("failing", "OpenAI")];
    for (name, api) in good.into_iter().chain(BREAKS) {
        let behaviour = match name {
            "good" => Behaviour::healthy(),
            "failing" => Behaviour::status(500),
            "gpt-dies" => Behaviour::DiesMidStream(2),
            _ => Behaviour::StreamErrorAfter(2),
        };
        let provider = Provider::start(behaviour).await.unwrap();
        let url = match api {
            "OpenAI" => provider.url(),
            _ => format!("http://{}", provider.address()),
        };
        let model = format!("{{name: {name}, upstreamName: a-model}}");
        // However often it fails, each client meets it anew.
        let health = "  health: {consecutiveFailures: 1000, minRequests: 1000}\n";
        channels.push(family(name, api, &url, &model) + health);
        providers.push(provider);
    }
    let gateway = Gateway::start(&channels).await;
    let breaks = BREAKS.map(|(name, _)| name);
    let argument = json!({"base": gateway.root(), "key": KEY, "suspended": SUSPENDED, "breaks": breaks, "models": []});
    let lines = run(program, &argument).await;
    gateway.end().await;
    lines
}

/// Each client's classes: of a key that is suspended, of a provider that fails, and of a stream that breaks.
fn check(lines: &[Value], clients: &[(&str, [&str; 3])]) {
    let mut wrong = Vec::new();
    for (client, [suspended, failing, broken]) in clients {
        let found = lines.iter().find(|line| line["check"] == *client);
        let breaks = BREAKS.map(|(name, _)| (name.to_owned(), json!([SAID, broken])));
        let breaks: serde_json::Map<String, Value> = breaks.into_iter().collect();
        let right = json!({"suspended": suspended, "failing": failing, "breaks": breaks});
        if found.is_none_or(|line| line["saw"] != right) {
            wrong.push(format!("{client}: {found:?}\n    expected {right}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(lines.len(), clients.len(), "{lines:?}");
}

#[tokio::test]
async fn python_s_clients_raise_what_fails_and_what_breaks() {
    let lines = seen("failures.py").await;
    let refused = "PermissionDeniedError 403";
    #[rustfmt::skip]
    let right = [
        ("anthropic", [refused, "InternalServerError 502", "APIStatusError"]),
        ("google", ["ClientError 403", "ServerError 502", "ServerError"]),
        // Mistral's SDK knows no errors within a stream, and raises that it cannot read it.
        ("mistral", ["SDKError 403", "SDKError 502", "ResponseValidationError"]),
        ("langchain", ["OpenAIPermissionDeniedError 403", "OpenAIAPIError 502", "APIError"]),
        ("litellm", ["APIError 403", "BadGatewayError 502", "MidStreamFallbackError"]),
        ("litellm by anthropic", [refused, "BadGatewayError 502", "MidStreamFallbackError"]),
    ];
    check(&lines, &right);
}

#[tokio::test]
async fn node_s_sdks_raise_what_fails_and_what_breaks() {
    let lines = seen("failures.mjs").await;
    let refused = "PermissionDeniedError 403";
    #[rustfmt::skip]
    let right = [
        ("anthropic", [refused, "InternalServerError 502", "APIError"]),
        ("google", ["ApiError 403", "ApiError 502", "ApiError"]),
    ];
    check(&lines, &right);
}
