//! One request, read and understood: what every attempt of it shares. Built by `gateway`, used by `failover`, `upstream`
//! and `relay`.

use crate::fit::Room;
use crate::kept::Keeping;
use crate::letter::Letters;
use crate::names;
use crate::snapshot::Caller;
use bytes::Bytes;
use http::header::{self, Entry};
use http::{HeaderMap, HeaderName, HeaderValue};
use purser_config::{Endpoint, Name};
use purser_dialects::kept::Stored;
use purser_dialects::translate::Path;
use purser_dialects::{Dialect, Named, Scan, estimate};
use std::sync::Arc;
use std::time::Duration;

/// What OpenAI moderates with where no model is named (platform.openai.com/docs/api-reference/moderations/create); its SDKs name none.
pub const MODERATES: &str = "omni-moderation-latest";

/// One request.
pub struct Call {
    /// `x-request-id`.
    pub id: HeaderValue,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// In which API.
    pub dialect: Dialect,
    /// At which endpoint.
    pub endpoint: Endpoint,
    /// What Gemini's paths name; none in any other API.
    pub named: Option<Named>,
    /// The body as it came.
    pub body: Bytes,
    /// What it says at its top level.
    pub scan: Scan,
    /// The caller's headers; `forwarded` says which of them go on.
    pub headers: HeaderMap,
    /// When it began.
    pub began: Duration,
    /// Whether the body is kept for a second attempt.
    pub replay: bool,
    /// What it shows at addresses, and how long its answer may be by the plan's share of the context.
    pub room: Room,
    /// What one account keeps that it names.
    pub keeping: Option<Box<Keeping>>,
    /// The answer that it asks for, where it is no call of a model but about an earlier one.
    pub stored: Option<Box<Stored>>,
    /// Whether a stream is to come as one JSON array; only Gemini's callers can ask for that.
    pub as_array: bool,
    /// What it is in other words.
    pub letters: Letters,
}

impl Call {
    /// `x-request-id` as text.
    pub fn id_text(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    /// The model that was asked for.
    pub fn model(&self) -> &str {
        if let Some(named) = &self.named {
            return &named.model;
        }
        match &self.scan.model {
            Some(member) => &member.value,
            None if self.leaves_model_out() => MODERATES,
            None => "",
        }
    }

    /// Whether it names no model where OpenAI's API has one of its own for that.
    pub fn leaves_model_out(&self) -> bool {
        self.endpoint == Endpoint::Moderations && self.scan.model.is_none()
    }

    /// Whether its answer tells tokens that it used: an earlier answer's were told with that.
    pub fn uses_tokens(&self) -> bool {
        self.stored.is_none() && self.endpoint.reports_tokens()
    }

    /// The only one of a channel's credentials that may be used, where one keeps what the call names.
    pub fn pinned(&self) -> Option<usize> {
        self.keeping.as_ref()?.credential
    }

    /// The channel and the credential that are best, where others do as well.
    pub fn preferred(&self) -> Option<&(Name, usize)> {
        self.keeping.as_ref()?.prefers.as_ref()
    }

    /// What the path says beside the body.
    pub fn path(&self) -> Path<'_> {
        let named = self.named.as_ref();
        named.map_or_else(Path::default, |named| Path {
            model: &named.model,
            stream: self.scan.stream,
        })
    }

    /// At most how many tokens it reads, as far as can be told here.
    pub fn reads(&self) -> u64 {
        match self.room.plain {
            true => estimate::of_text(&self.body),
            false => estimate::input_of(self.dialect, &self.body, self.endpoint),
        }
    }

    /// What the caller allows for one answer.
    pub fn output_limit(&self) -> Option<u64> {
        match self.dialect {
            Dialect::OpenAI | Dialect::Anthropic => {
                purser_dialects::output_limit(&self.scan, self.endpoint)
            }
            Dialect::Gemini => self.scan.generation.as_ref()?.tokens(),
        }
    }
}

/// Request headers that a provider may see; everything else stays here. Credentials, cookies, organisations and
/// hop-by-hop names are not among them, and `accept-encoding` is ours, because answers are judged as they pass.
static FORWARDED: [HeaderName; 8] = [
    header::CONTENT_TYPE,
    header::ACCEPT,
    header::USER_AGENT,
    header::ACCEPT_LANGUAGE,
    HeaderName::from_static("openai-beta"),
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// Which of Anthropic's versions is spoken where the caller names none, and by every translation.
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// Makes the headers fit another API than OpenAI's: what one API's callers say of it is for that API alone.
pub fn readdress(headers: &mut HeaderMap, from: &HeaderMap, (to, untouched): (Dialect, bool)) {
    if to != Dialect::OpenAI || !untouched {
        headers.remove("openai-beta");
    }
    if !untouched {
        headers.remove(header::ACCEPT);
    }
    if to == Dialect::Anthropic {
        let said = |name| from.get(name).filter(|_| untouched).cloned();
        let version = said(&names::ANTHROPIC_VERSION).unwrap_or(ANTHROPIC_VERSION);
        headers.insert(&names::ANTHROPIC_VERSION, version);
        let betas = from.get_all(&names::ANTHROPIC_BETA).iter();
        for beta in betas.filter(|_| untouched) {
            headers.append(&names::ANTHROPIC_BETA, beta.clone());
        }
    }
}

/// The headers of a request that go on to a provider, with the request's id as a plain UUID: some model servers answer
/// 400 to any other.
pub fn forwarded(from: &HeaderMap, id: &HeaderValue) -> HeaderMap {
    let mut headers = chosen(from);
    let identity = HeaderValue::from_static("identity");
    headers.insert(header::ACCEPT_ENCODING, identity);
    let plain = id.as_bytes().strip_prefix(b"req_");
    if let Some(Ok(plain)) = plain.map(HeaderValue::from_bytes) {
        headers.insert(&crate::names::REQUEST_ID, plain);
    }
    headers
}

/// Answer headers that a caller may see, beside the content's type. The provider's own limits, cookies, organisation and request id are not.
static RETURNED: [HeaderName; 5] = [
    header::CONTENT_DISPOSITION,
    header::CACHE_CONTROL,
    header::CONTENT_LANGUAGE,
    HeaderName::from_static("openai-processing-ms"),
    HeaderName::from_static("openai-version"),
];

/// The headers of a provider's answer that go back to the caller, beside what it says that its body is.
pub fn returned(from: &HeaderMap) -> impl Iterator<Item = (&'static HeaderName, &HeaderValue)> {
    let known = |name: &HeaderName| RETURNED.iter().find(|known| *known == name);
    from.iter()
        .filter_map(move |(name, value)| Some((known(name)?, value)))
}

/// The first header of each name that goes on.
fn chosen(from: &HeaderMap) -> HeaderMap {
    // Room for twelve: the next size is allocated several times as slowly.
    let mut headers = HeaderMap::with_capacity(12);
    for (name, value) in from {
        if let Some(name) = FORWARDED.iter().find(|known| *known == name)
            && let Entry::Vacant(place) = headers.entry(name)
        {
            place.insert(value.clone());
        }
    }
    headers
}
