//! Each refusal and each failure, as the exception of the SDK's own that a caller catches, with everything that it carries.

use super::caller::{Ask, BOTH, Came, Sdk};
use super::gateway::{Gateway, KEY, SLOW, SUSPENDED, channel};
use purser_tests::provider::{Behaviour, Provider};
use serde_json::json;

/// A key that nobody has.
const NOBODY: &str = "sk-nobody00-0123456789abcdefghijklmnopqrstuv";
/// What an SDK raises over the plan's rate.
pub(super) const OVER_RATE: &str = "RateLimitError 429 rate_limit_exceeded requests -";

/// Providers that fail in one way each, behind the model of that name.
const MODELS: [&str; 6] = ["good", "strict", "dead", "failing", "breaks", "dies"];

fn fails(model: &str) -> Behaviour {
    match model {
        "strict" => unprocessable(),
        "dead" => Behaviour::Refuses,
        "failing" => Behaviour::status(500),
        "breaks" => Behaviour::StreamErrorAfter(2),
        "dies" => Behaviour::DiesMidStream(2),
        _ => Behaviour::healthy(),
    }
}

fn unprocessable() -> Behaviour {
    let error = json!({"message": "temperature is too hot", "type": "invalid_request_error", "param": "temperature", "code": "too_hot"});
    Behaviour::json(422, json!({"error": error}).to_string())
}

async fn gateway() -> (Vec<Provider>, Gateway) {
    let (mut providers, mut channels) = (Vec::new(), Vec::new());
    for model in MODELS {
        let provider = Provider::start(fails(model)).await.unwrap();
        channels.push(channel(
            model,
            &provider,
            &format!("[{{name: {model}}}]"),
            "",
        ));
        providers.push(provider);
    }
    (providers, Gateway::start(&channels).await)
}

/// What is common to all refusals with a status: the class says so, there is an id to quote, and a sentence to read.
fn check_refusal(sdk: Sdk, came: &Came) {
    assert_eq!(came["is_status_error"], true, "{sdk:?}: {came:?}");
    let id = came["request_id"].as_str().unwrap_or_default();
    assert!(
        !id.is_empty() && came.header("x-request-id") == Some(id),
        "{sdk:?}: {came:?}"
    );
    let message = came["message"].as_str().unwrap_or_default();
    assert!(
        message.len() > 20 && !message.contains("no body"),
        "{sdk:?}: {came:?}"
    );
}

/// What is asked, and what is raised: class, status, code, type, param.
fn refusals() -> [(Ask, &'static str); 8] {
    let unknown = "NotFoundError 404 model_not_found invalid_request_error model";
    let missing = "BadRequestError 400 missing_required_parameter invalid_request_error model";
    [
        (
            Ask::of("chat", NOBODY, "good"),
            "AuthenticationError 401 invalid_api_key invalid_request_error -",
        ),
        (
            Ask::of("chat", SUSPENDED, "good"),
            "PermissionDeniedError 403 api_key_suspended request_forbidden -",
        ),
        (Ask::of("chat", KEY, "nowhere"), unknown),
        (Ask::of("model", KEY, "nowhere"), unknown),
        (Ask::new("chat", KEY), missing),
        (
            Ask::of("stream", KEY, "strict"),
            "UnprocessableEntityError 422 too_hot invalid_request_error temperature",
        ),
        (
            Ask::of("chat", KEY, "dead"),
            "InternalServerError 503 upstream_unavailable server_error -",
        ),
        (
            Ask::of("stream", KEY, "failing"),
            "InternalServerError 502 upstream_unavailable server_error -",
        ),
    ]
}

#[tokio::test]
async fn each_refusal_is_raised_as_its_own_class() {
    let (_providers, gateway) = gateway().await;
    for sdk in BOTH {
        let came = sdk
            .call(&gateway.base_url, refusals().map(|(ask, _)| ask))
            .await;
        for (came, (_, expected)) in came.iter().zip(refusals()) {
            assert_eq!(came.raised(), expected, "{sdk:?}: {came:?}");
            check_refusal(sdk, came);
            let waits = came["status"].as_u64() >= Some(500);
            assert_eq!(
                came.header("retry-after").is_some(),
                waits,
                "{sdk:?}: {came:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_plans_rate_is_a_rate_limit_error_that_says_how_long() {
    for sdk in BOTH {
        let (_providers, gateway) = gateway().await;
        let ask = |what| Ask::of(what, SLOW, "good");
        let came = sdk
            .call(
                &gateway.base_url,
                [ask("chat"), ask("stream"), ask("chat"), ask("stream")],
            )
            .await;
        for (came, left) in came[..2].iter().zip(["1", "0"]) {
            came.returned();
            assert_eq!(
                came.header("x-ratelimit-limit-requests"),
                Some("2"),
                "{sdk:?}: {came:?}"
            );
            assert_eq!(
                came.header("x-ratelimit-remaining-requests"),
                Some(left),
                "{sdk:?}: {came:?}"
            );
        }
        for came in &came[2..] {
            assert_eq!(came.raised(), OVER_RATE, "{sdk:?}: {came:?}");
            check_refusal(sdk, came);
            let wait: u64 = came.header("retry-after").unwrap().parse().unwrap();
            assert!(
                (45..=60).contains(&wait),
                "{sdk:?}: the window of 60 s began a moment ago: {came:?}"
            );
            assert_eq!(
                came.header("x-should-retry"),
                None,
                "{sdk:?}: waiting helps: {came:?}"
            );
        }
    }
}

/// A stream that breaks after its first content cannot be moved to another channel; silence would look like an end.
#[tokio::test]
async fn a_stream_that_breaks_raises_after_what_was_said() {
    let (_providers, gateway) = gateway().await;
    for sdk in BOTH {
        let asks = [
            Ask::of("stream", KEY, "breaks"),
            Ask::of("stream", KEY, "dies"),
        ];
        for came in sdk.call(&gateway.base_url, asks).await {
            assert_eq!(
                [&came["raised"], &came["type"]],
                ["APIError", "server_error"],
                "{sdk:?}: {came:?}"
            );
            assert!(
                came["status"].is_null() && came["code"].is_string(),
                "{sdk:?}: {came:?}"
            );
            assert_eq!(came["seen"]["text"], "word0 word1 ", "{sdk:?}: {came:?}");
            assert_eq!(came["seen"]["finish"], json!(null), "{sdk:?}: {came:?}");
        }
    }
}
