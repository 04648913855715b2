//! An answer, written as a response. Called by `translate`. There is only one answer here; a seal that no item of this API has a place
//! for goes before it, as reasoning.

use super::output::{COMPLETED, Item, Part, Response, Summary, annotation, id, logprobs};
use crate::Dialect;
use crate::error::json;
use crate::talk::{Block, Choice, Reply, Sealed};
use crate::translate::Asked;

/// Writes it for the caller.
pub(crate) fn write_reply(reply: &Reply, asked: &Asked) -> Vec<u8> {
    let choice = reply.choices.first();
    let output = choice.map_or_else(Vec::new, |choice| items(choice, asked));
    let finish = choice.and_then(|choice| choice.finish.as_ref());
    json(&Response::of(asked, &output).ended(finish, reply.spent.as_ref()))
}

fn items(choice: &Choice, asked: &Asked) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut said = logprobs(choice.logprobs.as_ref()).into_owned();
    for block in &choice.blocks {
        match block {
            Block::Text {
                text, citations, ..
            } => {
                let part = Part::OutputText {
                    text: text.clone(),
                    annotations: citations.iter().filter_map(annotation).collect(),
                    logprobs: std::mem::take(&mut said),
                };
                say(part, &mut items, asked);
            }
            Block::Refusal { text } => {
                let refusal = text.clone();
                say(Part::Refusal { refusal }, &mut items, asked);
            }
            Block::Thinking { text, sealed } => {
                let shown = sealed.as_ref().map(|sealed| sealed.shown(Dialect::OpenAI));
                items.push(reasoning(text, shown, asked, items.len()));
            }
            Block::Redacted { sealed } => {
                let shown = Some(sealed.shown_hidden(Dialect::OpenAI));
                items.push(reasoning("", shown, asked, items.len()));
            }
            Block::ToolCall {
                id: call_id,
                name,
                arguments,
                sealed,
                ..
            } => {
                items.extend(
                    sealed
                        .as_ref()
                        .map(|seal| seal_of(seal, asked, items.len())),
                );
                items.push(Item::FunctionCall {
                    id: id("fc", asked, Some(items.len())),
                    status: COMPLETED,
                    call_id: call_id.clone(),
                    name: name.clone(),
                    arguments: arguments.clone(),
                });
            }
            _ => {}
        }
    }
    items
}

fn say(part: Part, items: &mut Vec<Item>, asked: &Asked) {
    if let Some(Item::Message { content, .. }) = items.last_mut() {
        content.push(part);
        return;
    }
    items.push(Item::Message {
        id: id("msg", asked, Some(items.len())),
        status: COMPLETED,
        role: "assistant",
        content: vec![part],
    });
}

/// The signature of a call.
pub(super) fn seal_of(sealed: &Sealed, asked: &Asked, index: usize) -> Item {
    reasoning("", Some(sealed.shown(Dialect::OpenAI)), asked, index)
}

fn reasoning(text: &str, shown: Option<String>, asked: &Asked, index: usize) -> Item {
    let summary = (!text.is_empty()).then(|| Summary::SummaryText { text: text.into() });
    Item::Reasoning {
        id: id("rs", asked, Some(index)),
        summary: summary.into_iter().collect(),
        encrypted_content: shown,
    }
}
