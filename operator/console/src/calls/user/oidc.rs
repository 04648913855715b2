//! Signing in with an identity provider: where to go, and what became of it. The browser brings the cookie of its attempt back; the
//! session is a new one each time. Whoever signs in so is a user like others, known again by issuer and subject, and each time is
//! given what their groups say now.

use super::login::begin;
use super::{fits, name};
use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use crate::console::Console;
use crate::oidc::{Attempt, Provider, Trouble, Who};
use crate::who::nobody;
use http::header;
use purser_authority::ledger::{Ledger, User, UserRefused};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest code or state that is looked at.
const LONGEST: usize = 4096;
const ANOTHER: &str =
    "this browser has not begun to sign in, or more than ten minutes ago; begin again";

/// Where to go.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Begun {
    /// The provider's page, for this browser alone.
    url: String,
}

/// What the provider sent a person back with.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Returned {
    code: String,
    state: String,
    /// The issuer, where the provider says it.
    iss: Option<String>,
}

/// Begins; the answer has a cookie that the end needs.
pub(crate) async fn begin_oidc(ask: Ask) -> Outcome {
    let provider = provider(&ask.console)?;
    let house = &ask.console.house;
    let random = house.random().map_err(|error| Failure::new(503, error))?;
    let attempt = Attempt::new(&random, house.wall_ms());
    let url = provider.address(&attempt).await?;
    let begun = Reply::data(&Begun { url })?;
    let cookie = attempt.kept(provider.settings.secure());
    Ok(Reply::Cookie(Box::new(begun), cookie))
}

/// Ends, with a session.
pub(crate) async fn end_oidc(ask: Ask) -> Outcome {
    let returned: Returned = ask.body()?;
    let (console, provider) = (&ask.console, provider(&ask.console)?);
    let secure = provider.settings.secure();
    let cookies = ask.headers.get(header::COOKIE);
    let cookies = cookies.and_then(|value| value.to_str().ok());
    let attempt = Attempt::of(cookies.unwrap_or_default(), secure, console.house.wall_ms());
    let attempt = attempt.ok_or_else(|| Failure::new(401, ANOTHER))?;
    if returned.code.len() > LONGEST || !attempt.is_of(&returned.state) {
        return Err(Failure::new(401, ANOTHER));
    }
    if returned
        .iss
        .is_some_and(|iss| iss != provider.settings.issuer)
    {
        let why = "this answer is another identity provider's; begin again";
        return Err(Failure::new(401, why));
    }
    let who = provider.who(&attempt, returned.code).await?;
    let user = signed_in(console, provider, &who).await?;
    let session = begin(console, &user).await?;
    Ok(Reply::Cookie(Box::new(session), Attempt::forgotten(secure)))
}

fn provider(console: &Console) -> Result<&Provider, Failure> {
    let why = "nobody signs in with an identity provider here: none is set up (--oidc-issuer)";
    let provider = console.provider.as_ref();
    provider.ok_or_else(|| Failure::new(404, why))
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let why = trouble.to_string();
        tracing::warn!(why, "somebody could not sign in with the identity provider");
        match trouble {
            Trouble::Refused(_) | Trouble::Disbelieved(_) => Failure::new(401, why),
            Trouble::Unreached(_) | Trouble::Misfit(_) => Failure {
                retry_after: Some(5),
                ..Failure::new(503, why)
            },
        }
    }
}

/// Their user, as their groups have it now.
async fn signed_in(console: &Console, provider: &Provider, who: &Who) -> Result<User, Failure> {
    let ledger = console.ledger()?;
    let (role, namespaces) = provider.settings.granted(&who.groups);
    let users = ledger.users().await?;
    let nobody_yet = users.is_empty();
    let known = users.into_iter().find(|user| user.password == who.mark);
    let granted = User {
        role,
        namespaces,
        ..known.clone().unwrap_or_else(nobody)
    };
    let user = match known {
        Some(user) if user.disabled => {
            let why = "this user is disabled here; ask an administrator";
            return Err(Failure::new(403, why));
        }
        Some(user) if user == granted => user,
        Some(_) => changed(&ledger, granted).await?,
        // Else the first to come would take the place of the first administrator.
        None if nobody_yet && role < purser_authority::ledger::Role::Administrator => {
            let why = "nobody administrates this yet: make the first administrator with the one-time token, or grant it to a group";
            return Err(Failure::new(403, why));
        }
        None => made(console, granted, who).await?,
    };
    let user = ledger
        .logged_in(user.id, console.house.wall_ms())
        .await?
        .unwrap_or(user);
    let detail = format!(
        "by {}: {} of {:?}",
        provider.settings.issuer,
        name(user.role),
        user.namespaces
    );
    console
        .note(&user.name, "login", (&user.name, &detail))
        .await;
    Ok(user)
}

async fn changed(ledger: &Ledger, user: User) -> Result<User, Failure> {
    let kept = ledger.change_user(user.clone()).await?;
    kept.map_err(|refused| match refused {
        UserRefused::LastAdministrator => Failure::new(
            403,
            "your groups no longer make you an administrator, and there is no other here; make another one first",
        ),
        _ => Failure::new(409, "this user was deleted just now; begin again"),
    })?;
    Ok(user)
}

/// A new user, of the first of their names that fits and that nobody has: never somebody else's.
async fn made(console: &Console, granted: User, who: &Who) -> Result<User, Failure> {
    let ledger = console.ledger()?;
    for name in who.names.iter().filter(|name| fits(name).is_ok()) {
        let display_name = who.display_name.clone().filter(|text| shows(text));
        let user = User {
            display_name: display_name.unwrap_or_else(|| name.clone()),
            name: name.clone(),
            password: who.mark.clone(),
            created_ms: console.house.wall_ms(),
            ..granted.clone()
        };
        match ledger.make_user(user.clone()).await? {
            Ok(id) => return Ok(User { id, ..user }),
            Err(_) => continue,
        }
    }
    Err(Failure::new(
        409,
        "every name that you could have here is taken; ask an administrator",
    ))
}

fn shows(name: &str) -> bool {
    (1..=128).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}
