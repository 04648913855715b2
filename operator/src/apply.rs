//! The only writer of Secrets: compiled configurations, one set for each namespace that needs them, and the values of keys: the first
//! of those that have none, and the next of those whose time has come. Has `credit` do what administrators ask for. Takes a
//! publication and returns it as `Applied`, which is all that `status` accepts.
//!
//! Invariant: a namespace's Secrets are written at most every 5 s, and only when they differ.
//! Invariant: a Secret of that name which does not carry our label is another's: it is neither written nor deleted, whenever
//! it came (`stored` looks before each write, not once).

mod bundle;
mod generated_key;
mod news;
mod rotate;
mod stored;

pub(crate) use bundle::{MOST_PARTS, secret_name};
pub(crate) use generated_key::is_taken_over;
pub(crate) use news::News;
pub(crate) use rotate::{Turned, turn};

use crate::certificate::Certificates;
use crate::clock::Clock;
use crate::credit::Creditor;
use crate::metrics::Metrics;
use crate::reconcile::Publication;
use crate::secrets::Secrets;
use crate::serve::Hub;
use generated_key::Made;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use purser_config::Name;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use stored::{Content, Lies};

/// How often the cluster is asked again, for Secrets that a person deleted or replaced.
const RELOOK: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_secs(5);
/// How long a key waits for its Secret to arrive from the same folder before one is made.
const GRACE: Duration = Duration::from_secs(2);

/// A publication whose effects on the cluster were made, or are known not to have been.
pub(crate) struct Applied {
    /// What was applied.
    pub(crate) publication: Arc<Publication>,
    /// What happened to keys just now.
    pub(crate) news: Vec<News>,
    /// When to apply again, if something waits.
    pub(crate) again: Option<Duration>,
}

