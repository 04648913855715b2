//! Where publications, sidecars and the authority meet. `reconcile` publishes here, `connection` speaks for one sidecar,
//! `status` asks how many run what. The fleet's lock and the scopes' are never held while anything waits; `doors` are: who comes and
//! who goes by one name reaches fleet and authority in one order.
//!
//! Invariant: the authority knows a publication's limits before any sidecar knows the publication.
//! Invariant: the authority is asked only while its tenure holds.

mod fleet;
mod inquiry;
mod refused;
mod spool;

use crate::clock::Clock;
use crate::lease::Tenure;
use crate::level::{Height, Level, Proof};
use crate::serve::census::{Census, Member};
use crate::serve::doors::Doors;
use crate::serve::health;
use crate::serve::lines;
use crate::serve::others::Note;
use crate::serve::refusals::Refusals;
use crate::serve::scope::{Scope, Scopes};
use crate::serve::token::Caller;
use bytes::Bytes;
use fleet::{Fleet, Sidecar};
use purser_authority::{Authority, Moment};
use purser_config::stream::{ChannelHealth, FromOperator, Hello, Seen};
use purser_config::{Configuration, Fault};
use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc, watch};

/// Lines that wait for a connection beyond its own; what does not fit is told again.
const WAITING: usize = 64;

/// One sidecar's place in the hub.
#[derive(Debug)]
pub(crate) struct Seat {
    /// `namespace/instance`.
    pub(crate) name: String,
    connection: u64,
    /// The namespace that its word counts for; `None`: every one.
    scope: Option<String>,
    /// Whether a pod's end will tell of the sidecar's.
    bound: bool,
}

/// A sidecar knows of the cluster what this process has not seen yet.
pub(crate) struct Behind {
    theirs: Seen,
    proof: Proof,
    reached: watch::Receiver<Height>,
}

impl Behind {
    fn is_over(&self) -> bool {
        self.reached.borrow().covers(&self.theirs, self.proof)
    }

    /// Waits until this process has caught up. May be dropped while it waits, and loses nothing.
    pub(crate) async fn over(&mut self) {
        let Behind {
            theirs,
            proof,
            reached,
        } = self;
        let covers = |height: &Height| height.covers(theirs, *proof);
        if reached.wait_for(covers).await.is_err() {
            std::future::pending().await
        }
    }
}

