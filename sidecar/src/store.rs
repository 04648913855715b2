//! The configuration in force: taken from whichever source spoke last, checked, built, swapped whole. `source` and `link`
//! put into it, everything else reads `load`. It must never let a bad version replace a good one, nor one that killed this
//! process twice (`trial`, `quarantine`).

mod quarantine;
mod trial;

pub use trial::{TRIAL, Trial};

use crate::lane::Lanes;
use crate::snapshot::Snapshot;
use arc_swap::ArcSwap;
use purser_config::stream::Version;
use purser_config::{Channel, Configuration, Fault, Name, Resource, check};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// The snapshot in force and what it was made from.
pub struct Store {
    current: ArcSwap<Snapshot>,
    lanes: Lanes,
    held: Mutex<Held>,
    trial: OnceLock<Trial>,
    changed: watch::Sender<u64>,
}

/// What `/configz` tells beside the snapshot.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// The configuration in force, with previous versions of what was refused.
    pub configuration: Configuration,
    /// Its version.
    pub version: Version,
    /// Versions taken since the start.
    pub loads: u64,
    /// What the last version was refused for, in part or whole.
    pub faults: Vec<Fault>,
    /// Why the last attempt to read a configuration failed, until one succeeds.
    pub error: Option<String>,
    /// The version that is refused from wherever it comes, because this process died of it twice.
    pub quarantined: Option<Version>,
    /// Whether anything was ever taken.
    pub ready: bool,
}

/// What metrics tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Versions taken since the start.
    pub loads: u64,
    /// Resources refused in the last one.
    pub faults: usize,
    /// When it was published, in unix milliseconds.
    pub published_ms: u64,
}

impl Default for Store {
    fn default() -> Self {
        Store {
            current: ArcSwap::default(),
            lanes: Lanes::default(),
            held: Mutex::default(),
            trial: OnceLock::new(),
            changed: watch::Sender::new(0),
        }
    }
}

impl Store {
    /// The snapshot in force; one per request.
    pub fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The living parts of the channels.
    pub fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    /// Puts a whole configuration into force. Resources that do not hold keep their previous version, or stay out where
    /// there was none; they are returned.
    pub fn put(&self, version: Version, configuration: Configuration) -> Vec<Fault> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trial) = self.trial.get() {
            if held.ready && trial.refuses(&version) {
                return self.refuse(&mut held, &version, &configuration);
            }
            trial.applying(&version, unix_ms());
        }
        let mut next = configuration;
        let mut faults = check(&next);
        for fault in &faults {
            fall_back(&mut next, &held.configuration, &fault.resource);
        }
        // A predecessor may lean on what is gone by now: whatever still does not hold stays out.
        for fault in check(&next) {
            fall_back(&mut next, &Configuration::default(), &fault.resource);
        }
        let (snapshot, unreachable) = Snapshot::build(&next, version.clone(), &self.lanes);
        faults.extend(unreachable);
        self.current.store(Arc::new(snapshot));
        self.lanes.retain(|name| next.channels.contains_key(name));
        let loads = held.loads + 1;
        *held = Held {
            configuration: next,
            version,
            loads,
            faults: faults.clone(),
            error: None,
            quarantined: None,
            ready: true,
        };
        drop(held);
        self.changed.send_replace(loads);
        faults
    }

    /// The older configuration stays, but for what was revoked since.
    fn refuse(&self, held: &mut Held, version: &Version, refused: &Configuration) -> Vec<Fault> {
        let kept = quarantine::without_revoked(&held.configuration, refused);
        if kept != held.configuration {
            let (snapshot, _) = Snapshot::build(&kept, held.version.clone(), &self.lanes);
            self.current.store(Arc::new(snapshot));
            held.configuration = kept;
        }
        let serving = quarantine::short(&held.version);
        let refused_version = quarantine::short(version);
        tracing::error!(
            version = refused_version,
            serving,
            "a version is refused: this process died twice within a minute of applying it; publish a newer one"
        );
        let faults = quarantine::faults(version, &held.configuration, refused);
        held.faults.clone_from(&faults);
        faults
    }

    /// Judges every version by what is known of this process's predecessors. To be called before the first `put`.
    pub fn try_under(&self, trial: Trial) {
        let _ = self.trial.set(trial);
    }

    /// What is known of this process's predecessors, if anything is.
    pub fn trial(&self) -> Option<&Trial> {
        self.trial.get()
    }

    /// Whether this version would be refused because this process died of it twice.
    pub fn quarantines(&self, version: &Version) -> bool {
        self.trial().is_some_and(|trial| trial.refuses(version))
    }

    /// Notes when dropped that this process ended and did not die, unless it ends by a panic.
    pub fn orderly_end(self: &Arc<Self>) -> OrderlyEnd {
        OrderlyEnd(Arc::clone(self))
    }

    /// Notes that a configuration could not be read at all; the one in force stays.
    pub fn failed(&self, error: String) {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .error = Some(error);
    }

    /// Notes that what could not be read can be read again, and is in force.
    pub fn read_well(&self) {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .error = None;
    }

    /// A copy of what is held, for `/configz`, for the cache and for `Hello`.
    pub fn held(&self) -> Held {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        Held {
            quarantined: self.trial().and_then(Trial::refused),
            ..held.clone()
        }
    }

    /// Looks at the channels in force, without a copy of them. Nothing is swapped meanwhile.
    pub fn with_channels<T>(&self, look: impl FnOnce(&BTreeMap<Name, Channel>) -> T) -> T {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        look(&held.configuration.channels)
    }

    /// What metrics tell of it, without a copy of it.
    pub fn summary(&self) -> Summary {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        Summary {
            loads: held.loads,
            faults: held.faults.len(),
            published_ms: held.version.published_ms,
        }
    }

    /// The version in force, if any.
    pub fn version(&self) -> Option<Version> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.ready.then(|| held.version.clone())
    }

    /// Told at every swap.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// See [`Store::orderly_end`].
