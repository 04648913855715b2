//! `/api/user`: people, their sessions and their passwords. It must never say whether a name has a user to whoever is not an
//! administrator, and never keep or log a password.

mod login;
mod oidc;
mod people;

pub(crate) use login::{LoggedIn, Login, Setup, login, logout, setup};
pub(crate) use oidc::{Begun, Returned, begin_oidc, end_oidc};
pub(crate) use people::{
    ChangeSelf, Manage, NewUser, change_self, create, list, manage, read, this,
};

use crate::answer::Failure;
use crate::console::Console;
use crate::password::LENGTHS;
use purser_authority::ledger::{Role, User};
use schemars::JsonSchema;
use serde::Serialize;

/// A user.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UserView {
    id: i64,
    username: String,
    display_name: String,
    /// 1 viewer, 5 team, 10 administrator.
    role: u8,
    role_name: &'static str,
    /// 1 on, 2 off.
    status: u8,
    group: &'static str,
    /// What a team or viewer sees; * is all.
    namespaces: Vec<String>,
    /// Unix seconds.
    created_at: u64,
    /// Unix seconds; 0: never.
    last_login_at: u64,
}

impl UserView {
    pub(crate) fn of(user: &User) -> Self {
        UserView {
            id: user.id,
            username: user.name.clone(),
            display_name: user.display_name.clone(),
            role: number(user.role),
            role_name: name(user.role),
            status: if user.disabled { 2 } else { 1 },
            group: "default",
            namespaces: user.namespaces.clone(),
            created_at: user.created_ms / 1000,
            last_login_at: user.login_ms / 1000,
        }
    }
}

fn number(role: Role) -> u8 {
    match role {
        Role::Viewer => 1,
        Role::Team => 5,
        Role::Administrator => 10,
    }
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Team => "team",
        Role::Administrator => "administrator",
    }
}

fn role(number: u8) -> Result<Role, Failure> {
    match number {
        1 => Ok(Role::Viewer),
        5 => Ok(Role::Team),
        10 => Ok(Role::Administrator),
        _ => Err(Failure::new(
            422,
            "role is 1 (viewer), 5 (team) or 10 (administrator)",
        )),
    }
}

/// What may be a user's name.
fn fits(name: &str) -> Result<(), Failure> {
    let inner =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@');
    let begins = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    match begins && name.len() <= 64 && name.bytes().all(inner) {
        true => Ok(()),
        false => Err(Failure::new(
            422,
            "username must be 1 to 64 letters, digits and . _ - @, beginning with a letter or digit",
        )),
    }
}

/// The password as it is kept.
async fn hashed(console: &Console, password: &str) -> Result<String, Failure> {
    if !LENGTHS.contains(&password.len()) {
        return Err(Failure::new(422, "a password has 10 to 1024 bytes"));
    }
    let random = console
        .house
        .random()
        .map_err(|error| Failure::new(503, error))?;
    let hashed = console.passwords.hash(password, random).await;
    hashed.ok_or_else(|| Failure::new(503, "the password could not be hashed; try again"))
}
