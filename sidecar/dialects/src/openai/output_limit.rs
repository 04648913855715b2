//! The member that limits how much a model writes: what the caller set, under which of its names, and how to lower it.
//!
//! Called with the scan, for the estimate that is reserved, and before each attempt. A limit that was reserved by must
//! never be left for the provider to interpret: `-1` is no limit at all for some servers.

use crate::anthropic::budget;
use crate::json;
use crate::scan::Scan;
use crate::splice::Edit;
use purser_config::{Endpoint, Provider};
use std::ops::Range;

/// One member of that kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What it says, if it is a whole number that is not negative.
    pub tokens: Option<u64>,
    /// The bytes of its value.
    pub span: Range<usize>,
    /// Whether it is `null`, which is as good as absent.
    pub is_null: bool,
}

impl Limit {
    pub(crate) fn read(value: &str, span: Range<usize>) -> Limit {
        let (tokens, is_null) = (json::number(Some(value)), value == "null");
        Limit {
            tokens,
            span,
            is_null,
        }
    }
}

/// Those of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the member of that name")]
pub struct OutputLimits {
    pub max_tokens: Option<Limit>,
    pub max_completion_tokens: Option<Limit>,
    pub max_output_tokens: Option<Limit>,
}

/// What the caller allows for one answer at this endpoint: the largest, where an old and a new name disagree. None: no
/// limit, or none that can be read.
pub fn output_limit(scan: &Scan, endpoint: Endpoint) -> Option<u64> {
    let [first, second] = at(&scan.limits, endpoint);
    let tokens = |limit: Option<&Limit>| limit.and_then(|limit| limit.tokens);
    tokens(first).max(tokens(second))
}

/// Under which name a provider is told a limit that the caller did not set. None: it has no such member there.
///
/// OpenAI's reasoning models refuse `max_tokens`, and xAI counts reasoning only by the new name; Mistral refuses the new
/// one (422 `extra_forbidden`), and older servers do not know it.
pub fn output_limit_member(provider: Provider, endpoint: Endpoint) -> Option<&'static str> {
    if !provider.is_openai_wire() {
        return None;
    }
    match endpoint {
        Endpoint::Chat if max_completion_tokens(provider) => Some("max_completion_tokens"),
        Endpoint::Chat | Endpoint::Completions => Some("max_tokens"),
        Endpoint::Responses => Some("max_output_tokens"),
        _ => None,
    }
}

fn max_completion_tokens(provider: Provider) -> bool {
    matches!(
        provider,
        Provider::OpenAI | Provider::AzureOpenAI | Provider::XAI
    )
}

/// The same for Anthropic's messages, which all have `max_tokens`, and a budget below it where they have one.
pub fn limit_messages(body: &[u8], scan: &Scan, most: u64) -> Vec<Edit> {
    let mut edits = limit_tokens(scan, most);
    if !edits.is_empty() {
        edits.extend(budget::lowered(body, most));
    }
    edits
}

fn limit_tokens(scan: &Scan, most: u64) -> Vec<Edit> {
    match &scan.limits.max_tokens {
        Some(limit) if !limit.is_null && limit.tokens.is_some_and(|tokens| tokens <= most) => {
            Vec::new()
        }
        Some(limit) if !limit.is_null => vec![Edit {
            span: limit.span.clone(),
            bytes: most.to_string().into_bytes().into(),
        }],
        _ => added(scan, "max_tokens", most).into_iter().collect(),
    }
}

/// The edits after which no answer may be longer than `most`: each limit that is larger, or cannot be read, becomes
/// `most`, and where there is none it is added. Empty where all is well already.
pub fn limit_output(scan: &Scan, provider: Provider, endpoint: Endpoint, most: u64) -> Vec<Edit> {
    let Some(name) = output_limit_member(provider, endpoint) else {
        return Vec::new();
    };
    let limits = at(&scan.limits, endpoint).into_iter().flatten();
    let set: Vec<&Limit> = limits.filter(|limit| !limit.is_null).collect();
    if set.is_empty() {
        return added(scan, name, most).into_iter().collect();
    }
    set.into_iter()
        .filter(|limit| limit.tokens.is_none_or(|tokens| tokens > most))
        .map(|limit| Edit {
            span: limit.span.clone(),
            bytes: most.to_string().into_bytes().into(),
        })
        .collect()
}

/// The edit that calls a chat's limit by the name that the provider knows: an OpenAI SDK says `max_completion_tokens`, which Mistral refuses
/// and others pass over, and the answer would have no limit at all. None where the caller gave both, or the name needs no change.
pub fn rename_limit(
    body: &[u8],
    scan: &Scan,
    provider: Provider,
    endpoint: Endpoint,
) -> Option<Edit> {
    let known = max_completion_tokens(provider) || !provider.is_openai_wire();
    if known || endpoint != Endpoint::Chat || scan.limits.max_tokens.is_some() {
        return None;
    }
    let limit = scan.limits.max_completion_tokens.as_ref();
    let value = &limit.filter(|limit| !limit.is_null)?.span;
    let span = name_before(body, value.start, b"\"max_completion_tokens\"")?;
    let bytes = br#""max_tokens""#.as_slice().into();
    Some(Edit { span, bytes })
}

/// Where a member's name stands before its value, if it is spelt so.
pub(super) fn name_before(body: &[u8], value: usize, name: &[u8]) -> Option<Range<usize>> {
    let before = body.get(..value)?.trim_ascii_end().strip_suffix(b":")?;
    let before = before.trim_ascii_end();
    let start = before.strip_suffix(name)?.len();
    Some(start..before.len())
}

/// Behind the model, which every body has that is sent; in place of a `null` of that name.
fn added(scan: &Scan, name: &str, most: u64) -> Option<Edit> {
    let limits = &scan.limits;
    let null = match name {
        "max_tokens" => &limits.max_tokens,
        "max_completion_tokens" => &limits.max_completion_tokens,
        _ => &limits.max_output_tokens,
    };
    let (span, text) = match null {
        Some(null) => (null.span.clone(), most.to_string()),
        None => {
            let end = scan.model.as_ref()?.span.end;
            (end..end, format!(",\"{name}\":{most}"))
        }
    };
    Some(Edit {
        span,
        bytes: text.into_bytes().into(),
    })
}

/// Those that this endpoint reads.
fn at(limits: &OutputLimits, endpoint: Endpoint) -> [Option<&Limit>; 2] {
    match endpoint {
        Endpoint::Chat => [
            limits.max_tokens.as_ref(),
            limits.max_completion_tokens.as_ref(),
        ],
        Endpoint::Completions => [limits.max_tokens.as_ref(), None],
        Endpoint::Responses => [limits.max_output_tokens.as_ref(), None],
        _ => [None, None],
    }
}
