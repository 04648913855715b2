//! What is told to the operator and not answered: grants that were not used, calls that ended, were never sent, or go on without an answer.
//! Part of `link`; `session` tells it while a connection lives. It must never lose that credits go back.

use super::Link;
use super::connect::LinkError;
use super::session::Session;
use purser_config::quota::{GoesOn, Return, Settle};
use purser_config::stream::FromSidecar;
use std::time::Duration;

/// What was given back so short before a connection broke is given back again: nobody says that it arrived.
const GIVEN_BACK: Duration = Duration::from_secs(60);

/// Tokens that were taken before a Hello are in it.
pub(super) fn without_tokens(GoesOn { slot, .. }: GoesOn) -> GoesOn {
    GoesOn { tokens: 0, slot }
}

/// What is over, or goes on without an answer: told, and not answered.
pub(super) enum Over {
    Return(Return),
    Settle(Settle),
}

impl Link {
    /// Tells what is over: `first`, and all that waits behind it.
    pub(super) async fn tell_over(
        &mut self,
        session: &Session<'_>,
        first: Option<Over>,
    ) -> Result<(), LinkError> {
        let now = session.around.clock.now();
        let (mut returns, mut settles) = (Vec::new(), Vec::new());
        let mut next = first.or_else(|| self.over.try_recv().ok());
        while let Some(over) = next {
            self.keep_unsent(&over, now);
            match over {
                Over::Return(unused) => returns.push(unused),
                Over::Settle(settle) => settles.push(session.understood(settle)),
            }
            next = self.over.try_recv().ok();
        }
        if !returns.is_empty() {
            session.send(&FromSidecar::Return(returns)).await?;
        }
        if !settles.is_empty() {
            session.send(&FromSidecar::Settle(settles)).await?;
        }
        Ok(())
    }

    /// What an earlier connection may have swallowed.
    pub(super) async fn tell_again(&mut self, session: &Session<'_>) -> Result<(), LinkError> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        let unsent = self.unsent.iter().map(|(_, settle)| settle);
        let again = unsent.map(|settle| session.again(settle.clone()));
        session.send(&FromSidecar::Settle(again.collect())).await
    }

    pub(super) fn keep_unsent(&mut self, over: &Over, now: Duration) {
        if let Over::Settle(settle @ Settle { tokens: None, .. }) = over {
            self.unsent.push_back((now, settle.clone()));
        }
        while self
            .unsent
            .front()
            .is_some_and(|(at, _)| now.saturating_sub(*at) > GIVEN_BACK)
        {
            self.unsent.pop_front();
        }
    }
}

impl Session<'_> {
    /// In words of this operator: to one that does not know of calls that go on without an answer, it was never sent.
    fn understood(&self, mut settle: Settle) -> Settle {
        if !self.hears_of_uses {
            settle.goes_on = None;
        }
        settle
    }

    /// After a Hello, in which is what it holds.
    fn again(&self, mut settle: Settle) -> Settle {
        let ledger = &self.around.gateway.ledger;
        let goes_on = settle.goes_on.filter(|_| ledger.is_under_way(&settle.id));
        settle.goes_on = goes_on.map(without_tokens);
        self.understood(settle)
    }
}
