//! What a provider's error body means for the channel, and what of it a caller may read.
//!
//! Called by failover's judge with every answer that is not a success. Whether a channel has run out of money is
//! read from structured fields only: a message may quote the caller's prompt.

mod google;
mod redact;
mod told;
mod unsupported;

pub use told::Told;
pub use unsupported::is_unsupported;

use crate::Dialect;
use crate::anthropic::is_of_thread;
use crate::json::{any_element, is_empty, members, number, string};
use crate::sse::{Look, speaks};
use bytes::Bytes;
use google::Details;
use std::time::Duration;

/// The longest message that is kept.
const MAX_MESSAGE: usize = 2 << 10;
const MAX_FIELD: usize = 256;

/// An error body, judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamError {
    /// The account is out of money: waiting does not help.
    pub money: bool,
    /// Too many requests or tokens: waiting helps.
    pub rate_limited: bool,
    /// The provider does not have the model, or not for us.
    pub model_unknown: bool,
    /// What the caller asked for is refused, not the account: by a content policy.
    pub policy: bool,
    /// Its `code`.
    pub code: Option<String>,
    /// Its `type`.
    pub kind: Option<String>,
    /// Its message, at most 2 KiB, as it came: for logs, not for callers.
    pub message: String,
    /// How long it asks to be left alone; only Google's APIs say so in the body.
    pub retry_after: Option<Duration>,
    /// It does not accept our key, whatever its status says.
    pub bad_key: bool,
}

/// What an answer of that status with that body means.
pub fn read(status: u16, body: &[u8]) -> UpstreamError {
    let text = String::from_utf8_lossy(body);
    let fields = fields(&text);
    let (code, kind) = (fields.code.as_deref(), fields.kind.as_deref());
    let named = |names: &[&str]| either_is_one_of(code, kind, names);
    // How a message begins, unlike what is in it, cannot be a quotation.
    let begins = |beginnings: &[&str]| {
        let mut beginnings = beginnings.iter();
        beginnings.any(|beginning| fields.message.starts_with(beginning))
    };
    let money = status == 402 || named(MONEY) || begins(NO_CREDIT);
    let rate_limited = !money && (status == 429 || named(RATE));
    // DeepSeek answers 400 with no code of its own; a whole message, unlike a part of one, cannot be a quotation.
    let of_thread = code.is_some_and(is_of_thread);
    let model_unknown = (matches!(status, 400 | 403 | 404)
        && (named(MODEL) || fields.message == "Model Not Exist" || begins(NOT_FOR_US)))
        || (status == 404 && named(NOT_FOUND) && !of_thread);
    let policy = fields.flagged || named(POLICY);
    // xAI says it with 400 and a code that it has for every fault of a request.
    let bad_key = status == 400 && begins(WRONG_KEY);
    let Fields {
        message,
        kind,
        code,
        details,
        ..
    } = fields;
    UpstreamError {
        retry_after: details.retry_after,
        bad_key: bad_key || details.bad_key,
        money,
        rate_limited,
        model_unknown,
        policy,
        code,
        kind,
        message,
    }
}

/// Whether a `code` or `type` says that the account is out of money.
pub fn is_money(code: Option<&str>, kind: Option<&str>) -> bool {
    either_is_one_of(code, kind, MONEY)
}

/// Whether a `code` or `type` says that what was asked for is refused, and not the account.
pub fn is_policy(code: Option<&str>, kind: Option<&str>) -> bool {
    either_is_one_of(code, kind, POLICY)
}

fn either_is_one_of(code: Option<&str>, kind: Option<&str>, names: &[&str]) -> bool {
    let mut said = [code, kind].into_iter().flatten();
    said.any(|field| is_one_of(field, names))
}

/// A chunk of a stream in which an error passes, without our credentials and hosts: the lines from the first that speaks of an error. What
/// came before it is content, and stays as it is.
pub fn clean_chunk(chunk: Bytes) -> Bytes {
    let text = String::from_utf8_lossy(&chunk);
    let named = |line: &str| line.starts_with("event:") && line.contains("error");
    let speaks = |line: &str| named(line) || speaks(line.as_bytes()) == Look::Error;
    let content: usize = text
        .split_inclusive('\n')
        .take_while(|line| !speaks(line))
        .map(str::len)
        .sum();
    let (content, error) = text.split_at_checked(content).unwrap_or(("", &text));
    let clean = redact::redact(error, usize::MAX);
    if clean == error {
        return chunk;
    }
    format!("{content}{clean}").into()
}

