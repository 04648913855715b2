//! A connection, as far as identity goes: whether it came over loopback, and the credential that it presented last with
//! its digest. An SDK sends the same key with every request of a connection, and hashing it costs as much as reading a
//! small body. Only the digest is kept from request to request, never whom it names: that is looked up in the
//! configuration in force each time, so a key that is gone is refused at once. The credential is compared in constant time,
//! because connections may be shared by callers behind a proxy; it lives as long as its connection, in memory only.

use sha2::{Digest as _, Sha256};
use std::sync::{Mutex, PoisonError};

/// Longer credentials are hashed each time, so that no connection makes this hold much.
const LONGEST: usize = 256;

/// One connection's other end.
pub struct Peer {
    local: bool,
    last: Mutex<Option<Presented>>,
}

struct Presented {
    credential: Box<[u8]>,
    digest: [u8; 32],
}

impl Peer {
    /// A connection that has presented nothing yet. `local`: over loopback, where a caller without a key is this pod.
    pub fn new(local: bool) -> Self {
        let last = Mutex::new(None);
        Peer { local, last }
    }

    pub(super) fn is_local(&self) -> bool {
        self.local
    }

    /// The credential's SHA-256.
    pub(super) fn digest(&self, credential: &str) -> [u8; 32] {
        let credential = credential.as_bytes();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let known = last
            .as_ref()
            .filter(|last| is_same(&last.credential, credential));
        if let Some(known) = known {
            return known.digest;
        }
        let digest = Sha256::digest(credential).into();
        if credential.len() <= LONGEST {
            let credential = credential.into();
            *last = Some(Presented { credential, digest });
        }
        digest
    }
}

/// In a time that tells the lengths at most: every byte is read, and what differs is looked at once, at the end. Not
/// `subtle`, which holds the compiler off at each byte.
fn is_same(known: &[u8], given: &[u8]) -> bool {
    let bytes = known.iter().zip(given);
    let differ = bytes.fold(0, |differ, (known, given)| differ | (known ^ given));
    known.len() == given.len() && std::hint::black_box(differ) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_the_credential_at_hand() {
        let peer = Peer::new(true);
        let long = "k".repeat(LONGEST + 1);
        for credential in ["sk-a", "sk-a", "sk-b", "", "sk-a", &long, &long, "sk-a"] {
            let hashed: [u8; 32] = Sha256::digest(credential).into();
            assert_eq!(peer.digest(credential), hashed, "{credential}");
        }
    }
}
