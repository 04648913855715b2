//! What the caller of a call that nobody answered is told, and when it may come again. Part of `failover`; reads clocks and circuits, and
//! changes none.

use super::Trial;
use super::judge::{self, conclude};
use super::order::{gone, wait_of};
use crate::bill::Bill;
use crate::reject::Reject;
use crate::snapshot::Serving;
use std::time::Duration;

impl Trial<'_> {
    /// What the caller is told where nobody answered.
    pub(super) fn lost(&self, now: Duration) -> Reject {
        if let Some(reject) = self.unfit() {
            return reject;
        }
        let retry = self.soonest();
        if self.attempts == 0 && self.bill.as_ref().is_some_and(Bill::is_kept_out) {
            return Reject::UpstreamBusy { retry };
        }
        if gone(self.serving.iter().copied(), now).is_some() {
            return Reject::ModelOut {
                model: self.call.model().to_owned(),
                retry,
            };
        }
        if self.outcomes.is_empty() && self.serving.iter().all(|one| one.reach.lane.is_busy()) {
            return Reject::UpstreamBusy { retry };
        }
        let lacks = |one: &&Serving| one.reach.lane.lacks(one.upstream_name(), now);
        if self.outcomes.is_empty() && self.serving.iter().all(lacks) {
            return judge::model_unknown(self.call.model());
        }
        conclude(&self.outcomes, self.call.model(), retry)
    }

    /// Why none of the channels can be told the call, if none can.
    fn unfit(&self) -> Option<Reject> {
        let mut first = None;
        for one in &self.serving {
            let unfit = self.call.fits(one).err()?;
            first.get_or_insert_with(|| unfit.reject(self.call, one));
        }
        first
    }

    /// The shortest wait until a channel may be asked again, at least one second.
    fn soonest(&self) -> Duration {
        let now = self.failover.clock.now();
        let waits = self
            .serving
            .iter()
            .map(|one| wait_of(&one.reach, one.upstream_name(), now));
        waits.min().unwrap_or_default().max(Duration::from_secs(1))
    }
}
