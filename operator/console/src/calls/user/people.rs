//! Users: oneself, and for administrators all of them.

use super::{UserView, fits, hashed, name, role};
use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use crate::oidc::is_mark;
use crate::who::nobody;
use purser_authority::ledger::{Ledger, Role, User, UserRefused};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// What somebody changes about themselves.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ChangeSelf {
    display_name: Option<String>,
    /// The new one; ends all other sessions.
    password: Option<String>,
    /// The one before; needed for a new one.
    original_password: Option<String>,
}

/// A user to be made.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct NewUser {
    username: String,
    /// 10 to 1024 bytes.
    password: String,
    display_name: Option<String>,
    /// 1 viewer (default), 5 team, 10 administrator.
    role: Option<u8>,
    /// What a team or viewer sees; * is all.
    #[serde(default)]
    namespaces: Vec<String>,
}

/// What is to become of a user.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Manage {
    id: i64,
    action: Action,
    /// For set: the role.
    role: Option<u8>,
    /// For set: the namespaces.
    namespaces: Option<Vec<String>>,
    /// For set: the name for people.
    display_name: Option<String>,
    /// For set: a new password; ends all sessions of that user.
    password: Option<String>,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Enable,
    /// Ends all sessions of that user.
    Disable,
    Delete,
    Promote,
    Demote,
    Set,
}

/// Oneself.
pub(crate) async fn this(ask: Ask) -> Outcome {
    Reply::data(&UserView::of(&ask.person()?.user))
}

/// Changes oneself.
pub(crate) async fn change_self(ask: Ask) -> Outcome {
    let wanted: ChangeSelf = ask.body()?;
    let person = ask.person()?;
    person.is_user()?;
    let (console, ledger) = (&ask.console, ask.console.ledger()?);
    let mut user = person.user.clone();
    if let Some(name) = wanted.display_name {
        user.display_name = shown(name)?;
    }
    let is_new = wanted.password.is_some();
    if let Some(password) = &wanted.password {
        let original = wanted.original_password.unwrap_or_default();
        if !console
            .passwords
            .verify(&original, Some(&user.password))
            .await
        {
            return Err(Failure::new(403, "original_password is wrong"));
        }
        user.password = hashed(console, password).await?;
    }
    kept(ledger.change_user(user.clone()).await?)?;
    if is_new {
        let this = Some(person.session.digest.clone());
        ledger.end_sessions_of(user.id, this).await?;
    }
    let what = if is_new { "password" } else { "" };
    console
        .note(&user.name, "change self", (&user.name, what))
        .await;
    Reply::data(&UserView::of(&user))
}

/// All of them.
pub(crate) async fn list(ask: Ask) -> Outcome {
    let users = ask.console.ledger()?.users().await?;
    let views = users.iter().map(UserView::of).collect();
    Reply::data(&ask.paging()?.cut(views))
}

/// One of them.
pub(crate) async fn read(ask: Ask) -> Outcome {
    let id = ask.id.parse().map_err(|_| gone())?;
    Reply::data(&UserView::of(&found(&ask.console.ledger()?, id).await?))
}

/// A new one.
pub(crate) async fn create(ask: Ask) -> Outcome {
    let wanted: NewUser = ask.body()?;
    fits(&wanted.username)?;
    let user = User {
        display_name: shown(
            wanted
                .display_name
                .unwrap_or_else(|| wanted.username.clone()),
        )?,
        name: wanted.username,
        role: role(wanted.role.unwrap_or(1))?,
        namespaces: namespaces(wanted.namespaces)?,
        password: hashed(&ask.console, &wanted.password).await?,
        created_ms: ask.console.house.wall_ms(),
        ..nobody()
    };
    let id = kept(ask.console.ledger()?.make_user(user.clone()).await?)?;
    let detail = format!("{} of {:?}", name(user.role), user.namespaces);
    let by = ask.person()?.name();
    ask.console
        .note(by, "create user", (&user.name, &detail))
        .await;
    Reply::data(&UserView::of(&User { id, ..user }))
}