/// See the file's page.
pub(crate) struct Hub {
    clock: Clock,
    tenure: Tenure,
    authority: Arc<Authority>,
    doors: Doors,
    scopes: Mutex<Scopes>,
    fleet: Mutex<Fleet>,
    /// What other replicas last said of their sidecars.
    others: Mutex<Vec<Note>>,
    /// What sidecars refused.
    refusals: Mutex<Refusals>,
    /// What people ask of providers.
    inquiries: Mutex<inquiry::Inquiries>,
    published: watch::Sender<u64>,
    level: Level,
    /// What is surely in the latest publication.
    reached: watch::Sender<Height>,
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
        Hub {
            clock,
            tenure,
            authority,
            doors: Doors::default(),
            scopes: Mutex::default(),
            fleet: Mutex::default(),
            others: Mutex::default(),
            refusals: Mutex::default(),
            inquiries: Mutex::default(),
            published: watch::Sender::new(0),
            level: Level::default(),
            reached: watch::Sender::default(),
            report,
        }
    }

    /// The same, of a process that watches a cluster.
    pub(crate) fn watching(self, level: Level) -> Self {
        Hub { level, ..self }
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

    /// How much of the cluster the next publication may be made from.
    pub(crate) fn saw(&self, seen: Seen) {
        lock(&self.scopes).saw(seen);
    }

    /// What is surely in the latest publication.
    pub(crate) fn reaches(&self, height: Height) {
        let differs = |known: &mut Height| {
            let differs = *known != height;
            *known = height;
            differs
        };
        self.reached.send_if_modified(differs);
    }

    /// What a sidecar of that Hello has to wait for before it is told anything; `None`: nothing.
    pub(crate) fn behind(&self, hello: &Hello) -> Option<Behind> {
        let theirs = hello.version.as_ref()?.seen.clone();
        let behind = Behind {
            theirs,
            proof: self.level.next_proof(),
            reached: self.reached.subscribe(),
        };
        if behind.is_over() {
            return None;
        }
        self.level.want();
        Some(behind)
    }

    /// Whether an answer may be given: where one operator alone answers, whether the Lease is surely ours.
    pub(crate) fn answers(&self) -> bool {
        self.tenure.holds()
    }

    /// What a namespace may know now, or everyone's gateway.
    pub(crate) fn scope(&self, namespace: &str) -> serde_json::Result<Arc<Scope>> {
        lock(&self.scopes).scope(namespace)
    }

    /// Forgets scopes that no namespace of `needed` and no connection uses.
    pub(crate) fn forget_scopes(&self, needed: &HashSet<String>) {
        let connected: HashSet<String> = lock(&self.fleet)
            .connected
            .values()
            .map(|sidecar| sidecar.caller.audience().to_owned())
            .collect();
        lock(&self.scopes)
            .forget_others(|namespace| needed.contains(namespace) || connected.contains(namespace));
    }

    /// A connection said `Hello`. With its seat comes what to send beside answers; that ends when another connection took its name.
    pub(crate) async fn join(
        &self,
        caller: &Caller,
        hello: &Hello,
    ) -> serde_json::Result<(Seat, mpsc::Receiver<Bytes>)> {
        let name = format!("{}/{}", caller.namespace, hello.instance);
        let (sender, lines) = mpsc::channel(WAITING);
        // Held until the authority knows, too: or the end of the sidecar's old connection could overtake this beginning, and the
        // authority would deny a sidecar that is connected.
        let door = self.doors.of(&name).lock().await;
        let (connection, replaced, gone) = {
            let mut fleet = lock(&self.fleet);
            let joined = fleet.join(&name, caller, sender);
            if let Some(sidecar) = fleet.connected.get_mut(&name) {
                sidecar.spool.clone_from(&hello.spool);
            }
            joined
        };
        let (authority, at) = (&self.authority, self.moment());
        if replaced {
            authority.lost(at.now, &name, false).await;
        }
        for sidecar in &gone {
            authority.lost(at.now, sidecar, true).await;
        }
        authority.hello(at, &name, hello, caller.scope()).await;
        drop(door);
        if let Some(version) = &hello.version
            && lock(&self.scopes).catch_up(caller.audience(), version, self.clock.unix_ms())?
        {
            self.published.send_modify(|number| *number += 1);
        }
        self.tell_shares();
        self.report.notify_one();
        let seat = Seat {
            name,
            connection,
            scope: caller.scope().map(str::to_owned),
            // The shared gateway's pods ask for no sidecar, so nobody watches them.
            bound: caller.pod.is_some() && !caller.gateway,
        };
        Ok((seat, lines))
    }

    /// A connection ended; `closed`: by its other end, and not in silence. Of a sidecar without a pod nothing more will ever be
    /// heard, so its connection's end counts as its own, or each restart would withhold a share for 10 minutes.
    pub(crate) async fn leave(&self, seat: &Seat, closed: bool) {
        let door = self.doors.of(&seat.name).lock().await;
        let left = lock(&self.fleet).leave(&seat.name, seat.connection);
        let Some(ended) = left else {
            return; // Its name belongs to a newer connection.
        };
        let gone = ended || (closed && !seat.bound);
        self.authority
            .lost(self.clock.now(), &seat.name, gone)
            .await;
        drop(door);
        self.tell_shares();
        self.report.notify_one();
    }

    /// Which pods are there: a sidecar whose pod is gone will not use its share again.
    pub(crate) async fn pods_are(&self, pods: HashSet<String>) {
        let gone = lock(&self.fleet).pods_are(pods);
        let now = self.clock.now();
        for sidecar in &gone {
            self.authority.lost(now, sidecar, true).await;
        }
    }

    /// Closes the connections of sidecars that must say Hello again. To be called every second or so.
    pub(crate) fn recall(&self) {
        let names: Vec<String> = lock(&self.fleet).connected.keys().cloned().collect();
        for name in names {
            if !self.authority.must_return(&name) {
                continue;
            }
            // Who is just coming or going is looked at the next time.
            if let Ok(_door) = self.doors.of(&name).try_lock()
                && self.authority.must_return(&name)
            {
                lock(&self.fleet).connected.remove(&name);
            }
        }
    }

    /// A sidecar runs `scope`, but for `faults`.
    pub(crate) fn holds(&self, seat: &Seat, scope: Arc<Scope>, faults: Vec<Fault>) {
        self.heard(seat, |sidecar| {
            sidecar.holds = Some(scope);
            sidecar.faults = Arc::new(faults);
        });
    }

    /// Keeps what a sidecar said, unless another connection has taken its place.
    fn heard(&self, seat: &Seat, keep: impl FnOnce(&mut Sidecar)) {
        if let Some(sidecar) = lock(&self.fleet)
            .connected
            .get_mut(&seat.name)
            .filter(|known| known.connection == seat.connection)
        {
            keep(sidecar);
        }
        self.report.notify_one();
    }

    /// How a sidecar finds the channels that it has called.
    pub(crate) fn health(&self, seat: &Seat, told: Vec<ChannelHealth>) {
        let health = Arc::new(health::heard(told, self.clock.unix_ms()));
        self.heard(seat, |sidecar| sidecar.health = health);
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

    /// Who is connected anywhere and runs what.
    pub(crate) fn census(&self) -> serde_json::Result<Census> {
        let others = lock(&self.others).clone();
        let mut census = self.own_census(&others)?;
        others.iter().for_each(|note| census.add(note));
        Ok(census)
    }

    /// What other replicas are to know of the sidecars here.
    pub(crate) fn note(&self) -> serde_json::Result<Note> {
        let note = self.own_census(&[])?.note();
        Ok(note.with(lock(&self.refusals).note()))
    }

    /// What other replicas said.
    pub(crate) fn hear(&self, mut notes: Vec<Note>) {
        // Not compared below: a refused call is no reason to report anew.
        let told = notes.iter_mut().flat_map(Note::take_refusals);
        lock(&self.refusals).heard(told.collect());
        let mut others = lock(&self.others);
        if *others != notes {
            *others = notes;
            self.report.notify_one();
        }
    }

    fn own_census(&self, others: &[Note]) -> serde_json::Result<Census> {
        let members: Vec<Member> = lock(&self.fleet)
            .connected
            .values()
            .map(Sidecar::member)
            .collect();
        let here = members.iter().map(|member| member.namespace.as_str());
        let elsewhere = others.iter().flat_map(Note::namespaces);
        let namespaces: HashSet<&str> = here.chain(elsewhere).collect();
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

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