/// An answer that its provider keeps; of one that failed, without our credentials and hosts.
pub fn clean_failed(answer: Bytes) -> Bytes {
    let text = String::from_utf8_lossy(&answer);
    let failed = members(&text, ["error"]).is_some_and(|[error]| !is_empty(error));
    if failed { redact_all(answer) } else { answer }
}

/// A part of an error that is passed on in parts, without our credentials and hosts.
pub(crate) fn redact_all(part: Bytes) -> Bytes {
    redact::redact(&String::from_utf8_lossy(&part), usize::MAX).into()
}

/// The body of a refusal that is passed on to the caller, in OpenAI's shape and without our credentials and hosts.
pub fn sanitise(body: &[u8]) -> Vec<u8> {
    Told::of(body).render(Dialect::OpenAI, (400, ""))
}

/// How Anthropic begins, which has no code for it: no credit, and a limit that the account's owner has set.
const NO_CREDIT: &[&str] = &[
    "Your credit balance is too low to access the Anthropic API",
    "You have reached your specified ",
];

/// How xAI begins, and OpenAI with a status of its own, where a part of the key follows; how Anthropic does where the account is closed.
const WRONG_KEY: &[&str] = &[
    "Incorrect API key provided",
    "This organization has been disabled",
];

/// How OpenAI begins where it wants to see a passport first, and Google where it does not serve the place that the call comes from.
const NOT_FOR_US: &[&str] = &[
    "Your organization must be verified",
    "User location is not supported",
    "Gemini API free tier is not available",
];

/// Whether a message says that the request is longer than the model can read, as the APIs without a code for it word that.
fn is_context(message: &str) -> bool {
    message.starts_with("prompt is too long: ")
        || message.starts_with("input length and `max_tokens` exceed context limit")
        || message.starts_with("The input token count ")
}

const MONEY: &[&str] = &[
    "insufficient_quota",
    "insufficient_user_quota",
    "insufficient_balance",
    "insufficient_credits",
    "insufficient_funds",
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_error",
    "credit_balance_exhausted",
    "credit_balance_too_low",
    "exceeded_current_quota_error",
    "payment_required",
    "arrearage",
];

const RATE: &[&str] = &[
    "rate_limit_exceeded",
    "rate_limit_error",
    "rate_limit_reached_error",
    "too_many_requests",
    "resource_exhausted",
];

/// No such model, or none where the call comes from, which is where we are and not the caller's doing.
const MODEL: &[&str] = &[
    "unsupported_country_region_territory",
    "unsupported_region",
    "region_not_supported",
    "blocked_region",
    "model_not_found",
    "modelnotfound",
    "model_not_exist",
    "invalid_model",
    "model_decommissioned",
    "deploymentnotfound",
    "unknown_model",
];

/// Content policies and moderation.
const POLICY: &[&str] = &[
    "content_policy_violation",
    "content_policy",
    "content_filter",
    "content_filtered",
    "content_blocked",
    "content_moderation",
    "contentpolicyviolationerror",
    "image_content_policy_violation",
    "responsibleaipolicyviolation",
    "policy_violation",
    "usage_policy_violation",
    "cyber_policy_violation",
    "invalid_prompt",
    "prompt_blocked",
    "moderation_blocked",
    "moderation_error",
    "moderation_failed",
    "safety",
    "safety_error",
    "safety_violation",
    "unsafe_content",
    "prohibited_content",
    "guardrail_blocked",
    "guardrail_intervened",
    "sensitive_words_detected",
    "data_inspection_failed",
    "datainspectionfailed",
];

/// On a 404, and with a body of a provider's own: a wrong path answers without them.
const NOT_FOUND: &[&str] = &["notfounderror", "not_found_error", "not_found"];

fn is_one_of(field: &str, names: &[&str]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(field))
}

/// An error body's parts, whoever wrote it.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    pub(crate) message: String,
    pub(crate) kind: Option<String>,
    pub(crate) code: Option<String>,
    param: Option<String>,
    number: Option<u64>,
    /// OpenRouter's word for a moderated prompt, which has no code of its own.
    flagged: bool,
    whole_message: String,
    details: Details,
}

