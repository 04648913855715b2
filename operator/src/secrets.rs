//! The Secrets that objects name, read one by one and remembered. `world` says which are named; a task reads them in the
//! background, at once when they are new or an object that names them changed, and every 30 s otherwise.
//!
//! Invariant: `get` only; no list, no watch. A get that fails keeps what was known. No value is ever logged.

use crate::clock::Clock;
use crate::watch::Dirty;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use purser_compile::WorldSecret;
use purser_config::{Name, SecretText};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

const SLOWEST: Duration = Duration::from_secs(30);
const FASTEST: Duration = Duration::from_secs(1);
/// Reads under way at once.
const AT_ONCE: usize = 32;

#[derive(Debug)]
enum Known {
    /// Never read, so nothing may be concluded from it.
    Unread,
    /// It does not exist, or may not be read.
    Absent,
    Present(Arc<WorldSecret>),
}

#[derive(Debug)]
struct Entry {
    /// Of the objects that name it.
    fingerprint: u64,
    known: Known,
    /// Since when it is watched closely.
    since: Duration,
    due: Duration,
}

/// When to read again what was read at `now`: soon after its naming, when the rest of a folder still arrives, ever later after.
fn next_due(since: Duration, now: Duration) -> Duration {
    now + now.saturating_sub(since).clamp(FASTEST, SLOWEST)
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Secrets that exist.
    pub(crate) secrets: BTreeMap<Name, Arc<WorldSecret>>,
    /// Secrets of which nothing is known yet.
    pub(crate) unread: HashSet<Name>,
}

/// See the file's page.
#[derive(Clone)]
pub(crate) struct Secrets {
    client: Client,
    clock: Clock,
    dirty: Dirty,
    entries: Arc<Mutex<HashMap<Name, Entry>>>,
    wanted: Arc<Notify>,
    progress: watch::Sender<()>,
}

impl Secrets {
    /// Knows nothing yet. `dirty` is marked when a Secret turns out to differ.
    pub(crate) fn new(client: Client, clock: Clock, dirty: Dirty) -> Self {
        let (progress, _) = watch::channel(());
        Secrets {
            client,
            clock,
            dirty,
            entries: Arc::default(),
            wanted: Arc::default(),
            progress,
        }
    }

    /// What is known of exactly these Secrets, after at most `patience` for those that were never read.
    pub(crate) async fn read(&self, named: &BTreeMap<Name, u64>, patience: Duration) -> Read {
        let mut progress = self.progress.subscribe();
        self.name(named);
        self.wanted.notify_one();
        let all_read = async {
            while self
                .lock()
                .values()
                .any(|entry| matches!(entry.known, Known::Unread))
                && progress.changed().await.is_ok()
            {}
        };
        let _ = tokio::time::timeout(patience, all_read).await;
        let mut read = Read::default();
        for (name, entry) in self.lock().iter() {
            match &entry.known {
                Known::Unread => _ = read.unread.insert(name.clone()),
                Known::Absent => {}
                Known::Present(secret) => _ = read.secrets.insert(name.clone(), Arc::clone(secret)),
            }
        }
        read
    }

    fn name(&self, named: &BTreeMap<Name, u64>) {
        let now = self.clock.now();
        let mut entries = self.lock();
        entries.retain(|name, _| named.contains_key(name));
        for (name, fingerprint) in named {
            let fresh = || Entry {
                fingerprint: *fingerprint,
                known: Known::Unread,
                since: now,
                due: now,
            };
            let entry = entries.entry(name.clone()).or_insert_with(fresh);
            if entry.fingerprint != *fingerprint {
                (entry.fingerprint, entry.since, entry.due) = (*fingerprint, now, now);
            }
        }
    }

    /// This Secret was written here, or may just have been written by another: look at it now and often.
    pub(crate) fn look_again(&self, name: &Name) {
        let now = self.clock.now();
        if let Some(entry) = self.lock().get_mut(name) {
            (entry.since, entry.due) = (now, now);
        }
        self.wanted.notify_one();
    }

    /// Reads what is due, for as long as the process lives.
    pub(crate) async fn run(self) {
        loop {
            let now = self.clock.now();
            let due: Vec<Name> = self
                .lock()
                .iter()
                .filter(|(_, entry)| entry.due <= now)
                .map(|(name, _)| name.clone())
                .collect();
            futures::stream::iter(due)
                .for_each_concurrent(AT_ONCE, |name| self.read_one(name))
                .await;
            let next = self.lock().values().map(|entry| entry.due).min();
            let pause = next.map_or(SLOWEST, |due| due.saturating_sub(self.clock.now()));
            let _ =
                tokio::time::timeout(pause.max(Duration::from_millis(20)), self.wanted.notified())
                    .await;
        }
    }

    async fn read_one(&self, name: Name) {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), name.namespace());
        let found = match tokio::time::timeout(Duration::from_secs(10), api.get_opt(name.name()))
            .await
        {
            Ok(Ok(secret)) => Some(secret.map(world_secret)),
            Ok(Err(kube::Error::Api(status))) if status.is_forbidden() => {
                tracing::warn!(secret = %name, "may not be read: the operator's role does not allow it");
                Some(None)
            }
            Ok(Err(error)) => {
                tracing::warn!(secret = %name, error = %error, "reading a secret; what was known of it stays");
                None
            }
            Err(_) => None,
        };
        let now = self.clock.now();
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(&name) else {
            return;
        };
        entry.due = next_due(entry.since, now);
        if found.is_some_and(|found| entry.learn(found)) {
            self.dirty.mark();
        }
        drop(entries);
        self.progress.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Says whether that is news.
    fn learn(&mut self, found: Option<WorldSecret>) -> bool {
        let same = match (&self.known, &found) {
            (Known::Absent, None) => true,
            (Known::Present(known), Some(found)) => equal(known, found),
            _ => false,
        };
        if !same {
            self.known = found.map_or(Known::Absent, |found| Known::Present(Arc::new(found)));
        }
        !same
    }
}

fn equal(a: &WorldSecret, b: &WorldSecret) -> bool {
    (&a.labels, &a.annotations, &a.kind, &a.data) == (&b.labels, &b.annotations, &b.kind, &b.data)
}

fn world_secret(secret: Secret) -> WorldSecret {
    let text = |value: Vec<u8>| String::from_utf8(value).ok().map(SecretText::new);
    WorldSecret {
        labels: secret.metadata.labels.unwrap_or_default(),
        annotations: secret.metadata.annotations.unwrap_or_default(),
        kind: secret.type_.unwrap_or_default(),
        data: secret
            .data
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key, text(value.0)?)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_just_named_is_read_often_and_then_ever_less() {
        let (since, s) = (Duration::from_secs(100), Duration::from_secs);
        let mut reads = vec![since];
        while reads.len() < 8 {
            reads.push(next_due(since, reads[reads.len() - 1]));
        }
        assert_eq!(reads, [100, 101, 102, 104, 108, 116, 132, 162].map(s));
    }

    #[test]
    fn only_a_difference_is_news() {
        let mut entry = Entry {
            fingerprint: 0,
            known: Known::Unread,
            since: Duration::ZERO,
            due: Duration::ZERO,
        };
        let secret = |text: &str| {
            Some(WorldSecret {
                data: [("apiKey".to_owned(), SecretText::new(text))].into(),
                ..WorldSecret::default()
            })
        };
        assert!(entry.learn(None));
        assert!(!entry.learn(None));
        assert!(entry.learn(secret("a")));
        assert!(!entry.learn(secret("a")));
        assert!(entry.learn(secret("b")));
    }
}
