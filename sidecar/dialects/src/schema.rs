//! Whether what a caller gives as a JSON Schema is one: each keyword holds what its meaning needs, at every depth.
//!
//! Called by `needs` for the parameters of tools. A validator (`jsonschema`, `boon`) would also compile patterns and references,
//! which costs megabytes and says nothing that a provider needs; the meta-schemas themselves only state kinds, and those are this
//! table. All drafts are taken, since nobody writes `$schema` here. Must never refuse a keyword that it does not know.

use serde_json::{Map, Value};
use std::collections::HashSet;

/// Where a schema is none, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaFault {
    /// Below the schema, as JavaScript would write it: `.properties.city.type`; empty: the schema itself.
    pub path: String,
    /// `expected …, found …`.
    pub why: String,
}

/// Whose spelling of schemas it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// JSON Schema's.
    Json,
    /// OpenAPI's as Gemini reads it: types in capitals, counts as strings.
    Gemini,
}

/// What a keyword must hold.
#[derive(Clone, Copy)]
enum Holds {
    Type,
    Number,
    /// A number, or drafts 3 and 4's boolean.
    Bound,
    Count,
    Text,
    Flag,
    Names,
    List,
    Schema,
    Schemas,
    /// One schema, or draft 7's list of them.
    Items,
    Named,
    NamedLists,
    /// Draft 7's `dependencies`: schemas or lists of names, by name.
    Either,
}

const TYPES: [&str; 7] = [
    "string", "number", "integer", "boolean", "object", "array", "null",
];

fn holds(keyword: &str) -> Option<Holds> {
    Some(match keyword {
        "type" => Holds::Type,
        "maximum" | "minimum" | "multipleOf" => Holds::Number,
        "exclusiveMaximum" | "exclusiveMinimum" => Holds::Bound,
        "maxLength" | "minLength" | "maxItems" | "minItems" | "maxProperties" | "minProperties"
        | "maxContains" | "minContains" => Holds::Count,
        "title" | "description" | "format" | "pattern" | "$ref" | "$id" | "$schema" | "$anchor"
        | "$comment" => Holds::Text,
        "uniqueItems" | "deprecated" | "readOnly" | "writeOnly" => Holds::Flag,
        "required" => Holds::Names,
        "enum" | "examples" => Holds::List,
        "additionalProperties"
        | "additionalItems"
        | "not"
        | "if"
        | "then"
        | "else"
        | "contains"
        | "propertyNames"
        | "unevaluatedItems"
        | "unevaluatedProperties" => Holds::Schema,
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Holds::Schemas,
        "items" => Holds::Items,
        "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => {
            Holds::Named
        }
        "dependentRequired" => Holds::NamedLists,
        "dependencies" => Holds::Either,
        _ => return None,
    })
}

/// The first fault of the parameters of a function, which are an object's.
///
/// # Errors
/// Where they are no schema of one.
pub fn check_parameters(schema: &Value, spelling: Spelling) -> Result<(), SchemaFault> {
    if !schema.is_object() {
        return Err(fault("", "an object", schema));
    }
    check(schema, spelling)?;
    match schema.get("type") {
        Some(Value::String(kind)) if !kind.eq_ignore_ascii_case("object") => Err(SchemaFault {
            path: ".type".into(),
            why: format!("expected \"object\", since arguments have names, found {kind:?}"),
        }),
        _ => Ok(()),
    }
}

/// The first fault of a schema.
///
/// # Errors
/// Where it is none.
pub fn check(schema: &Value, spelling: Spelling) -> Result<(), SchemaFault> {
    Check { spelling }.schema(schema, &mut String::new())
}

struct Check {
    spelling: Spelling,
}

impl Check {
    /// serde_json reads at most 128 levels, and so does this.
    fn schema(&self, schema: &Value, path: &mut String) -> Result<(), SchemaFault> {
        match schema {
            Value::Bool(_) => Ok(()),
            Value::Object(members) => members.iter().try_for_each(|(keyword, value)| {
                let Some(holds) = holds(keyword) else {
                    return Ok(());
                };
                within(path, &dotted(keyword), |path| {
                    self.holds(holds, value, path)
                })
            }),
            other => Err(fault(path, "a schema (an object or a boolean)", other)),
        }
    }

