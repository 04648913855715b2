//! Who is connected, and which processes of a pod were lost while their pod may still live. Called by `hub` alone, under its lock; knows
//! no authority and never waits.
//!
//! A pod has one sidecar: a newer instance in it means that the one before has ended, whichever of the two its operator notices first.
//! A connection is not closed for that: where a pod runs two after all, each would end the other for ever.

use crate::serve::census::Member;
use crate::serve::health::Health;
use crate::serve::scope::Scope;
use crate::serve::spools::Ailing;
use crate::serve::token::Caller;
use bytes::Bytes;
use purser_config::Fault;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::mpsc;

#[derive(Debug)]
pub(super) struct Sidecar {
    pub(super) connection: u64,
    pub(super) caller: Caller,
    pub(super) lines: mpsc::Sender<Bytes>,
    pub(super) holds: Option<Arc<Scope>>,
    pub(super) faults: Arc<Vec<Fault>>,
    pub(super) health: Arc<Health>,
    /// Its spool; empty: it has none.
    pub(super) spool: String,
    /// What it said of its spool, where something is wrong with it.
    pub(super) ailing: Option<Arc<Ailing>>,
}

#[derive(Debug, Default)]
pub(super) struct Fleet {
    connections: u64,
    pub(super) connected: HashMap<String, Sidecar>,
    /// Sidecars that were lost while their pod may still live, by pod.
    lost: HashMap<String, Vec<String>>,
    pods: HashSet<String>,
}

impl Sidecar {
    /// As the census counts it.
    pub(super) fn member(&self) -> Member {
        Member {
            namespace: self.caller.audience().to_owned(),
            holds: self.holds.clone(),
            faults: Arc::clone(&self.faults),
            health: Arc::clone(&self.health),
            ailing: self.ailing.clone(),
        }
    }
}

impl Fleet {
    /// The connection's number, whether it replaces another, and which sidecars its pod had before.
    pub(super) fn join(
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
            ailing: None,
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

    /// A connection ended: whether its process did too, for its pod has a newer one; `None`: its name belongs to a newer connection.
    pub(super) fn leave(&mut self, name: &str, connection: u64) -> Option<bool> {
        if let Some(sidecar) = self.connected.get(name)
            && sidecar.connection != connection
        {
            return None;
        }
        let left = self.connected.remove(name);
        let Some(pod) = left.and_then(|sidecar| sidecar.caller.pod) else {
            return Some(false);
        };
        let newer = |other: &Sidecar| {
            other.connection > connection && other.caller.pod.as_ref() == Some(&pod)
        };
        let ended = self.connected.values().any(newer);
        if !ended {
            self.lost.entry(pod).or_default().push(name.to_owned());
        }
        Some(ended)
    }

    /// Which pods are there: the lost sidecars of those that no longer are.
    pub(super) fn pods_are(&mut self, pods: HashSet<String>) -> Vec<String> {
        let before = std::mem::replace(&mut self.pods, pods);
        let deleted = before.difference(&self.pods);
        deleted
            .filter_map(|pod| self.lost.remove(pod))
            .flatten()
            .collect()
    }
}
