//! Configuration to lookups: immutable, swapped whole, one `Arc` per request. Built by `store`, read by every step of the
//! walk. It must never hold a counter: what lives is behind the `Lane` of each channel.

mod reach;
mod table;

pub use reach::Reach;
pub use table::{Serving, Table};

use crate::lane::Lanes;
use purser_config::stream::Version;
use purser_config::{Configuration, Fault, Key, Name, Plan, Previous, Resource, Standing};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Everything a request needs to know, as it was when the request began.
#[derive(Default)]
pub struct Snapshot {
    /// Which configuration this is.
    pub version: Version,
    /// Whether it is one at all: the first snapshot of a process is empty, and nobody's.
    pub ready: bool,
    callers: BTreeMap<Name, Arc<Caller>>,
    /// Nobody can choose what is hashed here: it is a SHA-256 already.
    digests: foldhash::HashMap<[u8; 32], Arc<Caller>>,
}

/// A key and all that follows from it.
pub struct Caller {
    /// `namespace/name` of the ApiKey.
    pub name: Name,
    /// A stable hash of the name, for stickiness.
    pub hash: u64,
    /// Good, or why not.
    pub standing: Standing,
    /// Its value before the live one, which works for a while yet.
    pub previous: Option<Previous>,
    /// When it stops working, in unix milliseconds.
    pub expires_at_ms: Option<u64>,
    /// When its plan's validity ends, in unix milliseconds, as far as the configuration knows.
    pub plan_expires_at_ms: Option<u64>,
    /// The plan's name.
    pub plan_name: Arc<str>,
    /// The plan, when the standing is good.
    pub plan: Option<Arc<Plan>>,
    /// Whether the shared gateway serves its calls.
    pub via_gateway: bool,
    /// ServiceAccounts whose pods are this key.
    pub service_accounts: Vec<String>,
    /// Which models it may call, and who serves them.
    pub table: Arc<Table>,
}

impl Snapshot {
    /// Builds the lookups. Channels that cannot be called are left out and reported.
    pub fn build(
        configuration: &Configuration,
        version: Version,
        lanes: &Lanes,
    ) -> (Self, Vec<Fault>) {
        let mut faults = Vec::new();
        let mut reaches = HashMap::new();
        for (name, channel) in &configuration.channels {
            match Reach::new(name, channel, lanes) {
                Ok(reach) => drop(reaches.insert(name.clone(), Arc::new(reach))),
                Err(reason) => faults.push(Fault {
                    resource: Resource::Channel(name.clone()),
                    reason,
                }),
            }
        }
        let plans: HashMap<&str, (Arc<str>, Arc<Plan>)> = configuration
            .plans
            .iter()
            .map(|(name, plan)| {
                (
                    name.as_str(),
                    (Arc::from(name.as_str()), Arc::new(plan.clone())),
                )
            })
            .collect();
        let mut tables = table::Tables::new(&reaches);
        let mut snapshot = Snapshot {
            version,
            ready: true,
            ..Snapshot::default()
        };
        for (name, key) in &configuration.keys {
            let plan = plans.get(key.plan.as_str());
            let table = tables.of(key, plan.map(|(_, plan)| plan.as_ref()));
            snapshot.add(Arc::new(Caller::new(name, key, plan, table)), key);
        }
        (snapshot, faults)
    }

    fn add(&mut self, caller: Arc<Caller>, key: &Key) {
        for digest in &key.digests {
            self.digests
                .entry(digest.0)
                .or_insert_with(|| Arc::clone(&caller));
        }
        if let Some(previous) = &key.previous {
            self.digests
                .entry(previous.digest.0)
                .or_insert_with(|| Arc::clone(&caller));
        }
        self.callers.insert(caller.name.clone(), caller);
    }

    /// The key whose value has this digest. `now_ms` is asked for only where a value from before works for a while yet.
    pub fn by_digest(
        &self,
        digest: &[u8; 32],
        now_ms: impl FnOnce() -> u64,
    ) -> Option<&Arc<Caller>> {
        let caller = self.digests.get(digest)?;
        let is_over = caller
            .previous
            .filter(|previous| previous.digest.0 == *digest)
            .is_some_and(|previous| now_ms() >= previous.until_ms);
        (!is_over).then_some(caller)
    }

    /// The key of this name.
    pub fn by_name(&self, name: &Name) -> Option<&Arc<Caller>> {
        self.callers.get(name)
    }

    /// The key of the pods under `service_account` (`namespace/name`); the first by name where several claim it.
    pub fn by_service_account(&self, service_account: &Name) -> Option<&Arc<Caller>> {
        let (namespace, account) = (service_account.namespace(), service_account.name());
        self.callers.values().find(|caller| {
            caller.name.namespace() == namespace
                && caller.service_accounts.iter().any(|name| name == account)
        })
    }

    /// Every key, by name.
    pub fn callers(&self) -> impl Iterator<Item = &Arc<Caller>> {
        self.callers.values()
    }
}

impl Caller {
    fn new(
        name: &Name,
        key: &Key,
        plan: Option<&(Arc<str>, Arc<Plan>)>,
        table: Arc<Table>,
    ) -> Self {
        Caller {
            name: name.clone(),
            hash: crate::route::hash(name.as_str()),
            standing: key.standing.clone(),
            previous: key.previous,
            expires_at_ms: key.expires_at_ms,
            plan_expires_at_ms: key.plan_expires_at_ms,
            plan_name: plan.map_or_else(
                || Arc::from(key.plan.as_str()),
                |(name, _)| Arc::clone(name),
            ),
            plan: plan.map(|(_, plan)| Arc::clone(plan)),
            via_gateway: key.via_gateway,
            service_accounts: key.service_accounts.clone(),
            table,
        }
    }
}

#[cfg(test)]
mod tests;
