//! What each check of the matrix must see: by the caller's dialect, and by the provider behind only where a line here says why. Pure; read
//! by `matrix`.

use serde_json::{Value, json};

/// Whose words the caller reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sdk) enum Dialect {
    OpenAI,
    Anthropic,
    Gemini,
}

const HELLO: &str = "Hello from the mock, which no one here wrote.";
/// What is embedded.
pub(super) const NUMBERS: [f64; 3] = [0.25, -0.5, 0.125];
/// Every model that the key can call, in order.
const IDS: [&str; 20] = [
    "azure",
    "azure-busy",
    "claude",
    "claude-busy",
    "deepseek",
    "deepseek-busy",
    "embed",
    "embed-gemini",
    "gemini",
    "gemini-busy",
    "gpt",
    "gpt-busy",
    "grok",
    "grok-busy",
    "local",
    "mistral",
    "mistral-busy",
    "qwen",
    "qwen-busy",
    "worded",
];

/// Why an answer ended, in the dialect's word: by itself, and for tools.
fn ends(dialect: Dialect) -> [&'static str; 2] {
    match dialect {
        Dialect::OpenAI => ["stop", "tool_calls"],
        Dialect::Anthropic => ["end_turn", "tool_use"],
        // Gemini has no word for tools.
        Dialect::Gemini => ["STOP", "STOP"],
    }
}

/// What is right; members of objects that are not named here may be anything.
pub(in crate::sdk) fn expected(program: &str, dialect: Dialect, check: &str, model: &str) -> Value {
    let [stop, tools] = ends(dialect);
    let usage = usage(dialect, model);
    match check {
        // What passes untouched names the model as its provider does; LiteLLM as it pleases.
        "chat" if program.starts_with("litellm") || is_same(dialect, model) => {
            json!({"text": HELLO, "finish": stop, "usage": usage})
        }
        "chat" => json!({"text": HELLO, "finish": stop, "usage": usage, "model": model}),
        "chat by anthropic" => json!({"text": HELLO, "finish": "stop", "usage": [11, 7]}),
        // Mistral's SDK asks for no usage, and is given none where OpenAI's API would not; LiteLLM does not show it.
        "stream" if program.starts_with("litellm") || program.starts_with("mistral") => {
            json!({"text": HELLO, "many": true, "finish": stop})
        }
        "stream" => json!({"text": HELLO, "many": true, "finish": stop, "usage": usage}),
        // The channel says that DeepSeek has neither: that is told before it is asked.
        "vision" | "schema" | "response schema" if model == "deepseek" => {
            json!({"raised": errors(program)[2]})
        }
        // The mock ends Gemini's calls with a word that its API does not have.
        "tools" | "tools streamed" if dialect == Dialect::Gemini && model == "gemini" => json!({
            "calls": [["get_weather", {"city": "Paris"}], ["get_weather", {"city": "Rome"}]],
            "ids": 2, "after": "18 in Paris and 25 in Rome.",
        }),
        "tools" | "tools streamed" => json!({
            "calls": [["get_weather", {"city": "Paris"}], ["get_weather", {"city": "Rome"}]],
            "ids": 2, "finish": tools, "after": "18 in Paris and 25 in Rome.",
        }),
        "given back" => json!(HELLO),
        "vision" => json!("A red square."),
        "schema" | "response schema" => json!({"city": "Paris", "degrees": 18}),
        "response" => json!({"text": HELLO, "finish": "completed", "usage": [11, 7]}),
        "response streamed" => json!({"text": HELLO, "last": "response.completed"}),
        "count" => json!(true),
        "response tools" => json!({
            "calls": [["get_weather", {"city": "Paris"}], ["get_weather", {"city": "Rome"}]],
            "ids": 2, "after": "18 in Paris and 25 in Rome.",
        }),
        "completions" => {
            json!({"claude": completed(), "gemini": completed(), "worded": completed()})
        }
        // Of OpenAI's channel and of Gemini's, for the SDKs of both.
        "embeddings" if program.starts_with("openai") || dialect == Dialect::Gemini => {
            json!([[NUMBERS, NUMBERS], [NUMBERS, NUMBERS]])
        }
        "embeddings" => json!([2, true]),
        "models" => models(program, dialect),
        "errors" => errors(program),
        other => json!(format!("there is no check {other}")),
    }
}

fn completed() -> Value {
    json!({"text": HELLO, "finish": "stop", "streamed": HELLO})
}

/// What was read and written. xAI and Gemini count what was thought beside what was written, Anthropic what a cache held beside what was
/// read; of the seven that are written here, DeepSeek and xAI think three, and DeepSeek's cache held four of eleven.
fn usage(dialect: Dialect, model: &str) -> Value {
    match (dialect, model) {
        (Dialect::OpenAI, "grok") | (Dialect::Gemini, "grok" | "deepseek") => json!([11, 4]),
        (Dialect::Anthropic, "deepseek") => json!([7, 7]),
        _ => json!([11, 7]),
    }
}

/// Whether the provider behind speaks the caller's API.
fn is_same(dialect: Dialect, model: &str) -> bool {
    match dialect {
        Dialect::OpenAI => !matches!(model, "claude" | "gemini"),
        Dialect::Anthropic => model == "claude",
        Dialect::Gemini => model == "gemini",
    }
}

fn models(program: &str, dialect: Dialect) -> Value {
    match dialect {
        Dialect::OpenAI if program.starts_with("mistral") => json!({"ids": IDS, "tools": true}),
        Dialect::OpenAI if program.starts_with("litellm") => json!({"ids": IDS}),
        Dialect::OpenAI => {
            json!({"ids": IDS, "context": 128_000, "modalities": ["text", "image", "audio"]})
        }
        Dialect::Anthropic => {
            json!({"ids": IDS, "context": 128_000, "sees": true, "owner": "gpt"})
        }
        Dialect::Gemini => json!({"ids": IDS.map(|id| format!("models/{id}")), "context": 128_000}),
    }
}

/// A wrong key, an unknown model, a tool whose parameters are no schema, and a provider that is busy, for the eight families that say so in words of their own.
fn errors(program: &str) -> Value {
    let of = |classes: [&str; 4]| {
        let [key, model, schema, busy] = classes;
        json!([
            key, model, schema, busy, busy, busy, busy, busy, busy, busy, busy
        ])
    };
    let openai = || {
        of([
            "AuthenticationError 401",
            "NotFoundError 404",
            "BadRequestError 400",
            "RateLimitError 429",
        ])
    };
    match program.split_once('_').map_or("", |(name, _)| name) {
        "google" if program.ends_with(".py") => of([
            "ClientError 401",
            "ClientError 404",
            "ClientError 400",
            "ClientError 429",
        ]),
        "google" => of([
            "ApiError 401",
            "ApiError 404",
            "ApiError 400",
            "ApiError 429",
        ]),
        "mistral" => of([
            "SDKError 401",
            "SDKError 404",
            "SDKError 400",
            "SDKError 429",
        ]),
        "langchain" => of([
            "OpenAIAuthenticationError 401",
            "OpenAIModelNotFoundError 404",
            "OpenAIInvalidRequestError 400",
            "OpenAIRateLimitError 429",
        ]),
        _ => openai(),
    }
}

/// Whether what was seen has all that is expected.
pub(in crate::sdk) fn agrees(seen: &Value, expected: &Value) -> bool {
    match (seen, expected) {
        (Value::Object(seen), Value::Object(expected)) => expected
            .iter()
            .all(|(name, value)| seen.get(name).is_some_and(|seen| agrees(seen, value))),
        (seen, expected) => seen == expected,
    }
}
