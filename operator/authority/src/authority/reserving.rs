//! What calls need beyond their windows: from the windows first, then from the ledger, or nothing. Part of `Authority`.

use super::answers::{not_held, over};
use super::{Authority, Valid};
use crate::ledger::ReserveCredits;
use crate::redis::Answers;
use crate::terms::KeyTerms;
use crate::windows::Moment;
use purser_config::Credits;
use purser_config::quota::{Reserve, ReserveVerdict, Reserved, Settle, Verdict};

impl Authority {
    /// What these calls need beyond their windows. All answers hold in one term, and the ledger keeps all with one commit.
    pub async fn reserve_all(
        &self,
        at: Moment,
        sidecar: &str,
        reserves: &[Reserve],
    ) -> Answers<Reserved> {
        let told = reserves
            .iter()
            .map(|reserve| self.reserved(at, sidecar, reserve));
        let told = futures::future::join_all(told).await;
        let epoch = self.counting.epoch();
        let answers = told.into_iter().zip(reserves).map(|((of, held), reserve)| {
            if of == epoch {
                held
            } else {
                // What it took in the ledger the sweep gives back.
                not_held(reserve, ReserveVerdict::Unavailable)
            }
        });
        let answers = answers.collect();
        Answers { epoch, answers }
    }

    /// Holds all that a call needs beyond its window, or nothing.
    pub async fn reserve(&self, at: Moment, sidecar: &str, reserve: &Reserve) -> Reserved {
        self.reserved(at, sidecar, reserve).await.1
    }

    async fn reserved(&self, at: Moment, sidecar: &str, reserve: &Reserve) -> (u64, Reserved) {
        let terms = self.terms();
        let of_key = terms.keys.get(&reserve.key);
        if let Some(of_key) = of_key
            && let Valid::Over(ended) = self.valid(at, &reserve.key, of_key)
            && let Verdict::Refused { code, message } = over(of_key, ended)
        {
            let refused = ReserveVerdict::Refused { code, message };
            return self.now(not_held(reserve, refused));
        }
        let Some((epoch, held)) = self.counting.hold(at.now, sidecar, reserve).await else {
            return self.now(not_held(reserve, ReserveVerdict::Unavailable));
        };
        let channel = match &held.verdict {
            ReserveVerdict::Held { channel, .. } if reserve.credits > 0 => *channel,
            _ => return (epoch, held),
        };
        let Some((of_key, credits)) = of_key.and_then(|terms| Some((terms, terms.credits?))) else {
            return (epoch, held);
        };
        let verdict = match self.pay(at, reserve, (of_key, credits)).await {
            Ok((credits, left)) => {
                let paid = Reserved {
                    verdict: ReserveVerdict::Held { channel, credits },
                    credits_left: Some(left),
                    ..held
                };
                return (epoch, paid);
            }
            Err(verdict) => verdict,
        };
        let unsent = Settle {
            id: reserve.id.clone(),
            key: reserve.key.clone(),
            tokens: None,
            goes_on: None,
        };
        self.counting.settle(at.now, sidecar, &[unsent]).await;
        (epoch, not_held(reserve, verdict))
    }

    /// Credits for a call, and what is left.
    async fn pay(
        &self,
        at: Moment,
        reserve: &Reserve,
        (terms, credits): (&KeyTerms, Credits),
    ) -> Result<(u64, u64), ReserveVerdict> {
        let wanted = ReserveCredits {
            id: reserve.id.clone(),
            key: reserve.key.clone(),
            plan: terms.plan.clone(),
            credits,
            max_keys: terms.max_keys_per_namespace,
            amount: reserve.credits,
            allowance: reserve.allowance,
            spool: reserve.spool.clone(),
            unconfirmed_pays: terms.unconfirmed_pays,
            wall_ms: at.unix_ms,
        };
        match self.ledger.reserve(wanted).await {
            Ok(Ok(held)) => Ok((held.credits, held.left)),
            Ok(Err(refused)) => Err(ReserveVerdict::NoCredits { left: refused.left }),
            Err(error) => {
                tracing::error!(key = %reserve.key, %error, "a call is refused: its credits cannot be reserved");
                Err(ReserveVerdict::Unavailable)
            }
        }
    }
}
