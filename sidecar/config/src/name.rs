//! The name of a namespaced object, `namespace/name`. Used as a map key everywhere; never parsed twice. Every request carries
//! the name of its key from room to room, so a copy is a count and no memory of its own.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// `namespace/name`, both non-empty, as Kubernetes writes it in messages.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

/// Text that is not `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidName(String);

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not of the form namespace/name", self.0)
    }
}

impl std::error::Error for InvalidName {}

impl Name {
    /// Joins the two parts. Kubernetes guarantees that neither holds a slash.
    pub fn new(namespace: &str, name: &str) -> Self {
        Name(format!("{namespace}/{name}").into())
    }

    /// The part before the slash.
    pub fn namespace(&self) -> &str {
        self.0
            .split_once('/')
            .map_or("", |(namespace, _)| namespace)
    }

    /// The part after the slash.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }

    /// Both parts with their slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        match text.split_once('/') {
            Some((namespace, name))
                if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
            {
                Ok(Name(text.into()))
            }
            _ => Err(InvalidName(text)),
        }
    }
}

impl std::str::FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Name::try_from(text.to_owned())
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.as_str().to_owned()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_apart_what_it_joined() {
        let name = Name::new("shop", "checkout");
        assert_eq!((name.namespace(), name.name()), ("shop", "checkout"));
        assert_eq!("shop/checkout".parse::<Name>().unwrap(), name);
    }

    #[test]
    fn refuses_what_is_not_two_parts() {
        for text in ["", "shop", "/checkout", "shop/", "a/b/c"] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }
}
