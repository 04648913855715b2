//! What replicas tell each other of the sidecars that are connected to them, so that the one that writes statuses can sum them. Pure;
//! `hub` composes and hears it, the authority's store carries it.

use crate::serve::health::Diagnosis;
use purser_config::{Fault, Name};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one replica knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// Sidecars that hold the same, by namespace.
    pub(super) groups: Vec<Group>,
    /// What they find of channels.
    pub(super) diagnoses: BTreeMap<Name, Diagnosis>,
}

/// Sidecars of a namespace that hold the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) namespace: String,
    pub(super) count: usize,
    /// The hash of the configuration that they run.
    pub(super) hash: Option<String>,
    /// What they refused of it.
    pub(super) faults: Vec<Fault>,
}

impl Note {
    /// Where its sidecars are.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|group| group.namespace.as_str())
    }
}
