//! Which call a method and a path mean, in any API that is answered.
//!
//! Called before anything else of a request is read. Never decides whether a caller may make the call.

use crate::Dialect;
use crate::gemini::path::{self, Named};
use crate::kept::Stored;
use crate::openai::endpoint::{call, upstream_path};
use purser_config::Endpoint;

/// A request that is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// A call that a provider answers.
    Call(Aim),
    /// The list of models.
    Models(Dialect),
    /// One model, by its decoded id.
    Model(Dialect, String),
    /// An answer that its provider keeps.
    Stored(Stored),
}

/// What a call asks for, as far as its path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aim {
    /// Which.
    pub endpoint: Endpoint,
    /// In which API it is asked.
    pub dialect: Dialect,
    /// What only Gemini's paths name.
    pub named: Option<Named>,
}

impl Aim {
    fn of(dialect: Dialect, endpoint: Endpoint) -> Aim {
        Aim {
            endpoint,
            dialect,
            named: None,
        }
    }
}

/// A request that is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unrouted {
    /// No such path.
    Unknown {
        /// What the caller probably got wrong, as a sentence.
        hint: Option<String>,
    },
    /// The path exists, the method does not.
    Method {
        /// The value of the `allow` header.
        allow: &'static str,
    },
}

/// What `method` on `path` asks for. The path is the request target's, without a query. Empty segments do not
/// count, so `/v1//chat/completions/` is `/v1/chat/completions`.
pub fn classify(method: &str, path: &str) -> Result<Route, Unrouted> {
    // As nearly every request spells it; anything else is taken apart.
    if (method, path) == ("POST", "/v1/chat/completions") {
        return Ok(Route::Call(Aim::of(Dialect::OpenAI, Endpoint::Chat)));
    }
    let segments = segments(path);
    match segments.as_slice() {
        ["v1", rest @ ..] => under_v1(method, rest).unwrap_or_else(|| Err(unknown(&segments))),
        ["v1beta" | "v1alpha", rest @ ..] => {
            gemini(method, rest).unwrap_or_else(|| Err(unknown(&segments)))
        }
        _ => Err(unknown(&segments)),
    }
}

/// In which dialect an answer on `path` is written, known path or not.
pub fn dialect_of(path: &str) -> Dialect {
    let segments = segments(path);
    match without_v1(&segments) {
        ["messages", ..] => Dialect::Anthropic,
        ["v1beta" | "v1alpha", ..] => Dialect::Gemini,
        ["models", name @ ..] if named(name).is_some() => Dialect::Gemini,
        _ => Dialect::OpenAI,
    }
}

/// OpenAI's paths and Anthropic's. Gemini's calls are answered here too, because its SDK can be told to use `v1`.
fn under_v1(method: &str, rest: &[&str]) -> Option<Result<Route, Unrouted>> {
    let aim = match rest {
        ["messages"] => Some(Aim::of(Dialect::Anthropic, Endpoint::Chat)),
        ["messages", "count_tokens"] => Some(Aim::of(Dialect::Anthropic, Endpoint::CountTokens)),
        _ => call(rest).map(|endpoint| Aim::of(Dialect::OpenAI, endpoint)),
    };
    if let Some(aim) = aim {
        return Some(allowed(method, "POST").map(|()| Route::Call(aim)));
    }
    match rest {
        ["models", name @ ..] if named(name).is_some() => gemini(method, rest),
        ["responses", id, below @ ..] => stored(method, id, below),
        _ => models(Dialect::OpenAI, method, rest),
    }
}

fn stored(method: &str, id: &str, below: &[&str]) -> Option<Result<Route, Unrouted>> {
    let found = Stored::of(method, model_id(&[id])?, below)?;
    Some(
        found
            .map(Route::Stored)
            .map_err(|allow| Unrouted::Method { allow }),
    )
}

fn gemini(method: &str, rest: &[&str]) -> Option<Result<Route, Unrouted>> {
    let named = match rest {
        ["models", name @ ..] => named(name),
        // A tuned model's name says what it is.
        ["tunedModels", _, ..] => named(rest),
        _ => None,
    };
    let Some(named) = named else {
        return models(Dialect::Gemini, method, rest);
    };
    let aim = Aim {
        endpoint: named.verb.endpoint(),
        dialect: Dialect::Gemini,
        named: Some(named),
    };
    Some(allowed(method, "POST").map(|()| Route::Call(aim)))
}

fn named(segments: &[&str]) -> Option<Named> {
    path::named(&model_id(segments)?)
}

fn models(dialect: Dialect, method: &str, rest: &[&str]) -> Option<Result<Route, Unrouted>> {
    let route = match rest {
        ["models"] => Route::Models(dialect),
        ["models", id @ ..] => Route::Model(dialect, model_id(id)?),
        _ => return None,
    };
    Some(allowed(method, "GET").map(|()| route))
}

fn segments(path: &str) -> Vec<&str> {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .collect()
}

fn without_v1<'s, 'p>(mut segments: &'s [&'p str]) -> &'s [&'p str] {
    while let ["v1", rest @ ..] = segments {
        segments = rest;
    }
    segments
}

fn allowed(method: &str, allow: &'static str) -> Result<(), Unrouted> {
    if method == allow {
        Ok(())
    } else {
        Err(Unrouted::Method { allow })
    }
}

/// The id after `/v1/models/`: slashes and escapes are part of it, climbing and control characters are not.
fn model_id(segments: &[&str]) -> Option<String> {
    if segments
        .iter()
        .any(|segment| matches!(*segment, "." | ".."))
    {
        return None;
    }
    let id = percent_decode(&segments.join("/"))?;
    (!id.chars().any(char::is_control)).then_some(id)
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            _ => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

fn unknown(segments: &[&str]) -> Unrouted {
    let hint = match segments {
        ["v1", "v1beta" | "v1alpha", ..] => {
            Some("Gemini's SDKs add /v1beta themselves: leave /v1 off the base URL.".into())
        }
        ["v1", "v1", ..] => {
            Some("The path has /v1 twice: leave it off the base URL, or off the path.".into())
        }
        ["v1", "messages", ..] => Some(
            "Of Anthropic's API, /v1/messages and /v1/messages/count_tokens are answered here."
                .into(),
        ),
        ["v1", "responses", ..] => Some(
            "Of the Responses API, /v1/responses and /v1/responses/input_tokens are answered here, and a kept response with its input_items and cancel."
                .into(),
        ),
        ["v1beta" | "v1alpha", ..] => Some(
            "Of Gemini's API, the list of models and generateContent, streamGenerateContent, countTokens, embedContent and batchEmbedContents of a model are answered here."
                .into(),
        ),
        ["v1", ..] => None,
        _ => known_without_v1(segments),
    };
    Unrouted::Unknown { hint }
}

fn known_without_v1(segments: &[&str]) -> Option<String> {
    let lower: Vec<String> = segments
        .iter()
        .map(|segment| segment.to_ascii_lowercase())
        .collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let rest = without_v1(&lower);
    let path = match rest {
        ["models", ..] => "/models",
        ["messages"] => "/messages",
        _ => upstream_path(call(rest)?),
    };
    Some(format!("Did you mean /v1{path}? The base URL ends in /v1."))
}

#[cfg(test)]
mod tests;
