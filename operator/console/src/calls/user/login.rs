//! Logging in and out, and the first user. Every wrong login is answered with the same words after the same work.

use super::{UserView, fits, hashed};
use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use crate::console::Console;
use crate::lockout::PATIENCE;
use crate::oidc::is_mark;
use crate::secret;
use crate::who::{SESSION_PREFIX, nobody};
use purser_authority::ledger::{Role, Session, User, UserRefused};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How long a session lasts: a working day.
const SESSION_MS: u64 = 12 * 3_600_000;

/// Who wants in.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Login {
    username: String,
    password: String,
}

/// The first administrator.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Setup {
    /// Printed at the start, while there is no user.
    token: String,
    username: String,
    /// At least 10 characters.
    password: String,
}

/// A session that begins.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LoggedIn {
    /// To be sent as Authorization, raw or behind Bearer.
    token: String,
    /// The same.
    access_token: String,
    token_type: &'static str,
    /// Unix seconds.
    expires_at: u64,
    #[serde(flatten)]
    user: UserView,
}

/// A session for a name and a password.
pub(crate) async fn login(ask: Ask) -> Outcome {
    let wanted: Login = ask.body()?;
    let (console, ledger) = (&ask.console, ask.console.ledger()?);
    let now_ms = console.house.wall_ms();
    // What can be nobody's name is not looked for: some stores cannot hold it.
    let user = match fits(&wanted.username) {
        Ok(()) => ledger.user(wanted.username.clone()).await?,
        Err(_) => None,
    };
    let until_ms = console.tries.locked_until(&wanted.username);
    if until_ms > now_ms {
        return Err(Failure {
            retry_after: Some((until_ms - now_ms).div_ceil(1000)),
            ..Failure::new(
                429,
                "too many wrong logins with this username; wait, then try again",
            )
        });
    }
    let phc = user.as_ref().map(|user| user.password.as_str());
    // Whoever signs in elsewhere has none, and costs the same work as nobody.
    let phc = phc.filter(|phc| !is_mark(phc));
    let is_right = console.passwords.verify(&wanted.password, phc).await;
    // Locked by what another process was asked, of which nobody here could know: the same words as for a wrong one.
    let is_locked = user
        .as_ref()
        .is_some_and(|user| user.locked_until_ms > now_ms);
    match user {
        Some(user) if is_right && !user.disabled && !is_locked => {
            console.tries.succeeded(&wanted.username);
            let user = ledger.logged_in(user.id, now_ms).await?.unwrap_or(user);
            console.note(&user.name, "login", (&user.name, "")).await;
            begin(console, &user).await
        }
        user => {
            console.tries.failed(&wanted.username, now_ms);
            if let Some(user) = user.filter(|_| !is_locked) {
                ledger.failed_login(user.id, PATIENCE, now_ms).await?;
            }
            Err(wrong())
        }
    }
}

fn wrong() -> Failure {
    Failure::new(401, "username or password is wrong")
}

/// A new token each time: what a caller brought with it is never made a session.
pub(super) async fn begin(console: &Console, user: &User) -> Outcome {
    let random = console
        .house
        .random()
        .map_err(|error| Failure::new(503, error))?;
    let token = secret::token(SESSION_PREFIX, &random);
    let now_ms = console.house.wall_ms();
    let session = Session {
        digest: secret::digest(&token),
        user: user.id,
        made_ms: now_ms,
        seen_ms: now_ms,
        ends_ms: now_ms + SESSION_MS,
    };
    let ends_ms = session.ends_ms;
    console.ledger()?.open_session(session).await?;
    Reply::data(&LoggedIn {
        access_token: token.clone(),
        token,
        token_type: "Bearer",
        expires_at: ends_ms / 1000,
        user: UserView::of(user),
    })
}

/// The first administrator, by the token that was printed.
pub(crate) async fn setup(ask: Ask) -> Outcome {
    let wanted: Setup = ask.body()?;
    let console = &ask.console;
    let over = || {
        Failure::new(
            409,
            "there is a user already; an administrator makes others",
        )
    };
    if console.is_set_up().await? {
        return Err(over());
    }
    if !console.is_setup_token(&wanted.token) {
        return Err(Failure::new(
            401,
            "this is not the one-time token; it was printed at the start of the program",
        ));
    }
    fits(&wanted.username)?;
    let user = User {
        display_name: wanted.username.clone(),
        name: wanted.username,
        role: Role::Administrator,
        password: hashed(console, &wanted.password).await?,
        created_ms: console.house.wall_ms(),
        ..nobody()
    };
    let made = console.ledger()?.make_first_user(user.clone()).await?;
    let id = made.map_err(|_: UserRefused| over())?;
    let user = User { id, ..user };
    console
        .note(&user.name, "setup", (&user.name, "first administrator"))
        .await;
    begin(console, &user).await
}

/// Ends this session.
pub(crate) async fn logout(ask: Ask) -> Outcome {
    let person = ask.person()?;
    person.is_user()?;
    let ledger = ask.console.ledger()?;
    ledger.end_session(person.session.digest.clone()).await?;
    ask.console
        .note(person.name(), "logout", (person.name(), ""))
        .await;
    Ok(Reply::Data(Value::Null))
}
