//! Where a change of the files becomes a configuration in force: read, complete with generated keys, compile, publish to store and
//! authority, tell. Called by `up`. It must never let what cannot be read replace what is in force.

use super::authority::Local;
use super::keybook::Keybook;
use super::shown;
use super::sources::Sources;
use crate::key::hash;
use crate::manifests::files::Look;
use crate::manifests::schema::Schemas;
use purser_compile::{Compiled, Gateway as Shared, Options, World, WorldSecret, compile};
use purser_config::stream::Version;
use purser_config::{Name, SecretText};
use purser_crds::{GENERATED_ANNOTATION, KEY_DATA};
use purser_sidecar::gateway::Gateway;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A key that was made just now, to be shown once.
pub(crate) struct NewKey {
    pub(crate) key: Name,
    pub(crate) value: String,
}

/// Everything that a reload meets.
pub(crate) struct Desk {
    schemas: Schemas,
    options: Options,
    keybook: Keybook,
    authority: Arc<Local>,
    gateway: Arc<Gateway>,
    /// What people wrote.
    world: World,
    /// The same with keys that were generated.
    whole: World,
    compiled: Compiled,
    new_keys: Vec<NewKey>,
    published_ms: u64,
}

impl Desk {
    /// An empty desk.
    pub(crate) fn new(keybook: Keybook, authority: Arc<Local>, gateway: Arc<Gateway>) -> Self {
        let options = Options {
            gateway: Shared::SameProcess,
        };
        Desk {
            schemas: Schemas::new(),
            options,
            keybook,
            authority,
            gateway,
            world: World::default(),
            whole: World::default(),
            compiled: Compiled::default(),
            new_keys: Vec::new(),
            published_ms: 0,
        }
    }

    /// The first configuration; whether there is one.
    pub(crate) fn begin(&mut self, sources: &Sources) -> bool {
        let manifests = sources.read(&self.schemas);
        shown::faults(&manifests);
        let world = &manifests.world;
        let nothing = world.plans.is_empty() && world.keys.is_empty() && world.channels.is_empty();
        if manifests.incomplete || nothing {
            let why = if nothing {
                "no Plan, ApiKey or ProviderChannel was read"
            } else {
                "a file cannot be read"
            };
            eprintln!("purser: not started: {why}");
            return false;
        }
        self.take(manifests.world);
        shown::verdicts(&self.compiled);
        true
    }

    /// Looks at the files for ever. The work is done on another thread: calls under way must not wait for a compiler.
    pub(crate) async fn watch(mut self, sources: Arc<Sources>, mut seen: Look, every: Duration) {
        let mut begun = self.authority.begun();
        loop {
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                Ok(()) = begun.changed() => {}
            }
            let look = Arc::clone(&sources);
            let Ok(now) = tokio::task::spawn_blocking(move || look.look()).await else {
                continue;
            };
            if now == seen && self.knows_begun() {
                continue;
            }
            seen = now;
            let read = Arc::clone(&sources);
            let reloaded = tokio::task::spawn_blocking(move || {
                self.reload(&read);
                self
            });
            match reloaded.await {
                Ok(desk) => self = desk,
                Err(error) => {
                    tracing::error!(%error, "reloading broke; files are watched no more, restart to go on");
                    return std::future::pending().await;
                }
            }
        }
    }

    fn reload(&mut self, sources: &Sources) {
        let mut manifests = sources.read(&self.schemas);
        shown::faults(&manifests);
        if manifests.incomplete {
            let first = manifests
                .faults
                .first()
                .map(ToString::to_string)
                .unwrap_or_default();
            self.gateway.store.failed(first);
            tracing::warn!("a file cannot be read; the configuration in force stays");
            return;
        }
        manifests.carry_over(&self.world);
        let before = self.compiled.clone();
        self.take(manifests.world);
        if self.compiled == before {
            return;
        }
        shown::verdicts(&self.compiled);
        shown::new_keys(self);
        let configuration = &self.compiled.configuration;
        tracing::info!(
            keys = configuration.keys.len(),
            plans = configuration.plans.len(),
            channels = configuration.channels.len(),
            "reloaded"
        );
    }

    /// Compiles a world and puts the result into force.
    fn take(&mut self, world: World) {
        let mut whole = world.clone();
        whole.activations = self.authority.begun().borrow().as_ref().clone();
        self.new_keys.clear();
        // A key that is made may be the reason for another to be wanted no more: the second pass judges.
        for wanted in compile(&whole, self.options).wanted {
            match self.keybook.value(&wanted.secret) {
                Ok((value, new)) => {
                    let secret = WorldSecret {
                        data: BTreeMap::from([(
                            KEY_DATA.to_owned(),
                            SecretText::new(value.clone()),
                        )]),
                        annotations: BTreeMap::from([(
                            GENERATED_ANNOTATION.to_owned(),
                            hash(&value),
                        )]),
                        ..WorldSecret::default()
                    };
                    whole.secrets.insert(wanted.secret, secret);
                    self.new_keys.extend(new.then_some(NewKey {
                        key: wanted.key,
                        value,
                    }));
                }
                Err(error) => {
                    tracing::warn!(key = %wanted.key, error = format!("{error:#}"), "no value could be made for this key")
                }
            }
        }
        self.compiled = compile(&whole, self.options);
        self.publish();
        (self.world, self.whole) = (world, whole);
    }

    fn publish(&mut self) {
        let configuration = self.compiled.configuration.clone();
        let text = serde_json::to_string(&configuration).unwrap_or_default();
        let hash = hash(&text).trim_start_matches("sha256:").to_owned();
        self.published_ms = self.gateway.clock.wall_ms().max(self.published_ms + 1);
        self.authority.configure(&configuration);
        let version = Version {
            published_ms: self.published_ms,
            hash,
        };
        for fault in self.gateway.store.put(version, configuration) {
            tracing::warn!(resource = %fault.resource, reason = fault.reason, "refused; its previous version stays");
        }
    }

    /// Whether every key whose time began is compiled as such.
    fn knows_begun(&self) -> bool {
        self.whole.activations == **self.authority.begun().borrow()
    }

    /// What is in force.
    pub(crate) fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// Keys that were made by the last change.
    pub(crate) fn made(&self) -> &[NewKey] {
        &self.new_keys
    }

    /// Where they are kept, in words.
    pub(crate) fn kept(&self) -> String {
        self.keybook.place()
    }

    /// The value of a key, if it is known here: not when only its hash was written.
    pub(crate) fn value_of(&self, key: &Name) -> Option<&str> {
        let digests = &self.compiled.configuration.keys.get(key)?.digests;
        let near = self
            .whole
            .secrets
            .iter()
            .filter(|(secret, _)| secret.namespace() == key.namespace());
        let values = near
            .filter_map(|(_, secret)| secret.data.get(KEY_DATA))
            .map(SecretText::reveal);
        values.into_iter().find(|value| {
            digests
                .iter()
                .any(|digest| digest.to_string() == hash(value))
        })
    }
}
