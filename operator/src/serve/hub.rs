//! Where publications, sidecars and the authority meet. `reconcile` publishes here, `connection` speaks for one sidecar,
//! `status` asks how many run what. Three locks: the authority's own (asked for every call), the fleet's and the scopes'. Only the
//! fleet's is ever held while another is taken, the authority's: who comes and who goes reaches both in one order.
//!
//! Invariant: the authority knows a publication's limits before any sidecar knows the publication.
//! Invariant: the authority is asked only while the Lease is surely ours.

use crate::clock::Clock;
use crate::lease::Tenure;
use crate::serve::census::{Census, Member};
use crate::serve::health::{self, Health};
use crate::serve::lines;
use crate::serve::scope::{Scope, Scopes};
use crate::serve::token::Caller;
use bytes::Bytes;
use purser_authority::{Authority, Moment};
use purser_config::quota::{Return, Share};
use purser_config::stream::{ChannelHealth, FromOperator, Hello};
use purser_config::{Configuration, Fault};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc, watch};

/// Lines that wait for a connection beyond its own; what does not fit is told again.
const WAITING: usize = 64;

#[derive(Debug)]
struct Sidecar {
    connection: u64,
    caller: Caller,
    lines: mpsc::Sender<Bytes>,
    holds: Option<Arc<Scope>>,
    faults: Arc<Vec<Fault>>,
    health: Arc<Health>,
    /// Its spool; empty: it has none.
    spool: String,
}

#[derive(Debug, Default)]
struct Fleet {
    connections: u64,
    connected: HashMap<String, Sidecar>,
    /// Sidecars that were lost while their pod may still live, by pod.
    lost: HashMap<String, Vec<String>>,
    pods: HashSet<String>,
}

/// One sidecar's place in the hub.
#[derive(Debug)]
pub(crate) struct Seat {
    /// `namespace/instance`.
    pub(crate) name: String,
    connection: u64,
    /// Whether a pod's end will tell of the sidecar's.
    bound: bool,
}

/// See the file's page.
pub(crate) struct Hub {
    clock: Clock,
    tenure: Tenure,
    authority: Arc<Authority>,
    scopes: Mutex<Scopes>,
    fleet: Mutex<Fleet>,
    published: watch::Sender<u64>,
    report: Arc<Notify>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    /// An empty hub of this tenure. `report` is told when sidecars come, go or acknowledge.
    pub(crate) fn new(
        clock: Clock,
        tenure: Tenure,
        report: Arc<Notify>,
        authority: Arc<Authority>,
    ) -> Self {
        let (published, _) = watch::channel(0);
        Hub {
            clock,
            tenure,
            authority,
            scopes: Mutex::default(),
            fleet: Mutex::default(),
            published,
            report,
        }
    }

    /// Makes a configuration the one that counts: denials first, then every connection.
    pub(crate) fn publish(&self, configuration: Arc<Configuration>) {
        self.authority.configure(self.moment(), &configuration);
        lock(&self.scopes).publish(configuration, self.clock.unix_ms());
        self.published.send_modify(|number| *number += 1);
        self.tell_shares();
    }

    /// Rises with every publication.
    pub(crate) fn publications(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }

    /// Whether the Lease is surely ours, so that an answer may be given.
    pub(crate) fn answers(&self) -> bool {
        self.tenure.holds()
    }

    /// What a namespace may know now.
    pub(crate) fn scope(&self, namespace: &str) -> serde_json::Result<Arc<Scope>> {
        lock(&self.scopes).scope(namespace)
    }

    /// Forgets scopes that no namespace of `needed` and no connection uses.
    pub(crate) fn forget_scopes(&self, needed: &HashSet<String>) {
        let connected: HashSet<String> = lock(&self.fleet)
            .connected
            .values()
            .map(|sidecar| sidecar.caller.namespace.clone())
            .collect();
        lock(&self.scopes)
            .forget_others(|namespace| needed.contains(namespace) || connected.contains(namespace));
    }

