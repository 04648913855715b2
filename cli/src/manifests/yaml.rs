//! YAML text to plain values, with the line of every field. Scalars are read as kubectl reads them (YAML 1.1: `on` and `yes` are
//! true), so that a file means here what it means to a cluster. Called by `manifests`. It must never show a value in an error.

mod scalar;

use serde_json::{Map, Value};
use serde_yaml::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// More than this, aliases included, is an attack or an accident.
const MOST_NODES: usize = 1_000_000;

/// One document of a file.
pub(crate) struct Document {
    pub(crate) value: Value,
    pub(crate) lines: Lines,
}

/// Where the fields of a document are, by path (`spec.models[0].name`).
#[derive(Clone, Default)]
pub(crate) struct Lines {
    all: Rc<HashMap<String, usize>>,
    root: String,
}

impl Lines {
    /// The line of this field, or of the nearest one around it.
    pub(crate) fn of(&self, path: &str) -> usize {
        let mut path = join(&self.root, path);
        loop {
            if let Some(line) = self.all.get(&path) {
                return *line;
            }
            let Some(cut) = path.rfind(['.', '[']) else {
                return self.all.get("").copied().unwrap_or(1);
            };
            path.truncate(cut);
        }
    }

    /// The lines of a part of the document, with paths as if it were the whole.
    pub(crate) fn under(&self, path: &str) -> Lines {
        Lines {
            all: Rc::clone(&self.all),
            root: join(&self.root, path),
        }
    }
}

/// `path` as seen from the root.
fn join(root: &str, path: &str) -> String {
    match (root.is_empty(), path.is_empty()) {
        (true, _) => path.to_owned(),
        (_, true) => root.to_owned(),
        _ => format!("{root}.{path}"),
    }
}

/// Text that is not YAML, or YAML that is not data.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Broken {
    fn at(span: &Span, message: impl Into<String>) -> Self {
        Broken {
            line: span.start.line(),
            message: message.into(),
        }
    }
}

impl From<ScanError> for Broken {
    fn from(error: ScanError) -> Self {
        Broken {
            line: error.marker().line(),
            message: format!("not YAML: {}", error.info()),
        }
    }
}

/// All documents; empty ones are left out.
///
/// # Errors
/// The first thing that cannot be read: what comes after it cannot be trusted.
pub(crate) fn documents(text: &str) -> Result<Vec<Document>, Broken> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        lines: HashMap::new(),
        anchors: HashMap::new(),
        nodes: 0,
    };
    let mut documents = Vec::new();
    while let Some((event, _)) = reader.next()? {
        if !matches!(event, Event::DocumentStart(..)) {
            continue;
        }
        let Some((event, span)) = reader.next()? else {
            break;
        };
        reader.anchors.clear();
        let value = reader.node(event, &span, "")?;
        let all = Rc::new(std::mem::take(&mut reader.lines));
        if !value.is_null() {
            documents.push(Document {
                value,
                lines: Lines {
                    all,
                    root: String::new(),
                },
            });
        }
    }
    Ok(documents)
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    lines: HashMap<String, usize>,
    anchors: HashMap<usize, Value>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    /// The next event that is not a comment.
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Broken> {
        loop {
            match self.events.next_event() {
                None => return Ok(None),
                Some(Err(error)) => return Err(error.into()),
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(event)) => return Ok(Some(event)),
            }
        }
    }

    fn next_within(&mut self, span: &Span) -> Result<(Event<'a>, Span), Broken> {
        self.next()?
            .ok_or_else(|| Broken::at(span, "not YAML: it ends in the middle"))
    }

    fn node(&mut self, event: Event<'a>, span: &Span, path: &str) -> Result<Value, Broken> {
        self.lines
            .entry(path.to_owned())
            .or_insert_with(|| span.start.line());
        self.count(1, span)?;
        let anchor = event.anchor_id();
        let value = match event {
            Event::Scalar(text, style, _, tag) => {
                let plain = style == ScalarStyle::Plain;
                let kind = tag.as_ref().map(|tag| tag.suffix());
                scalar::read(&text, plain, kind).ok_or_else(|| {
                    Broken::at(span, "this value has a tag or is a number that JSON does not have; write plain text or a number")
                })?
            }
            Event::SequenceStart(..) => self.list(span, path)?,
            Event::MappingStart(..) => self.map(span, path)?,
            Event::Alias(of) => {
                let value = self.anchors.get(&of).cloned().unwrap_or_default();
                self.count(size(&value), span)?;
                value
            }
            _ => return Err(Broken::at(span, "not YAML: a value is missing")),
        };
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn count(&mut self, more: usize, span: &Span) -> Result<(), Broken> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes <= MOST_NODES {
            return Ok(());
        }
        Err(Broken::at(
            span,
            format!("more than {MOST_NODES} values, those of aliases included; split the file"),
        ))
    }

    fn list(&mut self, span: &Span, path: &str) -> Result<Value, Broken> {
        let mut values = Vec::new();
        loop {
            let (event, at) = self.next_within(span)?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Value::Array(values));
            }
            let path = format!("{path}[{}]", values.len());
            values.push(self.node(event, &at, &path)?);
        }
    }

    fn map(&mut self, span: &Span, path: &str) -> Result<Value, Broken> {
        let (mut members, mut merged, mut seen) = (Map::new(), Map::new(), HashSet::new());
        loop {
            let (event, at) = self.next_within(span)?;
            let (key, plain) = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, style, ..) => (text.into_owned(), style == ScalarStyle::Plain),
                _ => return Err(Broken::at(&at, "a field's name must be text")),
            };
            if !seen.insert(key.clone()) {
                return Err(Broken::at(
                    &at,
                    format!("field {key} is here twice; keep one"),
                ));
            }
            let path = join(path, &key);
            self.lines.insert(path.clone(), at.start.line());
            let (event, at) = self.next_within(span)?;
            let value = self.node(event, &at, &path)?;
            if plain && key == "<<" {
                merge(&mut merged, value)
                    .ok_or_else(|| Broken::at(&at, "<< takes a map or a list of maps"))?;
            } else {
                members.insert(key, value);
            }
        }
        for (key, value) in merged {
            members.entry(key).or_insert(value);
        }
        Ok(Value::Object(members))
    }
}

/// The first of several maps that has a field decides it.
fn merge(into: &mut Map<String, Value>, value: Value) -> Option<()> {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                into.entry(key).or_insert(value);
            }
            Some(())
        }
        Value::Array(maps) if maps.iter().all(Value::is_object) => {
            maps.into_iter().try_for_each(|map| merge(into, map))
        }
        _ => None,
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(size).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
