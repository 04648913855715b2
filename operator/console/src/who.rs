//! Who asks, by the one header that says it. Used by `server` before a call is made. It must never log a credential, and never take an
//! API key for a session or the other way round.

use crate::answer::Failure;
use crate::console::Console;
use crate::route::Who;
use http::{HeaderMap, header};
use purser_config::{Digest, Name};
use sha2::{Digest as _, Sha256};

/// How a session's token begins, so that everybody can see what it is.
pub(crate) const SESSION_PREFIX: &str = "ps-";
/// How an API key's value begins.
const KEY_PREFIX: &str = "sk-";

const NO_CREDENTIAL: &str = "Unauthorized: send the session token of POST /api/user/login as Authorization, raw or behind Bearer";
const IS_A_KEY: &str = "Unauthorized: this is an API key, which works on /v1 alone; the management API takes the session token of POST /api/user/login";
const IS_A_SESSION: &str = "Unauthorized: this is a session token of the management API; this path takes an API key (sk-...), as Authorization: Bearer";
const NO_KEY: &str = "Unauthorized: send an API key as Authorization: Bearer sk-...";
const UNKNOWN_KEY: &str = "Unauthorized: no API key here has this value";

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// Nobody was asked.
    Anyone,
    /// An API key.
    Key(Name),
    /// Whoever is logged in.
    Person(Person),
}

/// Whoever is logged in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// As audit records name them.
    pub(crate) name: String,
}

/// Who asks, and whether they may.
///
/// # Errors
/// 401 with which credential is missing or wrong, 403 when it is the wrong person.
pub(crate) async fn admit(
    console: &Console,
    who: Who,
    headers: &HeaderMap,
) -> Result<Caller, Failure> {
    match who {
        Who::Anyone => Ok(Caller::Anyone),
        Who::Key => key(console, headers).map(Caller::Key),
        Who::Session | Who::Writer | Who::Administrator => {
            person(console, headers).await.map(Caller::Person)
        }
    }
}

fn key(console: &Console, headers: &HeaderMap) -> Result<Name, Failure> {
    let credential = credential(headers).ok_or_else(|| unauthorized(NO_KEY))?;
    if credential.starts_with(SESSION_PREFIX) {
        return Err(unauthorized(IS_A_SESSION));
    }
    let digest = Digest(Sha256::digest(credential.as_bytes()).into());
    let seen = console.house.seen();
    let keys = seen.configuration.keys.iter();
    let mut known = keys.filter(|(_, key)| {
        let before = key.previous.as_ref().map(|before| &before.digest);
        key.digests.iter().chain(before).any(|one| *one == digest)
    });
    let found = known.next().map(|(name, _)| name.clone());
    found.ok_or_else(|| unauthorized(UNKNOWN_KEY))
}

async fn person(_console: &Console, headers: &HeaderMap) -> Result<Person, Failure> {
    let credential = credential(headers).ok_or_else(|| unauthorized(NO_CREDENTIAL))?;
    if credential.starts_with(KEY_PREFIX) {
        return Err(unauthorized(IS_A_KEY));
    }
    Err(unauthorized(NO_CREDENTIAL))
}

/// What `Authorization` holds, its scheme left out.
fn credential(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?.to_str().ok()?.trim(), values.next()) else {
        return None;
    };
    let bare = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => value,
    };
    (!bare.is_empty()).then_some(bare)
}

pub(crate) fn unauthorized(message: &str) -> Failure {
    Failure::new(401, message)
}
