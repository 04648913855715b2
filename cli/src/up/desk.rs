//! Where a change of the files becomes a configuration in force: read, complete with generated keys, compile, publish to store and
//! authority, tell. Called by `up`. It must never let what cannot be read replace what is in force.

use super::authority::Local;
use super::keybook::{Keybook, Turned};
use super::shown;
use super::sources::Sources;
use crate::key::hash;
use crate::manifests::files::Look;
use crate::manifests::schema::Schemas;
use purser_compile::{Compiled, Gateway as Shared, Options, Rotation, Step, World, compile};
use purser_config::stream::Version;
use purser_config::{Configuration, Name, SecretText};
use purser_console::Seen;
use purser_crds::{ApiKey, KEY_DATA};
use purser_sidecar::gateway::Gateway;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How long a value works beside one that replaced it by hand, where its key does not say.
const OVERLAP_MS: u64 = 86_400_000;
/// How many steps of rotation are caught up with at once: of a process that was away for long, one forgets and one replaces.
const STEPS: usize = 4;
/// How long after a failure a rotation is tried again.
const AGAIN_MS: u64 = 1_000;

/// A value that was made just now, to be shown once.
pub(crate) struct NewKey {
    pub(crate) key: Name,
    pub(crate) value: String,
    /// Until when the value before works, in unix milliseconds, if there was one.
    pub(crate) previous_until_ms: Option<u64>,
}