/// Changes one.
pub(crate) async fn manage(ask: Ask) -> Outcome {
    let wanted: Manage = ask.body()?;
    let (console, ledger, by) = (&ask.console, ask.console.ledger()?, ask.person()?);
    let mut user = found(&ledger, wanted.id).await?;
    if user.id == by.user.id && wanted.action != Action::Set {
        return Err(Failure::new(
            409,
            "this is yourself; another administrator can do it",
        ));
    }
    let action = wanted.action;
    let ends = matches!(action, Action::Disable) || wanted.password.is_some();
    if action == Action::Delete {
        kept(ledger.drop_user(user.id).await?)?;
        console
            .note(by.name(), "delete user", (&user.name, ""))
            .await;
        return Ok(Reply::Data(Value::Null));
    }
    match action {
        Action::Enable => user.disabled = false,
        Action::Disable => user.disabled = true,
        Action::Promote if user.role == Role::Viewer => user.role = Role::Team,
        Action::Promote => user.role = Role::Administrator,
        Action::Demote if user.role == Role::Administrator => user.role = Role::Team,
        Action::Demote => user.role = Role::Viewer,
        Action::Set => set(&ask, &mut user, wanted).await?,
        Action::Delete => {}
    }
    kept(ledger.change_user(user.clone()).await?)?;
    if ends {
        ledger.end_sessions_of(user.id, None).await?;
    }
    let detail = format!("{action:?}: {} of {:?}", name(user.role), user.namespaces);
    console
        .note(by.name(), "manage user", (&user.name, &detail))
        .await;
    Reply::data(&UserView::of(&user))
}

async fn set(ask: &Ask, user: &mut User, wanted: Manage) -> Result<(), Failure> {
    if let Some(number) = wanted.role {
        user.role = role(number)?;
    }
    if let Some(given) = wanted.namespaces {
        user.namespaces = namespaces(given)?;
    }
    if let Some(name) = wanted.display_name {
        user.display_name = shown(name)?;
    }
    if let Some(password) = wanted.password {
        if is_mark(&user.password) {
            let why = "this person signs in with the identity provider, and has no password here";
            return Err(Failure::new(409, why));
        }
        user.password = hashed(&ask.console, &password).await?;
    }
    Ok(())
}

async fn found(ledger: &Ledger, id: i64) -> Result<User, Failure> {
    let users = ledger.users().await?;
    users
        .into_iter()
        .find(|user| user.id == id)
        .ok_or_else(gone)
}

fn gone() -> Failure {
    Failure::new(404, "there is no user of this id")
}

fn shown(name: String) -> Result<String, Failure> {
    let fits =
        !name.is_empty() && name.chars().count() <= 128 && !name.chars().any(char::is_control);
    match fits {
        true => Ok(name),
        false => Err(Failure::new(422, "display_name has 1 to 128 characters")),
    }
}

fn namespaces(given: Vec<String>) -> Result<Vec<String>, Failure> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = |name: &String| {
        name == crate::who::EVERY
            || (!name.is_empty() && name.len() <= 63 && name.bytes().all(plain))
    };
    match given.len() <= 1000 && given.iter().all(fits) {
        true => Ok(given),
        false => Err(Failure::new(
            422,
            "namespaces are names of namespaces, or * for all; at most 1000",
        )),
    }
}

fn kept<T>(made: Result<T, UserRefused>) -> Result<T, Failure> {
    made.map_err(|refused| match refused {
        UserRefused::NameTaken => Failure::new(409, "there is a user of this name"),
        UserRefused::NotTheFirst => Failure::new(409, "there is a user already"),
        UserRefused::Unknown => gone(),
        UserRefused::LastAdministrator => Failure::new(
            409,
            "this is the last administrator; make another one first",
        ),
    })
}