pub struct OrderlyEnd(Arc<Store>);

impl Drop for OrderlyEnd {
    fn drop(&mut self) {
        if let Some(trial) = self.0.trial().filter(|_| !std::thread::panicking()) {
            trial.ends();
        }
    }
}

/// Only for people, who read it in the trial's file.
fn unix_ms() -> u64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH);
    age.unwrap_or_default().as_millis() as u64
}

fn fall_back(next: &mut Configuration, previous: &Configuration, resource: &Resource) {
    match resource {
        Resource::Key(name) => replace(&mut next.keys, name, previous.keys.get(name).cloned()),
        Resource::Plan(name) => replace(&mut next.plans, name, previous.plans.get(name).cloned()),
        Resource::Channel(name) => replace(
            &mut next.channels,
            name,
            previous.channels.get(name).cloned(),
        ),
    }
}

fn replace<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, name: &K, previous: Option<V>) {
    match previous {
        Some(value) => drop(map.insert(name.clone(), value)),
        None => drop(map.remove(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{channel, configuration, key, plan};

    fn version(published_ms: u64) -> Version {
        Version {
            published_ms,
            hash: String::new(),
            ..Version::default()
        }
    }

    fn good() -> Configuration {
        let mut all = configuration();
        all.plans.insert("free".into(), plan(&["*"], &[], 20));
        all.channels.insert(
            Name::new("shop", "one"),
            channel("http://127.0.0.1:1/v1", &["m"]),
        );
        all.keys
            .insert(Name::new("shop", "key"), key("sk-1", "free", &["shop/one"]));
        all
    }

    #[test]
    fn a_bad_resource_is_refused_alone_and_its_predecessor_stays() {
        let store = Store::default();
        assert_eq!(store.put(version(1), good()), []);
        let mut next = good();
        next.plans.insert("free".into(), plan(&["*"], &[], 0));
        next.keys.insert(
            Name::new("shop", "other"),
            key("sk-2", "free", &["shop/one"]),
        );
        let faults = store.put(version(2), next);
        assert_eq!(faults.len(), 1);
        let held = store.held();
        assert_eq!(
            held.configuration.plans["free"].requests_per_minute,
            Some(20)
        );
        assert_eq!(held.configuration.keys.len(), 2);
    }

    #[test]
    fn a_bad_resource_without_a_predecessor_stays_out_with_what_needs_it() {
        let store = Store::default();
        let mut all = good();
        all.plans.insert("free".into(), plan(&["*"], &[], 0));
        assert_eq!(store.put(version(1), all).len(), 1);
        let held = store.held();
        assert!(held.configuration.plans.is_empty() && held.configuration.keys.is_empty());
        assert_eq!(held.configuration.channels.len(), 1);
    }

    #[test]
    fn a_lane_outlives_a_reload_unless_its_channel_connects_elsewhere() {
        let store = Store::default();
        let lane = |store: &Store| store.lanes().all().pop().unwrap();
        store.put(version(1), good());
        let before = lane(&store);
        let mut next = good();
        next.channels
            .get_mut(&Name::new("shop", "one"))
            .unwrap()
            .weight = 7;
        store.put(version(2), next.clone());
        assert!(Arc::ptr_eq(&before, &lane(&store)));
        next.channels
            .get_mut(&Name::new("shop", "one"))
            .unwrap()
            .base_url = "http://127.0.0.1:2/v1".into();
        store.put(version(3), next);
        assert!(!Arc::ptr_eq(&before, &lane(&store)));
    }
}
