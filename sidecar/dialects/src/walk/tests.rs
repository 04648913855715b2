//! The walk and `serde_json` agree on everything.

use super::{Spelt, Stuck, Walk};
use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::ops::Range;

/// Where a text's one value stands.
fn whole(text: &[u8]) -> Result<Range<usize>, Stuck> {
    let (length, first) = (text.len(), true);
    let rest = text;
    let mut walk = Walk {
        length,
        rest,
        first,
        texts_only: true,
    };
    let span = walk.value::<false>()?;
    walk.end().map(|()| span)
}

fn members(text: &[u8]) -> Result<Vec<(Spelt, Range<usize>)>, Stuck> {
    let mut walk = Walk::open(text, b'{')?;
    let mut found = Vec::new();
    while let Some(member) = walk.member()? {
        found.push(member);
    }
    walk.end().map(|()| found)
}

fn elements(text: &[u8]) -> Result<Vec<Range<usize>>, Stuck> {
    let mut walk = Walk::open(text, b'[')?;
    let mut found = Vec::new();
    while let Some(element) = walk.element()? {
        found.push(element);
    }
    walk.end().map(|()| found)
}

/// A JSON object's members in their order, as `serde_json` reads them.
struct Ordered<'a>(Vec<(String, &'a str)>);

impl<'de> serde::Deserialize<'de> for Ordered<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> serde::de::Visitor<'de> for Each {
            type Value = Vec<(String, &'de str)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    found.push((name, value.get()));
                }
                Ok(found)
            }
        }
        from.deserialize_map(Each).map(Ordered)
    }
}

/// What JSON is made of, whole and broken.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "{|}|[|]|:|,|\"|\\| |\n|\t|\r|\u{b}|\u{a0}|\0|\u{1f}|\u{7f}|{}|[]|[ ]|é😀",
        "|\\u00e9|\\uD800|\\u12g4|\\u1|\\n|\\/|\\x|\"a\":|\"\":|\"\\u0061\":|\"a\"|\"\\ud800\":|\"b c\"",
        "|true|false|null|nul|True|-|+|.|e|E|0|01|1|-0|1.5|1e9|1E+9|1e-9|1.|.5|1e|-1.0e10|99999999999999999999",
        "|a text that is longer than the words that are read first, and nothing special stands in it",
    ];
    let pieces = pieces.concat();
    let pieces: Vec<String> = pieces.split('|').map(str::to_owned).collect();
    let piece = prop::sample::select(pieces);
    vec(piece, 0..16).prop_map(|pieces| pieces.concat().into_bytes())
}

/// A JSON text, blanks and all.
fn valid() -> impl Strategy<Value = String> {
    let string = || {
        let part = prop_oneof![
            3 => "[ -!#-\\[\\]-~é😀]{0,24}",
            1 => "[a-z ]{24,90}",
            1 => "(\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-cA-C]{4}){1,3}",
        ];
        vec(part, 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
    };
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?",
        string(),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let array = vec(("[ \n\t\r]{0,2}", inner.clone()), 0..6).prop_map(|elements| {
            let spelt: Vec<String> = elements.iter().map(|(b, e)| format!("{b}{e}{b}")).collect();
            format!("[{}]", spelt.join(","))
        });
        let member = ("[ \n\t\r]{0,2}", string(), inner);
        let object = vec(member, 0..6).prop_map(|members| {
            let spelt: Vec<String> = members
                .iter()
                .map(|(b, n, v)| format!("{b}{n}{b}:{b}{v}{b}"))
                .collect();
            format!("{{{}}}", spelt.join(","))
        });
        prop_oneof![array, object]
    })
}

/// The walk's answers about `text` are those of `serde_json`.
fn agree(text: &[u8]) -> Result<(), TestCaseError> {
    let is_json = serde_json::from_slice::<IgnoredAny>(text).is_ok();
    prop_assert_eq!(whole(text).is_ok(), is_json, "{}", text.escape_ascii());
    let Ok(text) = std::str::from_utf8(text) else {
        return Ok(());
    };
    if let Ok(span) = whole(text.as_bytes()) {
        let raw: &RawValue = serde_json::from_str(text).unwrap();
        prop_assert_eq!(&text[span], raw.get());
    }
    if let Ok(expected) = serde_json::from_str::<Vec<&RawValue>>(text) {
        let expected = expected.iter().map(|raw| raw.get());
        let found = elements(text.as_bytes()).unwrap();
        prop_assert!(expected.eq(found.into_iter().map(|span| &text[span])));
    } else {
        prop_assert_eq!(elements(text.as_bytes()), Err(Stuck));
    }
    let found = members(text.as_bytes()).ok().and_then(|found| {
        let named = found.into_iter().map(|(spelt, span)| {
            let name = crate::json::name(text, spelt).ok()?;
            Some((name.into_owned(), &text[span]))
        });
        named.collect::<Option<Vec<_>>>()
    });
    let expected = serde_json::from_str::<Ordered<'_>>(text).ok();
    prop_assert_eq!(found, expected.map(|Ordered(members)| members));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_walk_agrees_on_anything(bytes in vec(any::<u8>(), 0..48)) {
        agree(&bytes)?;
    }

    #[test]
    fn the_walk_agrees_on_what_is_nearly_json(text in pieces()) {
        agree(&text)?;
        agree(&[b"{\"a\":", text.as_slice(), b"}"].concat())?;
        agree(&[b"[\"", text.as_slice(), b"\"]"].concat())?;
    }

    #[test]
    fn the_walk_agrees_on_json(text in valid()) {
        prop_assert!(whole(text.as_bytes()).is_ok());
        agree(text.as_bytes())?;
    }

    #[test]
    fn the_walk_agrees_on_json_with_one_fault(text in valid(), at in any::<prop::sample::Index>(), byte in any::<u8>(), how in 0..4) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, byte),
            _ => bytes.truncate(at),
        }
        agree(&bytes)?;
    }
}

#[test]
fn each_byte_is_judged_wherever_it_stands_in_a_string() {
    for length in [1, 7, 8, 9, 31, 32, 33, 40, 41, 100] {
        for at in 0..length {
            for byte in 0..=255 {
                let mut text = vec![b'x'; length + 2];
                (text[0], text[length + 1]) = (b'"', b'"');
                text[at + 1] = byte;
                let is_json = serde_json::from_slice::<IgnoredAny>(&text).is_ok();
                assert_eq!(whole(&text).is_ok(), is_json, "{byte} at {at} of {length}");
            }
        }
    }
}

#[test]
fn any_depth_is_remembered_by_kind() {
    for depth in [1, 63, 64, 65, 127, 128, 129, 200, 10_000] {
        let kinds: Vec<bool> = (0..depth)
            .map(|level| level % 3 == 0 || level % 7 == 0)
            .collect();
        let open: String = kinds
            .iter()
            .map(|object| if *object { "{\"a\":" } else { "[" })
            .collect();
        let close: String = kinds
            .iter()
            .rev()
            .map(|object| if *object { '}' } else { ']' })
            .collect();
        let text = format!("{open}1{close}");
        assert_eq!(whole(text.as_bytes()), Ok(0..text.len()));
        let other = if close.starts_with('}') { "]" } else { "}" };
        let broken = format!("{open}1{other}{}", &close[1..]);
        assert_eq!(whole(broken.as_bytes()), Err(Stuck));
        assert_eq!(whole(&text.as_bytes()[..text.len() - 1]), Err(Stuck));
    }
}
