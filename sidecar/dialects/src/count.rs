//! How many tokens a request would read, asked before it is made: Anthropic's `count_tokens`, Gemini's `:countTokens`,
//! OpenAI's `/responses/input_tokens`.
//!
//! ```text
//! caller --body--> read --Ask--> write --body--> provider that can count      read_answer --number--> write_answer
//!                            `--> estimate                                               --number-----^
//! ```
//!
//! Called by the sidecar where caller and channel differ, or where the channel cannot count: then the answer is [`estimate`]'s. Must
//! never be used to bill.

use crate::error::json;
use crate::json::members;
use crate::talk::{Ask, Block, Format, Source};
use crate::translate::{self, AskFault, Path, Target, Unreadable, Unsayable};
use crate::{Dialect, Wire};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Reads a caller's request.
///
/// # Errors
/// What is wrong with it.
pub fn read(dialect: Dialect, body: &[u8], path_model: &str) -> Result<Ask, AskFault> {
    let path = Path {
        model: path_model,
        stream: false,
    };
    match dialect {
        Dialect::Gemini => translate::read_ask(Wire::Generate, &of_gemini(body), path),
        Dialect::Anthropic => translate::read_ask(Wire::Messages, &of_anthropic(body), path),
        Dialect::OpenAI => translate::read_ask(Wire::Responses, body, path),
    }
}

/// What would be generated, which is either the body or within it.
fn of_gemini(body: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let names = ["generateContentRequest", "generate_content_request"];
    let [camel, snake] = members(text, names).unwrap_or_default();
    let within = camel.or(snake).map(str::as_bytes);
    within.unwrap_or(body).to_vec()
}

/// A request to count has no limit; one to answer must.
fn of_anthropic(body: &[u8]) -> Vec<u8> {
    let body = body.trim_ascii_start();
    match body.strip_prefix(b"{") {
        Some(rest) if rest.trim_ascii_start().starts_with(b"\"") => {
            [br#"{"max_tokens":1,"#, rest].concat()
        }
        _ => body.to_vec(),
    }
}

/// What Anthropic's `count_tokens` takes of a request (anthropic-python, types/message_count_tokens_params.py).
const COUNTED: [&str; 7] = [
    "messages",
    "model",
    "output_config",
    "system",
    "thinking",
    "tool_choice",
    "tools",
];

/// Writes it for a provider that can count: one whose wire is Anthropic's or Gemini's.
///
/// # Errors
/// What its API cannot say; all, where it cannot count.
pub fn write(ask: &Ask, target: &Target<'_>) -> Result<Vec<u8>, Unsayable> {
    let written = || translate::write_ask(ask, target).map(|written| written.body);
    match target.quirks.wire {
        Wire::Generate => {
            let name = target.model.strip_prefix("models/").unwrap_or(target.model);
            let body = written()?;
            let rest = body.strip_prefix(b"{").unwrap_or_default();
            let model = json(&format!("models/{name}"));
            let head = [
                br#"{"generateContentRequest":{"model":"#,
                model.as_slice(),
                b",",
            ];
            Ok([head.concat().as_slice(), rest, b"}"].concat())
        }
        Wire::Messages => {
            let body = written()?;
            let all: BTreeMap<&str, &RawValue> = serde_json::from_slice(&body).unwrap_or_default();
            let counted = all.into_iter().filter(|(name, _)| COUNTED.contains(name));
            Ok(json(&counted.collect::<BTreeMap<_, _>>()))
        }
        Wire::Chat | Wire::Completions | Wire::Responses => Err(Unsayable {
            param: "model".into(),
            why: "this provider counts no tokens".into(),
        }),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    total_tokens: Option<u64>,
    #[serde(default, rename = "input_tokens")]
    input_tokens: Option<u64>,
}

/// Reads what a provider counted.
///
/// # Errors
/// When it says no number.
pub fn read_answer(body: &[u8]) -> Result<u64, Unreadable> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|error| Unreadable(error.to_string()))?;
    let count = answer.total_tokens.or(answer.input_tokens);
    count.ok_or_else(|| Unreadable("it counts nothing".into()))
}

#[derive(Serialize)]
struct Gemini {
    #[serde(rename = "totalTokens")]
    total_tokens: u64,
}

#[derive(Serialize)]
struct Anthropic {
    input_tokens: u64,
}

#[derive(Serialize)]
struct OpenAI {
    object: &'static str,
    input_tokens: u64,
}

/// Writes it for the caller.
pub fn write_answer(dialect: Dialect, tokens: u64) -> Vec<u8> {
    match dialect {
        Dialect::Gemini => json(&Gemini {
            total_tokens: tokens,
        }),
        Dialect::Anthropic => json(&Anthropic {
            input_tokens: tokens,
        }),
        Dialect::OpenAI => json(&OpenAI {
            object: "response.input_tokens",
            input_tokens: tokens,
        }),
    }
}

/// Bytes of text that make a token, tokens of an image, bytes of sound that make a token, and what each turn costs beside its text: the
/// first three as `estimate` reserves by, which is rather too much than too little.
const TEXT: u64 = 3;
const IMAGE: u64 = 2_048;
const SOUND: u64 = 64;
const TURN: u64 = 4;
/// Bytes of a document's base64 that make a token: a page of PDF has about 60 KB and is read as text and image, 2,500 tokens.
const DOCUMENT: u64 = 24;

/// How many tokens a request reads, near enough to plan by: a token for each three bytes of text (names and schemas of tools too), 2,048
/// for each image, one for each 64 bytes of sound and 24 of a document, four for each turn.
pub fn estimate(ask: &Ask) -> u64 {
    let mut text = 0;
    let mut others = 0;
    for turn in &ask.turns {
        others += TURN;
        turn.blocks
            .iter()
            .for_each(|block| add(block, &mut text, &mut others));
    }
    for tool in &ask.tools {
        let schema = tool
            .parameters
            .as_ref()
            .map_or(0, |schema| schema.get().len());
        let described = tool.description.as_ref().map_or(0, String::len);
        text += (tool.name.len() + described + schema) as u64;
    }
    if let Format::JsonSchema { schema, .. } = &ask.format {
        text += schema.get().len() as u64;
    }
    text.div_ceil(TEXT).saturating_add(others)
}

fn add(block: &Block, text: &mut u64, others: &mut u64) {
    match block {
        Block::Text { text: said, .. } | Block::Refusal { text: said } => {
            *text += said.len() as u64
        }
        Block::Thinking { text: said, .. } => *text += said.len() as u64,
        Block::Image { .. } => *others += IMAGE,
        Block::Document { source, .. } => {
            *others += match source {
                Source::Data { data, .. } => (data.len() as u64).div_ceil(DOCUMENT),
                Source::Url(_) | Source::File(_) => IMAGE,
            };
        }
        Block::Audio { data, .. } => *others += (data.len() as u64).div_ceil(SOUND),
        Block::ToolCall {
            name, arguments, ..
        } => *text += (name.len() + arguments.len()) as u64,
        Block::ToolResult { blocks, .. } => {
            blocks.iter().for_each(|block| add(block, text, others));
        }
        Block::Redacted { .. } => {}
    }
}
