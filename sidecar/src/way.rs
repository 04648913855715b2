//! How a call goes to a channel: with its bytes untouched, or translated, or not at all. A pure table, asked by `gateway` for who may
//! carry a call and by `failover` for each attempt.
//!
//! | caller | provider of the same API | any other |
//! |---|---|---|
//! | chat, completions | untouched where the model answers that endpoint, else translated | translated |
//! | responses | untouched where the model lists them, or lists nothing and its provider has them; else translated | translated |
//! | messages, generateContent | untouched | translated |
//! | embeddings | untouched where the model answers them | translated between OpenAI's and Gemini's |
//! | counting tokens | untouched | translated between Anthropic's and Gemini's; before OpenAI's answered here, by an estimate |
//! | anything else of OpenAI's | untouched where the model answers it | not at all |

use purser_config::{Endpoint, Model};
use purser_dialects::provider::Quirks;
use purser_dialects::{Dialect, Wire};

/// How a call goes to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As the caller wrote it.
    Untouched,
    /// Into the provider's wire form, and its answer back into the caller's.
    Translated {
        /// The caller's.
        from: Wire,
        /// The provider's.
        to: Wire,
    },
    /// As texts to embed, between OpenAI's and Gemini's way of asking for that.
    Embedded,
    /// As a conversation to count, between Anthropic's and Gemini's.
    Counted,
}

/// Endpoints of a model that names none: those of a chat model.
const CHAT: [Endpoint; 3] = [Endpoint::Chat, Endpoint::Completions, Endpoint::Responses];

/// How a call in this API at this endpoint goes to this model of such a provider.
pub fn way(
    (dialect, endpoint): (Dialect, Endpoint),
    quirks: &Quirks,
    model: &Model,
) -> Option<Way> {
    let same = quirks.wire.dialect() == dialect;
    let Some(from) = Wire::of(dialect, endpoint) else {
        let answers = match endpoint {
            Endpoint::CountTokens => converses(model),
            _ => answers(model, endpoint),
        };
        return answers.then(|| beside((dialect, endpoint), quirks, model))?;
    };
    let untouched = match from {
        Wire::Responses => responds(quirks, model),
        Wire::Chat | Wire::Completions => answers(model, endpoint),
        Wire::Messages | Wire::Generate => converses(model),
    };
    if same && untouched {
        return Some(Way::Untouched);
    }
    let to = quirks.wire;
    let speaks = match to {
        Wire::Chat => answers(model, Endpoint::Chat),
        _ => converses(model),
    };
    speaks.then_some(Way::Translated { from, to })
}

/// The same of what is no conversation.
fn beside((dialect, endpoint): (Dialect, Endpoint), quirks: &Quirks, model: &Model) -> Option<Way> {
    match (endpoint, dialect, quirks.wire.dialect()) {
        (Endpoint::CountTokens, Dialect::OpenAI, Dialect::OpenAI) => {
            responds(quirks, model).then_some(Way::Untouched)
        }
        (_, asks, answers) if asks == answers => Some(Way::Untouched),
        (Endpoint::Embeddings, Dialect::OpenAI, Dialect::Gemini)
        | (Endpoint::Embeddings, Dialect::Gemini, Dialect::OpenAI) => Some(Way::Embedded),
        (Endpoint::CountTokens, _, Dialect::Anthropic | Dialect::Gemini) => Some(Way::Counted),
        _ => None,
    }
}

/// Whether it has the Responses API itself.
fn responds(quirks: &Quirks, model: &Model) -> bool {
    match model.endpoints.is_empty() {
        true => quirks.responses,
        false => answers(model, Endpoint::Responses),
    }
}

/// Whether it answers this endpoint.
pub fn answers(model: &Model, endpoint: Endpoint) -> bool {
    let endpoint = match endpoint {
        Endpoint::Translations => Endpoint::Transcriptions,
        Endpoint::ImageEdits => Endpoint::Images,
        endpoint => endpoint,
    };
    if model.endpoints.is_empty() {
        CHAT.contains(&endpoint)
    } else {
        model.endpoints.contains(&endpoint)
    }
}

