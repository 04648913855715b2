//! Every refusal of ours: one closed enum, and the answer that each becomes. DESIGN 6 is this file's table.
//!
//! Raised by every step of the walk, rendered once, by `gateway::handle`, in the caller's dialect. It must never carry a
//! provider's own text unsanitised, nor a key.

mod render;

pub use render::span;

use purser_config::Refusal;
use purser_config::price::Micros;
use purser_config::quota::{Limited, TokensLeft};
use std::borrow::Cow;
use std::time::Duration;

/// Why a call was not carried.
#[allow(missing_docs, reason = "the variants say what their fields hold")]
#[derive(Clone, Debug, PartialEq)]
pub enum Reject {
    /// 401: no usable credential; the sentence says which of the ways it was unusable.
    Unauthenticated(Cow<'static, str>),
    /// 403: a known key that the operator refuses.
    Refused(Refusal, String),
    /// 403: past `spec.expiresAt`, in unix milliseconds.
    KeyExpired(u64),
    /// 404: the plan does not have the model.
    ModelNotInPlan { model: String, plan: String },
    /// 404: nobody here serves the model, or not at this endpoint.
    ModelUnknown { model: String, detail: String },
    /// 404: every channel of the model has been out for more than a minute.
    ModelOut { model: String, retry: Duration },
    /// 503, or 502 and 504 as the provider's own status has it: no channel answers now.
    NoChannel {
        status: u16,
        detail: String,
        retry: Duration,
    },
    /// 502: a channel answered what no one can use.
    BadUpstream(String),
    /// 504: nothing came in time.
    TooSlow { code: &'static str, detail: String },
    /// 429: every channel is rate-limited by its provider.
    UpstreamBusy { retry: Duration },
    /// 429: over the plan's requests per minute or day.
    OverRate {
        limit: u32,
        by: Limited,
        retry: Duration,
        plan: String,
    },
    /// 429: over the plan's tokens per minute; without a wait the call alone is larger than the limit.
    OverTokens {
        limit: u64,
        needed: u64,
        retry: Option<Duration>,
        left: Option<TokensLeft>,
        plan: String,
    },
    /// 429: over the plan's concurrent requests.
    TooMany { limit: u32, plan: String },
    /// 402: fewer credits than the call may cost.
    NoCredits {
        left: Micros,
        needed: Micros,
        plan: String,
    },
    /// 404: a metered plan has no price for this.
    NoPrice {
        model: String,
        plan: String,
        detail: &'static str,
    },
    /// 503: the usage of a metered call could not be recorded.
    Backpressure(String),
    /// 503: the authority cannot be asked and the plan says `Deny`, or the share is used up.
    QuotaUnavailable { retry: Duration },
    /// 400: not JSON, not an object, a member twice.
    InvalidJson(String),
    /// 400: a member that must be there is not.
    Missing(&'static str),
    /// 400: a member that says what cannot be done, or not here.
    Invalid {
        code: Fault,
        param: Option<String>,
        message: String,
    },
    /// 404: no such path.
    UnknownUrl { path: String, hint: Option<String> },
    /// 405: the path has other methods.
    Method { allow: &'static str },
    /// 413: more than 32 MiB.
    TooLarge { limit: usize },
    /// 415: a body that is not what the endpoint reads.
    MediaType {
        expected: &'static str,
        found: String,
    },
    /// 400: HTTP that two readers could understand differently.
    Ambiguous(&'static str),
    /// 408: the body did not come.
    BodyTimeout,
    /// 503: request bodies fill the memory set aside for them.
    OutOfMemory,
    /// 503: no configuration yet.
    NotReady,
}

/// What is wrong with a member: the `code` of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not what its API says it is.
    Value,
    /// It is not there.
    Missing,
    /// The model, its provider or this gateway cannot do it.
    Unsupported,
    /// An address of an image that nobody here fetches.
    ImageUrl,
    /// More tokens than the model or the plan has room for.
    ContextLength,
}

impl Fault {
    fn code(self) -> &'static str {
        match self {
            Fault::Value => "invalid_value",
            Fault::Missing => "missing_required_parameter",
            Fault::Unsupported => "unsupported_parameter",
            Fault::ImageUrl => "invalid_image_url",
            Fault::ContextLength => "context_length_exceeded",
        }
    }
}

/// OpenAI's `type` for what the caller did wrong.
const INVALID: &str = "invalid_request_error";
const SERVER: &str = "server_error";

impl Reject {
    /// The plan's validity ended then, in unix milliseconds.
    pub fn plan_expired(at_ms: u64, plan: &str) -> Self {
        let moment = purser_config::calendar::moment(at_ms);
        Reject::Refused(
            Refusal::PlanExpired,
            format!(
                "The plan `{plan}` of this key expired at {moment}. Ask your administrator to renew it, or to move the key to another plan."
            ),
        )
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Reject::InvalidJson(_)
            | Reject::Missing(_)
            | Reject::Invalid { .. }
            | Reject::Ambiguous(_) => 400,
            Reject::Unauthenticated(_) => 401,
            Reject::NoCredits { .. } => 402,
            Reject::Refused(..) | Reject::KeyExpired(_) => 403,
            Reject::ModelNotInPlan { .. }
            | Reject::ModelUnknown { .. }
            | Reject::ModelOut { .. }
            | Reject::NoPrice { .. }
            | Reject::UnknownUrl { .. } => 404,
            Reject::Method { .. } => 405,
            Reject::BodyTimeout => 408,
            Reject::TooLarge { .. } => 413,
            Reject::MediaType { .. } => 415,
            Reject::UpstreamBusy { .. }
            | Reject::OverRate { .. }
            | Reject::OverTokens { .. }
            | Reject::TooMany { .. } => 429,
            Reject::BadUpstream(_) => 502,
            Reject::NoChannel { status, .. } => *status,
            Reject::QuotaUnavailable { .. }
            | Reject::Backpressure(_)
            | Reject::OutOfMemory
            | Reject::NotReady => 503,
            Reject::TooSlow { .. } => 504,
        }
    }

    /// The `code` of the body, and the label of `purser_rejects_total`.
    pub fn code(&self) -> &'static str {
        match self {
            Reject::Unauthenticated(_) => "invalid_api_key",
            Reject::Refused(refusal, _) => refusal.code(),
            Reject::KeyExpired(_) => "api_key_expired",
            Reject::ModelNotInPlan { .. }
            | Reject::ModelUnknown { .. }
            | Reject::ModelOut { .. }
            | Reject::NoPrice { .. } => "model_not_found",
            Reject::NoChannel { .. } | Reject::OutOfMemory | Reject::NotReady => {
                "upstream_unavailable"
            }
            Reject::BadUpstream(_) => "bad_upstream_response",
            Reject::TooSlow { code, .. } => code,
            Reject::UpstreamBusy { .. } => "upstream_rate_limited",
            Reject::OverRate { .. } | Reject::OverTokens { .. } => "rate_limit_exceeded",
            Reject::TooMany { .. } => "concurrent_requests",
            Reject::NoCredits { .. } => "insufficient_quota",
            Reject::Backpressure(_) => "accounting_backpressure",
            Reject::QuotaUnavailable { .. } => "quota_unavailable",
            Reject::InvalidJson(_) => "invalid_json",
            Reject::Missing(_) => "missing_required_parameter",
            Reject::Invalid { code, .. } => code.code(),
            Reject::UnknownUrl { .. } => "unknown_url",
            Reject::Method { .. } => "method_not_allowed",
            Reject::TooLarge { .. } => "request_too_large",
            Reject::MediaType { .. } => "unsupported_media_type",
            Reject::Ambiguous(_) => "invalid_request",
            Reject::BodyTimeout => "request_timeout",
        }
    }

    /// OpenAI's `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Reject::OverRate { .. } | Reject::UpstreamBusy { .. } | Reject::TooMany { .. } => {
                "requests"
            }
            Reject::OverTokens { .. } => "tokens",
            Reject::NoCredits { .. } => "insufficient_quota",
            Reject::Refused(..) | Reject::KeyExpired(_) => "request_forbidden",
            _ if self.status() >= 500 => SERVER,
            _ => INVALID,
        }
    }

    /// The member of the request that is at fault.
    pub fn param(&self) -> Option<&str> {
        match self {
            Reject::ModelNotInPlan { .. }
            | Reject::ModelUnknown { .. }
            | Reject::ModelOut { .. }
            | Reject::NoPrice { .. } => Some("model"),
            Reject::Missing(param) => Some(param),
            Reject::Invalid { param, .. } => param.as_deref(),
            _ => None,
        }
    }

    /// How long a caller should wait, where waiting helps.
    pub fn retry(&self) -> Option<Duration> {
        match self {
            Reject::ModelOut { retry, .. }
            | Reject::NoChannel { retry, .. }
            | Reject::UpstreamBusy { retry }
            | Reject::OverRate { retry, .. }
            | Reject::QuotaUnavailable { retry } => Some(*retry),
            Reject::OverTokens { retry, .. } => *retry,
            Reject::TooMany { .. }
            | Reject::Backpressure(_)
            | Reject::OutOfMemory
            | Reject::NotReady => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// What `x-should-retry` tells the SDKs, where their own rule would be wrong.
    pub fn should_retry(&self) -> Option<bool> {
        match self {
            Reject::Refused(..) | Reject::KeyExpired(_) | Reject::NoCredits { .. } => Some(false),
            Reject::OverTokens { retry: None, .. } => Some(false),
            Reject::ModelOut { .. } => Some(true),
            _ => match self.retry() {
                Some(wait) if wait > render::LONGEST_WAIT => Some(false),
                _ => None,
            },
        }
    }

    /// The sentence for a person.
    pub fn message(&self) -> String {
        match self {
            Reject::Unauthenticated(sentence) => sentence.clone().into_owned(),
            Reject::Refused(_, sentence) => sentence.clone(),
            Reject::KeyExpired(at_ms) => format!("This API key expired at {}. Ask whoever issued it for a new one, or for a later spec.expiresAt.", purser_config::calendar::moment(*at_ms)),
            Reject::ModelNotInPlan { model, plan } => format!("The model `{model}` is not part of the plan `{plan}` of this key. Call GET /v1/models for the models that are."),
            Reject::ModelUnknown { model, detail } => format!("The model `{model}` does not exist or you do not have access to it: {detail}. Call GET /v1/models for the models of this key."),
            Reject::ModelOut { model, .. } => format!("No provider is available for the model `{model}`: every channel that serves it has been out for more than a minute."),
            Reject::NoChannel { detail, .. } => format!("No channel answers now: {detail}. Retry later."),
            Reject::BadUpstream(detail) => format!("The provider's answer could not be used: {detail}."),
            Reject::TooSlow { detail, .. } => format!("The provider did not answer in time: {detail}."),
            Reject::UpstreamBusy { .. } => "Every channel that serves this model is rate-limited by its provider. Retry after the time in the retry-after header.".into(),
            Reject::OverRate { limit, by, retry, plan } => {
                let span_of = match by {
                    Limited::Minute => "in any 60 seconds",
                    Limited::Day => "a day (UTC)",
                };
                format!("Rate limit reached: the plan `{plan}` admits {limit} requests {span_of}. Try again in {}; apply exponential backoff, and read the retry-after header.", render::span(*retry))
            }
            Reject::OverTokens { limit, needed, retry: Some(retry), plan, .. } => format!("Rate limit reached: the plan `{plan}` admits {limit} tokens in any 60 seconds, and this request may use {needed}. Try again in {}; a lower max_tokens needs fewer.", render::span(*retry)),
            Reject::OverTokens { limit, needed, plan, .. } => format!("This request may use {needed} tokens, more than the {limit} that the plan `{plan}` admits in any 60 seconds. Lower max_tokens, or send less."),
            Reject::TooMany { limit, plan } => format!("Too many requests at once: the plan `{plan}` admits {limit} under way. Wait for one to end."),
            Reject::NoCredits { left, needed, plan } => format!("Not enough credits: this request may cost {} and {} are left on the plan `{plan}`. Ask your administrator for a top-up or another plan.", render::credits(*needed), render::credits(*left)),
            Reject::NoPrice { model, plan, detail } => format!("The model `{model}` cannot be called on the plan `{plan}`: {detail}. Ask your administrator to add one to spec.prices."),
            Reject::Backpressure(why) => format!("The usage of this call could not be recorded, so it was not sent: {why}. Retry later."),
            Reject::QuotaUnavailable { .. } => "The quota of this key cannot be checked right now, and its plan does not go on without. Retry after the time in the retry-after header.".into(),
            Reject::InvalidJson(detail) => format!("The request body could not be read: {detail}."),
            Reject::Missing(param) => format!("Missing required parameter: '{param}'."),
            Reject::Invalid { message, .. } => message.clone(),
            Reject::UnknownUrl { path, hint } => render::unknown_url(path, hint.as_deref()),
            Reject::Method { allow } => format!("This path does not take that method; it takes {allow}."),
            Reject::TooLarge { limit } => format!("The request body is larger than {} MiB.", limit >> 20),
            Reject::MediaType { expected, found } => format!("This endpoint reads {expected}; the request says content-type {found:?}."),
            Reject::Ambiguous(what) => format!("The request was refused because {what}."),
            Reject::BodyTimeout => "The request body did not arrive in time.".into(),
            Reject::OutOfMemory => "The gateway holds as many request bodies as it has memory for. Retry in a second.".into(),
            Reject::NotReady => "The gateway has no configuration yet. Retry in a second; if it stays so, see /readyz and /configz on the admin port.".into(),
        }
    }
}

#[cfg(test)]
mod tests;
