//! Header names of ours, made once: a name that is parsed for each request costs more than the header it names.

use http::HeaderName;

/// The id of a request.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// At the shared gateway: whose call it is, `namespace/name` of an ApiKey.
pub static KEY: HeaderName = HeaderName::from_static("x-purser-key");
/// Which channel answered.
pub static CHANNEL: HeaderName = HeaderName::from_static("x-purser-channel");
/// Which model answered.
pub static MODEL: HeaderName = HeaderName::from_static("x-purser-model");
/// How many attempts it took.
pub static ATTEMPTS: HeaderName = HeaderName::from_static("x-purser-attempts");
/// `off` when a body was too large to be kept for a second attempt.
pub static REPLAY: HeaderName = HeaderName::from_static("x-purser-replay");
/// What was left out of a request because its provider cannot read it: `reasoning-state`, thoughts that another provider sealed.
pub static REMOVED: HeaderName = HeaderName::from_static("x-purser-removed");
/// OpenAI's six: the plan's requests.
pub static LIMIT_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
/// What is left of them.
pub static REMAINING_REQUESTS: HeaderName =
    HeaderName::from_static("x-ratelimit-remaining-requests");
/// When all of them are there again.
pub static RESET_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");
/// The plan's tokens.
pub static LIMIT_TOKENS: HeaderName = HeaderName::from_static("x-ratelimit-limit-tokens");
/// What is left of them.
pub static REMAINING_TOKENS: HeaderName = HeaderName::from_static("x-ratelimit-remaining-tokens");
/// When all of them are there again.
pub static RESET_TOKENS: HeaderName = HeaderName::from_static("x-ratelimit-reset-tokens");
/// Anthropic's key.
pub static X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Google's key.
pub static X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
/// Azure's key.
pub static API_KEY: HeaderName = HeaderName::from_static("api-key");
/// Which version of its API a caller of Anthropic's speaks.
pub static ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// Which additions to it.
pub static ANTHROPIC_BETA: HeaderName = HeaderName::from_static("anthropic-beta");
