//! Schemas: Google's subset of OpenAPI into JSON Schema, and whether JSON Schema is within that subset. Called by readers and writers of
//! requests. Members keep their order: a model writes in the order of its schema.

use crate::text::Text;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// An object's members, in order.
struct Members<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'a>, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Vec<(Text<'de>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a schema")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Pairs).map(Members)
    }
}

impl<'a> Members<'a> {
    fn of(raw: &'a RawValue) -> serde_json::Result<Members<'a>> {
        serde_json::from_str(raw.get())
    }

    /// By either spelling.
    fn get(&self, names: &[&str]) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(name, _)| names.contains(&&**name));
        found.map(|(_, value)| *value)
    }

    fn order(&mut self, names: &[String]) {
        let place = |name: &str| {
            names
                .iter()
                .position(|is| is == name)
                .unwrap_or(names.len())
        };
        self.0.sort_by_key(|(name, _)| place(name));
    }
}

/// JSON Schema of what Google calls a `Schema`.
pub(super) fn to_json_schema(raw: &RawValue) -> serde_json::Result<Box<RawValue>> {
    let mut out = String::with_capacity(raw.get().len());
    schema(raw, &mut out)?;
    RawValue::from_string(out)
}

fn schema(raw: &RawValue, out: &mut String) -> serde_json::Result<()> {
    let members = Members::of(raw)?;
    let nullable = members
        .get(&["nullable"])
        .is_some_and(|raw| raw.get() == "true");
    let ordering = members.get(&["propertyOrdering", "property_ordering"]);
    let order: Vec<String> = match ordering {
        Some(raw) => serde_json::from_str(raw.get())?,
        None => Vec::new(),
    };
    out.push('{');
    for (name, value) in &members.0 {
        let before = out.len();
        if before > 1 && !out.ends_with('{') {
            out.push(',');
        }
        let begin = out.len();
        member(name, value, (nullable, &order), out)?;
        if out.len() == begin {
            out.truncate(before);
        }
    }
    out.push('}');
    Ok(())
}

fn put(name: &str, out: &mut String) {
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
}

/// One member, or nothing where another says it.
fn member(
    name: &str,
    value: &RawValue,
    (nullable, order): (bool, &[String]),
    out: &mut String,
) -> serde_json::Result<()> {
    match name {
        "nullable" | "propertyOrdering" | "property_ordering" => {}
        "type" => kind(value, nullable, out),
        "format" if value.get() == "\"enum\"" => {}
        "properties" => {
            put("properties", out);
            map(value, order, out)?;
        }
        "defs" | "$defs" => {
            put("$defs", out);
            map(value, &[], out)?;
        }
        "items" => {
            put("items", out);
            either(value, out)?;
        }
        "additionalProperties" | "additional_properties" => {
            put("additionalProperties", out);
            either(value, out)?;
        }
        "anyOf" | "any_of" => {
            put("anyOf", out);
            list(value, nullable, out)?;
        }
        _ => leaf(name, value, nullable, out),
    }
    Ok(())
}

/// A member that holds no schema.
fn leaf(name: &str, value: &RawValue, nullable: bool, out: &mut String) {
    match name {
        "ref" => {
            put("$ref", out);
            out.push_str(value.get());
        }
        "example" => {
            put("examples", out);
            out.push('[');
            out.push_str(value.get());
            out.push(']');
        }
        "enum" if nullable => {
            put("enum", out);
            out.push_str(value.get().trim_end_matches(']').trim_end());
            out.push_str(",null]");
        }
        _ => {
            put(&camel(name), out);
            let is_count = name.starts_with("max") || name.starts_with("min");
            out.push_str(match is_count {
                true => value.get().trim_matches('"'),
                false => value.get(),
            });
        }
    }
}

fn camel(name: &str) -> String {
    let counts = name.starts_with("max_") || name.starts_with("min_");
    match name.split_once('_').filter(|_| counts) {
        Some((which, of)) => {
            let (first, rest) = of.split_at(of.chars().next().map_or(0, char::len_utf8));
            format!("{which}{}{rest}", first.to_uppercase())
        }
        None => serde_json::to_string(name)
            .unwrap_or_default()
            .trim_matches('"')
            .to_owned(),
    }
}

fn kind(value: &RawValue, nullable: bool, out: &mut String) {
    let is_name = value.get().starts_with('"');
    let lower = if is_name {
        value.get().to_ascii_lowercase()
    } else {
        value.get().to_owned()
    };
    if lower == "\"type_unspecified\"" {
        return;
    }
    out.push_str("\"type\":");
    if nullable && is_name {
        out.push('[');
        out.push_str(&lower);
        out.push_str(",\"null\"]");
    } else {
        out.push_str(&lower);
    }
}

fn map(value: &RawValue, order: &[String], out: &mut String) -> serde_json::Result<()> {
    let mut members = Members::of(value)?;
    members.order(order);
    out.push('{');
    for (index, (name, value)) in members.0.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&serde_json::to_string(&**name)?);
        out.push(':');
        schema(value, out)?;
    }
    out.push('}');
    Ok(())
}

fn either(value: &RawValue, out: &mut String) -> serde_json::Result<()> {
    if value.get().starts_with('{') {
        return schema(value, out);
    }
    out.push_str(value.get());
    Ok(())
}

