//! Header to caller. Reads the credential from every place an SDK puts it, refuses two that differ, and looks its digest
//! up. Called by `gateway` once per request. It must never log, store or echo a credential.

mod peer;

pub use peer::Peer;

use crate::names;
use crate::reject::Reject;
use crate::snapshot::{Caller, Snapshot};
use http::request::Parts;
use http::{HeaderName, HeaderValue, header};
use purser_config::Name;
use std::borrow::Cow;
use std::sync::Arc;

/// "This pod's own key": what is injected as every `…_API_KEY`. Accepted on loopback only.
pub const OWN_KEY: &str = "sk-purser-pod";

const WITH_SPACE: &str = "Incorrect API key provided: it contains a space. Send the header `Authorization: Bearer sk-...` with the key exactly as issued (not `sk- ...`).";
const UNKNOWN: &str = "Incorrect API key provided. Confirm the header is `Authorization: Bearer sk-...`, and that the key has not been deleted or replaced (kubectl get keys -A).";
const IS_A_SESSION: &str = "Incorrect API key provided: this is a session token of the management API, which works on /api alone. Send an API key as `Authorization: Bearer sk-...`.";
const ABSENT: &str = "You didn't provide an API key. Send it as `Authorization: Bearer sk-...`, `x-api-key` or `x-goog-api-key`; this pod has no key of its own.";
const DIFFER: &str =
    "The request carries two credentials that differ. Send one key, in one header.";
const MALFORMED: &str = "Incorrect API key provided: the Authorization header must read `Bearer sk-...`, with one space and printable characters.";

/// Headers that hold a credential and nothing else.
static PLAIN: [&HeaderName; 3] = [&names::X_API_KEY, &names::X_GOOG_API_KEY, &names::API_KEY];
/// How a session's token of the management API begins; it is never a key.
const SESSION_PREFIX: &str = "ps-";

/// On whose behalf the shared gateway's door let a call in, or why it is nobody's.
#[derive(Clone)]
pub(crate) struct Vouched(pub(crate) Result<Name, Reject>);

/// Who calls.
///
/// # Errors
/// 401 for every credential that does not name a key; all wrong keys take the same path.
pub fn identify<'a>(
    (parts, peer): (&Parts, &Peer),
    snapshot: &'a Snapshot,
    own: impl FnOnce() -> Option<&'a Arc<Caller>>,
    now_ms: impl FnOnce() -> u64,
) -> Result<&'a Arc<Caller>, Reject> {
    // A pod's own callers come by loopback, and need not be looked at twice.
    if !peer.is_local()
        && let Some(Vouched(key)) = parts.extensions.get()
    {
        return snapshot
            .by_name(key.as_ref().map_err(Reject::clone)?)
            .ok_or_else(unknown_key);
    }
    let absent = Reject::Unauthenticated(Cow::Borrowed(ABSENT));
    let Some(credential) = credential(parts)?.filter(|credential| credential != OWN_KEY) else {
        return peer.is_local().then(own).flatten().ok_or(absent);
    };
    // How long a look-up takes may tell of digests, at which nobody can aim.
    match snapshot.by_digest(&peer.digest(&credential), now_ms) {
        Some(caller) => Ok(caller),
        None => Err(Reject::Unauthenticated(Cow::Borrowed(unknown(&credential)))),
    }
}

/// 401 for a key that there is not, or no more.
pub(crate) fn unknown_key() -> Reject {
    Reject::Unauthenticated(Cow::Borrowed(UNKNOWN))
}

fn unknown(credential: &str) -> &'static str {
    match credential {
        text if text.starts_with(SESSION_PREFIX) => IS_A_SESSION,
        text if text.contains(' ') => WITH_SPACE,
        _ => UNKNOWN,
    }
}

