//! What the console asks of whoever runs it: the objects as they are seen now, changes to them, the channels' state, a clock and
//! randomness. The operator implements it over Kubernetes, `purser up` over its manifest folder. It must never hold a secret value but on
//! its way in or out, once.

use crate::rights::Right;
use k8s_openapi::api::authentication::v1::UserInfo;
use purser_authority::ledger::Ledger;
use purser_compile::{ObjectRef, Verdict};
use purser_config::refusals::Refusal;
use purser_config::stream::Ailment;
use purser_config::{Configuration, Name, SecretText};
use purser_crds::{ApiKey, Plan, ProviderChannel};
use serde_json::Value;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

/// An answer that takes its time.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// See the file's page.
pub trait House: Send + Sync + 'static {
    /// Where records, credits, users and sessions are kept; none: it is not open yet.
    fn ledger(&self) -> Option<Ledger>;

    /// Now, in unix milliseconds.
    fn wall_ms(&self) -> u64;

    /// Bytes that nobody can guess.
    ///
    /// # Errors
    /// When the system gives none, with its reason.
    fn random(&self) -> Result<[u8; 32], String>;

    /// What all processes know that serve the same console, and nobody else can: of it the token is made that makes the first
    /// administrator. None: there is one process.
    fn setup_seed(&self) -> Option<[u8; 32]> {
        None
    }

    /// The objects as they are seen now, and what was decided about them.
    fn seen(&self) -> Arc<Seen>;

    /// How channels fare that were called.
    fn health(&self) -> BTreeMap<Name, Health>;

    /// Why calls were refused lately, the last first. Nothing where nobody tells.
    fn refusals(&self) -> Vec<Refusal> {
        Vec::new()
    }

    /// Changes an object, and answers once it is seen so.
    fn write(&self, change: Change) -> Later<'_, Result<Written, Refused>>;

    /// With what payments are signed.
    fn payment_secrets(&self) -> PaymentSecrets {
        PaymentSecrets::default()
    }

    /// Whose a token of somebody else's house is, such as a Kubernetes one, and what they may see; none: nobody's.
    fn review(&self, token: String) -> Later<'_, Result<Option<Reviewed>, String>> {
        let _ = token;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Whether that other house lets them do this, as it is now.
    fn may<'a>(&'a self, who: &'a UserInfo, right: &'a Right) -> Later<'a, Result<bool, String>> {
        let _ = (who, right);
        Box::pin(std::future::ready(Ok(false)))
    }

    /// Asks a channel's provider whether it answers, with the channel's own address and credential.
    fn test(&self, channel: Name) -> Later<'_, Tested>;
}

/// Objects and verdicts of one moment.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Every Plan.
    pub plans: Vec<Arc<Plan>>,
    /// Every ApiKey.
    pub keys: Vec<Arc<ApiKey>>,
    /// Every ProviderChannel.
    pub channels: Vec<Arc<ProviderChannel>>,
    /// One for each object.
    pub verdicts: BTreeMap<ObjectRef, Verdict>,
    /// What sidecars obey.
    pub configuration: Arc<Configuration>,
}

/// How a channel fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether calls to it succeed, as most see it.
    pub works: bool,
    /// What is wrong, about which credential or model, and since when in unix milliseconds.
    pub troubles: Vec<(Ailment, Option<String>, u64)>,
}

/// What is to become of an object.
#[derive(Clone, Debug)]
pub enum Change {
    /// It, and a Secret beside it where it needs one, are made. Both are whole manifests.
    Create {
        /// The object.
        object: Value,
        /// Its Secret.
        secret: Option<Value>,
    },
    /// Members of it are set, as RFC 7386 merges them.
    Patch {
        /// Which.
        of: ObjectRef,
        /// What.
        patch: Value,
        /// Only while it is of this version.
        version: Option<String>,
        /// Of a channel: the whole Secret of its credential, which is replaced or made with it, and only where it is the channel's own;
        /// else nothing is changed.
        secret: Option<Value>,
    },
    /// It goes, and a channel's own Secret with it.
    Delete {
        /// Which.
        of: ObjectRef,
    },
    /// A key's value is replaced.
    Rotate {
        /// Which.
        key: Name,
        /// How long the value before works on, in milliseconds; `None`: as its spec says, else a day.
        overlap_ms: Option<u64>,
    },
}

/// A change that was made.
#[derive(Debug, Default)]
pub struct Written {
    /// Where, in words.
    pub place: String,
    /// The value of a key that was made or replaced.
    pub value: Option<SecretText>,
    /// The cluster's Secret that this value lies in.
    pub secret: Option<Name>,
}

/// A change that was not made.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such object.
    Gone(String),
    /// There is one already, it has changed meanwhile, or something else is under way.
    Conflict(String),
    /// Whoever runs this may not.
    Forbidden(String),
    /// The object would make no sense.
    Invalid(String),
    /// It cannot be done now.
    Failed(String),
}

/// Secrets by which a vendor's word is known; several hold while one is replaced.
#[derive(Clone, Default)]
pub struct PaymentSecrets {
    /// Of Stripe's webhook.
    pub stripe: Vec<String>,
    /// Of any other processor's.
    pub hmac: Vec<String>,
}

/// Somebody whom another house knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reviewed {
    /// As that house knows them.
    pub who: UserInfo,
    /// The namespaces in which they may list keys; `*`: all.
    pub keys: Vec<String>,
    /// The same of channels.
    pub channels: Vec<String>,
    /// Whether they may list plans.
    pub plans: bool,
}

/// What a channel's provider answered.
#[derive(Debug)]
pub struct Tested {
    /// Whether it answered as it should.
    pub works: bool,
    /// What it said, or why nothing came.
    pub message: String,
    /// How long that took, in milliseconds.
    pub took_ms: u64,
}

/// What the Secret of a channel's own credential is called.
pub fn own_credential(channel: &Name) -> String {
    format!("{}-credential", channel.name())
}

/// The version of an object: a digest of its spec, so that a status that is written beside it makes no other version of it.
pub fn version(spec: &impl serde::Serialize) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(serde_json::to_vec(spec).unwrap_or_default());
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
