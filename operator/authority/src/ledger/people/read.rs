//! Users and sessions as they are kept, and as they are told. Never tells a session that is over, nor one whose user may not log in.

use super::change::name_of;
use super::{Role, Session, User};
use crate::ledger::LedgerError;
use crate::ledger::rows::{Param, Rows, UserRow};
use serde::Deserialize;

impl From<&User> for UserRow {
    fn from(user: &User) -> UserRow {
        UserRow {
            id: user.id,
            name: user.name.clone(),
            display_name: user.display_name.clone(),
            role: name_of(user.role).to_owned(),
            namespaces: user.namespaces.join("\n"),
            disabled: u8::from(user.disabled),
            password: user.password.clone(),
            created_ms: user.created_ms,
            login_ms: user.login_ms,
            failures: u64::from(user.failures),
            locked_until_ms: user.locked_until_ms,
        }
    }
}

impl UserRow {
    /// As it is told; `None`: its role is none, so it may do nothing.
    pub(in crate::ledger) fn read(&self) -> Option<User> {
        let roles = [Role::Viewer, Role::Team, Role::Administrator];
        Some(User {
            id: self.id,
            name: self.name.clone(),
            display_name: self.display_name.clone(),
            role: roles.into_iter().find(|role| name_of(*role) == self.role)?,
            namespaces: self.namespaces.lines().map(str::to_owned).collect(),
            disabled: self.disabled != 0,
            password: self.password.clone(),
            created_ms: self.created_ms,
            login_ms: self.login_ms,
            failures: u32::try_from(self.failures).unwrap_or(u32::MAX),
            locked_until_ms: self.locked_until_ms,
        })
    }
}

/// All users.
pub(in crate::ledger) async fn users<S: Rows>(store: &S) -> Result<Vec<User>, LedgerError> {
    let rows = store.ask::<UserRow>(USERS, &[]).await?;
    Ok(rows.iter().filter_map(UserRow::read).collect())
}

/// All of them, by their numbers.
pub(in crate::ledger) const USERS: &str = "SELECT id, name, display_name, role, namespaces, disabled, password, \
    created_ms, login_ms, failures, locked_until_ms FROM users ORDER BY id";

#[derive(Deserialize)]
struct SessionRow {
    user_id: i64,
    made_ms: u64,
    seen_ms: u64,
    ends_ms: u64,
}

/// The session of this digest, and its user.
pub(in crate::ledger) async fn session<S: Rows>(
    store: &S,
    digest: String,
    now_ms: u64,
) -> Result<Option<(Session, User)>, LedgerError> {
    const SESSION: &str = "SELECT user_id, made_ms, seen_ms, ends_ms FROM sessions WHERE digest = $1 AND ends_ms > $2";
    const USER: &str = "SELECT id, name, display_name, role, namespaces, disabled, password, created_ms, login_ms, \
        failures, locked_until_ms FROM users WHERE id = $1 AND disabled = 0";
    if digest.contains('\0') {
        return Ok(None);
    }
    let with = [Param::Text(&digest), Param::from(&now_ms)];
    let found = store.ask::<SessionRow>(SESSION, &with).await?;
    let Some(row) = found.first() else {
        return Ok(None);
    };
    let with = [Param::Int(row.user_id)];
    let users = store.ask::<UserRow>(USER, &with).await?;
    let user = users.first().and_then(UserRow::read);
    let session = Session {
        digest,
        user: row.user_id,
        made_ms: row.made_ms,
        seen_ms: row.seen_ms,
        ends_ms: row.ends_ms,
    };
    Ok(user.map(|user| (session, user)))
}
