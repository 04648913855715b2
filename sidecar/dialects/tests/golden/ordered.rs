//! JSON made readable with its members where they stand: their order is part of what is promised (a model writes members in the order
//! of the schema). Called by the golden cases. Must never sort.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

enum Ordered {
    Leaf(Value),
    List(Vec<Ordered>),
    Object(Vec<(String, Ordered)>),
}

/// As itself, if it is no JSON.
pub(crate) fn pretty(text: &[u8]) -> Vec<u8> {
    let Ok(value) = serde_json::from_slice::<Ordered>(text) else {
        return text.to_vec();
    };
    let mut text = serde_json::to_vec_pretty(&value).unwrap();
    text.push(b'\n');
    text
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ordered, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let mut inner = serde_json::Deserializer::from_str(raw);
        let read = match raw.as_bytes().first() {
            Some(b'{') => inner.deserialize_map(Members),
            Some(b'[') => inner.deserialize_seq(Members),
            _ => Value::deserialize(&mut inner).map(Ordered::Leaf),
        };
        read.map_err(D::Error::custom)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Ordered;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Ordered::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Ordered, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Ordered::List(elements))
    }
}

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Ordered::Leaf(value) => value.serialize(serializer),
            Ordered::List(elements) => elements.serialize(serializer),
            Ordered::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}