struct Place {
    lies: Lies,
    /// Before which nothing is written.
    next: Duration,
    /// When the cluster was last asked what lies there.
    looked: Duration,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Unfit(#[from] bundle::Unfit),
    #[error("cutting the namespace's configuration")]
    Cut(#[from] serde_json::Error),
    #[error("talking to the API server: {0}")]
    Api(#[from] kube::Error),
}

/// See the file's page.
pub(crate) struct Applier {
    /// The API server.
    pub(crate) client: Client,
    /// Where scopes come from.
    pub(crate) hub: Arc<Hub>,
    /// Where the CA bundle comes from.
    pub(crate) certificates: Arc<Certificates>,
    /// Told of Secrets that were made.
    pub(crate) secrets: Secrets,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// For the pauses.
    pub(crate) clock: Clock,
    /// Where the shared gateway runs: it reads there whom to believe, as injected pods do.
    pub(crate) gateway_in: Option<String>,
    /// Does what annotations ask for.
    pub(crate) creditor: Creditor,
    /// What was done before.
    pub(crate) memory: Memory,
}

/// What lies in each namespace, and since when each key waits for a value.
#[derive(Default)]
pub(crate) struct Memory {
    places: HashMap<String, Place>,
    wanted: HashMap<Name, Duration>,
}

impl Applier {
    /// Makes the cluster's Secrets what they should be.
    pub(crate) async fn apply(&mut self, publication: Arc<Publication>) -> Applied {
        let Publication {
            configuration: _,
            verdicts: _,
            objects,
            wanted: _,
            rotations: _,
            taken_over: _,
            unread: _,
            watched: _,
        } = &*publication;
        let now = self.clock.now();
        let mut audiences = objects.audiences();
        audiences.extend(self.gateway_in.clone());
        let (mut next, mut news) = self.make_keys(&publication).await;
        self.let_go(&publication).await;
        let (turned, due) = self.turn_keys(&publication).await;
        let (credited, waits) = self.creditor.look(&publication).await;
        news.extend(turned.into_iter().chain(credited));
        next = [next, due, waits].into_iter().flatten().min();
        // Every namespace is looked at once: an operator before this one may have left Secrets where none is needed now.
        for namespace in objects
            .namespaces
            .keys()
            .filter(|name| publication.watches(name) || Some(*name) == self.gateway_in.as_ref())
        {
            self.memory
                .places
                .entry(namespace.clone())
                .or_insert(Place {
                    lies: Lies::Unknown,
                    next: Duration::ZERO,
                    looked: Duration::ZERO,
                });
        }
        self.memory
            .places
            .retain(|namespace, _| objects.namespaces.contains_key(namespace));
        let due: Vec<String> = self.memory.places.keys().cloned().collect();
        for namespace in due {
            let waits = self.keep(&namespace, &audiences, now).await;
            next = [next, waits].into_iter().flatten().min();
        }
        Applied {
            publication,
            news,
            again: next,
        }
    }

    /// Brings one namespace up to date; returns how long it must wait if it cannot be now.
    async fn keep(
        &mut self,
        namespace: &str,
        audiences: &BTreeSet<String>,
        now: Duration,
    ) -> Option<Duration> {
        let mut place = self.memory.places.remove(namespace)?;
        let result = self
            .bring(namespace, &mut place, audiences.contains(namespace), now)
            .await;
        let waits = match result {
            Ok(waits) => waits,
            Err(error) => {
                self.metrics.applied("failed");
                tracing::warn!(namespace, error = %error, "writing the compiled secret");
                place.lies = Lies::Unknown;
                place.next = now + EVERY;
                Some(EVERY)
            }
        };
        self.memory.places.insert(namespace.to_owned(), place);
        waits
    }

    async fn bring(
        &self,
        namespace: &str,
        place: &mut Place,
        needed: bool,
        now: Duration,
    ) -> Result<Option<Duration>, Failure> {
        let waits = place.next.saturating_sub(now);
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let stale = now >= place.looked + RELOOK;
        if matches!(place.lies, Lies::Unknown) || stale {
            if !waits.is_zero() {
                return Ok(Some(waits));
            }
            place.lies = stored::look(&api).await?;
            place.looked = now;
        }
        if !needed {
            return self.clear(&api, place).await;
        }
        let scope = self.hub.scope(namespace)?;
        let content = Content {
            hash: scope.version.hash.clone(),
            ca: self.certificates.bundle(),
        };
        let before = match &place.lies {
            Lies::Foreign => return Ok(None),
            Lies::Ours(lies, _) if *lies == content => return Ok(None),
            Lies::Ours(_, parts) => *parts,
            Lies::Nothing | Lies::Unknown => 0,
        };
        if !waits.is_zero() {
            return Ok(Some(waits));
        }
        place.next = now + EVERY;
        let parts = bundle::pack(&scope, &content.ca)?;
        let count = parts.len();
        if !stored::write(&api, parts).await? {
            place.lies = Lies::Foreign;
            self.metrics.applied("foreign");
            tracing::warn!(
                namespace,
                "a secret {} that is not ours is left alone; rename it, or sidecars here have no fallback",
                bundle::NAME
            );
            return Ok(None);
        }
        stored::remove(&api, count..before).await?;
        place.lies = Lies::Ours(content, count);
        self.metrics.applied("written");
        Ok(None)
    }

    async fn clear(
        &self,
        api: &Api<Secret>,
        place: &mut Place,
    ) -> Result<Option<Duration>, Failure> {
        if let Lies::Ours(_, parts) = place.lies {
            stored::remove(api, 0..parts).await?;
            place.lies = Lies::Nothing;
            self.metrics.applied("deleted");
        }
        Ok(None)
    }

    /// Makes values for keys that have waited long enough for one.
    async fn make_keys(&mut self, publication: &Publication) -> (Option<Duration>, Vec<News>) {
        let now = self.clock.now();
        self.memory
            .wanted
            .retain(|key, _| publication.wanted.iter().any(|wanted| wanted.key == *key));
        let (mut next, mut made) = (None, Vec::new());
        for wanted in &publication.wanted {
            let since = *self.memory.wanted.entry(wanted.key.clone()).or_insert(now);
            let Some(key) = publication
                .key(&wanted.key)
                .filter(|_| !publication.unread.contains(&wanted.secret))
            else {
                continue;
            };
            if let Some(waits) = (since + GRACE)
                .checked_sub(now)
                .filter(|waits| !waits.is_zero())
            {
                next = Some(next.map_or(waits, |next: Duration| next.min(waits)));
                continue;
            }
            match generated_key::make(&self.client, wanted, key, self.clock.unix_ms()).await {
                Ok(Made::Made) => {
                    tracing::info!(key = %wanted.key, secret = %wanted.secret, "a value was made for the key");
                    made.push(News::generated(&wanted.key, &wanted.secret));
                }
                Ok(Made::Found) => {
                    tracing::info!(key = %wanted.key, secret = %wanted.secret, "the key's secret exists; its value is followed")
                }
                Err(error) => {
                    tracing::warn!(key = %wanted.key, error = %error, source = error_source(&error), "making the key's value");
                    self.memory.wanted.insert(wanted.key.clone(), now);
                    next = Some(next.map_or(GRACE, |next: Duration| next.min(GRACE)));
                    continue;
                }
            }
            self.memory.wanted.insert(wanted.key.clone(), now); // Not again before the Secret was read.
            self.secrets.look_again(&wanted.secret);
        }
        (next, made)
    }

    /// Does what is due for values that were made here. Returns when the next is.
    async fn turn_keys(&self, publication: &Publication) -> (Vec<News>, Option<Duration>) {
        let (now_ms, mut news, mut next) = (self.clock.unix_ms(), Vec::new(), None);
        for rotation in &publication.rotations {
            let left = Duration::from_millis(rotation.at_ms.saturating_sub(now_ms));
            if !left.is_zero() {
                next = [next, Some(left)].into_iter().flatten().min();
                continue;
            }
            match rotate::turn(&self.client, rotation, now_ms).await {
                Ok(Turned::Nothing) => {}
                Ok(Turned::Forgotten) => {
                    tracing::info!(key = %rotation.key, secret = %rotation.secret, "the key's value before was removed");
                }
                Ok(Turned::Replaced { until }) => {
                    tracing::info!(key = %rotation.key, secret = %rotation.secret, until, "the key has a new value; the one before works until then");
                    news.push(News::rotated(&rotation.key, &rotation.secret, &until));
                }
                Err(error) => {
                    tracing::warn!(key = %rotation.key, error = %error, source = error_source(&error), "turning the key's value");
                    next = [next, Some(GRACE)].into_iter().flatten().min();
                }
            }
            self.secrets.look_again(&rotation.secret);
        }
        (news, next)
    }

    async fn let_go(&self, publication: &Publication) {
        for name in &publication.taken_over {
            match generated_key::let_go(&self.client, name).await {
                Ok(()) => {
                    tracing::info!(secret = %name, "the secret's value is its writer's now; it is no longer owned")
                }
                Err(error) => {
                    tracing::warn!(secret = %name, error = %error, "letting go of a secret")
                }
            }
            self.secrets.look_again(name);
        }
    }
}

fn error_source(error: &dyn std::error::Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}
