//! An answer, written as Gemini's. Called by `translate`; its shapes also by the writer of streams.

use super::part::{Content, FileData, FunctionCall, InlineData, Part, object};
use super::{finish, logprobs};
use crate::Dialect;
use crate::error::json;
use crate::file::guessed;
use crate::talk::{Block, Choice, Finish, Reply, Source, Spent};
use crate::translate::Asked;
use serde::Serialize;
use serde_json::Value;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    pub(super) candidates: Vec<Candidate<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage_metadata: Option<UsageMetadata>,
    pub(super) model_version: &'a str,
    pub(super) response_id: &'a str,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finish_reason: Option<&'static str>,
    pub(super) index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) citation_metadata: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs_result: Option<Value>,
}

/// Counts of nothing are left out, as Google does.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageMetadata {
    prompt_token_count: u64,
    #[serde(skip_serializing_if = "is_none")]
    cached_content_token_count: u64,
    #[serde(skip_serializing_if = "is_none")]
    candidates_token_count: u64,
    #[serde(skip_serializing_if = "is_none")]
    thoughts_token_count: u64,
    total_token_count: u64,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

impl UsageMetadata {
    /// Thoughts stand beside the candidates, not within.
    pub(super) fn of(spent: &Spent) -> UsageMetadata {
        let usage = &spent.usage;
        UsageMetadata {
            prompt_token_count: usage.prompt_tokens,
            cached_content_token_count: usage.cached_tokens,
            candidates_token_count: usage
                .completion_tokens
                .saturating_sub(spent.reasoning_tokens),
            thoughts_token_count: spent.reasoning_tokens,
            total_token_count: usage.total_tokens,
        }
    }
}

/// The caller's name of the model, and the provider's id of the answer or ours.
pub(super) fn response_id<'a>(id: &'a str, asked: &'a Asked) -> &'a str {
    if id.is_empty() { &asked.request_id } else { id }
}

/// Writes it for the caller.
pub(crate) fn write_reply(reply: &Reply, asked: &Asked) -> Vec<u8> {
    let candidates = reply
        .choices
        .iter()
        .zip(0..)
        .map(|(choice, index)| candidate(choice, index));
    json(&Answer {
        candidates: candidates.collect(),
        usage_metadata: reply.spent.as_ref().map(UsageMetadata::of),
        model_version: &asked.model,
        response_id: response_id(&reply.id, asked),
    })
}

fn candidate(choice: &Choice, index: u32) -> Candidate<'_> {
    let mut parts = Vec::new();
    let (mut cited, mut is_malformed) = (Vec::new(), false);
    for block in &choice.blocks {
        match block {
            Block::ToolCall { arguments, .. } if object(arguments).is_none() => is_malformed = true,
            Block::Text { citations, .. } => cited.extend(citations),
            _ => {}
        }
        parts.extend(part(block));
    }
    let finish = if is_malformed {
        Some(&Finish::Malformed)
    } else {
        choice.finish.as_ref()
    };
    let content = Content {
        role: Some("model"),
        parts,
    };
    Candidate {
        content: Some(content),
        finish_reason: finish.map(finish::write),
        index,
        citation_metadata: citations(cited),
        logprobs_result: choice.logprobs.as_ref().and_then(logprobs::write),
    }
}

/// A call whose arguments are no object is left out: the reason of the end says so.
fn part(block: &Block) -> Option<Part<'_>> {
    match block {
        Block::Text { text, .. } | Block::Refusal { text } => Some(Part::text(text.as_str())),
        Block::Thinking { text, sealed } => Some(Part {
            thought: true,
            thought_signature: sealed
                .as_ref()
                .map(|sealed| sealed.shown(Dialect::Gemini).into()),
            ..Part::text(text.as_str())
        }),
        Block::Redacted { sealed } => Some(Part {
            thought: true,
            thought_signature: Some(sealed.shown_hidden(Dialect::Gemini).into()),
            ..Part::text("")
        }),
        Block::Image { source, .. } => Some(image(source)),
        Block::ToolCall {
            id,
            name,
            arguments,
            sealed,
            ..
        } => Some(Part {
            function_call: Some(FunctionCall {
                id,
                name,
                args: object(arguments)?,
            }),
            thought_signature: sealed
                .as_ref()
                .map(|sealed| sealed.shown(Dialect::Gemini).into()),
            ..Part::default()
        }),
        _ => None,
    }
}

/// What the model made, where it is.
pub(super) fn image(source: &Source) -> Part<'_> {
    match source {
        Source::Data { media_type, data } => Part {
            inline_data: Some(InlineData {
                mime_type: media_type.as_str().into(),
                data,
            }),
            ..Part::default()
        },
        Source::Url(file_uri) | Source::File(file_uri) => Part {
            file_data: Some(FileData {
                mime_type: guessed(file_uri),
                file_uri,
            }),
            ..Part::default()
        },
    }
}

/// Those with an address, of OpenAI's and of Anthropic's form.
pub(super) fn citations<'a>(cited: impl IntoIterator<Item = &'a Value>) -> Option<Value> {
    let source = |citation: &Value| {
        let nested = citation.get("url_citation");
        let citation = nested.unwrap_or(citation);
        let uri = citation
            .get("url")
            .or_else(|| citation.get("source"))?
            .as_str()?;
        let mut source = serde_json::Map::new();
        for (from, to) in [
            ("start_index", "startIndex"),
            ("end_index", "endIndex"),
            ("title", "title"),
        ] {
            if let Some(value) = citation.get(from).filter(|value| !value.is_null()) {
                source.insert(to.into(), value.clone());
            }
        }
        source.insert("uri".into(), uri.into());
        Some(Value::Object(source))
    };
    let sources: Vec<_> = cited.into_iter().filter_map(source).collect();
    (!sources.is_empty()).then(|| serde_json::json!({"citationSources": sources}))
}
