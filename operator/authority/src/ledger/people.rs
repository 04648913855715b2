//! Who may log in, and who is: users and their sessions. Called by the console, which knows passwords and tokens; here is what it made of
//! them. Never a password, never a token, only what they are checked against.

mod change;
pub(super) mod read;

use super::reads::Question;
use super::{Ledger, LedgerError};

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// See.
    Viewer,
    /// See and change what is in its namespaces.
    Team,
    /// Everything.
    Administrator,
}

/// Someone who may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its number, never given twice; of one that is to be made: of no meaning.
    pub id: i64,
    /// The name to log in with; never changed.
    pub name: String,
    /// A name for people.
    pub display_name: String,
    /// What it may do.
    pub role: Role,
    /// Where, unless it is an administrator.
    pub namespaces: Vec<String>,
    /// Whether it may not log in.
    pub disabled: bool,
    /// What its password is checked against: a PHC string; empty: it has none; or by what somebody who vouches for it knows it.
    pub password: String,
    /// When it was made, in unix milliseconds.
    pub created_ms: u64,
    /// When it logged in last, in unix milliseconds; 0: never.
    pub login_ms: u64,
    /// Wrong passwords since then.
    pub failures: u32,
    /// Until when no password is looked at, in unix milliseconds.
    pub locked_until_ms: u64,
}

/// Why a user was not made, changed or dropped; nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserRefused {
    /// Another has this name.
    NameTaken,
    /// It was to be the first, and there is one.
    NotTheFirst,
    /// There is none of this number.
    Unknown,
    /// Without it nobody could administrate.
    LastAdministrator,
}

/// How many wrong passwords are forgiven, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// So many in a row have no consequence.
    pub forgiven: u32,
    /// The one after them locks for so long, each further one for twice as long as the one before, in milliseconds.
    pub first_ms: u64,
    /// But never longer than this, in milliseconds.
    pub longest_ms: u64,
}

/// Someone who logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of its token, in hexadecimal digits.
    pub digest: String,
    /// Whose: [`User::id`].
    pub user: i64,
    /// When it was opened, in unix milliseconds.
    pub made_ms: u64,
    /// When it was last used, as far as that was told, in unix milliseconds.
    pub seen_ms: u64,
    /// From when on it is over, in unix milliseconds.
    pub ends_ms: u64,
}

impl Ledger {
    /// All users, by their numbers.
    pub async fn users(&self) -> Result<Vec<User>, LedgerError> {
        self.ask(Question::Users).await
    }

    /// The user of this name.
    pub async fn user(&self, name: String) -> Result<Option<User>, LedgerError> {
        let users = self.users().await?;
        Ok(users.into_iter().find(|user| user.name == name))
    }

    /// The session of this digest and its user, if both may be used at this moment.
    pub async fn session(
        &self,
        digest: String,
        now_ms: u64,
    ) -> Result<Option<(Session, User)>, LedgerError> {
        self.ask(|reply| Question::Session(digest, now_ms, reply))
            .await
    }
}
