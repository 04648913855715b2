//! Answers without a word: one that ended as it should reaches its caller, in its caller's form; one that is no answer is asked for elsewhere.

use super::speaking;
use super::speech::{ALL, Speech};
use crate::gateway::setup::{Sidecar, configuration};
use purser_config::Provider as Api;
use purser_tests::provider::{Behaviour, Provider};

const ROLE: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n";
const STOP: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n";
const USED: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":0,\"total_tokens\":7}}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const MESSAGE: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"role\":\"assistant\",\"content\":[],\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":1}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
const CHUNK: &str = "data: {\"candidates\":[{\"content\":{\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":7,\"totalTokenCount\":7}}\n\n";
const RESPONSE: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"status\":\"in_progress\",\"output\":[],\"error\":null}}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"output\":[],\"error\":null,\"usage\":{\"input_tokens\":7,\"output_tokens\":0,\"total_tokens\":7}}}\n\n";

async fn answers(events: &str) -> Provider {
    let stream = Behaviour::Status {
        code: 200,
        headers: vec![("content-type".into(), "text/event-stream".into())],
        body: events.to_owned(),
    };
    Provider::start(stream).await.unwrap()
}

#[tokio::test]
async fn an_empty_answer_that_ended_well_reaches_every_caller() {
    for (api, events) in [
        (Api::OpenAICompatible, format!("{ROLE}{STOP}{USED}{DONE}")),
        (Api::OpenAICompatible, format!("{STOP}{DONE}")),
        (Api::OpenAICompatible, format!("{ROLE}{USED}{DONE}")),
        (Api::Anthropic, MESSAGE.to_owned()),
        (Api::Gemini, CHUNK.to_owned()),
    ] {
        let provider = answers(&events).await;
        let channels = [("one", speaking(api, &provider))];
        let sidecar = Sidecar::start(&configuration(&channels)).await;
        for speech in ALL {
            // Of another API's completions and responses these events are not.
            let answer = sidecar.ask(speech.call(true)).await;
            let what = format!("{speech:?} by {api:?}: {events}");
            assert_eq!(answer.status(), 200, "{what}");
            let stream = answer.stream().await;
            assert_eq!(speech.streamed(&stream), "", "{what}: {stream:?}");
            let unfinished = !events.contains("stop") && api == Api::OpenAICompatible;
            let passes = matches!(speech, Speech::Chat | Speech::Completions);
            let well = speech.ends_well(&stream);
            assert!(well || (unfinished && !passes), "{what}: {stream:?}");
        }
        assert_eq!(provider.calls(), 5, "{api:?} was asked once a call");
    }
}

#[tokio::test]
async fn an_empty_response_reaches_its_caller() {
    let provider = answers(RESPONSE).await;
    let channels = [("one", speaking(Api::OpenAI, &provider))];
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    let answer = sidecar.ask(Speech::Responses.call(true)).await;
    let stream = answer.stream().await;
    assert!(Speech::Responses.ends_well(&stream), "{stream:?}");
}

#[tokio::test]
async fn what_says_neither_why_it_ended_nor_what_it_used_is_asked_for_elsewhere() {
    for events in [
        DONE.to_owned(),
        format!("{ROLE}{DONE}"),
        ROLE.to_owned(),
        String::new(),
    ] {
        let (none, well) = (
            answers(&events).await,
            answers(&format!("{STOP}{DONE}")).await,
        );
        let api = Api::OpenAICompatible;
        let mut second = speaking(api, &well);
        second.priority = 1;
        let channels = [("one", speaking(api, &none)), ("two", second)];
        let sidecar = Sidecar::start(&configuration(&channels)).await;
        let answer = sidecar.ask(Speech::Chat.call(true)).await;
        assert_eq!(
            answer.header("x-purser-channel"),
            Some("shop/two"),
            "{events:?}"
        );
        assert_eq!((none.calls(), well.calls()), (1, 1));

        let alone = Sidecar::start(&configuration(&channels[..1])).await;
        let answer = alone.ask(Speech::Chat.call(true)).await;
        assert_eq!(answer.status(), 502, "{events:?}");
        let body = answer.json().await.unwrap();
        assert_eq!(body["error"]["code"], "bad_upstream_response", "{body}");
    }
}

/// What a model drew, whole and as the event of a stream.
const DRAWN: &str = r#"{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}}]},"finishReason":"STOP"}]}"#;

#[tokio::test]
async fn an_image_that_the_caller_has_no_place_for_is_no_fault_of_the_channel() {
    let provider = Provider::start(Behaviour::json(200, DRAWN)).await.unwrap();
    let channels = [("one", speaking(Api::Gemini, &provider))];
    let sidecar = Sidecar::start(&configuration(&channels)).await;
    for speech in [Speech::Messages, Speech::Responses] {
        for stream in [false, true] {
            let behaviour = match stream {
                true => Behaviour::Status {
                    code: 200,
                    headers: vec![("content-type".into(), "text/event-stream".into())],
                    body: format!("data: {DRAWN}\n\n"),
                },
                false => Behaviour::json(200, DRAWN),
            };
            provider.set(behaviour).await.unwrap();
            // More often than a circuit bears of failures.
            for _ in 0..6 {
                let answer = sidecar.ask(speech.call(stream)).await;
                assert_eq!(answer.status(), 400, "{speech:?}, stream: {stream}");
                let body = answer.body().await.unwrap();
                let told = String::from_utf8_lossy(&body);
                assert!(told.contains("no place"), "{told}");
            }
        }
    }
    assert_eq!(provider.calls(), 24);
    let whole = Behaviour::json(200, DRAWN);
    provider.set(whole).await.unwrap();
    let answer = sidecar.ask(Speech::Chat.call(false)).await;
    assert_eq!(answer.status(), 200);
    let body = answer.body().await.unwrap();
    let told = String::from_utf8_lossy(&body);
    assert!(
        told.contains("data:image/png;base64,iVBORw0KGgo="),
        "{told}"
    );
}
