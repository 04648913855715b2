//! A JSON schema as Anthropic's API keeps to it exactly: it answers 400 to a bound, to `oneOf`, and to an object that does not close itself.
//! What it cannot be kept to is said in the description, as Anthropic's own SDK does (anthropic-sdk-python 2.14,
//! lib/_parse/_transform.py), so that the model may still follow it.
//!
//! Called by the writer of requests. The order of members stays, because the answer follows it. Must never loosen a schema.

use crate::json::look::Look;

/// The deepest schema that is looked into; no API takes one as deep.
const DEEPEST: usize = 64;
/// The formats of strings that are kept to.
const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// The schema; none: it allows what cannot be closed, as an object of any members, or it is no schema.
pub(super) fn exact(schema: &str) -> Option<String> {
    rewritten(schema, 0)
}

fn rewritten(schema: &str, depth: usize) -> Option<String> {
    if matches!(schema.trim(), "true" | "false") {
        return Some(schema.to_owned());
    }
    if depth > DEEPEST {
        return None;
    }
    let members = members(schema)?;
    let find = |wanted: &str| {
        let found = members.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| *value)
    };
    let is_object = is_type(find("type"), "object") || find("properties").is_some();
    let is_closed = find("additionalProperties") == Some("false");
    let is_reference = find("$ref").is_some();
    if is_object && find("properties").is_none() && !is_closed {
        return None;
    }
    let (mut kept, mut said, mut about) = (Vec::new(), Vec::new(), None);
    let mut place = None;
    for (name, value) in &members {
        match becomes(name, value, is_reference) {
            Becomes::Kept => kept.push(format!("{}:{value}", quoted(name))),
            Becomes::Schemas(name) => {
                kept.push(format!("{}:{}", quoted(name), list(value, depth)?))
            }
            Becomes::Named => kept.push(format!("{}:{}", quoted(name), named(value, depth)?)),
            Becomes::Schema => {
                kept.push(format!("{}:{}", quoted(name), rewritten(value, depth + 1)?));
            }
            Becomes::About => (place, about) = (Some(kept.len()), crate::json::decode(value).ok()),
            Becomes::Said => said.push(format!("{name}: {value}")),
            Becomes::Nothing => {}
        }
    }
    if let Some(description) = description(about, &said) {
        kept.insert(place.unwrap_or(kept.len()), description);
    }
    if is_object {
        if find("type").is_none() {
            kept.insert(0, r#""type":"object""#.to_owned());
        }
        kept.push(r#""additionalProperties":false"#.to_owned());
    }
    Some(format!("{{{}}}", kept.join(",")))
}

/// What becomes of a keyword.
enum Becomes {
    Kept,
    /// A list of schemas, under this name.
    Schemas(&'static str),
    /// Schemas by name.
    Named,
    Schema,
    /// The description itself.
    About,
    /// A part of the description.
    Said,
    Nothing,
}

fn becomes(name: &str, value: &str, is_reference: bool) -> Becomes {
    match name {
        "$defs" | "definitions" => Becomes::Named,
        "$ref" => Becomes::Kept,
        // Beside a reference nothing else is read.
        _ if is_reference => Becomes::Nothing,
        "description" => Becomes::About,
        "properties" => Becomes::Named,
        "items" if value.starts_with('{') => Becomes::Schema,
        "anyOf" | "oneOf" => Becomes::Schemas("anyOf"),
        "allOf" => Becomes::Schemas("allOf"),
        "type" | "title" | "required" | "const" | "default" => Becomes::Kept,
        "enum" if !value.contains(['{']) && !value.get(1..).unwrap_or_default().contains('[') => {
            Becomes::Kept
        }
        "format" if FORMATS.iter().any(|known| value == quoted(known)) => Becomes::Kept,
        "minItems" if matches!(value, "0" | "1") => Becomes::Kept,
        "additionalProperties" | "$schema" | "$id" | "$comment" => Becomes::Nothing,
        _ => Becomes::Said,
    }
}

fn description(about: Option<String>, said: &[String]) -> Option<String> {
    let said = (!said.is_empty()).then(|| format!("{{{}}}", said.join(", ")));
    let text = match (about, said) {
        (Some(about), Some(said)) => format!("{about}\n\n{said}"),
        (about, said) => about.or(said)?,
    };
    Some(format!(r#""description":{}"#, quoted(&text)))
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// Whether a `type` names it, alone or among others.
fn is_type(kind: Option<&str>, wanted: &str) -> bool {
    kind.is_some_and(|kind| kind.contains(&quoted(wanted)))
}

/// An object's members, by their names; what is `null` is not one.
fn members(object: &str) -> Option<Vec<(String, &str)>> {
    let mut members = Vec::new();
    let body = Look::body(object.as_bytes()).ok()?;
    let read = body.members(|name, value| {
        members.push((name.to_owned(), value.text()));
        Ok(())
    });
    read.ok()?;
    Some(members)
}

fn named(object: &str, depth: usize) -> Option<String> {
    let each = members(object)?.into_iter().map(|(name, schema)| {
        let schema = rewritten(schema, depth + 1)?;
        Some(format!("{}:{schema}", quoted(&name)))
    });
    let all: Option<Vec<String>> = each.collect();
    Some(format!("{{{}}}", all?.join(",")))
}

fn list(array: &str, depth: usize) -> Option<String> {
    let mut all = Some(Vec::new());
    crate::json::each_element(array, |schema| {
        let schema = rewritten(schema, depth + 1);
        all = all.take().zip(schema).map(|(mut all, schema)| {
            all.push(schema);
            all
        });
    });
    Some(format!("[{}]", all?.join(",")))
}

#[cfg(test)]
mod tests {
    use super::exact;
    use serde_json::{Value, json};

    fn of(schema: &Value) -> Option<Value> {
        exact(&schema.to_string()).map(|text| serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn an_object_is_closed_and_a_bound_is_said() {
        let asked = json!({"type": "object", "$schema": "x", "title": "R", "required": ["n"], "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 10, "description": "How many."},
            "tags": {"type": "array", "maxItems": 3, "minItems": 1, "items": {"type": "string", "maxLength": 9}},
            "of": {"oneOf": [{"$ref": "#/$defs/A", "title": "t"}, {"type": "null"}]}},
            "$defs": {"A": {"properties": {"at": {"type": "string", "format": "date"}, "by": {"type": "string", "format": "phone"}}}}});
        let sent = json!({"type": "object", "title": "R", "required": ["n"], "properties": {
            "n": {"type": "integer", "description": "How many.\n\n{maximum: 10, minimum: 1}"},
            "tags": {"type": "array", "minItems": 1, "items": {"type": "string", "description": "{maxLength: 9}"}, "description": "{maxItems: 3}"},
            "of": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}},
            "$defs": {"A": {"type": "object", "properties": {"at": {"type": "string", "format": "date"},
                "by": {"type": "string", "description": "{format: \"phone\"}"}}, "additionalProperties": false}},
            "additionalProperties": false});
        assert_eq!(of(&asked), Some(sent));
    }

    #[test]
    fn the_order_of_members_stays() {
        let schema = r#"{"type":"object","properties":{"zeta":{"type":"string"},"alpha":{"type":"null"}},"additionalProperties":false}"#;
        assert_eq!(exact(schema).as_deref(), Some(schema));
    }

    #[test]
    fn an_object_of_any_members_cannot_be_closed() {
        for schema in [
            json!({"type": "object"}),
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            json!({"type": "object", "properties": {"a": {"type": ["object", "null"]}}}),
            json!({"type": "array", "items": {"type": "object", "additionalProperties": true}}),
            json!([]),
        ] {
            assert_eq!(of(&schema), None, "{schema}");
        }
        let empty = json!({"type": "object", "additionalProperties": false});
        assert_eq!(of(&empty), Some(empty));
        let mut deep = json!({"type": "string"});
        for _ in 0..100 {
            deep = json!({"type": "array", "items": deep});
        }
        assert_eq!(of(&deep), None);
    }
}
