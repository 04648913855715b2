//! What Google reads where its reference has a list or a number: one that stands alone, and a number in quotes. Called by the readers
//! of requests.
//!
//! Google's own examples write `"parts": {"text": …}`; numbers in quotes are protobuf's JSON (protobuf.dev/programming-guides/json).
//! Must never take what Google refuses.

use crate::json;
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Number;
use serde_json::value::RawValue;

/// A list, or an object that is all of it.
#[derive(Default)]
pub(super) struct List<'a>(pub(super) Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for List<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<List<'a>, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('{') {
            return Ok(List(vec![raw]));
        }
        serde_json::from_str(raw.get()).map(List).map_err(|error| {
            // Counted from the list's own beginning.
            let why = error.to_string();
            Error::custom(why.split(" at line ").next().unwrap_or_default())
        })
    }
}

/// A number.
#[derive(Clone)]
pub(super) struct Figure(pub(super) Number);

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Figure, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        serde_json::from_str(unquoted(raw))
            .map(Figure)
            .map_err(|_| Error::custom(format!("{raw} is no number")))
    }
}

/// A whole number that is not negative, which the SDKs also write as `40.0`.
pub(super) struct Whole(pub(super) u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Whole, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        json::number(Some(unquoted(raw)))
            .map(Whole)
            .ok_or_else(|| Error::custom(format!("{raw} is no whole number")))
    }
}

/// A whole number, which may be negative.
pub(super) struct Integer(pub(super) i64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Integer, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let (sign, digits) = match unquoted(raw).strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, unquoted(raw)),
        };
        json::number(Some(digits))
            .and_then(|number| i64::try_from(number).ok())
            .map(|number| Integer(sign * number))
            .ok_or_else(|| Error::custom(format!("{raw} is no whole number")))
    }
}

fn unquoted(raw: &RawValue) -> &str {
    let text = raw.get();
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    inner.unwrap_or(text)
}
