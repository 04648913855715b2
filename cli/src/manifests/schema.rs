//! The API server's judgement of one object, without an API server: the same generated schema, defaults, bounds and CEL rules. So
//! `purser check` and `kubectl apply` agree. Unknown fields are errors, as they are to kubectl. Called by `object`.

mod describe;

use describe::{described, found};
use kube_cel::{CompiledSchema, Validator, compile_schema};
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// A field and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Objection {
    pub(crate) field: String,
    pub(crate) message: String,
}

/// The schemas of our kinds.
pub(crate) struct Schemas {
    kinds: HashMap<String, Kind>,
    rules: Validator,
    patterns: Patterns,
}

struct Kind {
    schema: Value,
    compiled: CompiledSchema,
}

/// Patterns that were compiled once.
#[derive(Default)]
struct Patterns(Mutex<HashMap<String, Option<Regex>>>);

impl Patterns {
    /// A pattern that cannot be compiled matches: the API server has the last word.
    fn matches(&self, pattern: &str, text: &str) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let compiled = known
            .entry(pattern.to_owned())
            .or_insert_with(|| Regex::new(pattern).ok());
        compiled
            .as_ref()
            .is_none_or(|compiled| compiled.is_match(text))
    }
}

impl Schemas {
    /// Those that `purser crds` prints.
    pub(crate) fn new() -> Self {
        let definitions = purser_crds::all().into_iter().filter_map(|definition| {
            let kind = definition.spec.names.kind;
            let version = definition.spec.versions.into_iter().next()?;
            let schema = serde_json::to_value(version.schema?.open_api_v3_schema?).ok()?;
            let compiled = compile_schema(&schema);
            Some((kind, Kind { schema, compiled }))
        });
        Schemas {
            kinds: definitions.collect(),
            rules: Validator::new(),
            patterns: Patterns::default(),
        }
    }

    /// Completes the object as the API server would, and says what it would refuse it for.
    pub(crate) fn judge(&self, kind: &str, object: &mut Value) -> Vec<Objection> {
        let Some(Kind { schema, compiled }) = self.kinds.get(kind) else {
            return Vec::new();
        };
        if let Some(members) = object.as_object_mut() {
            members.remove("status");
        }
        complete(schema, object);
        let mut walk = Walk {
            patterns: &self.patterns,
            objections: Vec::new(),
        };
        walk.map(schema, object, "");
        // A rule looks at the name, whose absence is told elsewhere.
        if walk.objections.is_empty()
            && object["metadata"]["name"].is_string()
            && let Err(errors) = self.rules.validate_compiled(compiled, object, None)
        {
            let refused = errors.into_vec().into_iter().map(|error| Objection {
                field: error.field_path,
                message: error.message,
            });
            walk.objections.extend(refused);
        }
        walk.objections
    }
}

/// Drops nulls, fills in defaults and writes integers as such, outside in, so that a default object is completed too.
fn complete(schema: &Value, value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, member| !member.is_null());
        for (name, property) in object_of(schema, "properties") {
            if let (false, Some(default)) = (members.contains_key(name), property.get("default")) {
                members.insert(name.clone(), default.clone());
            }
            if let Some(member) = members.get_mut(name) {
                complete(property, member);
            }
        }
    }
    if schema["type"] == "integer"
        && let Some(whole) = whole(value)
    {
        *value = whole;
    }
    if let (Some(item), Value::Array(values)) = (schema.get("items"), value) {
        values.iter_mut().for_each(|value| complete(item, value));
    }
}

/// `15.0` and `1e1` are integers to the API server.
fn whole(value: &Value) -> Option<Value> {
    let number = value
        .as_f64()
        .filter(|number| value.is_f64() && number.fract() == 0.0)?;
    // Up to here a float holds every integer.
    (number.abs() <= 9_007_199_254_740_992.0).then_some(Value::from(number as i64))
}

/// A moment as RFC 3339 writes it; jiff takes a space for the T, the API server does not.
fn is_time(text: &str) -> bool {
    matches!(text.as_bytes().get(10), Some(b'T' | b't')) && text.parse::<jiff::Timestamp>().is_ok()
}

fn object_of<'a>(
    schema: &'a Value,
    name: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    schema
        .get(name)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

/// What is on the way through one object.
struct Walk<'a> {
    patterns: &'a Patterns,
    objections: Vec<Objection>,
}

