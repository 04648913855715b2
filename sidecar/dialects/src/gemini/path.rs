//! What a path of Gemini's API names: a model, and what it is to do.
//!
//! Called by `endpoint`, for callers, and by `address`, for providers. Must never take a model's own colon for a verb's.

use purser_config::Endpoint;

/// The last part of a call's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// `gemini-2.5-pro` in `models/gemini-2.5-pro:generateContent`.
    pub model: String,
    /// What it is to do.
    pub verb: Verb,
}

/// What a model is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the API's own")]
pub enum Verb {
    GenerateContent,
    StreamGenerateContent,
    CountTokens,
    EmbedContent,
    BatchEmbedContents,
}

const VERBS: [Verb; 5] = [
    Verb::GenerateContent,
    Verb::StreamGenerateContent,
    Verb::CountTokens,
    Verb::EmbedContent,
    Verb::BatchEmbedContents,
];

impl Verb {
    /// As a path ends.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::GenerateContent => "generateContent",
            Verb::StreamGenerateContent => "streamGenerateContent",
            Verb::CountTokens => "countTokens",
            Verb::EmbedContent => "embedContent",
            Verb::BatchEmbedContents => "batchEmbedContents",
        }
    }

    /// What OpenAI's API would call it.
    pub fn endpoint(self) -> Endpoint {
        match self {
            Verb::GenerateContent | Verb::StreamGenerateContent => Endpoint::Chat,
            Verb::CountTokens => Endpoint::CountTokens,
            Verb::EmbedContent | Verb::BatchEmbedContents => Endpoint::Embeddings,
        }
    }
}

/// What stands before a model's name: `models/` goes without saying, unless the name says what it is (`tunedModels/…`).
pub(crate) fn kind(model: &str) -> &'static str {
    if model.contains('/') { "" } else { "models/" }
}

/// Model and verb of `gemini-2.5-pro:generateContent`, decoded.
pub(crate) fn named(text: &str) -> Option<Named> {
    let (model, verb) = text.rsplit_once(':')?;
    let verb = VERBS.into_iter().find(|known| known.as_str() == verb)?;
    let model = model.to_owned();
    (!model.is_empty()).then_some(Named { model, verb })
}
