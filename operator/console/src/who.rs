//! Who asks, by the one header that says it. Used by `server` before a call is made. It must never log a credential, and never take an
//! API key for a session or the other way round.

use crate::answer::Failure;
use crate::console::Console;
use crate::house::Reviewed;
use crate::route::Who;
use crate::secret;
use http::{HeaderMap, header};
use purser_authority::ledger::{Role, Scope, Session, User};
use purser_config::{Digest, Name};
use sha2::{Digest as _, Sha256};

/// How a session's token begins, so that everybody can see what it is.
pub(crate) const SESSION_PREFIX: &str = "ps-";
/// How an API key's value begins.
const KEY_PREFIX: &str = "sk-";
/// How a Kubernetes token begins: a JWT, `{"` in base64.
const JWT_PREFIX: &str = "eyJ";
/// Namespaces of somebody who may see them all.
pub(crate) const EVERY: &str = "*";
/// How exactly it is known when a session was last used, in milliseconds.
const SEEN_EVERY_MS: u64 = 60_000;

const NO_CREDENTIAL: &str = "Unauthorized: send the session token of POST /api/user/login as Authorization, raw or behind Bearer";
const IS_A_KEY: &str = "Unauthorized: this is an API key, which works on /v1 alone; the management API takes the session token of POST /api/user/login";
const NOBODYS: &str = "Unauthorized: this Kubernetes token is nobody's, or of somebody who may list no ApiKeys, ProviderChannels or Plans anywhere";
const IS_A_GUEST: &str = "a Kubernetes token has no user, password or session here, and never administers users or reads the audit log; log in as a user of this console";
const OVER: &str = "Unauthorized: this session is unknown or over; log in again";
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
    Person(Box<Person>),
}

/// Whoever is logged in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) user: User,
    pub(crate) session: Session,
    /// Whoever has no user here: what they may change RBAC says of each change, when `Ask::write` asks it.
    pub(crate) guest: Option<Box<Reviewed>>,
}

impl Person {
    /// As audit records name them.
    pub(crate) fn name(&self) -> &str {
        &self.user.name
    }

    pub(crate) fn is_administrator(&self) -> bool {
        self.user.role == Role::Administrator
    }

    /// Whether everything is theirs to see.
    pub(crate) fn sees_all(&self) -> bool {
        self.is_administrator() || self.user.namespaces.iter().any(|one| one == EVERY)
    }

    /// Whether this namespace is.
    pub(crate) fn sees(&self, namespace: &str) -> bool {
        self.sees_all() || self.user.namespaces.iter().any(|one| one == namespace)
    }

    /// Whether this namespace's channels are.
    pub(crate) fn sees_channels(&self, namespace: &str) -> bool {
        match &self.guest {
            Some(guest) => guest
                .channels
                .iter()
                .any(|one| one == EVERY || one == namespace),
            None => self.sees(namespace),
        }
    }

    /// That they are a user here.
    ///
    /// # Errors
    /// 403.
    pub(crate) fn is_user(&self) -> Result<(), Failure> {
        match self.guest {
            None => Ok(()),
            Some(_) => Err(Failure::new(403, IS_A_GUEST)),
        }
    }

    /// Which records they see.
    pub(crate) fn scope(&self) -> Scope {
        match self.sees_all() {
            true => Scope::All,
            false => Scope::Namespaces(self.user.namespaces.clone()),
        }
    }

    /// That they may change what is in this namespace, as far as it is said here.
    ///
    /// # Errors
    /// 403.
    pub(crate) fn writes(&self, namespace: &str) -> Result<(), Failure> {
        if self.guest.is_some() || (self.user.role > Role::Viewer && self.sees(namespace)) {
            return Ok(());
        }
        Err(Failure::new(
            403,
            format!("you may not change anything in namespace {namespace}; ask an administrator"),
        ))
    }
}

/// What is not somebody's to see is not there.
pub(crate) fn hidden(what: &str) -> Failure {
    Failure::new(404, format!("there is no {what} of this id"))
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
    let least = match who {
        Who::Anyone | Who::Signature => return Ok(Caller::Anyone),
        Who::Key => return key(console, headers).map(Caller::Key),
        Who::Session => Role::Viewer,
        Who::Writer => Role::Team,
        Who::Administrator | Who::AdministratorOrRbac => Role::Administrator,
    };
    let person = person(console, headers).await?;
    if let Some(guest) = &person.guest {
        let sees = guest.plans || !(guest.keys.is_empty() && guest.channels.is_empty());
        return match who {
            Who::Administrator => Err(Failure::new(403, IS_A_GUEST)),
            Who::Session if !sees => Err(unauthorized(NOBODYS)),
            _ => Ok(Caller::Person(Box::new(person))),
        };
    }
    if person.user.role < least {
        let needed = match least {
            Role::Administrator => "an administrator",
            _ => "a member of a team, or an administrator,",
        };
        return Err(Failure::new(403, format!("only {needed} may do this")));
    }
    Ok(Caller::Person(Box::new(person)))
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

async fn person(console: &Console, headers: &HeaderMap) -> Result<Person, Failure> {
    let credential = credential(headers).ok_or_else(|| unauthorized(NO_CREDENTIAL))?;
    if credential.starts_with(KEY_PREFIX) {
        return Err(unauthorized(IS_A_KEY));
    }
    if credential.starts_with(JWT_PREFIX) {
        return guest(console, credential).await;
    }
    let (now_ms, ledger) = (console.house.wall_ms(), console.ledger()?);
    let known = ledger.session(secret::digest(credential), now_ms).await?;
    let (session, user) = known.ok_or_else(|| unauthorized(OVER))?;
    if now_ms.saturating_sub(session.seen_ms) > SEEN_EVERY_MS {
        ledger.seen_session(session.digest.clone(), now_ms).await?;
    }
    let guest = None;
    Ok(Person {
        user,
        session,
        guest,
    })
}

/// Whoever the cluster knows by this token. They have no session here, and no password.
async fn guest(console: &Console, token: &str) -> Result<Person, Failure> {
    let reviewed = console.house.review(token.to_owned()).await;
    let reviewed = reviewed.map_err(|error| Failure {
        retry_after: Some(5),
        ..Failure::new(503, error)
    })?;
    let reviewed = reviewed.ok_or_else(|| unauthorized(NOBODYS))?;
    let name = reviewed.who.username.clone().unwrap_or_default();
    let user = User {
        id: GUEST,
        display_name: name.clone(),
        name,
        namespaces: reviewed.keys.clone(),
        ..nobody()
    };
    let session = Session {
        digest: String::new(),
        user: GUEST,
        made_ms: 0,
        seen_ms: 0,
        ends_ms: 0,
    };
    let guest = Some(Box::new(reviewed));
    Ok(Person {
        user,
        session,
        guest,
    })
}

/// The id of whoever is no user of ours.
const GUEST: i64 = 0;

/// A user without anything.
pub(crate) fn nobody() -> User {
    User {
        id: 0,
        name: String::new(),
        display_name: String::new(),
        role: Role::Viewer,
        namespaces: Vec::new(),
        disabled: false,
        password: String::new(),
        created_ms: 0,
        login_ms: 0,
        failures: 0,
        locked_until_ms: 0,
    }
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

fn unauthorized(message: &str) -> Failure {
    Failure::new(401, message)
}
