//! Request ids: `req_` and a UUID, unique without a lock, a draw or the formatting machinery for each.

use crate::clock;
use http::HeaderValue;
use std::sync::atomic::{AtomicU64, Ordering};

/// Request ids: unique without a lock or a draw each time.
pub(super) struct Ids {
    process: u64,
    next: AtomicU64,
}

impl Default for Ids {
    fn default() -> Self {
        Ids {
            process: clock::draw(),
            next: AtomicU64::new(1),
        }
    }
}

impl Ids {
    /// The next one.
    pub(super) fn next(&self) -> HeaderValue {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let process = self.process;
        // `req_` and a UUID: the variant and version digits are fixed, the rest is the process and a count.
        let (high, middle, low) = (process >> 32, process >> 16 & 0xffff, process & 0xfff);
        let mut id = *b"req_00000000-0000-4000-8000-000000000000";
        for (field, value) in [
            (4..12, high),
            (13..17, middle),
            (24..27, low),
            (28..40, number),
        ] {
            hexadecimal(id.get_mut(field).unwrap_or_default(), value);
        }
        HeaderValue::from_bytes(&id).unwrap_or_else(|_| HeaderValue::from_static("req_0"))
    }
}

/// Writes the low digits of `value`, without the formatting machinery.
fn hexadecimal(digits: &mut [u8], mut value: u64) {
    for digit in digits.iter_mut().rev() {
        let nibble = (value & 0xf) as u8;
        *digit = if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' + nibble - 10
        };
        value >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_of_its_own() {
        let ids = Ids::default();
        let (first, second) = (ids.next(), ids.next());
        assert_ne!(first, second);
        let text = first.to_str().unwrap().strip_prefix("req_").unwrap();
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(
            text.bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
        );
        assert_eq!((&text[14..15], &text[19..20]), ("4", "8"));
    }
}
