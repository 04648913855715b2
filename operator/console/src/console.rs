//! The console's state: its house, since when it runs, and what must not be forgotten between two calls. Made by whoever serves it; shared
//! by all calls. It must never keep what an object or the ledger says.

use crate::answer::Failure;
use crate::house::House;
use crate::lockout::Tries;
use crate::oidc::{Provider, Settings};
use crate::password::Passwords;
use crate::secret;
use purser_authority::ledger::{Deed, Ledger};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// See the file's page.
pub struct Console {
    pub(crate) house: Arc<dyn House>,
    /// In unix milliseconds.
    pub(crate) started_ms: u64,
    pub(crate) passwords: Passwords,
    /// Names, and how often they were tried in vain.
    pub(crate) tries: Tries,
    /// With whom people sign in who have no password here.
    pub(crate) provider: Option<Provider>,
    /// Makes the first administrator, once.
    setup: Mutex<Option<String>>,
    /// Whether a user was seen; there is always one afterwards.
    has_users: AtomicBool,
}

impl Console {
    /// A console over this house.
    pub fn new(house: Arc<dyn House>) -> Self {
        Console {
            started_ms: house.wall_ms(),
            house,
            passwords: Passwords::default(),
            tries: Tries::default(),
            provider: None,
            setup: Mutex::default(),
            has_users: AtomicBool::new(false),
        }
    }

    /// The same, where people may also sign in so.
    pub fn signing_in(self, settings: Option<Settings>) -> Self {
        Console {
            provider: settings.map(Provider::new),
            ..self
        }
    }

    /// The token that makes the first administrator, the same until then, and in all processes whose house knows a secret of theirs; none:
    /// there is a user.
    ///
    /// # Errors
    /// When the ledger cannot be asked, or there is no randomness.
    pub async fn setup_token(&self) -> Result<Option<String>, String> {
        let is_set_up = self.is_set_up().await.map_err(|failure| failure.message)?;
        if is_set_up {
            return Ok(None);
        }
        let seed = match self.house.setup_seed() {
            Some(seed) => seed,
            None => self.house.random()?,
        };
        let mut setup = self.setup.lock().unwrap_or_else(PoisonError::into_inner);
        let token = setup.get_or_insert_with(|| secret::token("setup-", &seed));
        Ok(Some(token.clone()))
    }

    /// Whether this is the token that was given out, here or by another process of the same house.
    pub(crate) fn is_setup_token(&self, token: &str) -> bool {
        let shared = self.house.setup_seed();
        let shared = shared.is_some_and(|seed| {
            secret::digest(&secret::token("setup-", &seed)) == secret::digest(token)
        });
        let setup = self.setup.lock().unwrap_or_else(PoisonError::into_inner);
        // Digests differ in every bit, so that how long it takes tells nothing.
        let known = setup.as_ref().map(|known| secret::digest(known));
        shared || known.is_some_and(|known| known == secret::digest(token))
    }

    /// Whether there is a user.
    pub(crate) async fn is_set_up(&self) -> Result<bool, Failure> {
        if !self.has_users.load(Ordering::Relaxed) {
            let some = !self.ledger()?.users().await?.is_empty();
            self.has_users.store(some, Ordering::Relaxed);
        }
        Ok(self.has_users.load(Ordering::Relaxed))
    }

    pub(crate) fn ledger(&self) -> Result<Ledger, Failure> {
        self.house.ledger().ok_or_else(|| Failure {
            retry_after: Some(2),
            ..Failure::new(503, "the ledger is not open yet; try again shortly")
        })
    }

    /// Keeps who did what. The deed is done: where this cannot be kept, the log says so.
    pub(crate) async fn note(&self, by: &str, what: &str, (object, detail): (&str, &str)) {
        let deed = Deed {
            at_ms: self.house.wall_ms(),
            by: by.to_owned(),
            what: what.to_owned(),
            object: object.to_owned(),
            detail: detail.to_owned(),
        };
        tracing::info!(by, what, object, detail, "changed");
        let kept = match self.house.ledger() {
            Some(ledger) => ledger.note(deed).await.map_err(|error| error.to_string()),
            None => Err("the ledger is not open".to_owned()),
        };
        if let Err(error) = kept {
            tracing::error!(error, by, what, object, "an audit record could not be kept");
        }
    }
}
