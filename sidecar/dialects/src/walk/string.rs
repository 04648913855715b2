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
        // What has escapes is prose, and long.
        text = long(text)?;
    }
}

/// How many times eight bytes are read before a wider search is worth setting out: names and short values end here.
const SHORT: usize = 3;
/// Bytes of the wider search, which the compiler turns into vector instructions.
const WIDE: usize = 32;

/// From the first quote, backslash or raw control character on.
#[inline(never)]
pub(super) fn plain(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    for _ in 0..SHORT {
        rest = match eight(rest) {
            Some(Ok(from)) => return Some(from),
            Some(Err(rest)) => rest,
            None => return one_by_one(rest),
        };
    }
    long(rest)
}

/// From there on, if it stands in the next eight bytes, or what follows them.
#[inline]
fn eight(text: &[u8]) -> Option<Result<&[u8], &[u8]>> {
    let (bytes, rest) = text.split_first_chunk()?;
    let found = special(u64::from_le_bytes(*bytes));
    if found == 0 {
        return Some(Err(rest));
    }
    text.get(found.trailing_zeros() as usize / 8..).map(Ok)
}

#[inline(never)]
fn long(mut text: &[u8]) -> Option<&[u8]> {
    while let Some((bytes, rest)) = text.split_first_chunk::<WIDE>() {
        if bytes
            .iter()
            .fold(false, |any, byte| any | is_special(*byte))
        {
            break;
        }
        text = rest;
    }
    loop {
        text = match eight(text) {
            Some(Ok(from)) => return Some(from),
            Some(Err(rest)) => rest,
            None => return one_by_one(text),
        };
    }
}

fn one_by_one(text: &[u8]) -> Option<&[u8]> {
    let at = text.iter().position(|byte| is_special(*byte))?;
    text.get(at..)
}

/// Two comparisons: with that bit turned the quote is the last that is not above a space, and nothing else moves there.
#[inline]
fn is_special(byte: u8) -> bool {
    byte ^ 2 <= b' ' || byte == b'\\'
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
