//! Reads a request's kind and body, and words what cannot be read. Pure; part of `gateway`.

use super::Entered;
use crate::call::Call;
use crate::fit::Room;
use crate::intake::{Held, Intake};
use crate::letter::Letters;
use crate::names;
use crate::reject::Reject;
use http::request::Parts;
use http::{Uri, header};
use purser_config::Endpoint;
use purser_dialects::{
    Aim, Dialect, Generation, Named, Scan, ScanFault, Unrouted, Verb, dialect_of,
};
use std::sync::Arc;

/// The API that the caller speaks: as the path has it, and where several APIs have it, by a header that each one's SDKs send.
pub(super) fn dialect(parts: &Parts) -> Dialect {
    let (path, headers) = (parts.uri.path(), &parts.headers);
    match dialect_of(path) {
        Dialect::OpenAI if headers.contains_key(&names::ANTHROPIC_VERSION) => Dialect::Anthropic,
        // Google's Python SDK asks for `/v1/models` since 3.6.
        Dialect::OpenAI
            if headers.contains_key(&names::X_GOOG_API_KEY) && path.contains("/models") =>
        {
            Dialect::Gemini
        }
        dialect => dialect,
    }
}

/// The boundary of a multipart body; `None` for JSON.
pub(super) fn content_type(parts: &Parts, endpoint: Endpoint) -> Result<Option<String>, Reject> {
    let found = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    // As nearly every request spells it.
    if found == "application/json" && !purser_dialects::is_multipart(endpoint) {
        return Ok(None);
    }
    let kind = found.split(';').next().unwrap_or_default().trim();
    if purser_dialects::is_multipart(endpoint) {
        let expected = "multipart/form-data with a boundary";
        let boundary = kind
            .eq_ignore_ascii_case("multipart/form-data")
            .then(|| purser_dialects::boundary(found))
            .flatten();
        return boundary.map(Some).ok_or_else(|| Reject::MediaType {
            expected,
            found: shown(found),
        });
    }
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(None);
    }
    Err(Reject::MediaType {
        expected: "application/json",
        found: shown(found),
    })
}

pub(super) fn read(body: &[u8], boundary: Option<&str>) -> Result<Scan, Reject> {
    let scan = match boundary {
        Some(boundary) => purser_dialects::scan_multipart(body, boundary),
        None => purser_dialects::scan_json(body),
    };
    scan.map_err(|fault: ScanFault| Reject::InvalidJson(fault.to_string()))
}

/// What a body of Gemini's does not say itself, its path does; and the other way round.
pub(super) fn named_by_path(scan: &mut Scan, named: &Named, body: &[u8]) {
    let generation = Generation::read(body);
    *scan = Scan {
        stream: named.verb == Verb::StreamGenerateContent,
        n: generation.candidates,
        generation: Some(Box::new(generation)),
        says: scan.says,
        ..Scan::default()
    };
}

/// Whether a stream is to come as events and not as one JSON array.
pub(super) fn asks_events(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    query.split('&').any(|pair| pair == "alt=sse")
}

pub(super) fn unknown(unrouted: Unrouted, parts: &Parts) -> Reject {
    match unrouted {
        Unrouted::Unknown { hint } => Reject::UnknownUrl {
            path: shown(parts.uri.path()),
            hint,
        },
        Unrouted::Method { allow } => Reject::Method { allow },
    }
}

/// A caller's text, fit to be shown: short and without control characters.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(200)
        .collect()
}

/// The call that a body makes of a request.
pub(super) fn understand(
    entered: Entered<'_>,
    intake: Intake,
    boundary: Option<String>,
) -> Result<(Box<Call>, Held), Reject> {
    let Entered {
        id, parts, caller, ..
    } = entered;
    let Aim {
        dialect,
        endpoint,
        named,
    } = entered.aim;
    let body = intake.bytes;
    let mut scan = read(&body, boundary.as_deref())?;
    if let Some(named) = &named {
        named_by_path(&mut scan, named, &body);
    }
    // It goes through many hands, and is large.
    let call = Box::new(Call {
        id: id.clone(),
        caller: Arc::clone(caller),
        dialect,
        endpoint,
        as_array: named.is_some() && scan.stream && !asks_events(&parts.uri),
        named,
        body,
        scan,
        headers: std::mem::take(&mut parts.headers),
        began: entered.began,
        replay: intake.replay,
        letters: Letters::default(),
        room: Room::default(),
        keeping: None,
        stored: None,
    });
    Ok((call, intake.held))
}
