//! Every caller's API before every provider's: the same words, in the caller's own form, whole and streamed. `speech` says how each API
//! is spoken; the other rooms ask what becomes of it when providers fail, refuse, or say too much.

mod beside;
mod empty;
mod failing;
mod limits;
mod pictures;
mod refusing;
mod speech;
mod untouched;

use super::setup::{Sidecar, channel, configuration};
use purser_config::{Channel, Provider as Api};
use purser_tests::provider::{Behaviour, Provider};
use speech::{ALL, Speech};

/// What providers speak.
const APIS: [Api; 5] = [
    Api::OpenAICompatible,
    Api::Mistral,
    Api::AzureOpenAI,
    Api::Anthropic,
    Api::Gemini,
];
/// What a healthy provider says.
const WORDS: &str = "word0 word1 word2 word3 word4 ";

/// A channel to this provider, as if it spoke this API.
fn speaking(api: Api, provider: &Provider) -> Channel {
    let origin = format!("http://{}", provider.address());
    Channel {
        provider: api,
        base_url: match api {
            Api::OpenAICompatible | Api::Mistral => provider.url(),
            _ => origin,
        },
        ..channel(provider)
    }
}

/// A sidecar before one healthy provider of this API.
async fn before(api: Api) -> (Sidecar, Provider) {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let channels = [("one", speaking(api, &provider))];
    (Sidecar::start(&configuration(&channels)).await, provider)
}

/// Asks in this API and finds the words, whole or streamed, in the form of that API.
async fn says(sidecar: &Sidecar, speech: Speech, stream: bool, by: &str) {
    let what = format!("{speech:?}, stream: {stream}, by {by}");
    let answer = sidecar.ask(speech.call(stream)).await;
    let channel = answer.header("x-purser-channel").map(str::to_owned);
    if answer.status() != 200 {
        let (status, body) = (answer.status(), answer.body().await);
        panic!("{what}: {status} {body:?}");
    }
    assert_eq!(channel.as_deref(), Some(by), "{what}");
    if stream {
        let stream = answer.stream().await;
        assert_eq!(speech.streamed(&stream), WORDS, "{what}: {stream:?}");
        assert!(speech.ends_well(&stream), "{what}: {stream:?}");
    } else {
        let body = answer.json().await.unwrap();
        assert_eq!(speech.said(&body), WORDS, "{what}: {body}");
    }
}

#[tokio::test]
async fn every_caller_is_answered_by_every_provider_in_its_own_form() {
    for api in APIS {
        let (sidecar, provider) = before(api).await;
        for speech in ALL {
            for stream in [false, true] {
                says(&sidecar, speech, stream, "shop/one").await;
            }
        }
        assert_eq!(provider.calls(), 10, "{api:?}");
    }
}

#[tokio::test]
async fn each_provider_is_asked_at_its_own_path_with_its_own_header() {
    let bearer = format!("Bearer {}", super::setup::CREDENTIAL);
    let plain = super::setup::CREDENTIAL;
    for (api, whole, streamed, header, value) in [
        (
            Api::Mistral,
            "/v1/chat/completions",
            "/v1/chat/completions",
            "authorization",
            bearer.as_str(),
        ),
        (
            Api::AzureOpenAI,
            "/openai/v1/chat/completions",
            "/openai/v1/chat/completions",
            "api-key",
            plain,
        ),
        (
            Api::Anthropic,
            "/v1/messages",
            "/v1/messages",
            "x-api-key",
            plain,
        ),
        (
            Api::Gemini,
            "/v1beta/models/m:generateContent",
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            "x-goog-api-key",
            plain,
        ),
    ] {
        let (sidecar, provider) = before(api).await;
        for (stream, path) in [(false, whole), (true, streamed)] {
            says(&sidecar, Speech::Chat, stream, "shop/one").await;
            let seen = provider.last().unwrap();
            assert_eq!(
                (seen.path.as_str(), seen.header(header)),
                (path, Some(value))
            );
            let version = seen.header("anthropic-version");
            assert_eq!(version.is_some(), api == Api::Anthropic);
            let keys = ["authorization", "api-key", "x-api-key", "x-goog-api-key"];
            let sent = keys
                .iter()
                .filter(|name| seen.header(name).is_some())
                .count();
            assert_eq!(sent, 1, "one credential, in one header");
        }
    }
}

#[tokio::test]
async fn a_deployment_of_azure_s_older_api_is_part_of_its_path() {
    let provider = Provider::start(Behaviour::Echo).await.unwrap();
    let mut azure = speaking(Api::AzureOpenAI, &provider);
    azure.api_version = Some("2024-10-21".into());
    azure.models[0].upstream_name = Some("my gpt".into());
    let sidecar = Sidecar::start(&configuration(&[("azure", azure)])).await;
    let answer = sidecar.ask(Speech::Chat.call(false)).await;
    assert_eq!(answer.status(), 200);
    let seen = provider.last().unwrap();
    assert_eq!(
        seen.path,
        "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"
    );
}
