//! What replicas tell each other of the sidecars that are connected to them, so that the one that writes statuses can sum them. Pure;
//! `hub` composes and hears it, the authority's store carries it.

use crate::serve::health::Diagnosis;
use crate::serve::refusals::Told;
use crate::serve::spools::Ailing;
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
    /// Those whose usage spools are not well.
    #[serde(default)]
    pub(super) ailing: Vec<Ailing>,
    /// What they refused lately.
    #[serde(default)]
    refusals: Vec<Told>,
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
    /// Of these sidecars.
    pub(super) fn of(
        groups: Vec<Group>,
        diagnoses: BTreeMap<Name, Diagnosis>,
        ailing: Vec<Ailing>,
    ) -> Self {
        Note {
            groups,
            diagnoses,
            ailing,
            refusals: Vec::new(),
        }
    }

    /// The same with what they refused.
    pub(super) fn with(self, refusals: Vec<Told>) -> Self {
        Note { refusals, ..self }
    }

    /// What they refused, which is then no longer in it.
    pub(super) fn take_refusals(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.refusals)
    }

    /// Where its sidecars are.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|group| group.namespace.as_str())
    }
}
