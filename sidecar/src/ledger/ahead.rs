//! Credits ahead of calls: asked for in the background, drawn where more is there than an outage needs, given back. Part of `Ledger`; `hold`
//! and `bill` draw from them. What they are worth, and when, is `allowance`'s.

use super::Ledger;
use super::allowance::{Drawn, Step};
use super::want::Wanted;
use crate::bill::Bill;
use crate::clock::draw;
use purser_config::price::Micros;
use purser_config::quota::{Reserve, ReserveVerdict, Settle};
use purser_config::{Name, Plan};
use std::sync::Arc;
use std::time::Duration;

/// How long before its plan's end a key's calls ask for themselves again: the authority's clock says when that is, and ours may differ.
const BEFORE_THE_END: Duration = Duration::from_secs(60);

impl Ledger {
    /// Lets an allowance pay for a call, where it can be asked for more at any time.
    pub(super) fn pays_ahead(
        self: &Arc<Self>,
        bill: &mut Bill,
        wanted: &Wanted,
        plan: &Plan,
    ) -> bool {
        let Some(open) = bill.open() else {
            return false;
        };
        let caller = Arc::clone(&open.facts.caller);
        let may = wanted.credits > 0
            && self.authority.is_remote()
            && self.authority.is_here()
            && self.is_valid_for(&caller, plan, BEFORE_THE_END);
        if !may {
            return false;
        }
        let now = self.clock.now();
        let Some(drawn) = self.purses().ahead(&caller.name, wanted.credits, now) else {
            return false;
        };
        self.keep_allowance(&caller.name, wanted.credits);
        open.paid = wanted.paid(&caller, (drawn.credits, Some(drawn)));
        true
    }

    /// What a call did not use of what it drew.
    pub(crate) fn put_back(&self, key: &Name, drawn: &Drawn, unused: Micros) {
        let now = self.clock.now();
        self.purses().put_back(key, (drawn, unused), now);
    }

    /// Asks for an allowance in the background, where the authority can be lost and the key spends.
    pub(super) fn keep_allowance(self: &Arc<Self>, key: &Name, credits: Micros) {
        if !self.authority.is_remote() {
            return;
        }
        let now = self.clock.now();
        let step = self.purses().spending(key, credits, now);
        if let Some(Step::Ask { credits, call }) = step {
            let (ledger, key) = (Arc::clone(self), key.clone());
            tokio::spawn(async move { ledger.ask_allowance(key, credits, call).await });
        }
    }

    async fn ask_allowance(&self, key: Name, credits: Micros, call: Micros) {
        let id = format!("allowance-{:016x}{:016x}", draw(), draw());
        let reserve = Reserve {
            id,
            key,
            tokens: 0,
            slot: false,
            credits,
            allowance: Some(call),
            channels: Vec::new(),
            others: false,
            spool: self.spool.life(),
        };
        let answer = self.authority.reserve(reserve.clone()).await;
        let now = self.clock.now();
        let mut purses = self.purses();
        purses.answered();
        match answer.map(|answer| answer.verdict) {
            Ok(ReserveVerdict::Held { credits, .. }) => {
                purses.granted(&reserve.key, (reserve.id, credits), now);
            }
            Ok(_) => {}
            Err(_) => {
                drop(purses);
                // It may be held all the same, and nobody would ever draw from it.
                self.release(reserve.key, reserve.id);
            }
        }
    }

    /// Gives back the allowances of keys that fell silent; all of them at the end of the process. To be called now and then.
    pub fn tidy(&self, ends: bool) {
        self.give_back_expired();
        let now = self.clock.now();
        let mut purses = self.purses();
        let steps = match ends {
            true => purses.all(),
            // What its calls owe must be kept before it is given back: late records would pay nothing.
            false if self.spool.is_behind(self.clock.wall_ms()) => Vec::new(),
            false => purses.idle(now),
        };
        drop(purses);
        for (key, step) in steps {
            if let Step::Release(id) = step {
                self.release(key, id);
            }
        }
    }

    /// Says that nobody will draw from a reservation any more.
    pub(super) fn release(&self, key: Name, id: String) {
        let tokens = None;
        let goes_on = None;
        self.authority.settle(Settle {
            id,
            key,
            tokens,
            goes_on,
        });
    }
}
