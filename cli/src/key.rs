//! New keys and their hashes. Called by `main` and by `up` for keys without a Secret. It must never print anything.

use purser_config::Digest;
use sha2::{Digest as _, Sha256};

/// Of base 62; 32 of them have 190 bits.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX: usize = 8;
const SECRET: usize = 32;

/// The system's random source gave nothing.
#[derive(Debug, thiserror::Error)]
#[error("reading the system's random source: {0}")]
pub(crate) struct NoRandomness(getrandom::Error);

/// `sk-<8>-<32>`: 8 to be found by, and 32 of 190 random bits to be secret. The operator makes the same form.
pub(crate) fn generate() -> Result<String, NoRandomness> {
    let mut digits = String::new();
    while digits.len() < PREFIX + SECRET {
        let mut bytes = [0; 64];
        getrandom::fill(&mut bytes).map_err(NoRandomness)?;
        // 248 is the largest multiple of 62 in a byte: the rest is thrown away, or some digits would come more often.
        let fair = bytes.into_iter().filter(|byte| *byte < 248);
        digits.extend(fair.map(|byte| char::from(DIGITS[usize::from(byte % 62)])));
    }
    let (prefix, rest) = digits.split_at(PREFIX);
    Ok(format!("sk-{prefix}-{}", &rest[..SECRET]))
}

/// `sha256:…`, as `spec.keyHash` takes it.
pub(crate) fn hash(value: &str) -> String {
    Digest(Sha256::digest(value.as_bytes()).into()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_prefix_to_be_found_by_and_190_random_bits() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, other);
        let parts: Vec<&str> = one.split('-').collect();
        assert_eq!(
            (parts.len(), parts[0], parts[1].len(), parts[2].len()),
            (3, "sk", PREFIX, SECRET)
        );
        assert!(
            one.bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_alphanumeric())
        );
    }

    #[test]
    fn a_hash_is_the_sha_256_of_the_value() {
        assert_eq!(
            hash("abc"),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