    fn holds(&self, holds: Holds, value: &Value, path: &mut String) -> Result<(), SchemaFault> {
        let expect = |is: bool, what: &str| {
            if is {
                Ok(())
            } else {
                Err(fault(path, what, value))
            }
        };
        match holds {
            Holds::Type => self.types(value, path),
            Holds::Number => expect(value.is_number(), "a number"),
            Holds::Bound => expect(value.is_number() || value.is_boolean(), "a number"),
            Holds::Count => expect(self.is_count(value), "a whole number from 0"),
            Holds::Text => expect(value.is_string(), "a string"),
            Holds::Flag => expect(value.is_boolean(), "a boolean"),
            Holds::List => expect(value.is_array(), "an array"),
            Holds::Names => names(value, path),
            Holds::Schema => self.schema(value, path),
            Holds::Schemas => self.schemas(value, path),
            Holds::Items if value.is_array() => self.schemas(value, path),
            Holds::Items => self.schema(value, path),
            Holds::Named => each(value, path, |value, path| self.schema(value, path)),
            Holds::NamedLists => each(value, path, names),
            Holds::Either => each(value, path, |value, path| match value {
                Value::Array(_) => names(value, path),
                _ => self.schema(value, path),
            }),
        }
    }

    fn types(&self, value: &Value, path: &str) -> Result<(), SchemaFault> {
        let is_type = |value: &Value| {
            value.as_str().is_some_and(|name| match self.spelling {
                Spelling::Json => TYPES.contains(&name),
                Spelling::Gemini => {
                    name == "TYPE_UNSPECIFIED"
                        || TYPES.contains(&name.to_ascii_lowercase().as_str())
                }
            })
        };
        let all = match value {
            Value::Array(listed) => !listed.is_empty() && listed.iter().all(is_type),
            one => is_type(one),
        };
        if all {
            return Ok(());
        }
        let what = format!("one of {}, or a list of them", TYPES.join(", "));
        Err(fault(path, &what, value))
    }

    /// A schema made from floats says `3.0`.
    fn is_count(&self, value: &Value) -> bool {
        let whole = |number: f64| number >= 0.0 && number.fract() == 0.0;
        match (value, self.spelling) {
            (Value::String(digits), Spelling::Gemini) => digits.parse::<u64>().is_ok(),
            (value, _) => value.as_f64().is_some_and(whole),
        }
    }

    fn schemas(&self, value: &Value, path: &mut String) -> Result<(), SchemaFault> {
        let Value::Array(listed) = value else {
            return Err(fault(path, "an array of schemas", value));
        };
        listed.iter().enumerate().try_for_each(|(at, schema)| {
            within(path, &format!("[{at}]"), |path| self.schema(schema, path))
        })
    }
}

fn names(value: &Value, path: &mut String) -> Result<(), SchemaFault> {
    let Value::Array(listed) = value else {
        return Err(fault(path, "an array of names", value));
    };
    let mut seen = HashSet::new();
    for (at, name) in listed.iter().enumerate() {
        let Value::String(text) = name else {
            return within(path, &format!("[{at}]"), |path| {
                Err(fault(path, "a name (a string)", name))
            });
        };
        if !seen.insert(text) {
            return Err(SchemaFault {
                path: path.clone(),
                why: format!("expected each name once, found {} twice", shown(name)),
            });
        }
    }
    Ok(())
}

/// Each value of an object by name.
fn each(
    value: &Value,
    path: &mut String,
    check: impl Fn(&Value, &mut String) -> Result<(), SchemaFault>,
) -> Result<(), SchemaFault> {
    let Value::Object(members) = value else {
        return Err(fault(path, "an object", value));
    };
    let members: &Map<String, Value> = members;
    members
        .iter()
        .try_for_each(|(name, value)| within(path, &dotted(name), |path| check(value, path)))
}

fn within<T>(path: &mut String, step: &str, go: impl FnOnce(&mut String) -> T) -> T {
    let length = path.len();
    path.push_str(step);
    let gone = go(path);
    path.truncate(length);
    gone
}

fn dotted(name: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '-');
    if !name.is_empty() && name.len() <= 128 && name.chars().all(plain) {
        format!(".{name}")
    } else {
        format!("[{}]", shown(&Value::String(name.to_owned())))
    }
}

