//! What happened, in real time: every admission, every fault, and what callers were told. Written by everybody, read by `judge` and
//! `report`; decides nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::Instant;

/// One call that went to a provider.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    pub(super) id: String,
    pub(super) key: usize,
    pub(super) pod: usize,
    /// When all that it needs beyond its window was held.
    pub(super) held: Duration,
    /// When the sidecar looked last whether it may.
    pub(super) checked: Duration,
    /// When it was sent; later, where the process was frozen between.
    pub(super) sent: Duration,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    Admitted {
        pod: usize,
        key: usize,
        late: Duration,
    },
    Refused {
        pod: usize,
        key: usize,
        code: &'static str,
    },
    Fault(String),
}

/// See the file's page.
#[derive(Default)]
pub(super) struct Told {
    pub(super) events: Vec<(Duration, What)>,
    pub(super) admissions: Vec<Admission>,
    /// Arrivals by key: when.
    pub(super) offered: Vec<(usize, Duration)>,
    /// When a sidecar that could ask the authority no longer could, or an authority forgot: what `Share` is measured from.
    pub(super) losses: Vec<Duration>,
    /// The same of what calls need beyond their window.
    pub(super) unheld: Vec<Duration>,
    /// When a call was over, and how many tokens it used; none of a call whose process was killed.
    pub(super) over: HashMap<String, (Duration, Option<u64>)>,
    /// Answers of callers by code.
    pub(super) refusals: BTreeMap<&'static str, u64>,
}

/// A handle.
#[derive(Clone)]
pub(super) struct History {
    began: Instant,
    told: Arc<Mutex<Told>>,
}

impl History {
    pub(super) fn begin() -> Self {
        History {
            began: Instant::now(),
            told: Arc::default(),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }

    pub(super) fn fault(&self, what: String) {
        let at = self.now();
        self.told().events.push((at, What::Fault(what)));
    }

    /// The authority cannot be asked any more, or does not know what was.
    pub(super) fn loss(&self) {
        let at = self.now();
        self.told().losses.push(at);
    }

    /// The same of what calls need beyond their window.
    pub(super) fn unheld(&self) {
        let at = self.now();
        self.told().unheld.push(at);
    }

    pub(super) fn over(&self, id: String, tokens: u64) {
        let at = self.now();
        self.told().over.insert(id, (at, Some(tokens)));
    }

    /// Whatever a pod's process was at is over.
    pub(super) fn killed(&self, pod: usize) {
        let at = self.now();
        let mut told = self.told();
        let Told {
            admissions, over, ..
        } = &mut *told;
        let own = admissions.iter().filter(|one| one.pod == pod);
        own.for_each(|one| {
            over.entry(one.id.clone()).or_insert((at, None));
        });
    }

    pub(super) fn offered(&self, key: usize) {
        let at = self.now();
        self.told().offered.push((key, at));
    }

    pub(super) fn refused(&self, pod: usize, key: usize, code: &'static str) {
        let at = self.now();
        let mut told = self.told();
        *told.refusals.entry(code).or_default() += 1;
        told.events.push((at, What::Refused { pod, key, code }));
    }

    pub(super) fn admitted(&self, admission: Admission) {
        let at = self.now();
        let Admission { pod, key, .. } = admission;
        let late = admission.sent - admission.checked;
        let mut told = self.told();
        told.events.push((at, What::Admitted { pod, key, late }));
        told.admissions.push(admission);
    }
}
