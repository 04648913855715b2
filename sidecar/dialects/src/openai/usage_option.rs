//! `stream_options.include_usage`: whether a caller asked for usage in its stream, and how to ask where it did not.
//!
//! Called with the scan, and before each attempt at a stream. Must never ask where the provider refuses the member, nor
//! change what the caller asked for.

use super::output_limit::name_before;
use crate::json;
use crate::scan::Scan;
use crate::splice::Edit;
use crate::walk::{Stuck, Walk};
use purser_config::{Endpoint, Provider};
use std::ops::Range;

/// The member `stream_options` of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOptions {
    /// The bytes of its value.
    pub span: Range<usize>,
    /// What it says of usage, if that is a boolean.
    pub include_usage: Option<bool>,
}

impl StreamOptions {
    pub(crate) fn read(value: &str, span: Range<usize>) -> StreamOptions {
        let found = Place::within(value).ok();
        let include_usage = match found {
            Some(Place::Value(inner)) => match value.get(inner) {
                Some("true") => Some(true),
                Some("false") => Some(false),
                _ => None,
            },
            _ => None,
        };
        StreamOptions {
            span,
            include_usage,
        }
    }
}

/// Whether this provider accepts `stream_options.include_usage` at this endpoint, and says nothing of usage without it.
///
/// | provider | why |
/// |---|---|
/// | OpenAI, Azure, DeepSeek, xAI, DashScope | documented; what sends usage in any case takes it as well |
/// | OpenAI-compatible | vLLM, SGLang, llama.cpp, Ollama, LiteLLM take it; for one that does not see [`is_refused`] |
/// | Mistral | answers 422 `extra_forbidden`, and sends usage without being asked |
/// | Anthropic, Gemini | do not speak this wire format: their streams tell their usage without being asked |
///
/// Of the endpoints only chat and completions have the member: responses and transcriptions end with their usage.
pub fn asks_usage(provider: Provider, endpoint: Endpoint) -> bool {
    matches!(endpoint, Endpoint::Chat | Endpoint::Completions)
        && provider.is_openai_wire()
        && provider != Provider::Mistral
}

/// The edit that asks for usage in a stream, if the caller did not: who makes it must take the usage out of the answer
/// again, see [`crate::UsageFilter`]. None where nothing is to be asked, or what stands there is not understood: the
/// provider then says what is wrong with it.
pub fn ask(body: &[u8], scan: &Scan) -> Option<Edit> {
    const WISH: &[u8] = br#"{"include_usage":true}"#;
    if !scan.stream {
        return None;
    }
    let Some(StreamOptions { span, .. }) = &scan.stream_options else {
        let end = scan.model.as_ref()?.span.end;
        return Some(edit(
            end..end,
            br#","stream_options":{"include_usage":true}"#,
        ));
    };
    let value = std::str::from_utf8(body.get(span.clone())?).ok()?;
    if value == "null" {
        return Some(edit(span.clone(), WISH));
    }
    match Place::within(value).ok()? {
        Place::Empty => Some(edit(span.clone(), WISH)),
        Place::First => {
            let at = span.start + 1;
            Some(edit(at..at, br#""include_usage":true,"#))
        }
        Place::Value(inner) => matches!(value.get(inner.clone())?, "false" | "null")
            .then(|| edit(span.start + inner.start..span.start + inner.end, b"true")),
    }
}

/// The edit that leaves the member out where the provider refuses it: Mistral answers 422, and sends usage without being asked.
pub fn leave_out(body: &[u8], scan: &Scan, provider: Provider) -> Option<Edit> {
    if provider != Provider::Mistral {
        return None;
    }
    let value = &scan.stream_options.as_ref()?.span;
    let name = name_before(body, value.start, b"\"stream_options\"")?;
    let before = body.get(..name.start)?.trim_ascii_end();
    let after = body.get(value.end..)?;
    let span = match (before.strip_suffix(b","), after.trim_ascii_start()) {
        (Some(rest), _) => rest.len()..value.end,
        (None, [b',', ..]) => {
            let comma = after.iter().position(|byte| *byte == b',')?;
            name.start..value.end + comma + 1
        }
        _ => name.start..value.end,
    };
    Some(edit(span, b""))
}

/// Whether a refusal is about the member, so that the same call is worth sending again without it.
pub fn is_refused(status: u16, body: &[u8]) -> bool {
    let named = |name: &[u8]| memchr::memmem::find(body, name).is_some();
    matches!(status, 400 | 422) && (named(b"stream_options") || named(b"include_usage"))
}

/// Where `include_usage` stands in an object, or may.
enum Place {
    /// It has no members.
    Empty,
    /// Before its first member.
    First,
    /// The value that it has; of equal names the last, as most parsers read them.
    Value(Range<usize>),
}

impl Place {
    fn within(object: &str) -> Result<Place, Stuck> {
        let mut walk = Walk::open(object.as_bytes(), b'{')?;
        let mut place = Place::Empty;
        while let Some((spelt, value)) = walk.member()? {
            if json::name(object, spelt)? == "include_usage" {
                place = Place::Value(value);
            } else if matches!(place, Place::Empty) {
                place = Place::First;
            }
        }
        walk.end().map(|()| place)
    }
}

fn edit(span: Range<usize>, bytes: &'static [u8]) -> Edit {
    Edit {
        span,
        bytes: bytes.into(),
    }
}
