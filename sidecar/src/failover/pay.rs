//! What must be so before an attempt is sent: the call's bill is open, the channel's account admits it, its grant is a use, and that it is
//! about to be sent is written down. Part of `failover`; the rules are `ledger`'s.

use super::Trial;
use crate::bill::Bill;
use crate::reject::Reject;
use crate::snapshot::Serving;
use crate::upstream::Sending;
use std::time::Duration;

impl Trial<'_> {
    /// Opens the call's bill before its first attempt, and asks whether this channel's account admits it.
    pub(super) async fn admit(&mut self, serving: &Serving, now: Duration) -> Result<bool, Reject> {
        let ledger = &self.failover.ledger;
        if self.bill.is_none() {
            let flows = |one: &&Serving| one.reach.lane.would_take(one.upstream_name(), now, false);
            let call = self.call;
            let order = self.serving.iter().copied();
            let order = order.filter(move |one| call.fits(one).is_ok());
            // Where every circuit is shut one is probed all the same, and must be priced and limited as any.
            let order = move || match order.clone().filter(flows).collect::<Vec<_>>() {
                none if none.is_empty() => order.collect(),
                flowing => flowing,
            };
            self.bill = Some(ledger.open(self.call, order).await?);
        }
        match &mut self.bill {
            Some(bill) => Ok(ledger.admits(bill, serving).await),
            None => Ok(true),
        }
    }

    /// The grant becomes a use at the first send, which is written down before; later attempts of the same call are the same request.
    pub(super) async fn spend(&mut self) -> Result<(), Reject> {
        let Some(reservation) = self.reservation.take() else {
            return Ok(());
        };
        if let Some(bill) = &mut self.bill {
            bill.note()?;
        }
        let (ledger, caller) = (&self.failover.ledger, &self.call.caller);
        let admitted = ledger.spend(reservation, caller).await?;
        if let Some(at) = admitted {
            // The moment that a plan's rate is about. The tests' checker judges by it: the provider's would be later, the caller's earlier.
            let request = self.call.id.to_str().unwrap_or_default();
            tracing::debug!(request, key = %caller.name, at_ns = at.as_nanos() as u64, "call admitted");
        }
        Ok(())
    }

    pub(super) fn sending(&mut self, serving: &Serving, credential: usize) -> Sending {
        let most_output = self.bill.as_ref().and_then(Bill::most_output);
        if let Some(bill) = &mut self.bill {
            bill.sent(serving);
        }
        if let Some((channel, why)) = self.failed.take()
            && channel != serving.reach.lane.name
        {
            self.failover.metrics.left(&channel, why);
        }
        Sending {
            credential,
            most_output,
        }
    }
}
