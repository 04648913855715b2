//! Skips a JSON number.
//!
//! Called by the walk. Must never accept a point or an exponent without digits.

/// What begins with a digit, or did before its sign.
#[inline]
pub(super) fn number(text: &[u8]) -> Option<&[u8]> {
    let mut text = match text {
        [b'0', rest @ ..] => rest,
        _ => digits(text)?,
    };
    if let [b'.', rest @ ..] = text {
        text = digits(rest)?;
    }
    if let [b'e' | b'E', b'+' | b'-', rest @ ..] | [b'e' | b'E', rest @ ..] = text {
        text = digits(rest)?;
    }
    Some(text)
}

/// At least one.
#[inline]
fn digits(text: &[u8]) -> Option<&[u8]> {
    let [b'0'..=b'9', rest @ ..] = text else {
        return None;
    };
    let mut text = rest;
    while let [b'0'..=b'9', rest @ ..] = text {
        text = rest;
    }
    Some(text)
}
