//! What administrators and statuses want of the authority: a renewal, which its callers must hear of, and what a day has left. Part of
//! `Authority`; no call goes through here.

use super::Authority;
use crate::ledger::{LedgerError, Renewal, Renewed};
use crate::windows::Moment;
use purser_config::Name;
use std::collections::BTreeMap;

impl Authority {
    /// Begins a key's time anew, whatever was before, and tells of it.
    ///
    /// # Errors
    /// When the ledger cannot write.
    pub async fn renew(&self, renewal: Renewal) -> Result<Renewed, LedgerError> {
        let of = (renewal.key.clone(), renewal.plan.clone());
        let mut renewal = renewal;
        if renewal.sale.price.is_none() {
            renewal.sale.price = self.terms().prices.get(&renewal.plan).cloned();
        }
        let renewed = self.ledger.renew(renewal).await?;
        // Asked again with the same id, an older entry answers; a later one may have begun the time again since.
        if let Renewed::At { at_ms, new: true } = renewed {
            self.remember(of, at_ms);
        }
        Ok(renewed)
    }

    /// Hears of renewals that another process wrote into the same ledger: the later moment is the newer one.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn catch_up(&self) -> Result<(), LedgerError> {
        for (of, at_ms) in self.ledger.activations().await? {
            let known = self.begun.borrow().get(&of).copied();
            if known.is_none_or(|known| known < at_ms) {
                self.remember(of, at_ms);
            }
        }
        Ok(())
    }

    /// How many requests each key with a limit for the day has left of it.
    pub async fn left_today(&self, at: Moment) -> BTreeMap<Name, u32> {
        self.counting.left_today(at).await
    }

    /// Tells the other replicas `note`, if there is one, and says what they last told. Nothing where this process is the only one.
    pub async fn post(&self, note: Option<&str>) -> Vec<String> {
        self.counting.post(note).await
    }
}
