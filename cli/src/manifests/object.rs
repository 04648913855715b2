//! One object of a file: which it is, what is wrong with it, and what it adds to the world. Called by `manifests`. It must never
//! put anything of a Secret into a message but names.

use super::fault::{Fault, ObjectName};
use super::schema::Schemas;
use super::yaml::{Document, Lines};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use purser_compile::{World, WorldSecret};
use purser_config::{Name, SecretText};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const GROUP_VERSION: &str = "purser.dev/v1alpha1";
const ROOT_FIELDS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
const SECRET_FIELDS: [&str; 6] = [
    "apiVersion",
    "kind",
    "metadata",
    "data",
    "stringData",
    "type",
];
const METADATA_FIELDS: [&str; 15] = [
    "name",
    "namespace",
    "labels",
    "annotations",
    "generateName",
    "finalizers",
    "ownerReferences",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "uid",
    "resourceVersion",
    "generation",
    "managedFields",
    "selfLink",
];

/// What a document turned out to be.
pub(crate) enum Read {
    /// It is in the world now.
    Taken(ObjectName),
    /// It is not, for these reasons.
    Refused(ObjectName, Vec<Fault>),
    /// Nothing of ours.
    Ignored(Fault),
}

/// A document on its way into the world.
pub(crate) struct Reading<'a> {
    file: &'a str,
    lines: Lines,
    object: ObjectName,
    faults: Vec<Fault>,
}

/// The objects in a document: itself, or the items of a list.
pub(crate) fn objects(document: Document) -> Vec<Document> {
    let is_list = document.value["kind"]
        .as_str()
        .is_some_and(|kind| kind.ends_with("List"));
    let Document { mut value, lines } = document;
    match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => {
            let item = |(at, value)| Document {
                value,
                lines: lines.under(&format!("items[{at}]")),
            };
            items
                .into_iter()
                .enumerate()
                .map(item)
                .flat_map(objects)
                .collect()
        }
        Some(items) => {
            value["items"] = items;
            vec![Document { value, lines }]
        }
        None => vec![Document { value, lines }],
    }
}

/// Reads one object into the world.
pub(crate) fn read(file: &str, document: Document, schemas: &Schemas, world: &mut World) -> Read {
    let Document { value, lines } = document;
    let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let (kind, version) = (text("kind"), text("apiVersion"));
    let object = name_of(&value, &kind);
    let mut reading = Reading {
        file,
        lines,
        object,
        faults: Vec::new(),
    };
    if !value.is_object() || kind.is_empty() || version.is_empty() {
        reading.fault(
            "",
            "expected an object with apiVersion, kind and metadata.name".into(),
        );
        return Read::Refused(reading.object, reading.faults);
    }
    match (kind.as_str(), version.as_str()) {
        ("Plan" | "ApiKey" | "ProviderChannel", GROUP_VERSION) => {
            reading.ours(value, schemas, world)
        }
        ("Secret", "v1") => reading.secret(&value, world),
        ("Namespace", "v1") => reading.namespace(&value, world),
        ("Plan" | "ApiKey" | "ProviderChannel", _)
            if version.starts_with("purser.dev/") || !version.contains('/') =>
        {
            reading.fault(
                "apiVersion",
                format!("expected {GROUP_VERSION}, found {version:?}"),
            );
            Read::Refused(reading.object, reading.faults)
        }
        _ if version.starts_with("purser.dev/") => {
            reading.fault(
                "kind",
                format!("expected Plan, ApiKey or ProviderChannel, found {kind:?}"),
            );
            Read::Refused(reading.object, reading.faults)
        }
        _ => {
            let fault = reading.made(
                "",
                format!("kind {kind} means nothing to Purser and is ignored"),
            );
            Read::Ignored(fault)
        }
    }
}

/// As people name it; files may leave the namespace out.
pub(crate) fn name_of(value: &Value, kind: &str) -> ObjectName {
    let text = |field: &str| {
        value["metadata"][field]
            .as_str()
            .filter(|text| !text.is_empty())
    };
    let namespace = match kind {
        "ApiKey" | "ProviderChannel" | "Secret" => text("namespace").unwrap_or("default"),
        _ => "",
    };
    let kind = if kind.is_empty() { "object" } else { kind };
    ObjectName {
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: text("name").unwrap_or("(without a name)").to_owned(),
    }
}

