//! Who speaks to this replica: the processes that said `Hello` to it in this term. The rooms of `redis` ask; it knows no server.

use purser_config::Name;
use purser_config::quota::Share;
use std::collections::BTreeMap;

/// A sidecar of this replica.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) owner: u64,
    pub(super) epoch: u64,
    /// The number of its connection: what was said on an older one is void.
    pub(super) line: u64,
    pub(super) connected: bool,
    pub(super) scope: Option<String>,
    /// What it may believe to be its shares.
    pub(super) shares: BTreeMap<Name, u32>,
}

/// All of them, by name.
#[derive(Debug, Default)]
pub(super) struct People(BTreeMap<String, Person>);

impl Person {
    pub(super) fn covers(&self, key: &Name) -> bool {
        let scope = self.scope.as_deref();
        scope.is_none_or(|scope| scope == key.namespace())
    }

    /// It says which shares bind it.
    pub(super) fn holds(&mut self, shares: &[Share]) {
        let own = shares.iter().filter(|share| self.covers(&share.key));
        let own: Vec<_> = own
            .map(|share| (share.key.clone(), share.requests))
            .collect();
        self.shares.extend(own);
    }

    /// It is told of shares, and may believe in the old ones or in these.
    pub(super) fn told(&mut self, shares: &[Share]) {
        for share in shares {
            let believed = self.shares.entry(share.key.clone()).or_default();
            *believed = share.requests.max(*believed);
        }
    }
}

impl People {
    pub(super) fn put(&mut self, sidecar: &str, person: Person) {
        self.0.insert(sidecar.to_owned(), person);
    }

    /// It, if it said `Hello` in this term.
    pub(super) fn known(&self, sidecar: &str, epoch: u64) -> Option<&Person> {
        let person = self.0.get(sidecar)?;
        (person.epoch == epoch).then_some(person)
    }

    pub(super) fn known_mut(&mut self, sidecar: &str, epoch: u64) -> Option<&mut Person> {
        let person = self.0.get_mut(sidecar)?;
        (person.epoch == epoch).then_some(person)
    }

    /// It, if it is connected and speaks for the key.
    pub(super) fn speaks(&self, sidecar: &str, epoch: u64, key: &Name) -> Option<&Person> {
        let person = self.known(sidecar, epoch)?;
        (person.connected && person.covers(key)).then_some(person)
    }

    pub(super) fn remove(&mut self, sidecar: &str) {
        self.0.remove(sidecar);
    }

    /// The owners that are connected in this term. Forgets who is of an older one.
    pub(super) fn owners(&mut self, epoch: u64) -> Vec<u64> {
        self.0.retain(|_, person| person.epoch == epoch);
        let connected = self.0.values().filter(|person| person.connected);
        connected.map(|person| person.owner).collect()
    }
}
