//! Windows that several replicas share, and whose word may be taken: a sidecar that was once not answered may have gone on with its share
//! since, so it must say Hello again, and report what it used, before anything more is granted to it. Part of `Authority`.

use super::counting::Told;
use crate::redis::{Answers, RedisWindows, Unreachable};
use purser_config::quota::{Ask, Grant, Reserve, Reserved, Settle};
use purser_config::stream::Hello;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A sidecar's Hello.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joined {
    /// Is on its way.
    Joining,
    /// Was heard, in this term.
    In(u64),
}

/// See the file's page.
pub(super) struct Together {
    pub(super) windows: RedisWindows,
    joined: Mutex<HashMap<String, Joined>>,
}

impl Together {
    pub(super) fn new(windows: RedisWindows) -> Self {
        let joined = Mutex::default();
        Together { windows, joined }
    }

    pub(super) async fn hello(&self, sidecar: &str, hello: &Hello, scope: Option<&str>) {
        self.joined().insert(sidecar.to_owned(), Joined::Joining);
        match self.windows.hello(sidecar, hello, scope).await {
            Ok(epoch) => drop(self.joined().insert(sidecar.to_owned(), Joined::In(epoch))),
            Err(Unreachable) => drop(self.joined().remove(sidecar)),
        }
    }

    pub(super) async fn lost(&self, sidecar: &str, gone: bool) {
        self.joined().remove(sidecar);
        self.windows.lost(sidecar, gone).await;
    }

    pub(super) async fn ask(&self, sidecar: &str, ask: &Ask) -> Told<Grant> {
        let speaks = self.speaks(sidecar);
        let asked = match speaks {
            true => self.windows.ask(sidecar, std::slice::from_ref(ask)).await,
            false => Err(Unreachable),
        };
        self.told(sidecar, asked)
    }

    pub(super) async fn hold(&self, sidecar: &str, reserve: &Reserve) -> Told<Reserved> {
        let speaks = self.speaks(sidecar);
        let held = match speaks {
            true => {
                let reserves = std::slice::from_ref(reserve);
                self.windows.hold(sidecar, reserves).await
            }
            false => Err(Unreachable),
        };
        self.told(sidecar, held)
    }

    pub(super) async fn settle(&self, sidecar: &str, settles: &[Settle]) {
        if self.windows.settle(sidecar, settles).await.is_err() {
            self.doubt(sidecar);
        }
    }

    fn told<T>(&self, sidecar: &str, answered: Result<Answers<T>, Unreachable>) -> Told<T> {
        let Ok(Answers { epoch, answers }) = answered else {
            self.doubt(sidecar);
            return None;
        };
        answers.into_iter().next().map(|answer| (epoch, answer))
    }

    /// What it holds and uses is not known any more: it must say so.
    fn doubt(&self, sidecar: &str) {
        let mut joined = self.joined();
        if joined.get(sidecar) != Some(&Joined::Joining) {
            joined.remove(sidecar);
        }
    }

    fn speaks(&self, sidecar: &str) -> bool {
        self.joined().get(sidecar) == Some(&Joined::In(self.windows.epoch()))
    }

    /// Whether its connection is to be closed, so that it says Hello again.
    pub(super) fn must_return(&self, sidecar: &str) -> bool {
        let joined = self.joined().get(sidecar).copied();
        let stands = joined == Some(Joined::Joining) || self.speaks(sidecar);
        !stands && self.windows.reachable()
    }

    pub(super) fn fault(&self) -> Option<String> {
        let why = self.windows.fault()?;
        Some(format!(
            "{why} Meanwhile plans under Share go on with the shares that their sidecars hold, and plans under Deny answer 503."
        ))
    }

    fn joined(&self) -> MutexGuard<'_, HashMap<String, Joined>> {
        self.joined.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
