//! What a model cannot do, or nobody may look at, is answered before any provider is called: capabilities, contexts, tools' schemas,
//! images at private addresses; and a channel whose model cannot is passed over.

use super::setup::{KEY, Sidecar, channel, configuration};
use purser_config::{Capability, Configuration, Endpoint};
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

/// Two channels for `m`: the first one's model can do nothing beyond text and reads 1,000 tokens, the other one's says `can`.
async fn world(can: Option<Vec<Capability>>) -> (Sidecar, Provider, Provider) {
    let (plain, able) = (provider().await, provider().await);
    let mut first = channel(&plain);
    first.models[0].capabilities = Some(vec![]);
    first.models[0].context_length = Some(1_000);
    let mut second = channel(&able);
    second.priority = 1;
    second.models[0].capabilities = can;
    second.models[0].context_length = Some(2_000);
    second.models[0].max_output_tokens = Some(500);
    let all = configuration(&[("plain", first), ("able", second)]);
    (Sidecar::start(&all).await, plain, able)
}

async fn provider() -> Provider {
    Provider::start(Behaviour::healthy()).await.unwrap()
}

async fn refused(sidecar: &Sidecar, path: &str, body: Value) -> (u16, Value) {
    let answer = sidecar
        .ask(Call::post(path, body.to_string()).key(KEY))
        .await;
    let status = answer.status();
    (status, answer.json().await.unwrap()["error"].clone())
}

fn said(text: &str) -> Value {
    json!([{"role": "user", "content": text}])
}

fn image(url: &str) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]})
}

#[tokio::test]
async fn what_no_model_can_do_is_refused_by_the_member_that_asks_for_it() {
    let (sidecar, plain, able) = world(Some(vec![Capability::Tools])).await;
    let function =
        json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    for (body, param) in [
        (
            json!({"model": "m", "messages": [], "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}}),
            "response_format",
        ),
        (
            json!({"model": "m", "messages": [], "reasoning_effort": "high"}),
            "reasoning_effort",
        ),
        (
            image("data:image/png;base64,iVBORw0KGgo="),
            "messages[0].content[0].image_url.url",
        ),
        (
            json!({"model": "m", "messages": [], "tools": function, "modalities": ["text", "audio"]}),
            "modalities",
        ),
    ] {
        let (status, error) = refused(&sidecar, CHAT, body).await;
        assert_eq!(
            (status, &error["code"]),
            (400, &json!("unsupported_parameter")),
            "{error}"
        );
        assert_eq!(
            (&error["param"], &error["type"]),
            (&json!(param), &json!("invalid_request_error"))
        );
    }
    assert_eq!((plain.calls(), able.calls()), (0, 0));
    // The one that can is asked, although it comes second.
    let body = json!({"model": "m", "messages": said("hi"), "tools": function});
    let answer = sidecar
        .ask(Call::post(CHAT, body.to_string()).key(KEY))
        .await;
    assert_eq!(answer.header("x-purser-channel"), Some("shop/able"));
    assert_eq!((plain.calls(), able.calls()), (0, 1));
}

#[tokio::test]
async fn a_call_with_more_tokens_than_a_model_has_goes_to_a_larger_one_or_nowhere() {
    let (sidecar, plain, able) = world(None).await;
    let of = |bytes: usize| json!({"model": "m", "messages": said(&"word ".repeat(bytes / 5))});
    let answer = sidecar
        .ask(Call::post(CHAT, of(9_000).to_string()).key(KEY))
        .await;
    assert_eq!(answer.header("x-purser-channel"), Some("shop/able"));
    let (status, error) = refused(&sidecar, CHAT, of(20_000)).await;
    assert_eq!(
        (status, &error["code"], &error["param"]),
        (400, &json!("context_length_exceeded"), &json!("messages"))
    );
    let mut longest = of(9_000);
    longest["max_tokens"] = json!(501);
    let (status, error) = refused(&sidecar, CHAT, longest).await;
    assert_eq!(
        (status, &error["code"], &error["param"]),
        (400, &json!("invalid_value"), &json!("max_tokens"))
    );
    assert_eq!((plain.calls(), able.calls()), (0, 1));
}

#[tokio::test]
async fn a_plan_gives_its_part_of_a_context_and_the_answer_what_is_left() {
    let provider = provider().await;
    let mut only = channel(&provider);
    only.models[0].context_length = Some(8_000);
    let mut all: Configuration = configuration(&[("one", only)]);
    all.plans.get_mut("open").unwrap().context_percent = Some(50);
    let sidecar = Sidecar::start(&all).await;
    let of = |bytes: usize| json!({"model": "m", "messages": said(&"word ".repeat(bytes / 5))});
    let (status, error) = refused(&sidecar, CHAT, of(17_000)).await;
    assert_eq!(
        (status, &error["code"]),
        (400, &json!("context_length_exceeded"))
    );
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("`open` gives 4000 tokens"),
        "{error}"
    );
    assert_eq!(provider.calls(), 0);
    let answer = sidecar
        .ask(Call::post(CHAT, of(12_000).to_string()).key(KEY))
        .await;
    assert_eq!(answer.status(), 200);
    let most = provider.last().unwrap().json()["max_tokens"]
        .as_u64()
        .unwrap();
    assert!((900..1_000).contains(&most), "{most}");
    let list = sidecar
        .ask(Call::get("/v1/models/m").key(KEY))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(list["context_length"], 4_000);
}

#[tokio::test]
async fn a_tool_whose_parameters_are_no_schema_is_refused_with_the_path_of_the_fault() {
    let (sidecar, plain, able) = world(None).await;
    let parameters =
        json!({"type": "object", "properties": {"city": {"type": "string", "required": true}}});
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": parameters}}]);
    let (status, error) = refused(
        &sidecar,
        CHAT,
        json!({"model": "m", "messages": [], "tools": tools}),
    )
    .await;
    let at = "tools[0].function.parameters.properties.city.required";
    assert_eq!(
        (status, &error["code"], &error["param"]),
        (400, &json!("invalid_value"), &json!(at))
    );
    assert!(error["message"].as_str().unwrap().contains(at), "{error}");
    assert_eq!((plain.calls(), able.calls()), (0, 0));
}

#[tokio::test]
async fn an_image_at_a_private_address_is_refused_and_one_that_is_sent_passes() {
    let (sidecar, plain, able) = world(None).await;
    for url in [
        "http://127.0.0.1/a.png",
        "http://localhost:8080/a.png",
        "http://0x7f000001/",
        "http://[::ffff:169.254.169.254]/latest/meta-data/",
        "http://metadata.google.internal/",
        "http://user@example.com/a.png",
        "file:///etc/passwd",
        "http://127\u{ff0e}0.0.1/",
    ] {
        let (status, error) = refused(&sidecar, CHAT, image(url)).await;
        assert_eq!(
            (status, &error["code"]),
            (400, &json!("invalid_image_url")),
            "{url}"
        );
        assert_eq!(
            error["param"], "messages[0].content[0].image_url.url",
            "{url}"
        );
    }
    assert_eq!((plain.calls(), able.calls()), (0, 0));
    let body = image("data:image/png;base64,iVBORw0KGgo=");
    let answer = sidecar
        .ask(Call::post(CHAT, body.to_string()).key(KEY))
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(able.last().unwrap().json()["messages"], body["messages"]);
}

#[tokio::test]
async fn an_address_in_a_body_that_is_no_conversation_is_looked_at_too() {
    let provider = provider().await;
    let mut only = channel(&provider);
    only.models[0].endpoints = vec![
        Endpoint::Chat,
        Endpoint::Responses,
        Endpoint::Moderations,
        Endpoint::Embeddings,
    ];
    let sidecar = Sidecar::start(&configuration(&[("one", only)])).await;
    for url in [
        "http://169.254.169.254/",
        "http://localhost/a.png",
        // What no name server knows, a server of the cluster's may complete to a Service's name.
        "http://grafana.monitoring/a.png",
    ] {
        let part = json!({"type": "image_url", "image_url": {"url": url}});
        let shown = json!([{"content": [{"type": "input_image", "image_url": url}]}]);
        for (path, input, param) in [
            (
                "/v1/moderations",
                json!([part.clone()]),
                "input[0].image_url.url",
            ),
            ("/v1/embeddings", json!([part]), "input[0].image_url.url"),
            (
                "/v1/responses/input_tokens",
                shown,
                "input[0].content[0].image_url",
            ),
        ] {
            let (status, error) =
                refused(&sidecar, path, json!({"model": "m", "input": input})).await;
            assert_eq!(
                (status, &error["code"], &error["param"]),
                (400, &json!("invalid_image_url"), &json!(param)),
                "{path} {url}"
            );
        }
    }
    assert_eq!(provider.calls(), 0);
    let here = json!({"model": "m", "input": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]});
    let call = Call::post("/v1/moderations", here.to_string()).key(KEY);
    assert_eq!(sidecar.ask(call).await.status(), 200);
    assert_eq!(provider.last().unwrap().json(), here);
}

