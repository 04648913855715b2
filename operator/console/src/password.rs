//! Passwords, as argon2id. Used by logins and by whoever sets one. Hashing takes 20 MB and a while, so it is done on a thread of its own,
//! two at a time: nobody can fill the memory by logging in. It must never log a password, nor answer sooner for a name that nobody has.

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;

const AT_ONCE: usize = 2;
/// The shortest and the longest password, in bytes.
pub(crate) const LENGTHS: std::ops::RangeInclusive<usize> = 10..=1024;

/// See the file's page.
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    /// What is verified where there is no user.
    nobody: Arc<OnceLock<String>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Passwords {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            nobody: Arc::default(),
        }
    }
}

impl Passwords {
    /// The PHC string of a password; none: it cannot be hashed.
    pub(crate) async fn hash(&self, password: &str, random: [u8; 32]) -> Option<String> {
        let _place = self.places.acquire().await.ok()?;
        let password = password.to_owned();
        let hashed = tokio::task::spawn_blocking(move || hash(&password, &random));
        hashed.await.ok()?
    }

    /// Whether this is the password behind the string; without one the same work is done, and it is not.
    pub(crate) async fn verify(&self, password: &str, phc: Option<&str>) -> bool {
        let Ok(_place) = self.places.acquire().await else {
            return false;
        };
        let (password, phc) = (password.to_owned(), phc.map(str::to_owned));
        let nobody = Arc::clone(&self.nobody);
        let verified = tokio::task::spawn_blocking(move || {
            let nobody = nobody.get_or_init(|| hash("nobody", &[0; 32]).unwrap_or_default());
            let is_right = PasswordHash::new(phc.as_ref().unwrap_or(nobody)).is_ok_and(|known| {
                Argon2::default()
                    .verify_password(password.as_bytes(), &known)
                    .is_ok()
            });
            is_right && phc.is_some()
        });
        verified.await.unwrap_or(false)
    }
}

fn hash(password: &str, random: &[u8; 32]) -> Option<String> {
    let salt = SaltString::encode_b64(&random[..16]).ok()?;
    let hashed = Argon2::default().hash_password(password.as_bytes(), &salt);
    Some(hashed.ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_nobody_has_none() {
        let passwords = Passwords::default();
        let phc = passwords.hash("correct horse", [7; 32]).await.unwrap();
        assert!(phc.starts_with("$argon2id$"), "{phc}");
        assert!(passwords.verify("correct horse", Some(&phc)).await);
        assert!(!passwords.verify("correct", Some(&phc)).await);
        assert!(!passwords.verify("nobody", None).await);
    }
}
