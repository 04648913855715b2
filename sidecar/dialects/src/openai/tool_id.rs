//! Tool-call ids as each API takes them. Called by writers of requests. One id becomes the same other one wherever it stands, so that
//! calls and their results stay together; must never keep a table.

use std::borrow::Cow;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Nine letters or digits (Mistral).
pub(crate) fn short(id: &str) -> Cow<'_, str> {
    let fits = id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits {
        id.into()
    } else {
        derived(id, 9).into()
    }
}

/// At most 40 characters (OpenAI).
pub(crate) fn bounded(id: &str) -> Cow<'_, str> {
    if (1..=40).contains(&id.len()) {
        return id.into();
    }
    format!("call_{}", derived(id, 24)).into()
}

/// Letters, digits, `_` and `-` (Anthropic).
pub(crate) fn plain(id: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !id.is_empty() && id.bytes().all(is_plain) {
        return id.into();
    }
    format!("toolu_{}", derived(id, 24)).into()
}

/// Two 64-bit FNV-1a hashes, in base 62.
fn derived(id: &str, length: usize) -> String {
    let hash = |seed: u64| {
        id.bytes().fold(seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    };
    let high = u128::from(hash(0xcbf2_9ce4_8422_2325));
    let low = u128::from(hash(0x9e37_79b9_7f4a_7c15));
    let mut rest = high << 64 | low;
    let mut text = String::with_capacity(length);
    for _ in 0..length {
        let digit = usize::try_from(rest % 62).unwrap_or_default();
        text.push(ALPHABET.get(digit).map_or('0', |byte| char::from(*byte)));
        rest /= 62;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_fits_stays() {
        assert_eq!(short("Ab3dEf9hI"), "Ab3dEf9hI");
        assert_eq!(bounded("call_abc"), "call_abc");
        assert_eq!(plain("toolu_01-x"), "toolu_01-x");
    }

    #[test]
    fn an_id_that_does_not_fit_always_becomes_the_same_one() {
        let long = "call_".repeat(20);
        assert_eq!(short(&long), short(&long));
        assert_ne!(short(&long), short("call_2"));
        assert!(
            short("functions.get:0")
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric())
        );
        assert_eq!(bounded(&long).len(), 29);
        assert_eq!(plain("functions.get:0"), plain("functions.get:0"));
        assert_eq!(short("").len(), 9);
    }
}
