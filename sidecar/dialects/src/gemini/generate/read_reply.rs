//! Gemini's whole answer, into `talk`. Called by `translate`.

use super::answer::{Answer, Candidate, Piece};
use super::shown::{Shown, shown};
use super::{finish, ids, logprobs};
use crate::Dialect;
use crate::talk::{Block, Choice, Finish, Reply, Sealed};
use crate::text::Text;
use crate::translate::Unreadable;

/// Reads a provider's whole answer.
pub(crate) fn read_reply(body: &[u8]) -> Result<Reply, Unreadable> {
    let answer: Answer<'_> =
        serde_json::from_slice(body).map_err(|error| Unreadable(error.to_string()))?;
    let is_blocked = answer
        .prompt_feedback
        .is_some_and(|feedback| feedback.block_reason.is_some());
    let candidates = answer.candidates.unwrap_or_default();
    if candidates.is_empty() && !is_blocked {
        return Err(Unreadable("it has no candidates".into()));
    }
    let id = answer.response_id.map(Text::own).unwrap_or_default();
    let seed = if id.is_empty() {
        ids::seed(body)
    } else {
        ids::seed(id.as_bytes())
    };
    let mut calls = 0;
    let mut choices = candidates
        .into_iter()
        .map(|candidate| choice(candidate, seed, &mut calls))
        .collect::<Result<Vec<_>, _>>()?;
    if choices.is_empty() {
        choices.push(blocked());
    }
    Ok(Reply {
        id,
        model: answer.model_version.map(Text::own).unwrap_or_default(),
        created: None,
        choices,
        spent: answer.usage_metadata.map(|usage| usage.spent()),
    })
}

/// A prompt that was blocked has no candidates: it is one answer, of nothing.
fn blocked() -> Choice {
    Choice {
        finish: Some(Finish::Filtered),
        ..Choice::default()
    }
}

fn choice(candidate: Candidate<'_>, seed: u64, calls: &mut usize) -> Result<Choice, Unreadable> {
    let parts = candidate
        .content
        .and_then(|content| content.parts)
        .unwrap_or_default();
    let mut blocks = Vec::new();
    for part in parts {
        push(part, &mut blocks, seed, calls)?;
    }
    let reason = candidate.finish_reason.as_deref();
    let thinks = |block: &Block| matches!(block, Block::Thinking { .. });
    if let Some(reason) = reason.filter(|reason| finish::is_failure(reason))
        && blocks.iter().all(thinks)
    {
        return Err(finish::failure(reason));
    }
    let citations = candidate
        .citation_metadata
        .and_then(|cited| cited.citation_sources);
    let found = citations
        .iter()
        .flatten()
        .filter_map(|citation| citation.annotation());
    let text = blocks.iter_mut().rev().find_map(|block| match block {
        Block::Text { citations, .. } => Some(citations),
        _ => None,
    });
    if let Some(text) = text {
        text.extend(found);
    }
    let calls_tools = blocks
        .iter()
        .any(|block| matches!(block, Block::ToolCall { .. }));
    let finish = candidate
        .finish_reason
        .map(|reason| finish::read(&reason, calls_tools));
    Ok(Choice {
        blocks,
        finish,
        logprobs: candidate.logprobs_result.and_then(logprobs::read),
    })
}

fn push(
    part: Piece<'_>,
    blocks: &mut Vec<Block>,
    seed: u64,
    calls: &mut usize,
) -> Result<(), Unreadable> {
    match shown(&part)? {
        Shown::Nothing => {}
        Shown::Text(text) => said(text, blocks),
        Shown::Image(source) => blocks.push(Block::Image {
            source,
            detail: None,
            cache: None,
        }),
    }
    let mut sealed = part.thought_signature.map(own_seal);
    if let Some(call) = part.function_call {
        let arguments = call.arguments();
        let given = call.id.filter(|id| !id.is_empty()).map(Text::own);
        blocks.push(Block::ToolCall {
            id: given.unwrap_or_else(|| ids::of_answer(seed, *calls)),
            name: call.name.own(),
            arguments,
            sealed: sealed.take(),
            cache: None,
        });
        *calls += 1;
    }
    match (part.text, part.thought.unwrap_or(false)) {
        (Some(text), true) => {
            let (text, sealed) = (text.own(), sealed.take());
            blocks.push(Block::Thinking { text, sealed });
        }
        (Some(text), false) if !text.is_empty() => said(text, blocks),
        _ => {}
    }
    // The seal of a text, or of thoughts that are not shown.
    if sealed.is_some() {
        let text = String::new();
        blocks.push(Block::Thinking { text, sealed });
    }
    Ok(())
}

pub(super) fn own_seal(signature: Text<'_>) -> Sealed {
    Sealed {
        origin: Dialect::Gemini,
        data: signature.own(),
    }
}

/// Parts of one text are one.
fn said(text: Text<'_>, blocks: &mut Vec<Block>) {
    match blocks.last_mut() {
        Some(Block::Text { text: said, .. }) => said.push_str(&text),
        _ => blocks.push(Block::text(text.own())),
    }
}
