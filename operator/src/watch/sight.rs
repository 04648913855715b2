//! What is made of a watch's events: that something changed, what was deleted before our eyes, and how much of the cluster is seen.
//! `watch` hands them in, before and after the store takes them.

use super::Dirty;
use crate::level::Level;
use kube::Resource;
use kube::runtime::watcher::Event;
use purser_compile::ObjectRef;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// What was deleted and not told yet.
pub(super) type Deleted = Arc<Mutex<HashSet<ObjectRef>>>;

/// What every watch tells.
#[derive(Clone)]
pub(super) struct Sight {
    pub(super) dirty: Dirty,
    pub(super) deleted: Deleted,
    pub(super) level: Level,
}

impl Sight {
    /// Of the watch of that name.
    pub(super) fn watch(&self, name: &str) -> Watching {
        Watching {
            sight: self.clone(),
            name: name.to_owned(),
            known: Known::default(),
            listed: None,
        }
    }
}

/// One watch's events.
#[derive(Clone)]
pub(super) struct Watching {
    sight: Sight,
    name: String,
    known: Known,
    /// The highest version of a list whose end has not come.
    listed: Option<u64>,
}

impl Watching {
    /// The store does not have it yet.
    pub(super) fn comes<K: Resource<DynamicType = ()>>(&self, event: &Event<K>) {
        if let Event::Apply(object) | Event::InitApply(object) | Event::Delete(object) = event {
            let version = object.meta().resource_version.as_deref();
            self.sight.level.comes(&self.name, version);
        }
    }

    /// The store has it.
    pub(super) fn came<K: Resource<DynamicType = ()>>(
        &mut self,
        event: &Event<K>,
        named: impl Fn(&K) -> Option<ObjectRef>,
    ) {
        if let Event::Delete(object) = event
            && let Some(name) = named(object)
        {
            let deleted = &self.sight.deleted;
            let mut deleted = deleted.lock().unwrap_or_else(PoisonError::into_inner);
            deleted.insert(name);
        }
        self.count(event);
        if self.known.differs(event) {
            self.sight.dirty.mark();
        }
    }

    /// A list counts when it is whole: only then does the store show it.
    fn count<K: Resource<DynamicType = ()>>(&mut self, event: &Event<K>) {
        let level = &self.sight.level;
        match event {
            Event::Init => self.listed = None,
            Event::InitApply(object) => {
                let version = object.meta().resource_version.as_deref();
                let version = version.and_then(|version| version.parse().ok());
                self.listed = self.listed.max(version);
            }
            Event::InitDone => {
                if let Some(version) = self.listed.take() {
                    level.came(&self.name, Some(&version.to_string()));
                }
            }
            Event::Apply(object) | Event::Delete(object) => {
                level.came(&self.name, object.meta().resource_version.as_deref());
            }
        }
    }
}

/// What was seen of each object, so that a status that was written here does not cause another pass.
#[derive(Clone, Default)]
struct Known(HashMap<String, u64>);

impl Known {
    fn differs<K: Resource<DynamicType = ()>>(&mut self, event: &Event<K>) -> bool {
        match event {
            Event::Init | Event::InitApply(_) => false,
            // A relist can lose objects without an event for each.
            Event::InitDone => {
                self.0.clear();
                true
            }
            Event::Apply(object) => {
                let print = fingerprint(object);
                self.0
                    .insert(object.meta().uid.clone().unwrap_or_default(), print)
                    != Some(print)
            }
            Event::Delete(object) => {
                self.0
                    .remove(object.meta().uid.as_deref().unwrap_or_default());
                true
            }
        }
    }
}

/// Of all that a configuration is made from, and a status is not.
pub(super) fn fingerprint<K: Resource<DynamicType = ()>>(object: &K) -> u64 {
    let meta = object.meta();
    let mut hasher = DefaultHasher::new();
    (
        &meta.generation,
        &meta.labels,
        &meta.annotations,
        meta.deletion_timestamp.is_some(),
    )
        .hash(&mut hasher);
    hasher.finish()
}
