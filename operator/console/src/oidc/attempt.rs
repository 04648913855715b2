//! One attempt to sign in, as the browser that began it keeps it: random bytes in a cookie, from which state, nonce and PKCE verifier
//! follow. Pure. What a provider and an address bar see of it tells nothing of the bytes.

use crate::secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// How long a person may take at the provider.
const LASTS_MS: u64 = 600_000;

/// See the file's page.
pub(crate) struct Attempt {
    secret: String,
    ends_ms: u64,
}

impl Attempt {
    /// A new one.
    pub(crate) fn new(random: &[u8; 32], now_ms: u64) -> Self {
        Attempt {
            secret: URL_SAFE_NO_PAD.encode(random),
            ends_ms: now_ms.saturating_add(LASTS_MS),
        }
    }

    /// The one that this browser began, as the header `Cookie` has it; none: it began none, or too long ago.
    pub(crate) fn of(cookies: &str, secure: bool, now_ms: u64) -> Option<Self> {
        let pairs = cookies
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='));
        let mut ours = pairs.filter(|(name, _)| *name == cookie(secure));
        // Two of one name: somebody else put one there.
        let ((_, value), None) = (ours.next()?, ours.next()) else {
            return None;
        };
        let (secret, ends) = value.split_once('.')?;
        let ends_ms: u64 = ends.parse().ok()?;
        let lasts = now_ms < ends_ms && ends_ms <= now_ms.saturating_add(LASTS_MS);
        let whole = URL_SAFE_NO_PAD.decode(secret).ok()?.len() == 32;
        (lasts && whole).then(|| Attempt {
            secret: secret.to_owned(),
            ends_ms,
        })
    }

    /// The header `Set-Cookie` for it. `Strict`: the page, which this very server sent, hands the code on; no other site can.
    pub(crate) fn kept(&self, secure: bool) -> String {
        let Attempt { secret, ends_ms } = self;
        let seconds = LASTS_MS / 1_000;
        set(secure, &format!("{secret}.{ends_ms}"), seconds)
    }

    /// The header that takes it back.
    pub(crate) fn forgotten(secure: bool) -> String {
        set(secure, "", 0)
    }

    /// Comes back with the code, and must be the one that was sent.
    pub(crate) fn state(&self) -> String {
        self.derived("state")
    }

    /// Comes back inside the ID token.
    pub(crate) fn nonce(&self) -> String {
        self.derived("nonce")
    }

    /// Is shown with the code, which is worth nothing without it.
    pub(crate) fn verifier(&self) -> String {
        self.derived("verifier")
    }

    /// Whether this is its state.
    pub(crate) fn is_of(&self, state: &str) -> bool {
        // Digests differ in every bit, so that how long it takes tells nothing.
        secret::digest(state) == secret::digest(&self.state())
    }

    fn derived(&self, what: &str) -> String {
        let text = format!("purser sign-in {what} {}", self.secret);
        URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
    }
}

/// Behind TLS no other name of this domain can plant it.
fn cookie(secure: bool) -> &'static str {
    match secure {
        true => "__Host-purser-sign-in",
        false => "purser-sign-in",
    }
}

fn set(secure: bool, value: &str, seconds: u64) -> String {
    let name = cookie(secure);
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(header: &str) -> &str {
        header.split(';').next().unwrap()
    }

    #[test]
    fn the_browser_that_began_is_known_again_and_no_other() {
        let attempt = Attempt::new(&[7; 32], 1_000);
        let header = attempt.kept(true);
        assert!(header.starts_with("__Host-purser-sign-in="), "{header}");
        assert!(header.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Strict; Secure"));
        let sent = format!("theme=dark; {}", cookies(&header));
        let again = Attempt::of(&sent, true, 2_000).unwrap();
        assert!(again.is_of(&attempt.state()));
        let other = Attempt::new(&[8; 32], 1_000);
        assert!(!again.is_of(&other.state()) && !again.is_of(""));
        assert_eq!(again.nonce(), attempt.nonce());
    }

    #[test]
    fn what_is_old_doubled_cut_or_from_elsewhere_begins_nothing() {
        let attempt = Attempt::new(&[7; 32], 1_000);
        let kept = attempt.kept(false);
        let good = cookies(&kept);
        let at = |cookies: &str, now_ms| Attempt::of(cookies, false, now_ms).is_some();
        assert!(at(good, 600_999) && !at(good, 601_000));
        assert!(!at(good, 0), "it says that it lasts longer than any does");
        assert!(!at(&format!("{good}; {good}"), 2_000));
        assert!(!at("purser-sign-in=AAAA.300000", 2_000));
        assert!(!at("", 2_000) && !at("purser-sign-in", 2_000));
        assert!(Attempt::of(good, true, 2_000).is_none(), "without TLS");
    }

    #[test]
    fn what_the_world_sees_differs_and_has_a_verifiers_length() {
        let attempt = Attempt::new(&[7; 32], 0);
        let seen = [attempt.state(), attempt.nonce(), attempt.verifier()];
        assert!(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2]);
        assert!(
            seen.iter()
                .all(|text| text.len() == 43 && *text != attempt.secret)
        );
    }
}
