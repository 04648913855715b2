//! The seed's section "Technical", question by question: what it says a person should do works, and what it says goes wrong is told so.

use super::gateway::{Gateway, KEY, SLOW};
use super::matrix::{ACCOUNT, Mock, family, run};
use purser_tests::provider::{Behaviour, Provider, Script};
use serde_json::{Value, json};

/// A key that leaves.
const LEFT: &str = "sk-leaver00-0123456789abcdefghijklmnopqrstuv";
const LEAVER: &str = "apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {name: leaver, namespace: shop}\nspec: {plan: open}\n---\n\
     apiVersion: v1\nkind: Secret\nmetadata: {name: leaver-key, namespace: shop}\nstringData: {apiKey: sk-leaver00-0123456789abcdefghijklmnopqrstuv}\n";

/// The key works, and then its manifest is deleted.
async fn leave(gateway: &mut Gateway) {
    let file = gateway.folder().join("leaver.yaml");
    std::fs::write(&file, LEAVER).unwrap();
    gateway.until_answers(LEFT, 200).await;
    std::fs::remove_file(&file).unwrap();
    gateway.until_answers(LEFT, 401).await;
}

async fn seen() -> Vec<Value> {
    let mock = Mock::start().await;
    let able = "{name: able, aliases: [able-latest], upstreamName: gpt-4o, capabilities: [Tools, Vision, JsonSchema]}";
    let plain = "{name: plain, upstreamName: gpt-4o, capabilities: []}";
    let premium = "{name: premium, upstreamName: gpt-4o}";
    let mut channels: Vec<String> = [("able", able), ("plain", plain), ("premium", premium)]
        .map(|(name, model)| family(name, "OpenAI", &mock.at("/v1"), model))
        .into();
    // It asks for more time than the gateway waits by itself.
    let script = Script::from(vec![Behaviour::rate_limited(3), Behaviour::healthy()]);
    let busy = Provider::start(script).await.unwrap();
    channels.push(family("busy", "OpenAI", &busy.url(), "{name: busy}"));
    channels.push(ACCOUNT.to_owned());
    let mut gateway = Gateway::start_on(&channels, "allow: [\"*\"], deny: [premium]").await;
    leave(&mut gateway).await;
    let argument =
        json!({"base": gateway.root(), "key": KEY, "slow": SLOW, "deleted": LEFT, "models": []});
    let lines = run("technical.py", &argument).await;
    gateway.end().await;
    lines
}

fn of<'a>(lines: &'a [Value], question: &str) -> &'a Value {
    let found = lines.iter().find(|line| line["check"] == question).unwrap();
    assert!(found["raised"].is_null(), "{found}");
    &found["saw"]
}

/// That it was raised as this class with this code, and says these words.
fn says(told: &Value, class: &str, code: &str, words: &str) {
    assert_eq!(
        (&told["class"], &told["code"]),
        (&json!(class), &json!(code)),
        "{told}"
    );
    assert!(
        told["message"].as_str().unwrap().contains(words),
        "{words:?} in {told}"
    );
}

#[tokio::test]
async fn the_seed_s_technical_questions_have_its_answers() {
    let lines = seen().await;
    unauthorized(of(&lines, "401"));
    not_found(of(&lines, "404"));
    limited(of(&lines, "429"));
    backed_off(of(&lines, "429 backed off"));
    tools(of(&lines, "tools"));
    vision(of(&lines, "vision"));
}

fn is_hello(text: &Value) -> bool {
    text.as_str().is_some_and(|text| text.starts_with("Hello"))
}

/// "I'm getting a 401 error"
fn unauthorized(saw: &Value) {
    assert_eq!(saw["right"], 200);
    let space = &saw["with a space"];
    let error = &space["body"]["error"];
    assert_eq!(
        (&space["status"], &error["code"]),
        (&json!(401), &json!("invalid_api_key"))
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("contains a space"), "{space}");
    assert!(is_hello(&saw["with a slash"]), "{saw}");
    let deleted = &saw["deleted"];
    says(
        deleted,
        "AuthenticationError",
        "invalid_api_key",
        "has not been deleted",
    );
}

/// "I'm getting a 404 Model Not Found"
fn not_found(saw: &Value) {
    assert_eq!(
        saw["listed"],
        json!(["able", "able-latest", "busy", "plain"])
    );
    let says = |what: &str, words| says(&saw[what], "NotFoundError", "model_not_found", words);
    says("unknown", "GET /v1/models");
    says("not in the plan", "not part of the plan `open`");
    assert!(is_hello(&saw["alias"]), "{saw}");
}

/// "I'm getting a 429 Rate Limited"
fn limited(saw: &Value) {
    let answered = json!("nothing: answered");
    assert_eq!((&saw[0], &saw[1]), (&answered, &answered));
    let third = &saw[2];
    says(
        third,
        "RateLimitError",
        "rate_limit_exceeded",
        "exponential backoff",
    );
    let wait: u64 = third["retry_after"].as_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{saw}");
}

/// "Apply exponential backoff": the seed's own lines get through.
fn backed_off(saw: &Value) {
    assert_eq!(saw["text"], "word0 word1 word2 word3 word4 ");
    let asked = saw["asked"].as_u64().unwrap();
    assert!((2..=4).contains(&asked), "{saw}");
}

/// "Tool calls aren't being returned"
fn tools(saw: &Value) {
    assert_eq!(saw["valid"], 2);
    let says = |what: &str, code, words| says(&saw[what], "BadRequestError", code, words);
    says(
        "invalid",
        "invalid_value",
        "parameters.properties.city.type",
    );
    says(
        "model without",
        "unsupported_parameter",
        "does not support `tools`",
    );
    assert_eq!(saw["listed"], json!([true, false, true, false]));
}

/// "Vision images aren't working"
fn vision(saw: &Value) {
    let says = |what: &str, code, words| says(&saw[what], "BadRequestError", code, words);
    says("localhost", "invalid_image_url", "must be public");
    says("private", "invalid_image_url", "must be public");
    assert_eq!(saw["public"], "A red square.");
    assert_eq!(saw["data"], "A red square.");
    says("model without", "unsupported_parameter", "Vision");
}
