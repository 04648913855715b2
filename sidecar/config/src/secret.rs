//! Text that must not be seen: a provider's credential. Serialised for the wire, silent everywhere else.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A secret value. `Debug` prints `…`; there is no `Display`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// Takes the value in.
    pub fn new(text: impl Into<String>) -> Self {
        SecretText(text.into())
    }

    /// The value, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