/// Whether it holds conversations, in whatever form.
pub fn converses(model: &Model) -> bool {
    CHAT.iter().any(|endpoint| answers(model, *endpoint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::Provider;

    fn go(dialect: Dialect, endpoint: Endpoint, to: Provider, lists: &[Endpoint]) -> Option<Way> {
        let channel = crate::testing::channel("http://127.0.0.1:1/v1", &["m"]);
        let mut model = channel.models[0].clone();
        model.endpoints = lists.to_vec();
        way((dialect, endpoint), Quirks::of(to), &model)
    }

    #[test]
    fn a_chat_model_serves_every_conversation_wire() {
        use Provider::{Anthropic, AzureOpenAI, Gemini, Mistral, OpenAI};
        let conversations = [
            (Dialect::OpenAI, Endpoint::Chat),
            (Dialect::OpenAI, Endpoint::Completions),
            (Dialect::OpenAI, Endpoint::Responses),
            (Dialect::Anthropic, Endpoint::Chat),
            (Dialect::Gemini, Endpoint::Chat),
        ];
        for provider in [OpenAI, AzureOpenAI, Anthropic, Gemini, Mistral] {
            for (dialect, endpoint) in conversations {
                let found = go(dialect, endpoint, provider, &[]);
                let found =
                    found.unwrap_or_else(|| panic!("{dialect:?} {endpoint:?} {provider:?}"));
                let same = Quirks::of(provider).wire.dialect() == dialect;
                let is_untouched = same && (endpoint, provider) != (Endpoint::Responses, Mistral);
                assert_eq!(found == Way::Untouched, is_untouched, "{provider:?}");
            }
        }
    }

    #[test]
    fn what_a_model_lists_decides() {
        use Endpoint::{Chat, Embeddings, Responses, Speech};
        let openai = |endpoint, lists: &[Endpoint]| {
            go(Dialect::OpenAI, endpoint, Provider::OpenAICompatible, lists)
        };
        assert_eq!(openai(Responses, &[Chat, Responses]), Some(Way::Untouched));
        let translated = Way::Translated {
            from: Wire::Responses,
            to: Wire::Chat,
        };
        assert_eq!(openai(Responses, &[Chat]), Some(translated));
        assert_eq!(openai(Chat, &[Embeddings]), None);
        assert_eq!(openai(Embeddings, &[Embeddings]), Some(Way::Untouched));
        assert_eq!(openai(Embeddings, &[]), None);
        assert_eq!(
            go(Dialect::OpenAI, Speech, Provider::Gemini, &[Speech]),
            None
        );
        assert_eq!(
            go(Dialect::Anthropic, Chat, Provider::Gemini, &[Embeddings]),
            None
        );
        let translations = go(
            Dialect::OpenAI,
            Endpoint::Translations,
            Provider::OpenAI,
            &[Endpoint::Transcriptions],
        );
        assert_eq!(translations, Some(Way::Untouched));
    }

    #[test]
    fn tokens_are_counted_by_who_can() {
        let count = Endpoint::CountTokens;
        for (dialect, own) in [
            (Dialect::Anthropic, Provider::Anthropic),
            (Dialect::Gemini, Provider::Gemini),
        ] {
            assert_eq!(go(dialect, count, own, &[]), Some(Way::Untouched));
            assert_eq!(go(dialect, count, Provider::OpenAI, &[]), None);
        }
        for dialect in [Dialect::Anthropic, Dialect::OpenAI] {
            let other = go(dialect, count, Provider::Gemini, &[]);
            assert_eq!(other, Some(Way::Counted));
        }
        for (provider, way) in [
            (Provider::OpenAI, Some(Way::Untouched)),
            (Provider::Mistral, None),
        ] {
            assert_eq!(go(Dialect::OpenAI, count, provider, &[]), way);
        }
        let embed = Endpoint::Embeddings;
        let other = go(Dialect::OpenAI, embed, Provider::Gemini, &[embed]);
        assert_eq!(other, Some(Way::Embedded));
        assert_eq!(
            go(Dialect::OpenAI, embed, Provider::Anthropic, &[embed]),
            None
        );
    }
}