fn list(value: &RawValue, nullable: bool, out: &mut String) -> serde_json::Result<()> {
    let elements: Vec<&RawValue> = serde_json::from_str(value.get())?;
    out.push('[');
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        schema(element, out)?;
    }
    if nullable {
        out.push_str(if elements.is_empty() {
            "{\"type\":\"null\"}"
        } else {
            ",{\"type\":\"null\"}"
        });
    }
    out.push(']');
    Ok(())
}

/// Whether Google's `Schema` has words for this JSON Schema, in every version of it: then it is sent as one, which every model knows.
pub(super) fn is_openapi(raw: &RawValue) -> bool {
    let Ok(members) = Members::of(raw) else {
        return false;
    };
    let kind = members
        .get(&["type"])
        .and_then(|raw| serde_json::from_str::<&str>(raw.get()).ok());
    if kind.is_none() && members.get(&["anyOf"]).is_none() {
        return false;
    }
    let no_properties = members.get(&["properties"]).is_none();
    if matches!(kind, Some("null")) || (kind == Some("object") && no_properties) {
        return false;
    }
    if kind == Some("array") && members.get(&["items"]).is_none() {
        return false;
    }
    members
        .0
        .iter()
        .all(|(name, value)| is_known(name, value, kind))
}

fn is_known(name: &str, value: &RawValue, kind: Option<&str>) -> bool {
    let text = || serde_json::from_str::<&str>(value.get()).unwrap_or_default();
    match name {
        "type" | "title" | "description" | "nullable" | "default" | "required" | "minItems"
        | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties"
        | "minimum" | "maximum" | "pattern" => true,
        "format" => matches!(
            (kind, text()),
            (Some("string"), "date-time" | "enum")
                | (Some("number"), "float" | "double")
                | (Some("integer"), "int32" | "int64")
        ),
        "enum" => {
            kind == Some("string") && serde_json::from_str::<Vec<String>>(value.get()).is_ok()
        }
        "properties" => Members::of(value).is_ok_and(|members| {
            !members.0.is_empty() && members.0.iter().all(|(_, value)| is_openapi(value))
        }),
        "items" => is_openapi(value),
        "anyOf" => serde_json::from_str::<Vec<&RawValue>>(value.get())
            .is_ok_and(|all| !all.is_empty() && all.into_iter().all(is_openapi)),
        _ => false,
    }
}

/// Whether it is the schema of an object without members, which Google refuses: a function that takes none has no schema there.
pub(super) fn is_nothing(raw: &RawValue) -> bool {
    let Ok(members) = Members::of(raw) else {
        return false;
    };
    let hollow = |raw: &RawValue| crate::json::is_empty(Some(raw.get()));
    members.0.iter().all(|(name, value)| match &**name {
        "type" | "additionalProperties" | "$schema" | "title" => true,
        "properties" | "required" => hollow(value),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.into()).unwrap()
    }

    #[test]
    fn googles_schema_becomes_json_schema() {
        for (google, json) in [
            (r#"{"type":"STRING"}"#, r#"{"type":"string"}"#),
            (
                r#"{"type":"STRING","nullable":true}"#,
                r#"{"type":["string","null"]}"#,
            ),
            (
                r#"{"type":"OBJECT","properties":{"b":{"type":"INTEGER"},"a":{"type":"ARRAY","items":{"type":"NUMBER"},"minItems":"1"}},"propertyOrdering":["a","b"],"required":["a"]}"#,
                r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"number"},"minItems":1},"b":{"type":"integer"}},"required":["a"]}"#,
            ),
            (
                r#"{"any_of":[{"type":"STRING"},{"type":"INTEGER"}],"nullable":true}"#,
                r#"{"anyOf":[{"type":"string"},{"type":"integer"},{"type":"null"}]}"#,
            ),
            (
                r#"{"nullable":false,"type":"STRING","format":"enum","enum":["A","B"],"max_length":"3","example":"A"}"#,
                r#"{"type":"string","enum":["A","B"],"maxLength":3,"examples":["A"]}"#,
            ),
            (r#"{"type":"TYPE_UNSPECIFIED"}"#, "{}"),
        ] {
            assert_eq!(to_json_schema(&raw(google)).unwrap().get(), json);
        }
    }

    #[test]
    fn what_only_json_schema_says_is_not_googles() {
        for within in [
            r#"{"type":"object","properties":{"city":{"type":"string","description":"d"}},"required":["city"]}"#,
            r#"{"anyOf":[{"type":"string","enum":["a"]},{"type":"integer","format":"int32"}]}"#,
        ] {
            assert!(is_openapi(&raw(within)), "{within}");
        }
        for beyond in [
            r#"{"type":"object","properties":{"a":{"type":["string","null"]}}}"#,
            r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/A"}},"$defs":{"A":{"type":"string"}}}"##,
            r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#,
            r#"{"type":"string","format":"uri"}"#,
            r#"{"type":"object"}"#,
            r#"{"type":"integer","enum":[1,2]}"#,
            "{}",
            "true",
        ] {
            assert!(!is_openapi(&raw(beyond)), "{beyond}");
        }
    }
}
