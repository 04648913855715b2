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

/// The most entries of one message.
const AT_ONCE: usize = 4_096;

/// What it held before a Hello is in that.
pub(super) fn after_hello(alone: GoesOn) -> GoesOn {
    GoesOn {
        tokens: 0,
        slot: false,
        ..alone
    }
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
                Over::Settle(settle) => settles.extend(understood(settle, session.hears_of_uses)),
            }
            next = self.over.try_recv().ok();
        }
        session.send_all(returns, FromSidecar::Return).await?;
        session.send_all(settles, FromSidecar::Settle).await
    }

    /// What an earlier connection may have swallowed.
    pub(super) async fn tell_again(&mut self, session: &Session<'_>) -> Result<(), LinkError> {
        let again = self.unsent.iter().filter_map(|(_, settle)| {
            let goes_on = settle.goes_on.map(after_hello);
            let again = Settle {
                goes_on,
                ..settle.clone()
            };
            understood(again, session.hears_of_uses)
        });
        session.send_all(again.collect(), FromSidecar::Settle).await
    }

    pub(super) fn keep_unsent(&mut self, over: &Over, now: Duration) {
        if let Over::Settle(settle) = over
            && settle.gives_credits_back()
        {
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
    /// In as many messages as it takes; none for nothing.
    async fn send_all<T>(
        &self,
        mut entries: Vec<T>,
        message: fn(Vec<T>) -> FromSidecar,
    ) -> Result<(), LinkError> {
        while !entries.is_empty() {
            let rest = entries.split_off(entries.len().min(AT_ONCE));
            self.send(&message(entries)).await?;
            entries = rest;
        }
        Ok(())
    }
}

/// In words of the operator: one that knows no call that goes on without an answer is told only that credits go back.
fn understood(settle: Settle, hears_of_uses: bool) -> Option<Settle> {
    match settle.goes_on {
        Some(GoesOn { credits, .. }) if !hears_of_uses => credits.then_some(Settle {
            goes_on: None,
            ..settle
        }),
        _ => Some(settle),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::Name;

    fn goes_on(credits: bool) -> Settle {
        Settle {
            id: "call".to_owned(),
            key: Name::new("shop", "key"),
            tokens: None,
            goes_on: Some(GoesOn {
                tokens: 7,
                slot: true,
                credits,
            }),
        }
    }

    #[test]
    fn an_older_operator_hears_of_a_call_that_goes_on_only_that_its_credits_go_back() {
        for credits in [false, true] {
            let told = understood(goes_on(credits), true);
            assert_eq!(told, Some(goes_on(credits)));
            let told = understood(goes_on(credits), false);
            assert_eq!(told.is_some(), credits);
            assert!(told.is_none_or(|told| told.goes_on.is_none()));
        }
    }

    #[test]
    fn only_what_gives_credits_back_is_told_again_and_then_nothing_that_the_hello_told() {
        let (_, mut link) = super::super::new();
        for credits in [false, true] {
            link.keep_unsent(&Over::Settle(goes_on(credits)), Duration::ZERO);
        }
        let kept: Vec<_> = link
            .unsent
            .iter()
            .filter_map(|(_, one)| one.goes_on)
            .collect();
        assert_eq!(kept.len(), 1);
        let told = after_hello(kept[0]);
        assert_eq!((told.tokens, told.slot, told.credits), (0, false, true));
    }
}
