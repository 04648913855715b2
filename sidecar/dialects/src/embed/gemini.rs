//! Gemini's embeddings: `embedContent` of one text, `batchEmbedContents` of many. Called by `embed`.

use super::{Embed, Embedded};
use crate::Usage;
use crate::error::json;
use crate::json::look::Look;
use crate::json::number;
use crate::talk::Beyond;
use crate::translate::{AskFault, Unreadable};
use serde::{Deserialize, Serialize};

pub(super) fn read_one(body: &[u8], model: &str) -> Result<Embed, AskFault> {
    let mut embed = Embed {
        model: model.to_owned(),
        ..Embed::default()
    };
    read_request(Look::body(body)?, &mut embed)?;
    Ok(embed)
}

pub(super) fn read_batch(body: &[u8], model: &str) -> Result<Embed, AskFault> {
    let body = Look::body(body)?;
    let mut embed = Embed {
        model: model.to_owned(),
        ..Embed::default()
    };
    let mut dimensions = Vec::new();
    body.members(|name, value| {
        match name {
            "requests" => value.elements_or_one(|request| {
                embed.dimensions = None;
                read_request(request, &mut embed)?;
                dimensions.push(embed.dimensions);
                if embed.dimensions != dimensions.first().copied().flatten() {
                    let param = format!("{}.outputDimensionality", request.path());
                    embed.beyond.push(Beyond { param });
                }
                Ok(())
            })?,
            _ => embed.beyond.push(beyond(value)),
        }
        Ok(())
    })?;
    if embed.texts.is_empty() {
        return Err(body.lacks("requests"));
    }
    Ok(embed)
}

fn beyond(value: Look<'_, '_>) -> Beyond {
    let param = value.path();
    Beyond { param }
}

fn read_request(request: Look<'_, '_>, embed: &mut Embed) -> Result<(), AskFault> {
    let mut text = None;
    request.members(|name, value| {
        match name {
            "content" => text = Some(read_content(value, embed)?),
            "outputDimensionality" | "output_dimensionality" => {
                embed.dimensions = Some(dimensions(value)?);
            }
            "taskType" | "task_type" if value.text() == "\"TASK_TYPE_UNSPECIFIED\"" => {}
            // The path says it.
            "model" => {}
            _ => embed.beyond.push(beyond(value)),
        }
        Ok(())
    })?;
    embed
        .texts
        .push(text.ok_or_else(|| request.lacks("content"))?);
    Ok(())
}

/// Google's JSON takes a number in quotes too.
fn dimensions(value: Look<'_, '_>) -> Result<u64, AskFault> {
    let quoted = number(Some(value.text().trim_matches('"')));
    quoted.map_or_else(|| value.whole(), Ok)
}

/// Parts of one content have one vector.
fn read_content(content: Look<'_, '_>, embed: &mut Embed) -> Result<String, AskFault> {
    if content.is_string() {
        return content.string();
    }
    let mut texts: Vec<String> = Vec::new();
    content.members(|name, value| match name {
        "parts" => value.elements_or_one(|part| {
            part.members(|name, value| {
                match name {
                    "text" => texts.push(value.string()?),
                    _ => embed.beyond.push(beyond(value)),
                }
                Ok(())
            })
        }),
        _ => Ok(()),
    })?;
    Ok(texts.join("\n"))
}

#[derive(Serialize)]
struct Batch<'a> {
    requests: Vec<Request<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    model: String,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u64>,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: [Part<'a>; 1],
}

#[derive(Serialize)]
struct Part<'a> {
    text: &'a str,
}

/// Always as a batch: one text is a batch of one.
pub(super) fn write(embed: &Embed, model: &str) -> Vec<u8> {
    let name = model.strip_prefix("models/").unwrap_or(model);
    let requests = embed.texts.iter().map(|text| Request {
        model: format!("models/{name}"),
        content: Content {
            parts: [Part { text }],
        },
        output_dimensionality: embed.dimensions,
    });
    let requests = requests.collect();
    json(&Batch { requests })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    embedding: Option<Vector>,
    #[serde(default)]
    embeddings: Option<Vec<Vector>>,
    #[serde(default)]
    usage_metadata: Option<Counts>,
}

#[derive(Deserialize)]
struct Vector {
    #[serde(default)]
    values: Vec<f32>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    #[serde(default)]
    prompt_token_count: Option<u64>,
}

pub(super) fn read_answer(body: &[u8]) -> Result<Embedded, Unreadable> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|error| Unreadable(error.to_string()))?;
    let one = answer.embedding.into_iter().collect();
    let vectors: Vec<_> = answer.embeddings.unwrap_or(one);
    if vectors.is_empty() {
        return Err(Unreadable("it has no embeddings".into()));
    }
    let tokens = answer
        .usage_metadata
        .and_then(|counts| counts.prompt_token_count);
    let usage = tokens.map(|tokens| Usage {
        prompt_tokens: tokens,
        total_tokens: tokens,
        ..Usage::default()
    });
    let vectors = vectors.into_iter().map(|vector| vector.values).collect();
    Ok(Embedded { vectors, usage })
}

#[derive(Serialize)]
struct GivenVector<'a> {
    values: &'a [f32],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One<'a> {
    embedding: GivenVector<'a>,
    usage_metadata: Counts,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Many<'a> {
    embeddings: Vec<GivenVector<'a>>,
    usage_metadata: Counts,
}

fn counts(tokens: u64) -> Counts {
    Counts {
        prompt_token_count: Some(tokens),
    }
}

pub(super) fn write_one(answer: &Embedded, tokens: u64) -> Vec<u8> {
    let values = answer.vectors.first().map_or(&[][..], Vec::as_slice);
    json(&One {
        embedding: GivenVector { values },
        usage_metadata: counts(tokens),
    })
}

pub(super) fn write_batch(answer: &Embedded, tokens: u64) -> Vec<u8> {
    let embeddings = answer.vectors.iter().map(|values| GivenVector { values });
    json(&Many {
        embeddings: embeddings.collect(),
        usage_metadata: counts(tokens),
    })
}
