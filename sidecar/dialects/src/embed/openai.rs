//! OpenAI's embeddings. Called by `embed`.

use super::{Embed, Embedded};
use crate::Usage;
use crate::error::json;
use crate::json::look::Look;
use crate::talk::Beyond;
use crate::text::Text;
use crate::translate::{AskFault, Unreadable};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

pub(super) fn read(body: &[u8]) -> Result<Embed, AskFault> {
    let body = Look::body(body)?;
    let mut embed = Embed::default();
    body.members(|name, value| {
        match name {
            "model" => embed.model = value.string()?,
            "input" if value.is_string() => embed.texts.push(value.string()?),
            "input" => value.elements(|text| read_text(text, &mut embed))?,
            "dimensions" => embed.dimensions = Some(value.whole()?),
            "encoding_format" => embed.base64 = format(value)?,
            "user" => {}
            _ => embed.beyond.push(beyond(value)),
        }
        Ok(())
    })?;
    if embed.model.is_empty() {
        return Err(body.lacks("model"));
    }
    if embed.texts.is_empty() && embed.beyond.is_empty() {
        return Err(body.lacks("input"));
    }
    Ok(embed)
}

fn beyond(value: Look<'_, '_>) -> Beyond {
    let param = value.path();
    Beyond { param }
}

/// Tokens are of one provider's tokenizer: no other can read them.
fn read_text(text: Look<'_, '_>, embed: &mut Embed) -> Result<(), AskFault> {
    if text.is_string() {
        embed.texts.push(text.string()?);
    } else if embed.beyond.is_empty() {
        embed.beyond.push(beyond(text));
    }
    Ok(())
}

fn format(value: Look<'_, '_>) -> Result<bool, AskFault> {
    match value.string()?.as_str() {
        "float" => Ok(false),
        "base64" => Ok(true),
        _ => Err(value.is_none_of("float or base64")),
    }
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [String],
    encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u64>,
}

pub(super) fn write(embed: &Embed, model: &str) -> Vec<u8> {
    json(&Request {
        model,
        input: &embed.texts,
        encoding_format: "float",
        dimensions: embed.dimensions,
    })
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Vec<Entry<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a serde_json::value::RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(default)]
    index: usize,
    #[serde(borrow)]
    embedding: Vector<'a>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Vector<'a> {
    Numbers(Vec<f32>),
    Bytes(#[serde(borrow)] Text<'a>),
}

pub(super) fn read_answer(body: &[u8]) -> Result<Embedded, Unreadable> {
    let mut answer: Answer<'_> =
        serde_json::from_slice(body).map_err(|error| Unreadable(error.to_string()))?;
    answer.data.sort_by_key(|entry| entry.index);
    let vectors: Option<Vec<_>> = answer
        .data
        .into_iter()
        .map(|entry| entry.embedding.numbers())
        .collect();
    Ok(Embedded {
        vectors: vectors.ok_or_else(|| Unreadable("an embedding is not base64".into()))?,
        usage: answer
            .usage
            .and_then(|usage| Usage::from_object(usage.get())),
    })
}

impl Vector<'_> {
    fn numbers(self) -> Option<Vec<f32>> {
        match self {
            Vector::Numbers(numbers) => Some(numbers),
            Vector::Bytes(text) => {
                let bytes = STANDARD.decode(text.as_bytes()).ok()?;
                let (numbers, rest) = bytes.as_chunks::<4>();
                let numbers = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes));
                rest.is_empty().then(|| numbers.collect())
            }
        }
    }
}

#[derive(Serialize)]
struct Given<'a> {
    object: &'static str,
    data: Vec<GivenEntry<'a>>,
    model: &'a str,
    usage: GivenUsage,
}

#[derive(Serialize)]
struct GivenEntry<'a> {
    object: &'static str,
    index: usize,
    embedding: GivenVector<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum GivenVector<'a> {
    Numbers(&'a [f32]),
    Bytes(String),
}

#[derive(Serialize)]
struct GivenUsage {
    prompt_tokens: u64,
    total_tokens: u64,
}

pub(super) fn write_answer(answer: &Embedded, asked: &Embed, tokens: u64) -> Vec<u8> {
    let data = answer
        .vectors
        .iter()
        .enumerate()
        .map(|(index, numbers)| GivenEntry {
            object: "embedding",
            index,
            embedding: match asked.base64 {
                true => GivenVector::Bytes(encoded(numbers)),
                false => GivenVector::Numbers(numbers),
            },
        });
    json(&Given {
        object: "list",
        data: data.collect(),
        model: &asked.model,
        usage: GivenUsage {
            prompt_tokens: tokens,
            total_tokens: tokens,
        },
    })
}

fn encoded(numbers: &[f32]) -> String {
    let bytes: Vec<u8> = numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    STANDARD.encode(bytes)
}
