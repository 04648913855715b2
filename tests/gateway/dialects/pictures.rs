//! Pictures in streams: events of some megabytes, which are content whoever writes them, and end a stream as short ones do.

use super::speaking;
use super::speech::Speech;
use crate::gateway::setup::{KEY, Sidecar, configuration};
use purser_config::{Endpoint, Provider as Api};
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::{Call, End};

/// One and a half MiB of base64: more than is held of a stream, and of a line.
fn picture() -> String {
    "aGk/".repeat(3 << 17)
}

/// A stream of these bytes.
fn streams(events: &str) -> Behaviour {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    Behaviour::Raw([head, events].concat().into_bytes())
}

/// A sidecar before a provider of this API that streams so.
async fn before(api: Api, endpoint: Option<Endpoint>, events: &str) -> (Sidecar, Provider) {
    let provider = Provider::start(streams(events)).await.unwrap();
    let mut channel = speaking(api, &provider);
    channel.models[0].endpoints.extend(endpoint);
    let channels = [("one", channel)];
    (Sidecar::start(&configuration(&channels)).await, provider)
}

#[tokio::test]
async fn images_that_are_streamed_pass_as_they_are() {
    let (picture, usage) = (
        picture(),
        r#"{"input_tokens":7,"output_tokens":5,"total_tokens":12}"#,
    );
    for (path, name) in [("generations", "image_generation"), ("edits", "image_edit")] {
        let event = |kind: &str, rest: &str| {
            format!(
                "event: {name}.{kind}\ndata: {{\"type\":\"{name}.{kind}\",\"b64_json\":\"{picture}\"{rest}}}\n\n"
            )
        };
        let partial = event("partial_image", ",\"partial_image_index\":0");
        let events = partial + &event("completed", &format!(",\"usage\":{usage}"));
        let endpoint = Some(Endpoint::Images);
        let (sidecar, provider) = before(Api::OpenAI, endpoint, &events).await;
        let call = match path {
            "edits" => multipart(path),
            _ => Call::post(
                "/v1/images/generations",
                r#"{"model":"m","prompt":"a cat","stream":true}"#,
            ),
        };
        let answer = sidecar.ask(call.key(KEY)).await;
        assert_eq!(answer.status(), 200, "{name}");
        let body = answer.body().await.unwrap();
        assert!(
            body == events,
            "{name}: {} of {} bytes",
            body.len(),
            events.len()
        );
        assert_eq!(provider.calls(), 1, "{name}");
    }
}

fn multipart(path: &str) -> Call {
    let part = |name: &str, value: &str| {
        format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let parts = [("model", "m"), ("prompt", "a cat"), ("stream", "true")];
    let body = parts.map(|(name, value)| part(name, value)).concat() + "--x--\r\n";
    Call::form(&format!("/v1/images/{path}"), "x", body)
}

/// One event with a picture, its end and its usage behind it, as Gemini's image models write it.
fn drawn() -> String {
    format!(
        "data: {{\"candidates\":[{{\"content\":{{\"role\":\"model\",\"parts\":[{{\"inlineData\":{{\"mimeType\":\"image/png\",\"data\":\"{}\"}}}}]}},\"finishReason\":\"STOP\"}}],\"usageMetadata\":{{\"promptTokenCount\":7,\"candidatesTokenCount\":5,\"totalTokenCount\":12}}}}\n\n",
        picture()
    )
}

#[tokio::test]
async fn a_picture_of_gemini_passes_to_its_own_callers_and_is_an_image_of_a_chat() {
    let (sidecar, _provider) = before(Api::Gemini, None, &drawn()).await;
    let same = sidecar.ask(Speech::Generate.call(true)).await;
    assert!(same.body().await.unwrap() == drawn());
    let stream = sidecar.ask(Speech::Chat.call(true)).await.stream().await;
    assert_eq!(stream.end, End::Done);
    let events = stream.events.iter().map(|event| event.json());
    let url = events.into_iter().find_map(|event| {
        let image = &event["choices"][0]["delta"]["images"][0];
        Some(image["image_url"]["url"].as_str()?.to_owned())
    });
    let whole = format!("data:image/png;base64,{}", picture());
    assert!(url.is_some_and(|url| url == whole));
}

#[tokio::test]
async fn what_has_no_place_for_a_picture_is_told_so_and_no_provider_is_blamed() {
    let (sidecar, provider) = before(Api::Gemini, None, &drawn()).await;
    for _ in 0..6 {
        let answer = sidecar.ask(Speech::Messages.call(true)).await;
        assert_eq!(answer.status(), 400);
    }
    assert_eq!(provider.calls(), 6, "its circuit stays closed");
}
