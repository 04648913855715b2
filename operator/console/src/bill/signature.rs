//! Whether a payment's word is its vendor's: Stripe's scheme, and an HMAC of the body as many processors send it. Compared in constant
//! time; several secrets hold while one is being replaced. Never reads the body.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Which moments a signature may be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Now, in unix seconds.
    pub now: u64,
    /// How far from it, either way, in seconds; Stripe's libraries say 300.
    pub tolerance: u64,
}

/// Why a word is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// The header is missing what it must have.
    #[error(
        "the signature's header cannot be read: it must be t=UNIX_SECONDS,v1=HEX or, of the body alone, sha256=HEX"
    )]
    Unreadable,
    /// It was signed too long ago, or in the future: a replay, or a clock that is wrong.
    #[error(
        "the signature is of another time: {signed} is more than {tolerance} seconds from {now}; check the clock of this machine"
    )]
    OtherTime {
        /// When it says, in unix seconds.
        signed: u64,
        /// What it was compared with.
        now: u64,
        /// How far it may be.
        tolerance: u64,
    },
    /// No secret makes this signature of this body.
    #[error(
        "the signature is not of this body and this secret; check that the endpoint's secret is the vendor's, and that nothing on the way changes the body"
    )]
    Wrong,
}

impl Window {
    /// Whether a moment is within it.
    pub fn holds(&self, signed: u64) -> Result<(), Forged> {
        if signed.abs_diff(self.now) <= self.tolerance {
            return Ok(());
        }
        Err(Forged::OtherTime {
            signed,
            now: self.now,
            tolerance: self.tolerance,
        })
    }
}

/// Checks the header `Stripe-Signature`: `t=1700000000,v1=…`, of which several may stand there while secrets change.
pub fn check_stripe(
    header: &str,
    body: &[u8],
    secrets: &[String],
    window: Window,
) -> Result<(), Forged> {
    let pairs = header
        .split(',')
        .filter_map(|pair| pair.trim().split_once('='));
    let pairs: Vec<(&str, &str)> = pairs.collect();
    let of = |name: &str| {
        let values = pairs.iter().filter(|pair| pair.0 == name);
        values.map(|pair| pair.1).collect::<Vec<_>>()
    };
    let [time] = of("t")[..] else {
        return Err(Forged::Unreadable);
    };
    let signed: u64 = time.parse().map_err(|_| Forged::Unreadable)?;
    let signatures: Option<Vec<Vec<u8>>> = of("v1").into_iter().map(bytes).collect();
    let signatures = signatures.filter(|some| !some.is_empty());
    let signatures = signatures.ok_or(Forged::Unreadable)?;
    let parts = [time.as_bytes(), b".", body];
    if !any_is_of(&signatures, secrets, &parts) {
        return Err(Forged::Wrong);
    }
    // Only a moment that is signed is worth a word.
    window.holds(signed)
}

/// Checks `X-Signature`: `t=…,v1=…` as Stripe writes it, whose moment is signed and must be within the window; or the HMAC-SHA256 of the
/// body alone, in hexadecimal digits, with or without `sha256=` before it. That one has no moment: a processor may send the same bytes
/// again for as long as it was not heard, and what keeps it from counting twice is the event's id.
pub fn check_hmac(
    header: &str,
    body: &[u8],
    secrets: &[String],
    window: Window,
) -> Result<(), Forged> {
    let header = header.trim();
    if header.contains("v1=") {
        return check_stripe(header, body, secrets, window);
    }
    let digits = header.strip_prefix("sha256=").unwrap_or(header);
    let signature = bytes(digits).ok_or(Forged::Unreadable)?;
    if any_is_of(&[signature], secrets, &[body]) {
        Ok(())
    } else {
        Err(Forged::Wrong)
    }
}

/// Whether any secret makes any of the signatures. All are tried, whichever fits, so that the time tells nothing.
fn any_is_of(signatures: &[Vec<u8>], secrets: &[String], parts: &[&[u8]]) -> bool {
    let tried = secrets.iter().filter(|secret| !secret.trim().is_empty());
    let tried = tried.flat_map(|secret| signatures.iter().map(move |given| (secret, given)));
    tried.fold(false, |any, (secret, given)| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
            return any;
        };
        parts.iter().for_each(|part| mac.update(part));
        mac.verify_slice(given).is_ok() | any
    })
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let whole = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let read = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    whole.then(|| pairs.map(read).collect::<Option<Vec<u8>>>())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    const KEY: &str = "Jefe";
    const TEXT: &[u8] = b"what do ya want for nothing?";
    const MAC: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    fn secrets(all: &[&str]) -> Vec<String> {
        all.iter().map(|secret| (*secret).to_owned()).collect()
    }

    #[test]
    fn a_plain_hmac_is_the_rfcs() {
        let old_and_new = secrets(&["new", KEY]);
        let check = |header: &str, body, secrets: &[String]| {
            let window = Window {
                now: u64::MAX,
                tolerance: 300,
            };
            check_hmac(header, body, secrets, window)
        };
        assert_eq!(check(MAC, TEXT, &old_and_new), Ok(()));
        let named = format!("sha256={}", MAC.to_uppercase());
        assert_eq!(check(&named, TEXT, &old_and_new), Ok(()));
        let other = check(MAC, b"what do ya want", &old_and_new);
        assert_eq!(other, Err(Forged::Wrong));
        assert_eq!(check(MAC, TEXT, &secrets(&["new"])), Err(Forged::Wrong));
        assert_eq!(check(MAC, TEXT, &[]), Err(Forged::Wrong));
        let timed = check(&format!("t=1,v1={MAC}"), TEXT, &old_and_new);
        assert_eq!(timed, Err(Forged::Wrong), "its moment is not signed");
    }

    #[test]
    fn what_is_no_signature_is_refused_without_a_panic() {
        let window = Window {
            now: 0,
            tolerance: 300,
        };
        let secrets = secrets(&["", " ", KEY]);
        let odd = [
            "",
            "t=",
            "t=1",
            "v1=",
            "t=1,v1=",
            "t=x,v1=00",
            "t=1,t=2,v1=00",
            "=,=,=",
            "sha256=",
            "t=1,v1=é",
            "ééé",
        ];
        for header in odd {
            assert_eq!(
                check_stripe(header, TEXT, &secrets, window),
                Err(Forged::Unreadable),
                "{header}"
            );
            assert_eq!(
                check_hmac(header, TEXT, &secrets, window),
                Err(Forged::Unreadable),
                "{header}"
            );
        }
        let empty_key = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
        assert_eq!(
            check_hmac(empty_key, b"", &secrets, window),
            Err(Forged::Wrong),
            "an empty secret is none"
        );
    }

    #[test]
    fn a_moment_is_within_the_window_or_refused_with_both() {
        let window = Window {
            now: 1_000,
            tolerance: 300,
        };
        assert_eq!((window.holds(700), window.holds(1_300)), (Ok(()), Ok(())));
        assert!(matches!(
            window.holds(699),
            Err(Forged::OtherTime { signed: 699, .. })
        ));
        assert!(window.holds(1_301).is_err() && window.holds(u64::MAX).is_err());
    }
}
