//! Edits a body at the places that are ours to edit, and changes no other byte.
//!
//! Called before each attempt, with what that provider needs: its name for the model, an output limit, a request for
//! usage. The refused alternative is to parse and write again: it reorders members and changes how numbers are written.

use bytes::{Bytes, BytesMut};
use std::borrow::Cow;
use std::ops::Range;

/// Other bytes in place of some of a body; an empty place is an insertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced.
    pub span: Range<usize>,
    /// By what.
    pub bytes: Cow<'static, [u8]>,
}

impl Edit {
    /// Another model's name where `scan_json` (`json`: it is written as a JSON string) or `scan_multipart` found one.
    pub fn name(span: &Range<usize>, name: &str, json: bool) -> Edit {
        let bytes = if json {
            serde_json::Value::from(name).to_string().into_bytes()
        } else {
            name.as_bytes().to_vec()
        };
        Edit {
            span: span.clone(),
            bytes: bytes.into(),
        }
    }
}

/// The edit after which an object begins with another member; `body` is one, and has none of that name.
pub fn member_first(body: &[u8], name: &str, value: &str) -> Option<Edit> {
    let at = body.iter().position(|byte| *byte == b'{')? + 1;
    let rest = body.get(at..)?.trim_ascii_start();
    let comma = if rest.first() == Some(&b'}') { "" } else { "," };
    let value = serde_json::Value::from(value);
    Some(Edit {
        span: at..at,
        bytes: format!("\"{name}\":{value}{comma}").into_bytes().into(),
    })
}

/// `body` with all `edits`, in whatever order they are given; insertions at one place keep theirs. Edits that overlap or
/// are not of this body change nothing at all: half of them could ask for something that none of us meant.
pub fn splice(body: &Bytes, edits: &mut [Edit]) -> Bytes {
    if edits.is_empty() {
        return body.clone();
    }
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    spliced(body, edits).map_or_else(|| body.clone(), BytesMut::freeze)
}

fn spliced(body: &[u8], edits: &[Edit]) -> Option<BytesMut> {
    let more: usize = edits.iter().map(|edit| edit.bytes.len()).sum();
    let mut spliced = BytesMut::with_capacity(body.len() + more);
    let mut at = 0;
    for Edit { span, bytes } in edits {
        spliced.extend_from_slice(body.get(at..span.start)?);
        spliced.extend_from_slice(bytes);
        body.get(span.clone())?;
        at = span.end;
    }
    spliced.extend_from_slice(body.get(at..)?);
    Some(spliced)
}

/// `body` with another model's name and no other edit; see [`Edit::name`].
pub fn replace_model(body: &Bytes, span: &Range<usize>, name: &str, json: bool) -> Bytes {
    splice(body, &mut [Edit::name(span, name, json)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(span: Range<usize>, bytes: &'static str) -> Edit {
        Edit {
            span,
            bytes: bytes.as_bytes().into(),
        }
    }

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
    fn a_member_is_put_before_the_others() {
        for (body, with) in [
            (r#" {"a":1}"#, r#" {"model":"x\"y","a":1}"#),
            ("{ }", r#"{"model":"x\"y" }"#),
        ] {
            let edit = member_first(body.as_bytes(), "model", "x\"y").unwrap();
            let body = Bytes::copy_from_slice(body.as_bytes());
            assert_eq!(splice(&body, &mut [edit]), with.as_bytes());
        }
    }

    #[test]
    fn a_span_of_another_body_changes_nothing() {
        let body = Bytes::from_static(b"abc");
        let backwards = Range { start: 2, end: 1 };
        for span in [0..4, 4..5, backwards] {
            assert_eq!(replace_model(&body, &span, "x", false), body);
        }
    }

    #[test]
    fn edits_compose_in_any_order_and_touch_no_other_byte() {
        let body = Bytes::from_static(b"0123456789");
        let edits = [edit(4..4, "<b>"), edit(8..10, ""), edit(2..4, "<a>")];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut edits = order.map(|index: usize| edits[index].clone());
            assert_eq!(splice(&body, &mut edits), b"01<a><b>4567".as_slice());
        }
        let mut same_place = [edit(1..1, "x"), edit(1..1, "y")];
        assert_eq!(splice(&body, &mut same_place), b"0xy123456789".as_slice());
    }

    #[test]
    fn edits_that_overlap_change_nothing_and_none_copies_nothing() {
        let body = Bytes::from_static(b"0123456789");
        let mut overlapping = [edit(2..5, "a"), edit(4..6, "b")];
        assert_eq!(splice(&body, &mut overlapping), body);
        assert_eq!(splice(&body, &mut []).as_ptr(), body.as_ptr());
    }
}