/// The one credential of a request, wherever it stands.
fn credential(parts: &Parts) -> Result<Option<Cow<'_, str>>, Reject> {
    let mut found: Option<Cow<'_, str>> = None;
    // In one pass: to look each of four headers up costs more.
    for (name, value) in &parts.headers {
        if *name == header::AUTHORIZATION {
            keep(&mut found, Cow::Borrowed(bearer(text(value)?)?))?;
        } else if PLAIN.contains(&name) {
            keep(&mut found, Cow::Borrowed(text(value)?.trim()))?;
        }
    }
    if let Some(key) = parts.uri.query().and_then(query_key) {
        keep(&mut found, key)?;
    }
    Ok(found)
}

fn text(value: &HeaderValue) -> Result<&str, Reject> {
    let malformed = |_| Reject::Unauthenticated(Cow::Borrowed(MALFORMED));
    value.to_str().map_err(malformed)
}

fn keep<'a>(found: &mut Option<Cow<'a, str>>, credential: Cow<'a, str>) -> Result<(), Reject> {
    match found {
        Some(first) if *first != credential => Err(Reject::Unauthenticated(Cow::Borrowed(DIFFER))),
        Some(_) => Ok(()),
        None if credential.is_empty() => Err(Reject::Unauthenticated(Cow::Borrowed(MALFORMED))),
        None => {
            *found = Some(credential);
            Ok(())
        }
    }
}

/// The token of `Bearer TOKEN`; the scheme in any case, as RFC 9110 has it.
fn bearer(value: &str) -> Result<&str, Reject> {
    let (scheme, token) = value
        .split_once(' ')
        .ok_or(Reject::Unauthenticated(Cow::Borrowed(MALFORMED)))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Reject::Unauthenticated(Cow::Borrowed(MALFORMED)));
    }
    if token.starts_with(' ') || token.contains('\t') {
        return Err(Reject::Unauthenticated(Cow::Borrowed(WITH_SPACE)));
    }
    Ok(token.trim_end())
}

/// The value of `key` in a query, percent-decoded.
fn query_key(query: &str) -> Option<Cow<'_, str>> {
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("key="))?;
    percent_encoding::percent_decode_str(value)
        .decode_utf8()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn read(headers: &[(&str, &str)], uri: &str) -> Result<Option<String>, Reject> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        credential(&parts).map(|found| found.map(Cow::into_owned))
    }

    #[test]
    fn a_key_is_read_from_every_place_an_sdk_puts_it() {
        let places: [(&[(&str, &str)], &str); 6] = [
            (&[("authorization", "Bearer sk-a")], "/"),
            (&[("authorization", "bearer sk-a ")], "/"),
            (&[("x-api-key", "sk-a")], "/"),
            (&[("x-goog-api-key", "sk-a")], "/"),
            (&[("api-key", "sk-a")], "/"),
            (&[], "/v1beta/models?alt=sse&key=sk%2Da"),
        ];
        for (headers, uri) in places {
            assert_eq!(
                read(headers, uri).unwrap().as_deref(),
                Some("sk-a"),
                "{headers:?} {uri}"
            );
        }
        assert_eq!(read(&[], "/?monkey=sk-a").unwrap(), None);
    }

    #[test]
    fn two_credentials_must_agree() {
        assert_eq!(
            read(&[("authorization", "Bearer a"), ("x-api-key", "a")], "/")
                .unwrap()
                .as_deref(),
            Some("a")
        );
        for headers in [
            [("authorization", "Bearer a"), ("x-api-key", "b")],
            [("authorization", "Bearer a"), ("authorization", "Bearer b")],
        ] {
            assert_eq!(
                read(&headers, "/"),
                Err(Reject::Unauthenticated(Cow::Borrowed(DIFFER)))
            );
        }
    }

    #[test]
    fn a_malformed_header_is_said_to_be_malformed() {
        for value in ["sk-a", "Basic sk-a", "Bearer", "Bearer \tsk-a"] {
            assert!(read(&[("authorization", value)], "/").is_err(), "{value}");
        }
        assert_eq!(
            read(&[("authorization", "Bearer  sk-a")], "/"),
            Err(Reject::Unauthenticated(Cow::Borrowed(WITH_SPACE)))
        );
    }
}
