//! Skips a JSON string, many bytes at a time.
//!
//! Called by the walk, which spends most of its time here. Must never accept a raw control character.

/// What stands behind an opening quote.
#[inline]
pub(super) fn string(text: &[u8]) -> Option<&[u8]> {
    match plain(text)? {
        [b'"', rest @ ..] => Some(rest),
        special => escaped(special),
    }
}

/// The same from a backslash on.
#[inline(never)]
pub(super) fn escaped(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        text = match text {
            [b'"', rest @ ..] => return Some(rest),
            [
                b'\\',
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                rest @ ..,
            ] => rest,
            [b'\\', b'u', rest @ ..] => {
                let (digits, rest) = rest.split_first_chunk::<4>()?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(rest)?
            }
            _ => return None,
        };
        text = plain(text)?;
    }
}

/// How many times eight bytes are read before a wider search is worth setting out.
const SHORT: usize = 5;

/// From the first quote, backslash or raw control character on.
#[inline(never)]
pub(super) fn plain(mut text: &[u8]) -> Option<&[u8]> {
    let mut tries = SHORT;
    while tries != 0 {
        tries -= 1;
        let Some((bytes, rest)) = text.split_first_chunk() else {
            break;
        };
        let found = special(u64::from_le_bytes(*bytes));
        if found != 0 {
            return text.get(found.trailing_zeros() as usize / 8..);
        }
        text = rest;
    }
    long(text)
}

/// The same; refuses a control character at once.
#[inline(never)]
fn long(text: &[u8]) -> Option<&[u8]> {
    let (before, from) = text.split_at_checked(memchr::memchr2(b'"', b'\\', text)?)?;
    // A minimum, since the compiler takes that of many bytes at a time.
    let lowest = before.iter().copied().fold(u8::MAX, u8::min);
    (lowest >= b' ').then_some(from)
}

/// Its lowest bit is the highest of the first byte that is a quote, a backslash or a control character.
#[inline]
fn special(word: u64) -> u64 {
    let each = |byte: u8| u64::from_le_bytes([byte; 8]);
    // With that bit turned the quote follows the control characters, and a space and `!` come after it.
    let quote_or_control = (word ^ each(2)).wrapping_sub(each(b'"' - 1));
    let backslash = (word ^ each(b'\\')).wrapping_sub(each(1));
    (quote_or_control | backslash) & !word & each(0x80)
}
