//! Providers that fail before and after their first content, of every API, before callers of every API.

use super::speech::{ALL, Speech};
use super::{APIS, WORDS, says, speaking};
use crate::gateway::setup::{Sidecar, configuration};
use purser_config::{Channel, Health, Provider as Api};
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::End;
use std::time::Duration;

/// Two channels for one model, the first tried first.
async fn pair(
    (first, fault): (Api, Behaviour),
    (second, other): (Api, Behaviour),
) -> (Sidecar, [Provider; 2]) {
    let providers = [
        Provider::start(fault).await.unwrap(),
        Provider::start(other).await.unwrap(),
    ];
    let mut one = speaking(first, &providers[0]);
    // No circuit opens, so that every call meets the fault.
    one.health = Health {
        consecutive_failures: 1_000_000,
        min_requests: 1_000_000,
        success_rate_percent: 0,
        cooldown_ms: 1,
        max_cooldown_ms: 1,
    };
    let other = Channel {
        priority: 1,
        ..speaking(second, &providers[1])
    };
    let sidecar = Sidecar::start(&configuration(&[("one", one), ("other", other)])).await;
    (sidecar, providers)
}

/// What follows each API in the list, so that every pair of neighbours differs.
fn next(api: Api) -> Api {
    let at = APIS.iter().position(|one| *one == api).unwrap();
    APIS[(at + 2) % APIS.len()]
}

#[tokio::test]
async fn a_call_falls_from_a_provider_of_one_api_to_one_of_another() {
    let faults = [
        Behaviour::status(500),
        Behaviour::status(529),
        Behaviour::StreamErrorFirst,
        Behaviour::EmptyStream,
        Behaviour::DiesInHeaders,
        Behaviour::TruncatedBody,
        Behaviour::Html200,
        Behaviour::DiesMidStream(0),
        Behaviour::Raw(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]"
                .to_vec(),
        ),
    ];
    for api in APIS {
        for fault in &faults {
            let (sidecar, [faulty, _live]) =
                pair((api, fault.clone()), (next(api), Behaviour::healthy())).await;
            for speech in ALL {
                for stream in [false, true] {
                    // An empty list is JSON, and where nothing is translated nobody looks into it.
                    let passes = matches!(fault, Behaviour::Raw(_));
                    if passes && !is_translated(speech, api) {
                        continue;
                    }
                    says(&sidecar, speech, stream, "shop/other").await;
                }
            }
            assert!(faulty.counts().connections > 0, "{api:?} {fault:?}");
        }
    }
}

fn is_translated(speech: Speech, api: Api) -> bool {
    match speech {
        Speech::Chat | Speech::Completions => matches!(api, Api::Anthropic | Api::Gemini),
        Speech::Responses => !matches!(api, Api::AzureOpenAI),
        Speech::Messages => api != Api::Anthropic,
        Speech::Generate => api != Api::Gemini,
    }
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_one_error_in_the_caller_s_own_form() {
    for fault in [Behaviour::DiesMidStream(3), Behaviour::StreamErrorAfter(3)] {
        for api in APIS {
            let healthy = (next(api), Behaviour::healthy());
            let (sidecar, [_first, second]) = pair((api, fault.clone()), healthy).await;
            for speech in ALL {
                let what = format!("{speech:?} before {api:?}, {fault:?}");
                let answer = sidecar.ask(speech.call(true)).await;
                assert_eq!(
                    answer.header("x-purser-channel"),
                    Some("shop/one"),
                    "{what}"
                );
                let stream = answer.stream().await;
                let said = speech.streamed(&stream);
                assert_eq!(said, "word0 word1 word2 ", "{what}: {stream:?}");
                assert_eq!(speech.errors(&stream), 1, "{what}: {stream:?}");
                assert!(!speech.ends_well(&stream), "{what}: {stream:?}");
                assert_eq!(stream.end, End::Quiet, "{what}: {stream:?}");
            }
            assert_eq!(second.calls(), 0, "it was tried again after its content");
        }
    }
}

#[tokio::test]
async fn with_both_dead_callers_are_told_in_their_own_form() {
    let (sidecar, _providers) = pair(
        (Api::Anthropic, Behaviour::status(529)),
        (Api::Gemini, Behaviour::StreamErrorFirst),
    )
    .await;
    for speech in ALL {
        for stream in [false, true] {
            let answer = sidecar.ask(speech.call(stream)).await;
            assert_eq!(answer.status(), 503, "{speech:?}");
            assert!(answer.header("retry-after").is_some());
            let body = answer.json().await.unwrap();
            assert!(speech.is_error(503, &body), "{speech:?}: {body}");
        }
    }
}

#[tokio::test]
async fn a_search_that_lasts_is_kept_alive_in_the_caller_s_own_form() {
    let slow = Behaviour::SlowFirstByte(Duration::from_millis(15_600));
    let (sidecar, _provider) = {
        let provider = Provider::start(slow).await.unwrap();
        let channels = [("one", speaking(Api::OpenAICompatible, &provider))];
        (Sidecar::start(&configuration(&channels)).await, provider)
    };
    let ask = |speech: Speech| {
        let call = speech.call(true);
        async { sidecar.ask(call).await.stream().await }
    };
    let array = speaking_array();
    let array = async { sidecar.ask(array).await };
    let (messages, generate, array) =
        tokio::join!(ask(Speech::Messages), ask(Speech::Generate), array);
    assert_eq!(messages.events[0].name.as_deref(), Some("ping"));
    assert_eq!(Speech::Messages.streamed(&messages), WORDS);
    assert!(Speech::Messages.ends_well(&messages), "{messages:?}");
    // Google's SDK takes any line that is not empty for JSON.
    assert!(generate.events[0].data.is_empty() && generate.events[0].comment.is_none());
    assert_eq!(Speech::Generate.streamed(&generate), WORDS);
    assert_eq!(array.header("content-type"), Some("application/json"));
    let array = array.json().await.unwrap();
    let texts = array.as_array().unwrap().iter();
    let texts: String = texts.map(|one| Speech::Generate.said(one)).collect();
    assert_eq!(texts, WORDS);
}

fn speaking_array() -> purser_tests::sse_client::Call {
    let body = r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#;
    let path = "/v1beta/models/m:streamGenerateContent";
    purser_tests::sse_client::Call::post(path, body).key(crate::gateway::setup::KEY)
}
