//! Sidecars without their sockets: each its own ledger, as the process has it, over one of three replicas that share a Redis.

use purser_authority::redis::RedisWindows;
use purser_authority::{KeyTerms, Terms};
use purser_config::quota::{Ask, Grant, Reserve, Reserved, Return, Settle};
use purser_config::stream::{Hello, Version};
use purser_config::usage::Batch;
use purser_config::{Configuration, Name, WhenQuotaUnreachable};
use purser_sidecar::clock::Clock;
use purser_sidecar::lane::Lanes;
use purser_sidecar::ledger::{Answer, Authority, Ledger, Memory, Unreachable};
use purser_sidecar::metrics::Metrics;
use purser_sidecar::snapshot::{Caller, Snapshot};
use purser_sidecar::spool::Spool;
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A sidecar's side of its replica.
struct Wire {
    windows: Arc<RedisWindows>,
    sidecar: String,
    clock: Clock,
    unheard: Arc<Unheard>,
}

/// Requests by key that were asked for and nobody heard an answer of, with when it was given up: where they were granted all the same,
/// they occupy the window.
type Unheard = Mutex<BTreeMap<Name, Vec<(Duration, usize)>>>;

impl Authority for Wire {
    fn ask(&self, ask: Ask) -> Answer<Grant> {
        let (windows, sidecar) = (Arc::clone(&self.windows), self.sidecar.clone());
        let (clock, unheard) = (self.clock, Arc::clone(&self.unheard));
        Box::pin(async move {
            let (key, want) = (ask.key.clone(), ask.want as usize);
            if let Ok(mut answered) = windows.ask(&sidecar, &[ask]).await {
                return answered.answers.pop().ok_or(Unreachable);
            }
            let mut unheard = unheard.lock().unwrap();
            unheard.entry(key).or_default().push((clock.now(), want));
            Err(Unreachable)
        })
    }

    fn give_back(&self, unused: Return) {
        let (windows, sidecar) = (Arc::clone(&self.windows), self.sidecar.clone());
        tokio::spawn(async move { windows.give_back(&sidecar, &[unused]).await });
    }

    fn reserve(&self, _: Reserve) -> Answer<Reserved> {
        Box::pin(std::future::ready(Err(Unreachable)))
    }

    fn settle(&self, _: Settle) {}

    fn keep(&self, _: Batch) -> Answer<u64> {
        Box::pin(std::future::ready(Err(Unreachable)))
    }
}

/// All sidecars, on one clock, and the keys that they know.
pub(super) struct Fleet {
    pub(super) ledgers: Vec<Arc<Ledger>>,
    pub(super) clock: Clock,
    callers: BTreeMap<String, Arc<Caller>>,
    unheard: Arc<Unheard>,
}

impl Fleet {
    /// So many sidecars over three replicas; `keys`: name and requests a minute.
    pub(super) async fn open(url: &str, count: usize, keys: &[(String, u32)]) -> Self {
        let (clock, mut replicas) = (Clock::start(), Vec::new());
        for _ in 0..3 {
            let windows = RedisWindows::open(url, "rate").await.unwrap();
            windows.configure(terms(keys));
            replicas.push(Arc::new(windows));
        }
        let (mut ledgers, unheard) = (Vec::new(), Arc::<Unheard>::default());
        for number in 0..count {
            let windows = Arc::clone(&replicas[number % replicas.len()]);
            let sidecar = format!("sidecar-{number}");
            let said = windows.hello(&sidecar, &hello(&sidecar), None).await;
            said.expect("Redis answers while nothing else is asked");
            let wire = Wire {
                windows,
                sidecar,
                clock,
                unheard: Arc::clone(&unheard),
            };
            let wire = Arc::new(wire) as Arc<dyn Authority>;
            let spool = Arc::new(Spool::memory(1 << 20));
            let kept = (spool, Arc::new(Metrics::new().unwrap()));
            let ledger = Arc::new(Ledger::new(wire, Arc::<Memory>::default(), kept, clock));
            tokio::spawn(Arc::clone(&ledger).run());
            ledgers.push(ledger);
        }
        Fleet {
            ledgers,
            clock,
            callers: callers(keys),
            unheard,
        }
    }

    /// How many requests of this key were given up in that time and may occupy its window though nobody heard of them: a machine that
    /// stands still loses answers.
    pub(super) fn unheard(&self, key: &str, during: &Range<Duration>) -> usize {
        let unheard = self.unheard.lock().unwrap();
        let of_key = unheard.get(&name(key)).into_iter().flatten();
        let within = of_key.filter(|(at, _)| during.contains(at));
        within.map(|(_, want)| want).sum()
    }

    pub(super) fn caller(&self, key: &str) -> Arc<Caller> {
        Arc::clone(&self.callers[key])
    }
}

fn name(key: &str) -> Name {
    Name::new("shop", key)
}

fn terms(keys: &[(String, u32)]) -> Terms {
    let terms = |limit| KeyTerms {
        requests_per_minute: Some(limit),
        when_unreachable: WhenQuotaUnreachable::Deny,
        ..KeyTerms::default()
    };
    let keys = keys.iter().map(|(key, limit)| (name(key), terms(*limit)));
    Terms {
        keys: keys.collect(),
        ..Terms::default()
    }
}

fn hello(sidecar: &str) -> Hello {
    Hello {
        instance: sidecar.to_owned(),
        version: None,
        uses: vec![],
        shares: vec![],
        holds: vec![],
        tokens: vec![],
        spool: String::new(),
    }
}

/// What a sidecar makes of the configuration.
fn callers(keys: &[(String, u32)]) -> BTreeMap<String, Arc<Caller>> {
    let mut all = Configuration::default();
    for (key, limit) in keys {
        let plan = json!({
            "requests_per_minute": limit, "allow": ["*"], "routing": "priority",
            "when_quota_unreachable": "deny",
        });
        let of = json!({"digests": [], "standing": "good", "plan": key, "channels": []});
        all.plans
            .insert(key.clone(), serde_json::from_value(plan).unwrap());
        all.keys
            .insert(name(key), serde_json::from_value(of).unwrap());
    }
    let (snapshot, _) = Snapshot::build(&all, Version::default(), &Lanes::default());
    let found = |(key, _): &(String, u32)| {
        let caller = snapshot.by_name(&name(key)).unwrap();
        (key.clone(), Arc::clone(caller))
    };
    keys.iter().map(found).collect()
}
