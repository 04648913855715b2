//! What the cluster holds, kept up to date: one reflector for each kind and namespace. Owns the watches, the debounce and the
//! knowledge of what was deleted before our eyes. `reconcile` waits here and reads the stores through `world`.
//!
//! Invariant: an event says only that something changed. What changed is never looked at, except deletions, for `guard`.

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::PartialObjectMeta;
use kube::core::NamespaceResourceScope;
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client, Resource, ResourceExt};
use purser_compile::ObjectRef;
use purser_config::Name;
use purser_crds::{ApiKey, Plan, ProviderChannel};
use serde::de::DeserializeOwned;
use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// The label by which a pod asks for a sidecar.
pub(crate) const INJECT: &str = "purser.dev/inject=true";
/// A quiet time that ends the gathering of changes.
const QUIET: Duration = Duration::from_millis(20);
/// The longest that a change waits for others.
const LONGEST: Duration = Duration::from_millis(200);
/// A pass is made this often, whatever happened.
pub(crate) const TICK: Duration = Duration::from_secs(30);
/// A watch is renewed this often, so that a connection cut in silence is noticed.
const WATCH_SECONDS: u32 = 60;

/// The stores of one kind; several when only some namespaces are watched.
pub(crate) struct Stores<K: Resource<DynamicType = ()> + Clone + 'static>(Vec<Store<K>>);

impl<K: Resource<DynamicType = ()> + Clone + 'static> Stores<K> {
    /// Everything they hold, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = Arc<K>> + '_ {
        self.0.iter().flat_map(Store::state)
    }

    async fn ready(&self) -> Result<(), Gone> {
        for store in &self.0 {
            store.wait_until_ready().await.map_err(|_| Gone)?;
        }
        Ok(())
    }
}

/// A watch ended, which none does by itself.
#[derive(Debug, thiserror::Error)]
#[error("a watch ended")]
pub struct Gone;

/// Says that the world may differ from what was compiled.
#[derive(Clone, Default)]
pub(crate) struct Dirty(Arc<Notify>);

impl Dirty {
    /// Asks for a pass.
    pub(crate) fn mark(&self) {
        self.0.notify_one();
    }

    /// Waits for a change, or for `at_most`, and then for a short quiet.
    pub(crate) async fn settled(&self, at_most: Duration) {
        if tokio::time::timeout(at_most, self.0.notified())
            .await
            .is_err()
        {
            return;
        }
        let first = tokio::time::Instant::now();
        let mut last = first;
        while tokio::time::timeout_at(first + wait_until(last - first), self.0.notified())
            .await
            .is_ok()
        {
            last = tokio::time::Instant::now();
        }
    }
}

/// When to stop gathering changes, after the first, if the last came at `last`.
fn wait_until(last: Duration) -> Duration {
    (last + QUIET).min(LONGEST)
}

/// Everything that is watched.
pub(crate) struct Watched {
    /// Plans.
    pub(crate) plans: Stores<Plan>,
    /// ApiKeys.
    pub(crate) keys: Stores<ApiKey>,
    /// ProviderChannels.
    pub(crate) channels: Stores<ProviderChannel>,
    /// Namespaces, without spec or status.
    pub(crate) namespaces: Stores<PartialObjectMeta<Namespace>>,
    /// Pods that asked for a sidecar, without spec or status.
    pub(crate) pods: Stores<PartialObjectMeta<Pod>>,
    /// Set at every change.
    pub(crate) dirty: Dirty,
    deleted: Deleted,
}

type Deleted = Arc<Mutex<HashSet<ObjectRef>>>;