/// What the console asks of the desk: the files are read at once, a value turned, a value told.
pub(crate) struct Errand {
    /// Whose value is replaced, and for how long the one before works on.
    pub(crate) rotates: Option<(Name, Option<u64>)>,
    /// Whose value is told.
    pub(crate) tells: Option<Name>,
    /// Told when it is done, or why it is not.
    pub(crate) done: oneshot::Sender<Result<Option<SecretText>, String>>,
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
    /// When the next rotation or the end of an overlap is due, in unix milliseconds.
    turn_ms: Option<u64>,
    /// Why the files could not be read the last time.
    unread: Option<String>,
    /// What the console sees.
    seen: watch::Sender<Arc<Seen>>,
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
            turn_ms: None,
            unread: None,
            seen: watch::Sender::default(),
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
    pub(crate) async fn watch(
        mut self,
        (sources, mut errands): (Arc<Sources>, mpsc::Receiver<Errand>),
        mut seen: Look,
        every: Duration,
    ) {
        let mut begun = self.authority.begun();
        loop {
            let mut errand = None;
            tokio::select! {
                () = tokio::time::sleep(every.min(self.until_turn())) => {}
                Ok(()) = begun.changed() => {}
                Some(asked) = errands.recv() => errand = Some(asked),
            }
            let look = Arc::clone(&sources);
            let Ok(now) = tokio::task::spawn_blocking(move || look.look()).await else {
                continue;
            };
            let is_changed = now != seen || errand.is_some();
            if !is_changed && self.knows_begun() && !self.until_turn().is_zero() {
                continue;
            }
            seen = now;
            let read = Arc::clone(&sources);
            let reloaded = tokio::task::spawn_blocking(move || {
                match is_changed {
                    true => self.reload(&read),
                    false => self.retake(),
                }
                if let Some(errand) = errand {
                    self.run(errand);
                }
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
            let first = manifests.faults.first();
            let first = first.map(ToString::to_string).unwrap_or_default();
            self.unread = Some(first.clone());
            self.gateway.store.failed(first);
            tracing::warn!("a file cannot be read; the configuration in force stays");
            return;
        }
        self.unread = None;
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

    fn run(&mut self, errand: Errand) {
        let turned = match &errand.rotates {
            Some((key, overlap_ms)) => self.rotate(key, *overlap_ms),
            None => Ok(()),
        };
        let told = turned.map(|()| {
            let value = errand.tells.as_ref().and_then(|key| self.value_of(key));
            value.map(SecretText::new)
        });
        // Whoever asked may be gone.
        let _ = errand.done.send(told);
    }

    /// Replaces a value that was made here, whatever its age.
    fn rotate(&mut self, key: &Name, overlap_ms: Option<u64>) -> Result<(), String> {
        let is = |one: &&ApiKey| purser_console::name_of(&one.metadata) == *key;
        let spec = self.world.keys.iter().find(is).map(|one| &one.spec);
        let spec = spec.ok_or_else(|| format!("ApiKey {key} does not exist"))?;
        let secret = Name::new(key.namespace(), &spec.secret_name_of(key.name()));
        if spec.key_hash.is_some() || self.world.secrets.contains_key(&secret) {
            return Err(format!(
                "the value of ApiKey {key} was not made here; replace it where it is written"
            ));
        }
        let usual = spec.rotation.as_ref();
        let usual = usual.and_then(|rotation| rotation.overlap.milliseconds().ok());
        let now_ms = self.gateway.clock.wall_ms();
        let overlap_ms = overlap_ms.or(usual).unwrap_or(OVERLAP_MS);
        let rotation = Rotation {
            secret,
            key: key.clone(),
            at_ms: now_ms,
            step: Step::Replace { overlap_ms },
        };
        match self.keybook.turn(&rotation, now_ms) {
            Ok(Turned::Replaced { .. }) => {}
            Ok(_) => {
                return Err(format!(
                    "ApiKey {key} was rotated a short while ago and the value before still works; try again once it does not"
                ));
            }
            Err(error) => return Err(format!("{error:#}")),
        }
        self.take(self.world.clone());
        Ok(())
    }

    /// The files are as they were; a key's time began, or a value is due to be replaced or forgotten.
    fn retake(&mut self) {
        self.take(self.world.clone());
        shown::new_keys(self);
        if let Some(unread) = &self.unread {
            self.gateway.store.failed(unread.clone());
        }
    }

    /// Compiles a world and puts the result into force.
    fn take(&mut self, world: World) {
        let mut whole = world.clone();
        whole.activations = self.authority.begun().borrow().as_ref().clone();
        self.new_keys.clear();
        // A key that is made may be the reason for another to be wanted no more: the second pass judges.
        self.complete(&mut whole);
        let mut compiled = compile(&whole, self.options);
        // Secrets that people wrote are theirs to turn.
        let ours = |rotation: &Rotation| !world.secrets.contains_key(&rotation.secret);
        for _ in 0..STEPS {
            compiled.rotations.retain(ours);
            if !self.turn(&mut whole, &compiled.rotations) {
                break;
            }
            compiled = compile(&whole, self.options);
        }
        self.turn_ms = self.next_turn(&compiled.rotations);
        self.compiled = compiled;
        let configuration = Arc::new(self.publish());
        self.seen.send_replace(Arc::new(Seen {
            plans: world.plans.iter().cloned().map(Arc::new).collect(),
            keys: world.keys.iter().cloned().map(Arc::new).collect(),
            channels: world.channels.iter().cloned().map(Arc::new).collect(),
            verdicts: self.compiled.verdicts.clone(),
            configuration,
        }));
        (self.world, self.whole) = (world, whole);
    }

    /// Adds the Secrets that keys name and nobody wrote.
    fn complete(&mut self, whole: &mut World) {
        let now_ms = self.gateway.clock.wall_ms();
        for wanted in compile(whole, self.options).wanted {
            match self.keybook.secret(&wanted.secret, now_ms) {
                Ok((secret, made)) => {
                    whole.secrets.insert(wanted.secret, secret);
                    self.new_keys.extend(made.map(|value| NewKey {
                        key: wanted.key,
                        value,
                        previous_until_ms: None,
                    }));
                }
                Err(error) => {
                    tracing::warn!(key = %wanted.key, error = format!("{error:#}"), "no value could be made for this key")
                }
            }
        }
    }

    /// Replaces and forgets values whose time it is; whether any changed.
    fn turn(&mut self, whole: &mut World, rotations: &[Rotation]) -> bool {
        let now_ms = self.gateway.clock.wall_ms();
        let mut changed = false;
        for rotation in rotations.iter().filter(|due| due.at_ms <= now_ms) {
            let turned = self.keybook.turn(rotation, now_ms).and_then(|turned| {
                let (secret, _) = self.keybook.secret(&rotation.secret, now_ms)?;
                Ok((turned, secret))
            });
            let (turned, secret) = match turned {
                Ok((Turned::Nothing, _)) => continue,
                Ok(turned) => turned,
                Err(error) => {
                    tracing::warn!(key = %rotation.key, error = format!("{error:#}"), "this key's value could not be turned; it is tried again");
                    continue;
                }
            };
            changed = true;
            whole.secrets.insert(rotation.secret.clone(), secret);
            match turned {
                Turned::Replaced { value, until_ms } => self.new_keys.push(NewKey {
                    key: rotation.key.clone(),
                    value,
                    previous_until_ms: Some(until_ms),
                }),
                _ => tracing::info!(key = %rotation.key, "the key's value before works no more"),
            }
        }
        changed
    }

    /// What is due and could not be done waits a little.
    fn next_turn(&self, rotations: &[Rotation]) -> Option<u64> {
        let now_ms = self.gateway.clock.wall_ms();
        let next = rotations.iter().map(|rotation| rotation.at_ms).min()?;
        Some(if next <= now_ms {
            now_ms + AGAIN_MS
        } else {
            next
        })
    }

    fn until_turn(&self) -> Duration {
        let now_ms = self.gateway.clock.wall_ms();
        let left = |turn_ms: u64| Duration::from_millis(turn_ms.saturating_sub(now_ms));
        self.turn_ms.map_or(Duration::MAX, left)
    }

    fn publish(&mut self) -> Configuration {
        let configuration = self.compiled.configuration.clone();
        let text = serde_json::to_string(&configuration).unwrap_or_default();
        let hash = hash(&text).trim_start_matches("sha256:").to_owned();
        self.published_ms = self.gateway.clock.wall_ms().max(self.published_ms + 1);
        self.authority.configure(&configuration);
        let version = Version {
            published_ms: self.published_ms,
            hash,
            ..Version::default()
        };
        let put = configuration.clone();
        for fault in self.gateway.store.put(version, put) {
            tracing::warn!(resource = %fault.resource, reason = fault.reason, "refused; its previous version stays");
        }
        configuration
    }

    /// Whether every key whose time began is compiled as such.
    fn knows_begun(&self) -> bool {
        self.whole.activations == **self.authority.begun().borrow()
    }

    /// What the console sees, now and later.
    pub(crate) fn seen(&self) -> watch::Receiver<Arc<Seen>> {
        self.seen.subscribe()
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
