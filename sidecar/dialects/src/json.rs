//! Picks a few members out of JSON without building the rest: one pass, no recursion, no memory per member.

use serde::de::{DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The members of those names, if `text` is an object. `null` counts as absent; the last of equal names wins.
pub(crate) fn members<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = reader.deserialize_map(Pick(names)).ok()?;
    reader.end().ok()?;
    Some(found)
}

/// Whether any element satisfies `test`, if `text` is an array.
pub(crate) fn any_element<'a>(text: &'a str, test: impl FnMut(&'a str) -> bool) -> bool {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_seq(Any(test)).unwrap_or(false)
}

/// The text of a JSON string.
pub(crate) fn string(raw: Option<&RawValue>) -> Option<String> {
    decode(raw?.get()).ok()
}

/// The same of its literal, which has been read as JSON already; without escapes it is its own text.
pub(crate) fn decode(literal: &str) -> serde_json::Result<String> {
    match literal
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
    {
        Some(text) if memchr::memchr(b'\\', text.as_bytes()).is_none() => Ok(text.to_owned()),
        _ => serde_json::from_str(literal),
    }
}

/// A whole number that is not negative; `12.0` is one too.
pub(crate) fn number(raw: Option<&RawValue>) -> Option<u64> {
    let text = raw?.get();
    text.parse().ok().or_else(|| {
        let value: f64 = serde_json::from_str(text).ok()?;
        (value.fract() == 0.0 && (0.0..9e15).contains(&value)).then_some(value as u64)
    })
}

/// Whether a value says nothing: absent, null, false, `""`, `[]` or `{}`.
pub(crate) fn is_empty(raw: Option<&RawValue>) -> bool {
    raw.is_none_or(|raw| {
        let text = raw.get();
        let inner = text
            .get(1..text.len().saturating_sub(1))
            .unwrap_or_default();
        let hollow =
            text.starts_with(['[', '{']) && inner.bytes().all(|byte| byte.is_ascii_whitespace());
        hollow || matches!(text, "null" | "false" | "\"\"")
    })
}

struct Pick<'n, const N: usize>([&'n str; N]);

impl<'de, const N: usize> Visitor<'de> for Pick<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(at) = map.next_key_seed(Position(&self.0))? {
            match at.and_then(|at| found.get_mut(at)) {
                Some(place) => *place = map.next_value::<Option<&RawValue>>()?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

/// Which of the names a key is.
struct Position<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for Position<'_> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Position<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

struct Any<F>(F);

impl<'de, F: FnMut(&'de str) -> bool> Visitor<'de> for Any<F> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<bool, A::Error> {
        let mut any = false;
        while let Some(element) = elements.next_element::<&RawValue>()? {
            any = any || (self.0)(element.get());
        }
        Ok(any)
    }
}
