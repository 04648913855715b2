//! What is done to users and sessions. All operations on users take one lock, load all of them and are few; so their rules see everyone.

use super::{Patience, Role, Session, User, UserRefused};
use crate::ledger::change::{Change, fits_id};
use crate::ledger::rows::UserRow;
use crate::ledger::sheet::{Sheet, Statement, Value, Wants};
use crate::ledger::{Ledger, LedgerError};
use purser_config::calendar::LAST_MS;

impl Ledger {
    /// Makes a user, and answers its number; what it was given as its number, failures and log-ins says nothing.
    pub async fn make_user(&self, user: User) -> Result<Result<i64, UserRefused>, LedgerError> {
        self.change(Make { user, first: false }).await
    }

    /// Makes a user where there is none at all.
    pub async fn make_first_user(
        &self,
        user: User,
    ) -> Result<Result<i64, UserRefused>, LedgerError> {
        self.change(Make { user, first: true }).await
    }

    /// Changes a user's display name, role, namespaces, password and whether it is disabled; nothing else of it.
    pub async fn change_user(&self, user: User) -> Result<Result<(), UserRefused>, LedgerError> {
        self.change(Alter { user }).await
    }

    /// Drops a user and its sessions.
    pub async fn drop_user(&self, id: i64) -> Result<Result<(), UserRefused>, LedgerError> {
        self.change(Drop { id }).await
    }

    /// Counts a wrong password; answers the user as it is then, or none of that number.
    pub async fn failed_login(
        &self,
        id: i64,
        patience: Patience,
        now_ms: u64,
    ) -> Result<Option<User>, LedgerError> {
        let failed = Some(patience);
        self.change(Login { id, failed, now_ms }).await
    }

    /// Remembers that a user logged in, and forgets its failures; answers the user as it is then, or none of that number.
    pub async fn logged_in(&self, id: i64, now_ms: u64) -> Result<Option<User>, LedgerError> {
        let failed = None;
        self.change(Login { id, failed, now_ms }).await
    }

    /// Opens a session, and forgets those that are over.
    pub async fn open_session(&self, session: Session) -> Result<(), LedgerError> {
        self.change(Open { session }).await
    }

    /// Remembers that a session is used.
    pub async fn seen_session(&self, digest: String, now_ms: u64) -> Result<(), LedgerError> {
        const SEEN: &str = "UPDATE sessions SET seen_ms = $1 WHERE digest = $2 AND seen_ms < $1";
        self.write(SEEN, vec![now_ms.into(), digest.into()]).await
    }

    /// Ends a session; one that is over or never was is no error.
    pub async fn end_session(&self, digest: String) -> Result<(), LedgerError> {
        const END: &str = "DELETE FROM sessions WHERE digest = $1";
        self.write(END, vec![digest.into()]).await
    }

    /// Ends a user's sessions, but for one that is named.
    pub async fn end_sessions_of(&self, user: i64, but: Option<String>) -> Result<(), LedgerError> {
        const END: &str = "DELETE FROM sessions WHERE user_id = $1 AND digest <> $2";
        let but = but.unwrap_or_default();
        self.write(END, vec![Value::Int(user), but.into()]).await
    }

    async fn write(&self, sql: &'static str, with: Vec<Value>) -> Result<(), LedgerError> {
        self.change(Write(Statement { sql, with })).await
    }
}

struct Make {
    user: User,
    first: bool,
}

impl Change for Make {
    type Answer = Result<i64, UserRefused>;
    const ATTEMPT: &'static str = "make a user";

    fn check(&self) -> Result<(), LedgerError> {
        check(&self.user)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.people = true;
    }

    fn apply(&self, sheet: &mut Sheet) -> Self::Answer {
        let mut users = sheet.users.all();
        if self.first && users.next().is_some() {
            return Err(UserRefused::NotTheFirst);
        }
        if users.any(|user| user.name == self.user.name) {
            return Err(UserRefused::NameTaken);
        }
        drop(users);
        sheet.last_user += 1;
        let user = User {
            id: sheet.last_user,
            login_ms: 0,
            failures: 0,
            locked_until_ms: 0,
            ..self.user.clone()
        };
        const NUMBER: &str = "UPDATE numbers SET n = $1 WHERE name = 'users'";
        sheet.run(NUMBER, vec![Value::Int(user.id)]);
        sheet.users.put(user.id, UserRow::from(&user));
        Ok(user.id)
    }
}

fn check(user: &User) -> Result<(), LedgerError> {
    fits_id("a user's name", &user.name)?;
    let texts = [&user.display_name, &user.password];
    let mut texts = texts.into_iter().chain(&user.namespaces);
    if texts.any(|text| text.contains('\0')) {
        let what = "a user whose names or password hold a zero byte";
        return Err(LedgerError::Unfit { what });
    }
    Ok(())
}

struct Alter {
    user: User,
}

impl Change for Alter {
    type Answer = Result<(), UserRefused>;
    const ATTEMPT: &'static str = "change a user";

