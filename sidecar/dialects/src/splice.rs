//! Puts the provider's name for a model into a body, and changes no other byte.
//!
//! The refused alternative is to parse and write again: it reorders members and changes how numbers are written.

use bytes::{Bytes, BytesMut};
use std::ops::Range;

/// `body` with `name` in place of `span`, which `scan_json` (`json`: the name is written as a JSON string) or
/// `scan_multipart` found in it. A span that is not of this body leaves it as it is.
pub fn replace_model(body: &Bytes, span: &Range<usize>, name: &str, json: bool) -> Bytes {
    let (Some(before), Some(after)) = (body.get(..span.start), body.get(span.end..)) else {
        return body.clone();
    };
    if span.start > span.end {
        return body.clone();
    }
    let quoted;
    let name = if json {
        quoted = serde_json::Value::from(name).to_string();
        quoted.as_bytes()
    } else {
        name.as_bytes()
    };
    let mut spliced = BytesMut::with_capacity(before.len() + name.len() + after.len());
    spliced.extend_from_slice(before);
    spliced.extend_from_slice(name);
    spliced.extend_from_slice(after);
    spliced.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_changes() {
        let body = Bytes::from_static(br#"{"a":1.0,"model" : "x\u0041","b":[ ]}"#);
        let span = crate::scan_json(&body).unwrap().model.unwrap().span;
        assert_eq!(&body[span.clone()], br#""x\u0041""#);
        assert_eq!(
            replace_model(&body, &span, "a\"b", true),
            br#"{"a":1.0,"model" : "a\"b","b":[ ]}"#.as_slice()
        );
    }

    #[test]
    fn a_span_of_another_body_changes_nothing() {
        let body = Bytes::from_static(b"abc");
        let backwards = Range { start: 2, end: 1 };
        for span in [0..4, 4..5, backwards] {
            assert_eq!(replace_model(&body, &span, "x", false), body);
        }
    }
}
