//! Which call a method and a path mean, and where that call lives at a provider.
//!
//! Called before anything else of a request is read. Never decides whether a caller may make the call.

use crate::Dialect;
use purser_config::Endpoint;

/// A request that is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// A call that a provider answers.
    Call {
        /// Which.
        endpoint: Endpoint,
        /// In which API it was asked.
        dialect: Dialect,
    },
    /// The list of models.
    Models,
    /// One model, by its decoded id.
    Model(String),
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

/// The paths of issue A, without `/v1`; also where each lives below a provider's base URL.
const CALLS: [(Endpoint, &str); 8] = [
    (Endpoint::Chat, "/chat/completions"),
    (Endpoint::Completions, "/completions"),
    (Endpoint::Responses, "/responses"),
    (Endpoint::Embeddings, "/embeddings"),
    (Endpoint::Images, "/images/generations"),
    (Endpoint::Speech, "/audio/speech"),
    (Endpoint::Transcriptions, "/audio/transcriptions"),
    (Endpoint::Moderations, "/moderations"),
];

/// What `method` on `path` asks for. The path is the request target's, without a query. Empty segments do not
/// count, so `/v1//chat/completions/` is `/v1/chat/completions`.
pub fn classify(method: &str, path: &str) -> Result<Route, Unrouted> {
    // As nearly every request spells it; anything else is taken apart.
    if (method, path) == ("POST", "/v1/chat/completions") {
        let (endpoint, dialect) = (Endpoint::Chat, Dialect::OpenAI);
        return Ok(Route::Call { endpoint, dialect });
    }
    let segments = segments(path);
    let ["v1", rest @ ..] = segments.as_slice() else {
        return Err(unknown(&segments));
    };
    if let Some(endpoint) = call(rest) {
        return allowed(method, "POST").map(|()| Route::Call {
            endpoint,
            dialect: Dialect::OpenAI,
        });
    }
    match rest {
        ["models"] => allowed(method, "GET").map(|()| Route::Models),
        ["models", id @ ..] => {
            let id = model_id(id).ok_or_else(|| unknown(&segments))?;
            allowed(method, "GET").map(|()| Route::Model(id))
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
        _ => Dialect::OpenAI,
    }
}

/// Where a call lives at a provider that speaks OpenAI's wire format, below the base URL.
pub fn upstream_path(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Chat => "/chat/completions",
        Endpoint::Completions => "/completions",
        Endpoint::Responses => "/responses",
        Endpoint::Embeddings => "/embeddings",
        Endpoint::Images => "/images/generations",
        Endpoint::Speech => "/audio/speech",
        Endpoint::Transcriptions => "/audio/transcriptions",
        Endpoint::Moderations => "/moderations",
    }
}

/// Whether its body is a form instead of JSON.
pub fn is_multipart(endpoint: Endpoint) -> bool {
    endpoint == Endpoint::Transcriptions
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

fn call(segments: &[&str]) -> Option<Endpoint> {
    let is = |path: &str| path.split('/').skip(1).eq(segments.iter().copied());
    CALLS
        .iter()
        .find(|(_, path)| is(path))
        .map(|(endpoint, _)| *endpoint)
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
        ["v1", "v1", ..] => {
            Some("The path has /v1 twice: leave it off the base URL, or off the path.".into())
        }
        ["v1", "messages", ..] => {
            Some("Anthropic's Messages API is not answered here; use /v1/chat/completions.".into())
        }
        ["v1beta" | "v1alpha", ..] => {
            Some("Gemini's API is not answered here; use /v1/chat/completions.".into())
        }
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
        _ => upstream_path(call(rest)?),
    };
    Some(format!("Did you mean /v1{path}? The base URL ends in /v1."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, path: &str) -> Result<Route, Unrouted> {
        classify(method, path)
    }

    #[test]
    fn every_call_has_one_path_here_and_at_the_provider() {
        for (endpoint, path) in CALLS {
            assert_eq!(upstream_path(endpoint), path);
            let call = Ok(Route::Call {
                endpoint,
                dialect: Dialect::OpenAI,
            });
            assert_eq!(route("POST", &format!("/v1{path}")), call);
            assert_eq!(route("POST", &format!("//v1/{path}//")), call);
            assert_eq!(
                route("GET", &format!("/v1{path}")),
                Err(Unrouted::Method { allow: "POST" })
            );
        }
    }

    #[test]
    fn models_are_listed_and_found_by_decoded_ids() {
        assert_eq!(route("GET", "/v1/models/"), Ok(Route::Models));
        assert_eq!(
            route("POST", "/v1/models"),
            Err(Unrouted::Method { allow: "GET" })
        );
        for (path, id) in [
            ("/v1/models/gpt-4o", "gpt-4o"),
            ("/v1//models/meta-llama/Llama-3", "meta-llama/Llama-3"),
            ("/v1/models/meta%2DLlama%2fx%20y", "meta-Llama/x y"),
            ("/v1/models/%C3%A9", "é"),
        ] {
            assert_eq!(route("GET", path), Ok(Route::Model(id.into())), "{path}");
        }
    }

    #[test]
    fn unclear_paths_are_unknown() {
        for path in [
            "",
            "/",
            "*",
            "/v1",
            "/v1/assistants",
            "/v1/chat%2Fcompletions",
            "/v1/ch%61t/completions",
            "/v1/models/../chat/completions",
            "/v1/./chat/completions",
            "/v1/models/a/../b",
            "/v1/models/%zz",
            "/v1/models/%e",
            "/v1/models/%FF",
            "/v1/models/a%00b",
        ] {
            assert_eq!(
                route("POST", path),
                Err(Unrouted::Unknown { hint: None }),
                "{path}"
            );
        }
    }

    #[test]
    fn near_misses_get_a_hint() {
        for (path, hint) in [
            (
                "/chat/completions",
                "Did you mean /v1/chat/completions? The base URL ends in /v1.",
            ),
            (
                "/V1/Chat/Completions",
                "Did you mean /v1/chat/completions? The base URL ends in /v1.",
            ),
            (
                "/models",
                "Did you mean /v1/models? The base URL ends in /v1.",
            ),
            (
                "/v1/v1/responses",
                "The path has /v1 twice: leave it off the base URL, or off the path.",
            ),
            (
                "/v1/messages",
                "Anthropic's Messages API is not answered here; use /v1/chat/completions.",
            ),
        ] {
            assert_eq!(
                route("POST", path),
                Err(Unrouted::Unknown {
                    hint: Some(hint.into())
                }),
                "{path}"
            );
        }
    }

    #[test]
    fn refusals_are_written_in_the_callers_dialect() {
        for (path, dialect) in [
            ("/v1/messages", Dialect::Anthropic),
            ("/v1//messages/count_tokens", Dialect::Anthropic),
            ("/v1/v1/messages", Dialect::Anthropic),
            (
                "/v1beta/models/gemini-2.5-pro:generateContent",
                Dialect::Gemini,
            ),
            ("/v1/chat/completions", Dialect::OpenAI),
            ("/nowhere", Dialect::OpenAI),
        ] {
            assert_eq!(dialect_of(path), dialect, "{path}");
        }
    }
}
