//! Who speaks: the processes that said `Hello`, by the names of their sidecars. `windows` asks; holds no limit and no window.

use super::debit::Sidecar;
use crate::window::Owner;
use purser_config::Name;
use purser_config::stream::Hello;
use std::collections::HashMap;

/// All that are connected, or were and may live on.
#[derive(Debug, Default)]
pub(crate) struct Sidecars {
    known: HashMap<String, (Sidecar, bool)>,
    last_owner: Owner,
}

/// The spool itself, of what a Hello calls its spool and its life on it.
fn folder_of(spool: &str) -> &str {
    spool.rsplit_once('.').map_or(spool, |(folder, _)| folder)
}

impl Sidecars {
    /// A process begins a connection. Also says whom it replaced.
    pub(crate) fn hello(
        &mut self,
        name: &str,
        hello: &Hello,
        scope: Option<&str>,
    ) -> (Sidecar, Option<Owner>) {
        let before = self.known.get(name).map(|(before, _)| before);
        let same = before.filter(|before| before.instance == hello.instance);
        let owner = same.map_or(self.last_owner + 1, |same| same.owner);
        let replaced = before
            .map(|before| before.owner)
            .filter(|before| *before != owner);
        let sidecar = Sidecar {
            name: name.to_owned(),
            instance: hello.instance.clone(),
            owner,
            scope: scope.map(str::to_owned),
            // Without its life, which is another one in each process.
            spool: folder_of(&hello.spool).to_owned(),
        };
        self.put(sidecar.clone(), true);
        (sidecar, replaced)
    }

    pub(crate) fn put(&mut self, sidecar: Sidecar, connected: bool) {
        self.last_owner = self.last_owner.max(sidecar.owner);
        self.known
            .insert(sidecar.name.clone(), (sidecar, connected));
    }

    pub(crate) fn lost(&mut self, name: &str) {
        if let Some((_, connected)) = self.known.get_mut(name) {
            *connected = false;
        }
    }

    pub(crate) fn gone(&mut self, name: &str) -> Option<Owner> {
        self.known.remove(name).map(|(sidecar, _)| sidecar.owner)
    }

    pub(crate) fn owner(&self, name: &str) -> Option<Owner> {
        self.known.get(name).map(|(sidecar, _)| sidecar.owner)
    }

    /// Its number, if it is connected and speaks for the key.
    pub(crate) fn speaks(&self, name: &str, key: &Name) -> Option<Owner> {
        let (sidecar, connected) = self.known.get(name)?;
        (*connected && sidecar.covers(key)).then_some(sidecar.owner)
    }

    /// Who had this one's spool before it, and is not connected.
    pub(crate) fn before(&self, next: &Sidecar) -> Vec<String> {
        let ended = |(sidecar, connected): &&(Sidecar, bool)| {
            !connected && sidecar.name != next.name && sidecar.spool == next.spool
        };
        let known = self.known.values().filter(|_| !next.spool.is_empty());
        let mut ended: Vec<String> = known.filter(ended).map(|(s, _)| s.name.clone()).collect();
        ended.sort_unstable();
        ended
    }

    /// All, by name.
    pub(crate) fn all(&self) -> Vec<&Sidecar> {
        let mut all: Vec<&Sidecar> = self.known.values().map(|(sidecar, _)| sidecar).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
}

impl Sidecar {
    pub(crate) fn covers(&self, key: &Name) -> bool {
        self.scope
            .as_deref()
            .is_none_or(|scope| scope == key.namespace())
    }
}
