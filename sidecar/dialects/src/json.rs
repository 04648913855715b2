//! Picks a few members out of JSON without building the rest: one pass, no recursion, no memory per member.
//!
//! Called by everything that reads what a provider answered. What `walk` refuses, `serde_json` decides. Must never
//! fail on data: what is not JSON holds no members.

pub(crate) mod look;
pub(crate) mod pen;
pub(crate) mod sift;

use crate::walk::{Spelt, Stuck, Walk};
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// A body's text. Most are sound, which vectors tell eight times as fast; of others the error says where.
pub(crate) fn text(body: &[u8]) -> Result<&str, std::str::Utf8Error> {
    simdutf8::basic::from_utf8(body).or_else(|_| std::str::from_utf8(body))
}

/// Where a value stands in the text that it is borrowed from: the distance of their addresses.
pub(crate) fn span(text: &str, value: &str) -> Range<usize> {
    let start = (value.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start + value.len()
}

/// The members of those names, if `text` is an object. `null` counts as absent; the last of equal names wins.
pub(crate) fn members<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
) -> Option<[Option<&'a str>; N]> {
    pick(text, names).unwrap_or_else(|Stuck| {
        let mut reader = serde_json::Deserializer::from_str(text);
        let found = reader.deserialize_map(Pick(names)).ok()?;
        reader.end().ok().map(|()| found)
    })
}

fn pick<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
) -> Result<Option<[Option<&'a str>; N]>, Stuck> {
    let mut found = [None; N];
    let mut walk = Walk::open(text.as_bytes(), b'{')?;
    while let Some((spelt, value)) = walk.member()? {
        let decoded;
        let name = if spelt.escaped {
            decoded = name(text, spelt)?;
            decoded.as_bytes()
        } else {
            text.as_bytes().get(spelt.inner).ok_or(Stuck)?
        };
        if let Some((_, place)) = names
            .iter()
            .zip(&mut found)
            .find(|(is, _)| is.as_bytes() == name)
        {
            *place = text.get(value).filter(|value| *value != "null");
        }
    }
    walk.end().map(|()| Some(found))
}

/// A member's name: only one with escapes needs memory of its own.
pub(crate) fn name(text: &str, spelt: Spelt) -> Result<Cow<'_, str>, Stuck> {
    if spelt.escaped {
        let literal = text.get(spelt.inner.start - 1..spelt.inner.end + 1);
        return serde_json::from_str(literal.unwrap_or_default())
            .map(Cow::Owned)
            .map_err(|_| Stuck);
    }
    text.get(spelt.inner).map(Cow::Borrowed).ok_or(Stuck)
}

/// Whether any element satisfies `test`, if `text` is an array. What follows the array is not looked at.
pub(crate) fn any_element<'a>(text: &'a str, mut test: impl FnMut(&'a str) -> bool) -> bool {
    let mut walk = || -> Result<bool, Stuck> {
        let mut any = false;
        let mut walk = Walk::open(text.as_bytes(), b'[')?;
        while let Some(element) = walk.element()? {
            any = any || text.get(element).is_some_and(&mut test);
        }
        Ok(any)
    };
    walk().unwrap_or(false)
}

/// Each element, if `text` is an array; what is no JSON holds no more.
pub(crate) fn each_element<'a>(text: &'a str, mut each: impl FnMut(&'a str)) {
    any_element(text, |element| {
        each(element);
        false
    });
}

/// The text of a JSON string.
pub(crate) fn string(raw: Option<&str>) -> Option<String> {
    decode(raw?).ok()
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
pub(crate) fn number(raw: Option<&str>) -> Option<u64> {
    let text = raw?;
    text.parse().ok().or_else(|| {
        let value: f64 = serde_json::from_str(text).ok()?;
        (value.fract() == 0.0 && (0.0..9e15).contains(&value)).then_some(value as u64)
    })
}

/// Whether a value says nothing: absent, null, false, `""`, `[]` or `{}`.
pub(crate) fn is_empty(raw: Option<&str>) -> bool {
    raw.is_none_or(|text| {
        let inner = text
            .get(1..text.len().saturating_sub(1))
            .unwrap_or_default();
        let hollow =
            text.starts_with(['[', '{']) && inner.bytes().all(|byte| byte.is_ascii_whitespace());
        hollow || matches!(text, "null" | "false" | "\"\"")
    })
}

/// How `serde_json` picks them.
struct Pick<'n, const N: usize>([&'n str; N]);

impl<'de, const N: usize> Visitor<'de> for Pick<'_, N> {
    type Value = [Option<&'de str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(name) = map.next_key::<String>()? {
            match self.0.iter().zip(&mut found).find(|(is, _)| **is == name) {
                Some((_, place)) => {
                    *place = map.next_value::<Option<&RawValue>>()?.map(RawValue::get)
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}
