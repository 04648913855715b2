//! Where a call lives at a provider: the path below a channel's base URL, by provider, endpoint and model.
//!
//! Called by the sidecar for each channel, once where the path is the same for all its models. Must never let a model's name leave its
//! segment of the path.

use crate::gemini::path::{Verb, kind};
use crate::kept::Stored;
use crate::openai::endpoint::upstream_path;
use purser_config::{Endpoint, Provider};
use std::fmt::Write as _;

/// A call at a provider, in that provider's own API.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Whose API it is.
    pub provider: Provider,
    /// Azure's; absent: its `/openai/v1`, which has none.
    pub api_version: Option<&'a str>,
    /// Which call.
    pub endpoint: Endpoint,
    /// Gemini's name for it.
    pub verb: Option<Verb>,
    /// The provider's name for the model.
    pub model: &'a str,
}

/// What every path begins with, by the base URL's: where it is empty the API's version is meant, because the provider's SDKs take it
/// without; Azure's may end in what [`path`] says.
pub fn root(provider: Provider, path: &str) -> &str {
    match provider {
        Provider::AzureOpenAI => {
            let path = path.strip_suffix("/v1").unwrap_or(path);
            path.strip_suffix("/openai").unwrap_or(path)
        }
        Provider::Anthropic if path.is_empty() => "/v1",
        Provider::Gemini if path.is_empty() => "/v1beta",
        _ => path,
    }
}

/// Whether the path names the model.
pub fn names_model(provider: Provider) -> bool {
    matches!(provider, Provider::Gemini | Provider::AzureOpenAI)
}

/// The path below the base URL, with a query where it has one.
pub fn path(place: &Place<'_>) -> String {
    match place.provider {
        Provider::Anthropic => match place.endpoint {
            Endpoint::CountTokens => "/messages/count_tokens".into(),
            _ => "/messages".into(),
        },
        Provider::Gemini => gemini(place),
        Provider::AzureOpenAI => azure(place),
        _ => upstream_path(place.endpoint).into(),
    }
}

/// Where an answer lies that the provider keeps, below the base URL, with a query where there is one.
pub fn stored(provider: Provider, api_version: Option<&str>, stored: &Stored) -> String {
    let responses = path(&Place {
        provider,
        api_version,
        endpoint: Endpoint::Responses,
        verb: None,
        model: "",
    });
    stored.below(&responses)
}

/// Where a provider lists its models, below the base URL.
pub fn listing(provider: Provider, api_version: Option<&str>) -> String {
    match (provider, api_version) {
        (Provider::AzureOpenAI, None) => "/openai/v1/models".into(),
        (Provider::AzureOpenAI, Some(version)) => {
            format!("/openai/models?api-version={}", escaped(version, false))
        }
        _ => "/models".into(),
    }
}

/// A stream is asked for as events.
fn gemini(place: &Place<'_>) -> String {
    let verb = place.verb.unwrap_or(Verb::GenerateContent);
    let kind = kind(place.model);
    let model = escaped(place.model, true);
    let query = match verb {
        Verb::StreamGenerateContent => "?alt=sse",
        _ => "",
    };
    format!("/{kind}{model}:{}{query}", verb.as_str())
}

/// Responses are asked for by model and not by deployment.
fn azure(place: &Place<'_>) -> String {
    let path = upstream_path(place.endpoint);
    let Some(version) = place.api_version else {
        return format!("/openai/v1{path}");
    };
    let version = escaped(version, false);
    if matches!(place.endpoint, Endpoint::Responses | Endpoint::CountTokens) {
        return format!("/openai{path}?api-version={version}");
    }
    let deployment = escaped(place.model, false);
    format!("/openai/deployments/{deployment}{path}?api-version={version}")
}

/// What is not plain in a path, percent-encoded.
fn escaped(text: &str, slashes: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if plain || (slashes && byte == b'/') {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(provider: Provider, endpoint: Endpoint, model: &str) -> String {
        path(&Place {
            provider,
            api_version: Some("2024-10-21"),
            endpoint,
            verb: None,
            model,
        })
    }

    #[test]
    fn each_provider_has_its_own_paths() {
        let chat = Endpoint::Chat;
        assert_eq!(at(Provider::Mistral, chat, "m"), "/chat/completions");
        assert_eq!(at(Provider::Anthropic, chat, "m"), "/messages");
        assert_eq!(
            at(Provider::Anthropic, Endpoint::CountTokens, "m"),
            "/messages/count_tokens"
        );
        assert_eq!(
            at(Provider::Gemini, chat, "gemini-2.5-pro"),
            "/models/gemini-2.5-pro:generateContent"
        );
        assert_eq!(
            at(Provider::Gemini, chat, "tunedModels/a"),
            "/tunedModels/a:generateContent"
        );
        assert_eq!(
            at(Provider::AzureOpenAI, chat, "gpt-4o"),
            "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
        );
        assert_eq!(
            at(Provider::AzureOpenAI, Endpoint::Responses, "gpt-4o"),
            "/openai/responses?api-version=2024-10-21"
        );
        let newer = path(&Place {
            provider: Provider::AzureOpenAI,
            api_version: None,
            endpoint: chat,
            verb: None,
            model: "gpt-4o",
        });
        assert_eq!(newer, "/openai/v1/chat/completions");
        let stream = path(&Place {
            provider: Provider::Gemini,
            api_version: None,
            endpoint: chat,
            verb: Some(Verb::StreamGenerateContent),
            model: "g",
        });
        assert_eq!(stream, "/models/g:streamGenerateContent?alt=sse");
    }

    #[test]
    fn a_model_s_name_stays_in_its_segment() {
        let odd = at(Provider::AzureOpenAI, Endpoint::Chat, "a/../b?c#d e");
        assert!(
            odd.starts_with("/openai/deployments/a%2F..%2Fb%3Fc%23d%20e/chat"),
            "{odd}"
        );
        let odd = at(Provider::Gemini, Endpoint::Chat, "a:b?c");
        assert_eq!(odd, "/models/a%3Ab%3Fc:generateContent");
    }
}