    /// A connection said `Hello`. With its seat comes what to send beside answers; that ends when another connection took its name.
    pub(crate) fn join(
        &self,
        caller: &Caller,
        hello: &Hello,
    ) -> serde_json::Result<(Seat, mpsc::Receiver<Bytes>)> {
        let name = format!("{}/{}", caller.namespace, hello.instance);
        let (sender, lines) = mpsc::channel(WAITING);
        let connection = {
            // Held until the authority knows, too: or the end of the sidecar's old connection could overtake this beginning,
            // and the authority would deny a sidecar that is connected.
            let mut fleet = lock(&self.fleet);
            let (connection, replaced, gone) = fleet.join(&name, caller, sender);
            if let Some(sidecar) = fleet.connected.get_mut(&name) {
                sidecar.spool.clone_from(&hello.spool);
            }
            let (authority, at) = (&self.authority, self.moment());
            if replaced {
                authority.lost(at.now, &name, false);
            }
            gone.iter()
                .for_each(|sidecar| authority.lost(at.now, sidecar, true));
            authority.hello(at, &name, hello, Some(&caller.namespace));
            connection
        };
        if let Some(version) = &hello.version
            && lock(&self.scopes).catch_up(&caller.namespace, version, self.clock.unix_ms())?
        {
            self.published.send_modify(|number| *number += 1);
        }
        self.tell_shares();
        self.report.notify_one();
        let seat = Seat {
            name,
            connection,
            bound: caller.pod.is_some(),
        };
        Ok((seat, lines))
    }

    /// A connection ended; `closed`: by its other end, and not in silence. Of a sidecar without a pod nothing more will ever be
    /// heard, so its connection's end counts as its own, or each restart would withhold a share for 10 minutes.
    pub(crate) fn leave(&self, seat: &Seat, closed: bool) {
        let gone = closed && !seat.bound;
        {
            let mut fleet = lock(&self.fleet);
            if !fleet.leave(&seat.name, seat.connection) {
                return; // Its name belongs to a newer connection.
            }
            self.authority.lost(self.clock.now(), &seat.name, gone);
        }
        self.tell_shares();
        self.report.notify_one();
    }

    /// Which pods are there: a sidecar whose pod is gone will not use its share again.
    pub(crate) fn pods_are(&self, pods: HashSet<String>) {
        let mut fleet = lock(&self.fleet);
        let gone = fleet.pods_are(pods);
        let now = self.clock.now();
        gone.iter()
            .for_each(|sidecar| self.authority.lost(now, sidecar, true));
    }

    /// A sidecar runs `scope`, but for `faults`.
    pub(crate) fn holds(&self, seat: &Seat, scope: Arc<Scope>, faults: Vec<Fault>) {
        if let Some(sidecar) = lock(&self.fleet)
            .connected
            .get_mut(&seat.name)
            .filter(|known| known.connection == seat.connection)
        {
            sidecar.holds = Some(scope);
            sidecar.faults = Arc::new(faults);
        }
        self.report.notify_one();
    }

    /// How a sidecar finds the channels that it has called.
    pub(crate) fn health(&self, seat: &Seat, told: Vec<ChannelHealth>) {
        let health = Arc::new(health::heard(told, self.clock.unix_ms()));
        if let Some(sidecar) = lock(&self.fleet)
            .connected
            .get_mut(&seat.name)
            .filter(|known| known.connection == seat.connection)
        {
            sidecar.health = health;
        }
        self.report.notify_one();
    }

    /// Windows and ledger. Whoever asks them for an answer looks at `answers` before and after.
    pub(crate) fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    /// The spools of the sidecars that are connected.
    pub(crate) fn spools(&self) -> BTreeSet<String> {
        let fleet = lock(&self.fleet);
        let spools = fleet.connected.values().map(|sidecar| &sidecar.spool);
        spools.filter(|spool| !spool.is_empty()).cloned().collect()
    }