impl Walk<'_> {
    fn object(&mut self, field: &str, message: String) {
        self.objections.push(Objection {
            field: field.to_owned(),
            message,
        });
    }

    /// `expected …, found …`, or nothing when it holds.
    fn expect(&mut self, holds: bool, schema: &Value, (value, path): (&Value, &str)) {
        if !holds {
            self.object(
                path,
                format!(
                    "expected {}, found {}",
                    described(schema),
                    found(value, path)
                ),
            );
        }
    }

    fn value(&mut self, schema: &Value, value: &Value, path: &str) {
        let at = (value, path);
        match schema.get("type").and_then(Value::as_str) {
            Some("object") if value.is_object() => self.map(schema, value, path),
            Some("array") if value.is_array() => self.list(schema, value, path),
            Some("string") if value.is_string() => {
                self.expect(self.is_good_text(schema, value), schema, at)
            }
            Some("integer") => self.expect(is_good_integer(schema, value), schema, at),
            Some("number") => self.expect(value.is_number(), schema, at),
            Some("boolean") => self.expect(value.is_boolean(), schema, at),
            Some(_) => self.expect(false, schema, at),
            None => {}
        }
    }

    fn map(&mut self, schema: &Value, value: &Value, path: &str) {
        let Some(members) = value.as_object() else {
            return self.expect(false, schema, (value, path));
        };
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, member) in members {
            let inner = joined(path, name);
            match (
                properties.and_then(|all| all.get(name)),
                schema.get("additionalProperties"),
            ) {
                (Some(property), _) => self.value(property, member, &inner),
                (None, Some(any @ Value::Object(_))) => self.value(any, member, &inner),
                // The outermost level's own fields were read before.
                (None, None) if path.is_empty() => {}
                (None, _) => self.object(&inner, unknown(name, properties)),
            }
        }
        for name in schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if !members.contains_key(name) {
                let property = properties
                    .and_then(|all| all.get(name))
                    .unwrap_or(&Value::Null);
                self.object(
                    &joined(path, name),
                    format!("missing, expected {}", described(property)),
                );
            }
        }
        self.bounded(
            schema,
            ["minProperties", "maxProperties"],
            (members.len(), path),
        );
    }

    fn list(&mut self, schema: &Value, value: &Value, path: &str) {
        let values = value.as_array().map_or(&[][..], Vec::as_slice);
        if let Some(item) = schema.get("items") {
            for (at, value) in values.iter().enumerate() {
                self.value(item, value, &format!("{path}[{at}]"));
            }
        }
        self.bounded(schema, ["minItems", "maxItems"], (values.len(), path));
        let identity = |value: &Value| match schema
            .get("x-kubernetes-list-map-keys")
            .and_then(Value::as_array)
        {
            Some(keys) => keys
                .iter()
                .map(|key| value.get(key.as_str().unwrap_or_default()).cloned())
                .collect(),
            None => vec![Some(value.clone())],
        };
        if schema.get("x-kubernetes-list-type").is_some() {
            let identities: Vec<_> = values.iter().map(identity).collect();
            for (at, one) in identities.iter().enumerate() {
                if identities[..at].contains(one) {
                    self.object(
                        &format!("{path}[{at}]"),
                        "expected each entry once, found it twice".into(),
                    );
                }
            }
        }
    }

    fn bounded(&mut self, schema: &Value, [least, most]: [&str; 2], (count, path): (usize, &str)) {
        let bound = |name| {
            schema
                .get(name)
                .and_then(Value::as_u64)
                .and_then(|bound| usize::try_from(bound).ok())
        };
        if let Some(least) = bound(least).filter(|least| count < *least) {
            self.object(
                path,
                format!("expected at least {least} entries, found {count}"),
            );
        }
        if let Some(most) = bound(most).filter(|most| count > *most) {
            self.object(
                path,
                format!("expected at most {most} entries, found {count}"),
            );
        }
    }

    fn is_good_text(&self, schema: &Value, value: &Value) -> bool {
        let text = value.as_str().unwrap_or_default();
        let letters = text.chars().count() as u64;
        let bound = |name| schema.get(name).and_then(Value::as_u64);
        let listed = schema.get("enum").and_then(Value::as_array);
        let moment = schema.get("format").and_then(Value::as_str) == Some("date-time");
        bound("minLength").is_none_or(|least| letters >= least)
            && bound("maxLength").is_none_or(|most| letters <= most)
            && listed.is_none_or(|listed| listed.contains(value))
            && (!moment || is_time(text))
            && schema
                .get("pattern")
                .and_then(Value::as_str)
                .is_none_or(|pattern| self.patterns.matches(pattern, text))
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn is_good_integer(schema: &Value, value: &Value) -> bool {
    let bound = |name| schema.get(name).and_then(Value::as_f64);
    (value.is_i64() || value.is_u64())
        && value.as_f64().is_some_and(|number| {
            bound("minimum").is_none_or(|least| number >= least)
                && bound("maximum").is_none_or(|most| number <= most)
        })
}

fn unknown(name: &str, known: Option<&Map<String, Value>>) -> String {
    let mut names: Vec<&str> = known
        .into_iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    match describe::nearest(name, &names) {
        Some(nearest) => format!("unknown field, did you mean {nearest}?"),
        None => format!("unknown field, expected one of {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests;