#[tokio::test]
async fn a_list_of_models_tells_what_each_can_in_the_shape_of_the_caller_s_api() {
    let (sidecar, ..) = world(Some(vec![Capability::Tools])).await;
    let list = |call: Call| async { sidecar.ask(call.key(KEY)).await.json().await.unwrap() };
    let openai = list(Call::get("/v1/models")).await;
    let can = &openai["data"][0]["capabilities"];
    assert_eq!(can["tools"], false, "one of the two can do nothing");
    assert_eq!(
        openai["data"][0]["top_provider"],
        json!({"context_length": 1_000, "max_completion_tokens": 500})
    );
    let anthropic = list(Call::get("/v1/models").header("anthropic-version", "2023-06-01")).await;
    assert_eq!(
        (&anthropic["data"][0]["type"], &anthropic["first_id"]),
        (&json!("model"), &json!("m"))
    );
    let gemini = list(Call::get("/v1beta/models")).await;
    assert_eq!(gemini["models"][0]["name"], "models/m");
    for member in [
        "owned_by",
        "architecture",
        "top_provider",
        "supported_parameters",
    ] {
        let openai = &openai["data"][0][member];
        assert!(!openai.is_null(), "{member}");
        assert_eq!(&anthropic["data"][0][member], openai, "{member}");
        assert_eq!(&gemini["models"][0][member], openai, "{member}");
    }
    assert_eq!(gemini["models"][0]["capabilities"]["tools"], false);
    let can = &anthropic["data"][0]["capabilities"];
    assert_eq!(can["image_input"], json!({"supported": false}));
}
