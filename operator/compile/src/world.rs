//! What goes into `compile` and what comes out, as plain data.

use purser_config::{Configuration, Digest, Name, SecretText};
use purser_crds::{ApiKey, Plan, ProviderChannel};
use std::collections::BTreeMap;

/// Everything that was read, in any order.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Every Plan.
    pub plans: Vec<Plan>,
    /// Every ApiKey.
    pub keys: Vec<ApiKey>,
    /// Every ProviderChannel.
    pub channels: Vec<ProviderChannel>,
    /// Labels of every Namespace, by name.
    pub namespaces: BTreeMap<String, BTreeMap<String, String>>,
    /// Every Secret that an object names and that exists.
    pub secrets: BTreeMap<Name, WorldSecret>,
    /// When keys began to be valid, by key and plan, in unix milliseconds: what the ledger knows.
    pub activations: BTreeMap<(Name, String), u64>,
}

/// A Secret, as far as it matters here.
#[derive(Clone, Debug, Default)]
pub struct WorldSecret {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its `type`; empty when none was given.
    pub kind: String,
    /// Its values that are UTF-8, by data key.
    pub data: BTreeMap<String, SecretText>,
}

/// How strict to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where channels that are used `via: Gateway` can be reached.
    pub gateway: Gateway,
}

/// The shared gateway, as far as `compile` must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// There is none: such channels serve their own namespace only, and a condition says so.
    Absent,
    /// This process is also the gateway (`purser up`): such channels are used directly.
    SameProcess,
    /// It is a process of its own, which is told everything; what others are told names no such channel.
    Apart,
}

/// What was decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compiled {
    /// What sidecars obey, for all namespaces; `scoped_to` cuts one namespace's part out.
    pub configuration: Configuration,
    /// One per object that was read.
    pub verdicts: BTreeMap<ObjectRef, Verdict>,
    /// Secrets that a key names and that do not exist yet: whoever owns secrets here makes them, then compiles again.
    pub wanted: Vec<WantedSecret>,
    /// What is due for Secrets whose values were made here, sorted: whoever owns secrets here does it in its time.
    pub rotations: Vec<Rotation>,
}

/// An object by kind, namespace and name; ordered so that reports are sorted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectRef {
    /// A cluster-scoped Plan.
    Plan(String),
    /// An ApiKey.
    ApiKey(Name),
    /// A ProviderChannel.
    ProviderChannel(Name),
}

/// What became of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// `None`: accepted. Otherwise the reason of condition `Accepted=False` and a message that says what to do.
    pub refused: Option<(purser_crds::AcceptedReason, String)>,
    /// Fields (as `spec.credits`) whose behaviour comes later: condition `NotYetEnforced` names them.
    pub not_yet_enforced: Vec<String>,
    /// Things worth knowing that refuse nothing (an alias shadowed, a channel that serves nobody).
    pub warnings: Vec<String>,
    /// For a key: the first characters of its live value, fit to be shown, and its digests.
    pub key: Option<KeyFacts>,
}

/// What status may show of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFacts {
    /// The first eleven characters of the value and `…`; empty for `keyHash`.
    pub prefix: String,
    /// The digests that are live.
    pub digests: Vec<Digest>,
}

/// A Secret to be made for a key that has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedSecret {
    /// Namespace and name of the Secret.
    pub secret: Name,
    /// The ApiKey that wants it.
    pub key: Name,
}

/// What is due for a Secret. One step at a time: a value is not replaced while the one before it lies there, so that never more than
/// two work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rotation {
    /// Namespace and name of the Secret.
    pub secret: Name,
    /// The ApiKey whose value it holds.
    pub key: Name,
    /// When it is due, in unix milliseconds; what is past is due now.
    pub at_ms: u64,
    /// What.
    pub step: Step,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A new value, while the old one, as `apiKeyPrevious`, works for so long yet.
    Replace {
        /// In milliseconds.
        overlap_ms: u64,
    },
    /// The removal of `apiKeyPrevious`, whose time is over.
    Forget,
}
