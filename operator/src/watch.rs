//! What the cluster holds, kept up to date: one reflector for each kind and namespace. Owns the watches, the debounce and the
//! knowledge of what was deleted before our eyes. `reconcile` waits here and reads the stores through `world`.
//!
//! Invariant: an event says only that something changed. What changed is never looked at, except deletions, for `guard`.

mod sight;

use crate::definitions::Definitions;
use crate::level::Level;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{ListParams, PartialObjectMeta};
use kube::core::NamespaceResourceScope;
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher;
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client, Resource, ResourceExt};
use purser_compile::ObjectRef;
use purser_config::Name;
use purser_crds::{ApiKey, Plan, ProviderChannel};
use serde::de::DeserializeOwned;
use sight::{Deleted, Sight, fingerprint};
use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::{Arc, PoisonError};
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
pub(crate) struct Stores<K: Resource<DynamicType = ()> + Clone + 'static>(Vec<Followed<K>>);

/// One watch, and what it keeps.
struct Followed<K: Resource<DynamicType = ()> + Clone + 'static> {
    store: Store<K>,
    api: Api<K>,
    /// As `level` knows it.
    watch: String,
}

/// A watch, and at which version its store held what the cluster did.
type At = (String, Option<String>);

impl<K> Stores<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + 'static,
{
    /// Everything they hold, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = Arc<K>> + '_ {
        self.0.iter().flat_map(|followed| followed.store.state())
    }

    async fn ready(&self) -> Result<(), Gone> {
        for followed in &self.0 {
            let ready = followed.store.wait_until_ready().await;
            ready.map_err(|_| Gone)?;
        }
        Ok(())
    }

    /// The same; a kind that the cluster does not have is ready, and there are none.
    async fn ready_or_missing(&self, definitions: &Definitions) -> Result<(), Gone> {
        let plural = K::plural(&());
        tokio::select! {
            ready = self.ready() => ready,
            () = definitions.until_missing(&plural) => Ok(()),
        }
    }

    /// Asks the cluster itself; `None` where a store holds something else, or the cluster does not answer.
    async fn compared(&self) -> Option<Vec<At>> {
        let mut at = Vec::new();
        for followed in &self.0 {
            let list = followed.api.list_metadata(&ListParams::default()).await;
            let (there, version) = match list {
                // The kind itself is not there.
                Err(kube::Error::Api(status)) if status.is_not_found() => (HashMap::new(), None),
                list => {
                    let list = list.ok()?;
                    let there = list.items.iter().map(print_of).collect();
                    (there, list.metadata.resource_version)
                }
            };
            let held = followed.store.state();
            let held: HashMap<_, _> = held.iter().map(|object| print_of(&**object)).collect();
            if held != there {
                return None;
            }
            at.push((followed.watch.clone(), version));
        }
        Some(at)
    }
}

fn print_of<K: Resource<DynamicType = ()>>(object: &K) -> (String, u64) {
    let uid = object.meta().uid.clone().unwrap_or_default();
    (uid, fingerprint(object))
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
    /// How much of the cluster is seen.
    pub(crate) level: Level,
    /// Which kinds it has.
    pub(crate) definitions: Definitions,
    deleted: Deleted,
}

impl Watched {
    /// Starts all watches; they run as long as `tasks` does.
    pub(crate) fn start(
        client: &Client,
        namespaces: &[String],
        definitions: Definitions,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let dirty = Dirty::default();
        let (deleted, level) = (Deleted::default(), Level::default());
        let mut watches = Watches {
            client,
            namespaces,
            tasks,
            seen: Sight {
                dirty: dirty.clone(),
                deleted: Arc::clone(&deleted),
                level: level.clone(),
            },
        };
        let config = watcher::Config::default().timeout(WATCH_SECONDS);
        Watched {
            plans: Stores(vec![watches.follow(
                (Api::all(client.clone()), None),
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
                (Api::all(client.clone()), None),
                &config,
                |_: &PartialObjectMeta<Namespace>| None,
            )]),
            pods: watches.namespaced(
                &config.clone().labels(INJECT),
                |_: &PartialObjectMeta<Pod>| None,
            ),
            dirty,
            level,
            definitions,
            deleted,
        }
    }

    /// Compares with the cluster itself all that configurations are made from; says whether nothing was missing.
    pub(crate) async fn prove(&self) -> bool {
        let proof = self.level.begin();
        let mut at = Vec::new();
        for compared in [
            self.plans.compared().await,
            self.keys.compared().await,
            self.channels.compared().await,
            self.namespaces.compared().await,
        ] {
            let Some(compared) = compared else {
                return false;
            };
            at.extend(compared);
        }
        self.level.proven(proof, &at);
        self.dirty.mark();
        true
    }

    /// Waits until every store holds its first list, or there is no such kind.
    pub(crate) async fn ready(&self) -> Result<(), Gone> {
        let definitions = &self.definitions;
        self.plans.ready_or_missing(definitions).await?;
        self.keys.ready_or_missing(definitions).await?;
        self.channels.ready_or_missing(definitions).await?;
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
    seen: Sight,
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
            return Stores(vec![self.follow((Api::all(client), None), config, named)]);
        }
        let namespaces = self.namespaces;
        let follow = |namespace: &String| {
            let api = Api::namespaced(client.clone(), namespace);
            self.follow((api, Some(namespace)), config, named)
        };
        Stores(namespaces.iter().map(follow).collect())
    }

    fn follow<K>(
        &mut self,
        (api, namespace): (Api<K>, Option<&String>),
        config: &watcher::Config,
        named: impl Fn(&K) -> Option<ObjectRef> + Send + 'static,
    ) -> Followed<K>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    {
        let (store, writer) = reflector::store();
        let name = match namespace {
            Some(namespace) => format!("{}/{namespace}", K::kind(&())),
            None => K::kind(&()).into_owned(),
        };
        let mut sight = self.seen.watch(&name);
        let before = sight.clone();
        let events = watch(api.clone(), config.clone()).default_backoff();
        let events = events.inspect_ok(move |event| before.comes(event));
        let events = events.reflect(writer);
        self.tasks.spawn(async move {
            let mut events = std::pin::pin!(events);
            while let Some(event) = events.next().await {
                match event {
                    Ok(event) => sight.came(&event, &named),
                    Err(error) => tracing::warn!(kind = %K::kind(&()), error = %error, "watching"),
                }
            }
        });
        Followed {
            store,
            api,
            watch: name,
        }
    }
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