impl Watched {
    /// Starts all watches; they run as long as `tasks` does.
    pub(crate) fn start(client: &Client, namespaces: &[String], tasks: &mut JoinSet<()>) -> Self {
        let dirty = Dirty::default();
        let deleted = Deleted::default();
        let mut watches = Watches {
            client,
            namespaces,
            tasks,
            dirty: &dirty,
            deleted: &deleted,
        };
        let config = watcher::Config::default().timeout(WATCH_SECONDS);
        Watched {
            plans: Stores(vec![watches.follow(
                Api::all(client.clone()),
                &config,
                |plan: &Plan| Some(ObjectRef::Plan(plan.name_any())),
            )]),
            keys: watches.namespaced(&config, |key: &ApiKey| {
                Some(ObjectRef::ApiKey(name_of(key)))
            }),
            channels: watches.namespaced(&config, |channel: &ProviderChannel| {
                Some(ObjectRef::ProviderChannel(name_of(channel)))
            }),
            namespaces: Stores(vec![watches.follow(
                Api::all(client.clone()),
                &config,
                |_: &PartialObjectMeta<Namespace>| None,
            )]),
            pods: watches.namespaced(
                &config.clone().labels(INJECT),
                |_: &PartialObjectMeta<Pod>| None,
            ),
            dirty,
            deleted,
        }
    }

    /// Waits until every store holds its first list.
    pub(crate) async fn ready(&self) -> Result<(), Gone> {
        self.plans.ready().await?;
        self.keys.ready().await?;
        self.channels.ready().await?;
        self.namespaces.ready().await?;
        self.pods.ready().await
    }

    /// What was seen to be deleted since the last call.
    pub(crate) fn take_deleted(&self) -> HashSet<ObjectRef> {
        std::mem::take(&mut self.deleted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `namespace/name` of an object.
pub(crate) fn name_of<K: ResourceExt>(object: &K) -> Name {
    Name::new(&object.namespace().unwrap_or_default(), &object.name_any())
}

struct Watches<'a> {
    client: &'a Client,
    namespaces: &'a [String],
    tasks: &'a mut JoinSet<()>,
    dirty: &'a Dirty,
    deleted: &'a Deleted,
}

impl Watches<'_> {
    fn namespaced<K>(
        &mut self,
        config: &watcher::Config,
        named: impl Fn(&K) -> Option<ObjectRef> + Copy + Send + 'static,
    ) -> Stores<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + Sync
            + 'static,
    {
        let client = self.client.clone();
        if self.namespaces.is_empty() {
            return Stores(vec![self.follow(Api::all(client), config, named)]);
        }
        let namespaces = self.namespaces;
        let follow = |namespace: &String| {
            self.follow(Api::namespaced(client.clone(), namespace), config, named)
        };
        Stores(namespaces.iter().map(follow).collect())
    }

    fn follow<K>(
        &mut self,
        api: Api<K>,
        config: &watcher::Config,
        named: impl Fn(&K) -> Option<ObjectRef> + Send + 'static,
    ) -> Store<K>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    {
        let (reader, writer) = reflector::store();
        let (dirty, deleted) = (self.dirty.clone(), Arc::clone(self.deleted));
        let events = watch(api, config.clone()).default_backoff().reflect(writer);
        self.tasks.spawn(async move {
            let mut events = std::pin::pin!(events);
            let mut known = Known::default();
            while let Some(event) = events.next().await {
                match event {
                    Ok(event) => {
                        if let Event::Delete(object) = &event
                            && let Some(name) = named(object)
                        {
                            deleted
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .insert(name);
                        }
                        if known.differs(&event) {
                            dirty.mark();
                        }
                    }
                    Err(error) => tracing::warn!(kind = %K::kind(&()), error = %error, "watching"),
                }
            }
        });
        reader
    }
}

/// What was seen of each object, so that a status that was written here does not cause another pass.
#[derive(Default)]
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

fn fingerprint<K: Resource<DynamicType = ()>>(object: &K) -> u64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathers_changes_until_a_quiet_of_20_ms_but_never_longer_than_200() {
        let ms = Duration::from_millis;
        assert_eq!(wait_until(ms(0)), ms(20));
        assert_eq!(wait_until(ms(100)), ms(120));
        assert_eq!(wait_until(ms(195)), ms(200));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_before_the_wait_is_not_lost() {
        let dirty = Dirty::default();
        dirty.mark();
        let start = tokio::time::Instant::now();
        dirty.settled(TICK).await;
        assert_eq!(start.elapsed(), QUIET);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_change_a_pass_is_made_at_the_tick() {
        let start = tokio::time::Instant::now();
        Dirty::default().settled(TICK).await;
        assert_eq!(start.elapsed(), TICK);
    }
}
