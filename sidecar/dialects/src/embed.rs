//! Embeddings between OpenAI's API and Gemini's: one request with texts, one answer with a vector for each.
//!
//! ```text
//! caller --body--> read  --Embed-->    write        --body--> provider
//! caller <--body-- write_answer <--Embedded-- read_answer <--body-- provider
//! ```
//!
//! Called by the sidecar for pairs that differ. Must never reorder texts or vectors.

mod gemini;
mod openai;

use crate::talk::Beyond;
use crate::translate::{AskFault, Unreadable, Unsayable};
use crate::{Dialect, Usage};

/// How embeddings are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbedWire {
    /// OpenAI's `/embeddings`, and of all who follow it.
    OpenAI,
    /// Gemini's `:embedContent`, of one text. For callers only.
    One,
    /// Gemini's `:batchEmbedContents`.
    Batch,
}

impl EmbedWire {
    /// In which form a provider is asked.
    pub fn of(dialect: Dialect) -> EmbedWire {
        match dialect {
            Dialect::Gemini => EmbedWire::Batch,
            Dialect::OpenAI | Dialect::Anthropic => EmbedWire::OpenAI,
        }
    }
}

/// One request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Embed {
    /// By the caller's name.
    pub model: String,
    /// What to embed, in order.
    pub texts: Vec<String>,
    /// How long each vector is to be; absent: the model's default.
    pub dimensions: Option<u64>,
    /// Whether the caller wants vectors as base64 of their bytes, which OpenAI's SDKs do.
    pub base64: bool,
    /// What only the caller's API says.
    pub beyond: Vec<Beyond>,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embedded {
    /// One for each text, in order.
    pub vectors: Vec<Vec<f32>>,
    /// What it used, where the provider says so.
    pub usage: Option<Usage>,
}

/// Reads a caller's request. `path_model` is what a Gemini path says.
///
/// # Errors
/// What is wrong with it.
pub fn read(wire: EmbedWire, body: &[u8], path_model: &str) -> Result<Embed, AskFault> {
    match wire {
        EmbedWire::OpenAI => openai::read(body),
        EmbedWire::One => gemini::read_one(body, path_model),
        EmbedWire::Batch => gemini::read_batch(body, path_model),
    }
}

/// Writes it for a provider, with its name of the model.
///
/// # Errors
/// What its API cannot say.
pub fn write(wire: EmbedWire, embed: &Embed, model: &str) -> Result<Vec<u8>, Unsayable> {
    if let Some(beyond) = embed.beyond.first() {
        return Err(Unsayable {
            param: beyond.param.clone(),
            why: "the embeddings API of this provider has nothing that means it".into(),
        });
    }
    Ok(match wire {
        EmbedWire::OpenAI => openai::write(embed, model),
        EmbedWire::One | EmbedWire::Batch => gemini::write(embed, model),
    })
}

/// Reads a provider's answer.
///
/// # Errors
/// When it is none.
pub fn read_answer(wire: EmbedWire, body: &[u8]) -> Result<Embedded, Unreadable> {
    match wire {
        EmbedWire::OpenAI => openai::read_answer(body),
        EmbedWire::One | EmbedWire::Batch => gemini::read_answer(body),
    }
}

/// Writes it for the caller. What the provider does not say of its usage is estimated as `estimate` does: a token for each four bytes.
pub fn write_answer(wire: EmbedWire, answer: &Embedded, asked: &Embed) -> Vec<u8> {
    let bytes = |text: &String| (text.len() as u64).div_ceil(4);
    let said = answer.usage.map(|usage| usage.prompt_tokens);
    let tokens = said.unwrap_or_else(|| asked.texts.iter().map(bytes).sum());
    match wire {
        EmbedWire::OpenAI => openai::write_answer(answer, asked, tokens),
        EmbedWire::One => gemini::write_one(answer, tokens),
        EmbedWire::Batch => gemini::write_batch(answer, tokens),
    }
}