    fn check(&self) -> Result<(), LedgerError> {
        check(&self.user)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.people = true;
    }

    fn apply(&self, sheet: &mut Sheet) -> Self::Answer {
        let now = sheet.users.get(&self.user.id).ok_or(UserRefused::Unknown)?;
        let new = UserRow::from(&self.user);
        let new = UserRow {
            name: now.name.clone(),
            created_ms: now.created_ms,
            login_ms: now.login_ms,
            failures: now.failures,
            locked_until_ms: now.locked_until_ms,
            ..new
        };
        if !administrates(&new) && is_last_administrator(sheet, new.id) {
            return Err(UserRefused::LastAdministrator);
        }
        sheet.users.put(new.id, new);
        Ok(())
    }
}

struct Drop {
    id: i64,
}

impl Change for Drop {
    type Answer = Result<(), UserRefused>;
    const ATTEMPT: &'static str = "drop a user";

    fn check(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    fn wants(&self, wants: &mut Wants) {
        wants.people = true;
    }

    fn apply(&self, sheet: &mut Sheet) -> Self::Answer {
        const USER: &str = "DELETE FROM users WHERE id = $1";
        const SESSIONS: &str = "DELETE FROM sessions WHERE user_id = $1";
        if is_last_administrator(sheet, self.id) {
            return Err(UserRefused::LastAdministrator);
        }
        sheet.users.remove(&self.id).ok_or(UserRefused::Unknown)?;
        sheet.run(USER, vec![Value::Int(self.id)]);
        sheet.run(SESSIONS, vec![Value::Int(self.id)]);
        Ok(())
    }
}

fn administrates(user: &UserRow) -> bool {
    user.role == name_of(Role::Administrator) && user.disabled == 0
}

/// Whether this one administrates, and nobody else does.
fn is_last_administrator(sheet: &Sheet, id: i64) -> bool {
    let mut who = sheet.users.all().filter(|user| administrates(user));
    who.next().is_some_and(|user| user.id == id) && who.next().is_none()
}

struct Login {
    id: i64,
    failed: Option<Patience>,
    now_ms: u64,
}

impl Change for Login {
    type Answer = Option<User>;
    const ATTEMPT: &'static str = "count a log-in";

    fn check(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    fn wants(&self, wants: &mut Wants) {
        wants.people = true;
    }

    fn apply(&self, sheet: &mut Sheet) -> Option<User> {
        sheet.users.get(&self.id)?;
        let now = self.now_ms.min(LAST_MS);
        let user = sheet.users.edit(&self.id);
        match &self.failed {
            Some(patience) => {
                user.failures = user.failures.saturating_add(1);
                let locked = locked_for(patience, user.failures);
                if locked > 0 {
                    let until = now.saturating_add(locked).min(LAST_MS);
                    user.locked_until_ms = user.locked_until_ms.max(until);
                }
            }
            None => {
                user.login_ms = now;
                (user.failures, user.locked_until_ms) = (0, 0);
            }
        }
        user.read()
    }
}

/// For how long the last of so many wrong passwords locks.
fn locked_for(patience: &Patience, failures: u64) -> u64 {
    let Some(beyond) = failures.checked_sub(u64::from(patience.forgiven) + 1) else {
        return 0;
    };
    let times = 1_u64.checked_shl(u32::try_from(beyond).unwrap_or(u32::MAX));
    let locked = times.and_then(|times| patience.first_ms.checked_mul(times));
    locked.unwrap_or(u64::MAX).min(patience.longest_ms)
}

struct Open {
    session: Session,
}

impl Change for Open {
    type Answer = ();
    const ATTEMPT: &'static str = "open a session";

    fn check(&self) -> Result<(), LedgerError> {
        fits_id("a session's digest", &self.session.digest)
    }

    fn wants(&self, _: &mut Wants) {}

    fn apply(&self, sheet: &mut Sheet) {
        const OVER: &str = "DELETE FROM sessions WHERE ends_ms <= $1";
        const OPEN: &str = "INSERT INTO sessions (digest, user_id, made_ms, seen_ms, ends_ms) \
            VALUES ($1, $2, $3, $4, $5) ON CONFLICT (digest) DO NOTHING";
        let opened = &self.session;
        sheet.run(OVER, vec![opened.made_ms.into()]);
        let with = vec![
            opened.digest.clone().into(),
            Value::Int(opened.user),
            opened.made_ms.into(),
            opened.seen_ms.into(),
            opened.ends_ms.into(),
        ];
        sheet.run(OPEN, with);
    }
}

/// One statement that needs to see nothing.
struct Write(Statement);

impl Change for Write {
    type Answer = ();
    const ATTEMPT: &'static str = "write a session";

    fn check(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    fn wants(&self, _: &mut Wants) {}

    fn apply(&self, sheet: &mut Sheet) {
        sheet.run(self.0.sql, self.0.with.clone());
    }
}

/// As which a role is kept.
pub(in crate::ledger) fn name_of(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Team => "team",
        Role::Administrator => "administrator",
    }
}