impl Reading<'_> {
    fn made(&self, field: &str, message: String) -> Fault {
        Fault {
            file: self.file.to_owned(),
            line: self.lines.of(field),
            object: Some(self.object.clone()),
            field: field.to_owned(),
            message,
        }
    }

    fn fault(&mut self, field: &str, message: String) {
        self.faults.push(self.made(field, message));
    }

    fn done(self) -> Read {
        if self.faults.is_empty() {
            Read::Taken(self.object)
        } else {
            Read::Refused(self.object, self.faults)
        }
    }

    fn ours(mut self, mut value: Value, schemas: &Schemas, world: &mut World) -> Read {
        self.fields(&value, "", &ROOT_FIELDS);
        self.metadata(&value);
        for objection in schemas.judge(&self.object.kind, &mut value) {
            self.fault(&objection.field, objection.message);
        }
        if !self.faults.is_empty() {
            return self.done();
        }
        if !self.object.namespace.is_empty() {
            value["metadata"]["namespace"] = Value::from(self.object.namespace.clone());
        }
        let added = match self.object.kind.as_str() {
            "Plan" => serde_json::from_value(value).map(|plan| world.plans.push(plan)),
            "ApiKey" => serde_json::from_value(value).map(|key| world.keys.push(key)),
            _ => serde_json::from_value(value).map(|channel| world.channels.push(channel)),
        };
        if let Err(error) = added {
            self.fault("", format!("cannot be read: {error}"));
        }
        self.done()
    }

    fn secret(mut self, value: &Value, world: &mut World) -> Read {
        self.fields(value, "", &[&SECRET_FIELDS[..], &["immutable"]].concat());
        self.metadata(value);
        let mut data = BTreeMap::new();
        for (name, encoded) in self.map(value, "data") {
            let compact: String = encoded.split_whitespace().collect();
            match STANDARD.decode(compact) {
                // What is not text cannot be a key or a credential.
                Ok(bytes) => drop(String::from_utf8(bytes).map(|text| data.insert(name, SecretText::new(text)))),
                Err(_) => self.fault(&format!("data.{name}"), "expected base64 (plain text goes into stringData), found other text (not shown)".into()),
            }
        }
        for (name, text) in self.map(value, "stringData") {
            data.insert(name, SecretText::new(text));
        }
        let secret = WorldSecret {
            labels: texts(&value["metadata"]["labels"]),
            annotations: texts(&value["metadata"]["annotations"]),
            kind: value["type"].as_str().unwrap_or_default().to_owned(),
            data,
        };
        if self.faults.is_empty() {
            world
                .secrets
                .insert(Name::new(&self.object.namespace, &self.object.name), secret);
        }
        self.done()
    }

    fn namespace(mut self, value: &Value, world: &mut World) -> Read {
        self.metadata(value);
        if self.faults.is_empty() {
            let labels = texts(&value["metadata"]["labels"]);
            world
                .namespaces
                .entry(self.object.name.clone())
                .or_default()
                .extend(labels);
        }
        self.done()
    }

    fn metadata(&mut self, value: &Value) {
        let metadata = &value["metadata"];
        self.fields(metadata, "metadata", &METADATA_FIELDS);
        if metadata["name"].as_str().is_none_or(str::is_empty) {
            self.fault(
                "metadata.name",
                "missing, expected the object's name".into(),
            );
        }
        for field in ["name", "namespace"] {
            if !(metadata[field].is_string() || metadata[field].is_null()) {
                self.fault(
                    &format!("metadata.{field}"),
                    format!("expected text, found {}; put it in quotes", metadata[field]),
                );
            }
        }
        self.map(metadata, "metadata.annotations");
        for (name, value) in self.map(metadata, "metadata.labels") {
            if !is_label(&value) {
                let expected = "expected at most 63 letters, digits, hyphens, underscores and dots, with a letter or digit at both ends";
                self.fault(
                    &format!("metadata.labels.{name}"),
                    format!("{expected}, found {value:?}"),
                );
            }
        }
    }

    fn fields(&mut self, value: &Value, path: &str, known: &[&str]) {
        let names: Vec<String> = value
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .cloned()
            .collect();
        for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
            let field = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            self.fault(
                &field,
                format!("unknown field, expected one of {}", known.join(", ")),
            );
        }
    }

    /// The entries of a map of text; what is not text becomes a fault, without its value.
    fn map(&mut self, holder: &Value, path: &str) -> Vec<(String, String)> {
        let field = path.rsplit('.').next().unwrap_or_default();
        let map = match &holder[field] {
            Value::Null => return Vec::new(),
            Value::Object(map) => map.clone(),
            _ => {
                self.fault(path, "expected a map of text to text".into());
                return Vec::new();
            }
        };
        let mut entries = Vec::new();
        for (name, value) in map {
            match value {
                Value::String(text) => entries.push((name, text)),
                _ => self.fault(
                    &format!("{path}.{name}"),
                    "expected text; put the value in quotes".into(),
                ),
            }
        }
        entries
    }
}

/// Whether a cluster takes this as a label's value.
fn is_label(value: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = [value.bytes().next(), value.bytes().last()];
    value.len() <= 63
        && value.bytes().all(inner)
        && ends
            .into_iter()
            .flatten()
            .all(|byte| byte.is_ascii_alphanumeric())
}

fn texts(map: &Value) -> BTreeMap<String, String> {
    let entries = map.as_object().into_iter().flatten();
    entries
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Whatever has metadata.
pub(crate) trait Named {
    /// Namespace, if it has one, and name.
    fn called(&self) -> (&str, &str);
}

macro_rules! named {
    ($($kind:ty),*) => {$(impl Named for $kind {
        fn called(&self) -> (&str, &str) {
            (self.metadata.namespace.as_deref().unwrap_or_default(), self.metadata.name.as_deref().unwrap_or_default())
        }
    })*};
}
named!(
    purser_crds::Plan,
    purser_crds::ApiKey,
    purser_crds::ProviderChannel
);
