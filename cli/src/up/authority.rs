//! The authority in this process: no stream, so no answer is ever late. Called by the gateway's ledger; `desk` tells it the limits.

use purser_authority::{Limit, Memory};
use purser_config::Name;
use purser_config::quota::{Ask, Return, Use};
use purser_config::stream::Hello;
use purser_sidecar::clock::Clock;
use purser_sidecar::ledger::{Answer, Authority};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The one gateway that asks, which can never be cut off.
const SELF: &str = "up";

/// An authority and the clock that it is asked by.
pub(crate) struct Local {
    decides: Mutex<purser_authority::Authority>,
    clock: Clock,
}

impl Local {
    /// A new term, begun now.
    pub(crate) fn new(clock: Clock, memory: Memory) -> Self {
        let decides = purser_authority::Authority::new(clock.now(), 1, memory);
        Local {
            decides: Mutex::new(decides),
            clock,
        }
    }

    /// Replaces all limits; before `hello`, and at every reload.
    pub(crate) fn configure(&self, limits: BTreeMap<Name, Limit>) {
        self.decides().configure(self.clock.now(), limits);
    }

    /// The gateway says who it is and what its predecessor used.
    pub(crate) fn hello(&self, uses: Vec<Use>) {
        let hello = Hello {
            instance: SELF.to_owned(),
            version: None,
            uses,
            shares: Vec::new(),
        };
        self.decides().hello(self.clock.now(), SELF, &hello, None);
    }

    fn decides(&self) -> MutexGuard<'_, purser_authority::Authority> {
        self.decides.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Authority for Local {
    fn ask(&self, ask: Ask) -> Answer {
        let grant = self.decides().ask(self.clock.now(), SELF, &ask);
        Box::pin(std::future::ready(Ok(grant)))
    }

    fn give_back(&self, unused: Return) {
        self.decides().give_back(self.clock.now(), SELF, &unused);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::WhenQuotaUnreachable;
    use purser_config::quota::Verdict;

    fn local(memory: Memory, requests: u32) -> Local {
        let local = Local::new(Clock::start(), memory);
        let limit = Limit {
            requests_per_minute: Some(requests),
            when_unreachable: WhenQuotaUnreachable::Deny,
        };
        local.configure([(Name::new("shop", "a"), limit)].into());
        local
    }

    async fn ask(local: &Local) -> Verdict {
        let key = Name::new("shop", "a");
        local.ask(Ask { key, want: 1 }).await.unwrap().verdict
    }

    #[tokio::test]
    async fn what_the_run_before_used_still_counts() {
        let local = local(Memory::Fresh, 2);
        local.hello(vec![Use {
            key: Name::new("shop", "a"),
            ages_ms: vec![30_000],
        }]);
        assert!(matches!(ask(&local).await, Verdict::Granted { .. }));
        assert!(
            matches!(ask(&local).await, Verdict::Denied { next_free_ms } if (29_000..=30_200).contains(&next_free_ms))
        );
    }

    #[tokio::test]
    async fn a_run_whose_window_is_lost_waits_as_the_plan_says() {
        let local = local(Memory::Lost, 2);
        local.hello(Vec::new());
        assert!(matches!(ask(&local).await, Verdict::Learning { .. }));
    }
}