impl Fields {
    /// The HTTP status that the error names, or that its `type` or `code` stands for.
    pub(crate) fn status(&self) -> Option<u16> {
        let written = self.number.or_else(|| self.code.as_deref()?.parse().ok());
        let written = written
            .and_then(|number| u16::try_from(number).ok())
            .filter(|number| (400..600).contains(number));
        let meant = || {
            [&self.code, &self.kind]
                .into_iter()
                .flatten()
                .find_map(|field| status_of(field))
        };
        written.or_else(meant)
    }
}

fn status_of(field: &str) -> Option<u16> {
    if is_one_of(field, MONEY) || is_one_of(field, RATE) {
        return Some(429);
    }
    if is_one_of(field, POLICY) {
        return Some(400);
    }
    Some(match field.to_ascii_lowercase().as_str() {
        "invalid_request_error" | "context_length_exceeded" => 400,
        "invalid_argument" | "failed_precondition" | "out_of_range" => 400,
        "invalid_api_key" | "authentication_error" | "unauthenticated" => 401,
        "permission_error" | "permission_denied" => 403,
        "not_found_error" | "model_not_found" | "not_found" => 404,
        "request_too_large" => 413,
        "server_error" | "api_error" | "internal_server_error" | "internal_error" | "internal" => {
            500
        }
        "service_unavailable" | "unavailable" => 503,
        "timeout_error" | "deadline_exceeded" => 504,
        "overloaded_error" => 529,
        _ => return None,
    })
}

/// Reads `{"error":{…}}`, `{"error":"…"}`, a flat error, FastAPI's `detail`, any of these in an array, or text.
pub(crate) fn fields(text: &str) -> Fields {
    let mut found = None;
    if text.trim_start().starts_with('[') {
        any_element(text, |element| {
            found = found.take().or_else(|| object(element));
            false
        });
    }
    found
        .or_else(|| object(text))
        .unwrap_or_else(|| plain(text))
}

fn object(text: &str) -> Option<Fields> {
    let [error, detail] = members(text, ["error", "detail"])?;
    let inner = error.filter(|error| error.starts_with('{'));
    let mut fields = flat(inner.unwrap_or(text))?;
    if fields.whole_message.is_empty() {
        let said = string(error).or_else(|| string(detail));
        let said = said
            .or_else(|| Some(error.or(detail)?.to_owned()))
            .unwrap_or_else(|| text.to_owned());
        fields.message = bounded(&said, MAX_MESSAGE);
        fields.whole_message = said;
    }
    Some(fields)
}

fn flat(text: &str) -> Option<Fields> {
    let names = [
        "message",
        "type",
        "code",
        "param",
        "status_code",
        "metadata",
        "status",
        "details",
    ];
    let [
        message,
        kind,
        code,
        param,
        number_too,
        metadata,
        status,
        details,
    ] = members(text, names)?;
    let flagged = metadata
        .and_then(|metadata| members(metadata, ["flagged_input"]))
        .is_some_and(|[flagged]| flagged.is_some());
    let short = |raw| string(raw).map(|text| bounded(&text, MAX_FIELD));
    let said = string(message)
        .or_else(|| Some(message?.to_owned()))
        .unwrap_or_default();
    // Google's word for the kind, beside its number in `code`.
    let kind = short(kind).or_else(|| short(status).filter(|_| number(code).is_some()));
    let within = || members(details?, ["error_code"]).and_then(|[code]| short(code));
    Some(Fields {
        message: bounded(&said, MAX_MESSAGE),
        kind: kind.filter(|kind| kind != "error"),
        code: short(code).or_else(within),
        param: short(param),
        number: number(code).or_else(|| number(number_too)),
        flagged,
        whole_message: said,
        details: details.map_or_else(Details::default, google::details),
    })
}

/// A page for browsers says nothing to a program.
fn plain(text: &str) -> Fields {
    let text = text.trim();
    let said = if text.starts_with('<') { "" } else { text };
    Fields {
        message: bounded(said, MAX_MESSAGE),
        whole_message: said.to_owned(),
        ..Fields::default()
    }
}

pub(crate) fn bounded(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

/// What a stream says of an error, without our credentials and hosts.
pub(crate) fn clean(text: &str) -> String {
    bounded(&redact::redact(text, MAX_MESSAGE), MAX_MESSAGE)
}
