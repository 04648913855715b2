//! Answers without end, translated: bounded where they must be held, in constant memory where they flow. And what a plan says may answer in
//! another model's place.

use super::speech::{ALL, Speech};
use super::{WORDS, says, speaking};
use crate::gateway::setup::{KEY, Sidecar, configuration, model, plan};
use purser_config::{Channel, Provider as Api};
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;

#[tokio::test]
async fn a_translated_answer_of_64_mib_is_refused_and_not_held() {
    let provider = Provider::start(Behaviour::HugeLine(64 << 20))
        .await
        .unwrap();
    let channels = [("one", speaking(Api::Anthropic, &provider))];
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    let answer = sidecar.ask(Speech::Chat.call(false)).await;
    assert_eq!(answer.status(), 502);
    let told = answer.json().await.unwrap();
    assert_eq!(told["error"]["code"], "bad_upstream_response");
    let peak = sidecar.memory("VmHWM");
    assert!(peak < 80 << 10, "{peak} KiB");
}

/// A stream in this API of so many events with half a MiB of text each, and its end.
fn long_stream(api: Api, count: usize) -> Behaviour {
    let text = "x".repeat(512 << 10);
    let event = match api {
        Api::Anthropic => format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
        ),
        Api::Gemini => format!(
            "data: {{\"candidates\":[{{\"content\":{{\"role\":\"model\",\"parts\":[{{\"text\":\"{text}\"}}]}}}}]}}\n\n"
        ),
        _ => format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"
        ),
    };
    let (begin, end) = match api {
        Api::Anthropic => (
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"role\":\"assistant\",\"content\":[],\"usage\":{\"input_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ),
        Api::Gemini => (
            "",
            "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n",
        ),
        _ => ("", "data: [DONE]\n\n"),
    };
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    Behaviour::Raw(
        [head, begin, &event.repeat(count), end]
            .concat()
            .into_bytes(),
    )
}

#[tokio::test]
async fn a_translated_stream_without_end_takes_constant_memory() {
    for (api, speech) in [
        (Api::Anthropic, Speech::Chat),
        (Api::Gemini, Speech::Messages),
        (Api::OpenAICompatible, Speech::Generate),
    ] {
        let provider = Provider::start(long_stream(api, 64)).await.unwrap();
        let channels = [("one", speaking(api, &provider))];
        let sidecar = Sidecar::start(&configuration(&channels)).await;
        let body = sidecar.ask(speech.call(true)).await.body().await.unwrap();
        assert!(body.len() > 32 << 20, "{speech:?}: {} bytes", body.len());
        let peak = sidecar.memory("VmHWM");
        assert!(peak < 40 << 10, "{speech:?}: {peak} KiB");
    }
}

/// The caller's own API behind, whose bytes pass as they are: usage that is asked for by the sidecar, usage that comes by itself, and events
/// that become one JSON array.
#[tokio::test]
async fn a_stream_without_end_that_is_not_translated_takes_constant_memory_too() {
    let array = Call::post(
        "/v1beta/models/m:streamGenerateContent",
        r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#,
    );
    for (api, call) in [
        (Api::OpenAICompatible, Speech::Chat.call(true)),
        (Api::Anthropic, Speech::Messages.call(true)),
        (Api::Gemini, Speech::Generate.call(true)),
        (Api::Gemini, array.header("x-goog-api-key", KEY)),
    ] {
        let provider = Provider::start(long_stream(api, 64)).await.unwrap();
        let channels = [("one", speaking(api, &provider))];
        let sidecar = Sidecar::start(&configuration(&channels)).await;
        let answer = sidecar.ask(call).await;
        let is_array = answer.header("content-type") == Some("application/json");
        let body = answer.body().await.unwrap();
        assert!(body.len() > 32 << 20, "{api:?}: {} bytes", body.len());
        assert_eq!(
            is_array,
            body.starts_with(b"[") && body.trim_ascii().ends_with(b"]")
        );
        let asked = provider.last().unwrap();
        if api == Api::OpenAICompatible {
            let usage = &asked.json()["stream_options"]["include_usage"];
            assert_eq!(*usage, true, "asked for by the sidecar");
        }
        let peak = sidecar.memory("VmHWM");
        assert!(peak < 40 << 10, "{api:?}, array: {is_array}: {peak} KiB");
    }
}

/// OpenAI's Responses say the whole text again at the end of a stream.
#[tokio::test]
async fn what_must_be_said_again_at_the_end_is_held_up_to_a_bound_and_no_further() {
    let provider = Provider::start(long_stream(Api::Anthropic, 64))
        .await
        .unwrap();
    let channels = [("one", speaking(Api::Anthropic, &provider))];
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    let answer = sidecar.ask(Speech::Responses.call(true)).await;
    let body = answer.body().await.unwrap();
    // The failure repeats what was said until then.
    let has = |text: &str| memchr::memmem::find(&body, text.as_bytes()).is_some();
    assert!(has("said again at its end") && !has("response.completed"));
    let peak = sidecar.memory("VmHWM");
    assert!(peak < 80 << 10, "{peak} KiB");
}

#[tokio::test]
async fn what_a_plan_names_in_a_model_s_place_answers_once_its_own_channels_do_not() {
    let dead = Provider::start(Behaviour::status(500)).await.unwrap();
    let live = Provider::start(Behaviour::healthy()).await.unwrap();
    let mut other = Channel {
        models: vec![model("spare")],
        ..speaking(Api::Anthropic, &live)
    };
    other.models[0].upstream_name = Some("claude".into());
    let channels = [
        ("dead", speaking(Api::OpenAICompatible, &dead)),
        ("live", other),
    ];
    let mut all = configuration(&channels);
    let mut open = plan(&["*"]);
    open.fallbacks
        .insert("m".into(), vec!["nobody".into(), "spare".into()]);
    all.plans.insert("open".into(), open);
    let sidecar = Sidecar::start(&all).await;
    for speech in ALL {
        for stream in [false, true] {
            let answer = sidecar.ask(speech.call(stream)).await;
            assert_eq!(answer.header("x-purser-model"), Some("spare"), "{speech:?}");
            drop(answer);
            says(&sidecar, speech, stream, "shop/live").await;
        }
    }
    assert!(dead.calls() > 0);
    assert_eq!(live.last().unwrap().path, "/v1/messages");
    dead.set(Behaviour::healthy()).await.unwrap();
    let back = async {
        loop {
            let answer = sidecar.ask(Speech::Chat.call(false)).await;
            if answer.header("x-purser-model") == Some("m") {
                return answer.json().await.unwrap();
            }
        }
    };
    let said = tokio::time::timeout(crate::gateway::setup::SOON, back)
        .await
        .unwrap();
    assert_eq!(Speech::Chat.said(&said), WORDS);
}