fn fault(path: &str, expected: &str, found: &Value) -> SchemaFault {
    SchemaFault {
        path: path.to_owned(),
        why: format!("expected {expected}, found {}", shown(found)),
    }
}

/// Of what was found as much as a person needs.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
        Value::String(text) => format!("{:?}", text.chars().take(64).collect::<String>()),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(schema: Value) -> String {
        let fault = check_parameters(&schema, Spelling::Json).unwrap_err();
        format!("{}: {}", fault.path, fault.why)
    }

    #[test]
    fn what_frameworks_write_is_a_schema() {
        let all = [
            json!({}),
            json!({"type": "object", "properties": {}}),
            json!({"type": "object", "properties": {"city": {"type": ["string", "null"], "enum": ["a", null]}},
                "required": ["city"], "additionalProperties": false}),
            json!({"$defs": {"P": {"type": "object"}}, "properties": {"p": {"$ref": "#/$defs/P"},
                "n": {"exclusiveMinimum": 0, "maxLength": 3.0, "default": null, "anyOf": [{"type": "integer"}, true]},
                "t": {"items": [{"type": "string"}, {"type": "number"}]}}}),
            json!({"properties": {"old": {"exclusiveMinimum": true, "minimum": 1, "nullable": true, "example": 7}},
                "dependencies": {"a": ["b"], "c": {"type": "object"}}, "x-order": 3}),
            json!({"properties": {"type": {"type": "string"}, "required": {"type": "boolean"}}}),
        ];
        for schema in all {
            assert_eq!(
                check_parameters(&schema, Spelling::Json),
                Ok(()),
                "{schema}"
            );
        }
    }

    #[test]
    fn a_fault_is_told_with_its_path() {
        for (schema, told) in [
            (
                json!({"properties": {"city": {"type": "str"}}}),
                ".properties.city.type: expected one of string, number, integer, boolean, object, array, null, or a list of them, found \"str\"",
            ),
            (
                json!({"properties": {"city": {"type": "string", "required": true}}}),
                ".properties.city.required: expected an array of names, found true",
            ),
            (
                json!({"properties": ["city"]}),
                ".properties: expected an object, found an array",
            ),
            (
                json!({"properties": {"a b": {"items": "string"}}}),
                ".properties[\"a b\"].items: expected a schema (an object or a boolean), found \"string\"",
            ),
            (
                json!({"anyOf": [{"type": "object"}, {"minLength": -1}]}),
                ".anyOf[1].minLength: expected a whole number from 0, found -1",
            ),
            (
                json!({"required": ["a", "a"]}),
                ".required: expected each name once, found \"a\" twice",
            ),
            (
                json!({"required": ["a", 1]}),
                ".required[1]: expected a name (a string), found 1",
            ),
            (
                json!({"properties": {"x": {"enum": "a"}}}),
                ".properties.x.enum: expected an array, found \"a\"",
            ),
            (
                json!({"properties": {"x": {"description": null}}}),
                ".properties.x.description: expected a string, found null",
            ),
            (
                json!({"type": "string"}),
                ".type: expected \"object\", since arguments have names, found \"string\"",
            ),
            (json!([]), ": expected an object, found an array"),
            (
                json!({"properties": {"x": {"type": []}}}),
                ".properties.x.type: expected one of string, number, integer, boolean, object, array, null, or a list of them, found an array",
            ),
        ] {
            assert_eq!(found(schema), told);
        }
    }

    #[test]
    fn gemini_writes_types_in_capitals_and_counts_as_strings() {
        let schema = json!({"type": "OBJECT", "properties": {"a": {"type": "ARRAY", "maxItems": "3", "items": {"type": "STRING"}}}});
        assert_eq!(check_parameters(&schema, Spelling::Gemini), Ok(()));
        assert!(check_parameters(&schema, Spelling::Json).is_err());
        let wrong = json!({"type": "OBJECT", "properties": {"a": {"type": "STRINGS"}}});
        let fault = check_parameters(&wrong, Spelling::Gemini).unwrap_err();
        assert_eq!(fault.path, ".properties.a.type");
    }
}