    /// Now, on both clocks.
    pub(crate) fn moment(&self) -> Moment {
        let (now, unix_ms) = (self.clock.now(), self.clock.unix_ms());
        Moment { now, unix_ms }
    }

    /// Grants that were not used.
    pub(crate) fn give_back(&self, seat: &Seat, returns: &[Return]) {
        let now = self.clock.now();
        returns
            .iter()
            .for_each(|back| self.authority.give_back(now, &seat.name, back));
    }

    /// Shares that a sidecar confirms.
    pub(crate) fn shares_held(&self, seat: &Seat, shares: &[Share]) {
        self.authority
            .shares_held(self.clock.now(), &seat.name, shares);
        self.tell_shares();
    }

    /// Sends the shares that are to be told now. Called after every event here, and every second.
    pub(crate) fn tell_shares(&self) {
        let told = self.authority.shares_to_tell(self.clock.now());
        if told.is_empty() {
            return;
        }
        let fleet = lock(&self.fleet);
        for (name, shares) in told {
            if let (Some(sidecar), Ok(line)) = (
                fleet.connected.get(&name),
                lines::written(&FromOperator::Shares(shares)),
            ) {
                let _ = sidecar.lines.try_send(line); // A full queue: told again in a second.
            }
        }
    }

    /// Who is connected and runs what.
    pub(crate) fn census(&self) -> serde_json::Result<Census> {
        let members: Vec<Member> = lock(&self.fleet)
            .connected
            .values()
            .map(Sidecar::member)
            .collect();
        let namespaces: HashSet<&str> = members
            .iter()
            .map(|member| member.namespace.as_str())
            .collect();
        let scopes = namespaces
            .into_iter()
            .map(|namespace| Ok((namespace.to_owned(), self.scope(namespace)?)));
        Ok(Census::take(
            scopes.collect::<serde_json::Result<_>>()?,
            members,
        ))
    }

    /// Ends every connection, so that sidecars look for the successor at once.
    pub(crate) fn close(&self) {
        lock(&self.fleet).connected.clear();
    }
}

impl Sidecar {
    fn member(&self) -> Member {
        Member {
            namespace: self.caller.namespace.clone(),
            holds: self.holds.clone(),
            faults: Arc::clone(&self.faults),
            health: Arc::clone(&self.health),
        }
    }
}

impl Fleet {
    /// The connection's number, whether it replaces another, and which sidecars its pod had before.
    fn join(
        &mut self,
        name: &str,
        caller: &Caller,
        lines: mpsc::Sender<Bytes>,
    ) -> (u64, bool, Vec<String>) {
        self.connections += 1;
        let sidecar = Sidecar {
            connection: self.connections,
            caller: caller.clone(),
            lines,
            holds: None,
            faults: Arc::default(),
            health: Arc::default(),
            spool: String::new(),
        };
        let replaced = self.connected.insert(name.to_owned(), sidecar).is_some();
        // A pod has one sidecar: another instance in the same pod means that the one before has ended.
        let before = caller
            .pod
            .as_ref()
            .and_then(|pod| self.lost.remove(pod))
            .unwrap_or_default();
        (
            self.connections,
            replaced,
            before.into_iter().filter(|before| before != name).collect(),
        )
    }

    fn leave(&mut self, name: &str, connection: u64) -> bool {
        if self
            .connected
            .get(name)
            .is_some_and(|sidecar| sidecar.connection != connection)
        {
            return false;
        }
        let Some(sidecar) = self.connected.remove(name) else {
            return true;
        };
        if let Some(pod) = sidecar.caller.pod {
            self.lost.entry(pod).or_default().push(name.to_owned());
        }
        true
    }

    fn pods_are(&mut self, pods: HashSet<String>) -> Vec<String> {
        let before = std::mem::replace(&mut self.pods, pods);
        let deleted = before.difference(&self.pods);
        deleted
            .filter_map(|pod| self.lost.remove(pod))
            .flatten()
            .collect()
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
