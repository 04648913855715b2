//! What is wrong, and where: one line that an editor can jump to. Made by the rooms of `manifests`, shown by `check` and `up`.
//! It must never hold a secret.

use std::fmt;

/// `examples/plan.yaml:12: Plan free: spec.limits.requestsPerMinute: expected an integer from 1 to 10000000, found "15 "`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) file: String,
    /// 0: the file as a whole.
    pub(crate) line: usize,
    /// The object, when it is known.
    pub(crate) object: Option<ObjectName>,
    /// The field, or empty.
    pub(crate) field: String,
    pub(crate) message: String,
}

/// An object as people name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectName {
    pub(crate) kind: String,
    /// Empty for what is cluster-scoped.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl ObjectName {
    /// `namespace/name`, or `name`.
    pub(crate) fn full(&self) -> String {
        match self.namespace.as_str() {
            "" => self.name.clone(),
            namespace => format!("{namespace}/{}", self.name),
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.full())
    }
}

impl Fault {
    /// About a file as a whole.
    pub(crate) fn of_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Fault {
            file: file.into(),
            line: 0,
            object: None,
            field: String::new(),
            message: message.into(),
        }
    }

    /// `file:line`.
    pub(crate) fn place(&self) -> String {
        match self.line {
            0 => self.file.clone(),
            line => format!("{}:{line}", self.file),
        }
    }

    /// Field and message, without the place.
    pub(crate) fn what(&self) -> String {
        match self.field.as_str() {
            "" => self.message.clone(),
            field => format!("{field}: {}", self.message),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place())?;
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        f.write_str(&self.what())
    }
}
