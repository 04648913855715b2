//! What the console asks of whoever runs it: the objects as they are seen now, changes to them, the channels' state, a clock and
//! randomness. The operator implements it over Kubernetes, `purser up` over its manifest folder. It must never hold a credential's value
//! but in `Written` and `Manifest`, on the way in or out, once.

use purser_authority::ledger::Ledger;
use purser_compile::{ObjectRef, Verdict};
use purser_config::Configuration;
use purser_crds::{ApiKey, Plan, ProviderChannel};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

/// An answer that takes its time.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// See the file's page.
pub trait House: Send + Sync + 'static {
    /// Where records, credits, users and sessions are kept.
    fn ledger(&self) -> &Ledger;

    /// Now, in unix milliseconds.
    fn wall_ms(&self) -> u64;

    /// Bytes that nobody can guess.
    ///
    /// # Errors
    /// When the system gives none, with its reason.
    fn random(&self) -> Result<[u8; 32], String>;

    /// The objects as they are seen now, and what was decided about them.
    fn seen(&self) -> Arc<Seen>;
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
