//! The loop: something changed, so read everything, compile everything, publish what differs, and hand the result to the
//! effects. Called by `run`; the file list beside it is the order of its steps.
//!
//! Publishing waits for no write: a deleted key is refused everywhere before its status or any Secret is touched.

use crate::apply::{Applier, is_taken_over};
use crate::metrics::Metrics;
use crate::secrets::Secrets;
use crate::serve::Hub;
use crate::status::Reporter;
use crate::watch::{TICK, Watched};
use crate::world::{Guards, Objects};
use kube::ResourceExt;
use purser_compile::{Compiled, ObjectRef, Options, Rotation, Verdict, WantedSecret, compile};
use purser_config::{Configuration, Name};
use purser_crds::ApiKey;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// How long a pass waits for Secrets that were never read. A deletion may have to wait that long, too.
const PATIENCE: Duration = Duration::from_millis(300);
/// The same at the first pass, when nothing is served yet and half a configuration would refuse good keys.
const FIRST_PATIENCE: Duration = Duration::from_secs(30);
/// The shortest time between two passes over the effects.
const EFFECTS_EVERY: Duration = Duration::from_millis(100);

/// What one pass decided, and what it was decided from.
pub(crate) struct Publication {
    /// What sidecars obey.
    pub(crate) configuration: Arc<Configuration>,
    /// One for each object.
    pub(crate) verdicts: BTreeMap<ObjectRef, Verdict>,
    /// The objects.
    pub(crate) objects: Objects,
    /// Keys without a value.
    pub(crate) wanted: Vec<WantedSecret>,
    /// What is due for values that were made here.
    pub(crate) rotations: Vec<Rotation>,
    /// Secrets made here that hold somebody's own value now.
    pub(crate) taken_over: Vec<Name>,
    /// Secrets of which nothing is known yet: what was decided without them is not reported.
    pub(crate) unread: HashSet<Name>,
    /// Namespaces that are watched; all when empty.
    pub(crate) watched: Arc<[String]>,
}

impl Publication {
    /// The ApiKey of that name.
    pub(crate) fn key(&self, name: &Name) -> Option<&ApiKey> {
        let is = |key: &&Arc<ApiKey>| {
            key.name_any() == name.name() && key.namespace().as_deref() == Some(name.namespace())
        };
        self.objects.keys.iter().find(is).map(|key| &**key)
    }

    /// Whether this namespace is ours to look at.
    pub(crate) fn watches(&self, namespace: &str) -> bool {
        self.watched.is_empty() || self.watched.iter().any(|watched| watched == namespace)
    }
}

/// What a pass needs.
pub(crate) struct Reconciler {
    /// What the cluster holds.
    pub(crate) watched: Arc<Watched>,
    /// Which namespaces that is.
    pub(crate) namespaces: Arc<[String]>,
    /// What is believed of it.
    pub(crate) guards: Guards,
    /// The Secrets that it names.
    pub(crate) secrets: Secrets,
    /// How strict to be.
    pub(crate) options: Options,
    /// Where to publish.
    pub(crate) hub: Arc<Hub>,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Where the effects look.
    pub(crate) effects: watch::Sender<Option<Arc<Publication>>>,
}

impl Reconciler {
    /// The first pass.
    pub(crate) async fn start(&mut self) {
        self.pass(FIRST_PATIENCE, None).await;
    }

    /// Passes for as long as the process lives.
    pub(crate) async fn run(mut self) {
        loop {
            self.watched.dirty.settled(TICK).await;
            let before = self
                .effects
                .borrow()
                .as_ref()
                .map(|publication| Arc::clone(&publication.configuration));
            self.pass(PATIENCE, before).await;
        }
    }

    async fn pass(&mut self, patience: Duration, before: Option<Arc<Configuration>>) {
        // 1. read (no client: stores, and Secrets that a task reads)
        let height = self.watched.level.reached();
        let objects = self.guards.objects(&self.watched);
        self.hub.saw(self.watched.level.claimed());
        if objects.held > 0 {
            tracing::warn!(
                held = objects.held,
                "a relist lost more than half of a kind; kept until they are deleted one by one, or --force"
            );
        }
        let read = self.secrets.read(&objects.named_secrets(), patience).await;
        let world = objects.world(&read, &self.hub.authority().begun().borrow());
        // 2. compile (pure)
        let started = Instant::now();
        let Compiled {
            configuration,
            verdicts,
            wanted,
            rotations,
        } = compile(&world, self.options);
        self.metrics
            .compile_duration
            .observe(started.elapsed().as_secs_f64());
        self.metrics.compiles.inc();
        self.metrics.judged(&verdicts);
        self.metrics
            .held_back
            .set(i64::try_from(objects.held).unwrap_or(i64::MAX));
        // 3. publish (to sidecars and the authority)
        let configuration = self.publish(configuration, before);
        // What was decided without a Secret is not all that the cluster holds: a sidecar that a faster replica told of it keeps that.
        if read.unread.is_empty() {
            self.hub.reaches(height);
        }
        self.hub.pods_are(objects.pods.clone()).await;
        self.hub
            .forget_scopes(&objects.audiences().into_iter().collect());
        // 4. hand over (apply and status, in their own time)
        let secrets = read.secrets.iter();
        let taken_over = secrets.filter(|(_, secret)| is_taken_over(secret));
        let taken_over = taken_over.map(|(name, _)| name.clone()).collect();
        let (unread, watched) = (read.unread, Arc::clone(&self.namespaces));
        self.effects.send_replace(Some(Arc::new(Publication {
            configuration,
            verdicts,
            objects,
            wanted,
            rotations,
            taken_over,
            unread,
            watched,
        })));
    }

    fn publish(
        &self,
        configuration: Configuration,
        before: Option<Arc<Configuration>>,
    ) -> Arc<Configuration> {
        if let Some(before) = before.filter(|before| **before == configuration) {
            return before;
        }
        let configuration = Arc::new(configuration);
        self.hub.publish(Arc::clone(&configuration));
        self.metrics.publications.inc();
        configuration
    }
}

/// Applies and reports the latest publication, again when sidecars acknowledge, and when something waited.
pub(crate) async fn effects(
    mut publications: watch::Receiver<Option<Arc<Publication>>>,
    report: Arc<Notify>,
    mut applier: Applier,
    mut reporter: Reporter,
) {
    let mut again = Duration::ZERO;
    loop {
        tokio::select! {
            changed = publications.changed() => if changed.is_err() { return },
            () = report.notified() => {}
            () = tokio::time::sleep(again) => {}
        }
        let latest = publications.borrow_and_update().clone();
        again = TICK;
        let Some(publication) = latest else { continue };
        let applied = applier.apply(publication).await;
        let reported = reporter.report(&applied).await;
        again = [applied.again, reported]
            .into_iter()
            .flatten()
            .fold(TICK, Duration::min)
            .max(EFFECTS_EVERY);
        tokio::time::sleep(EFFECTS_EVERY).await;
    }
}
