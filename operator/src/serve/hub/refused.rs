//! What sidecars refused, on its way through the hub: heard of them, told to other replicas, shown to people.

use super::{Hub, Seat, lock};
use purser_config::refusals::Refusal;

impl Hub {
    /// A sidecar refused calls.
    pub(crate) fn refused(&self, seat: &Seat, told: Vec<Refusal>) {
        lock(&self.refusals).told((&seat.name, seat.scope.as_deref()), told);
    }

    /// Why calls were refused lately anywhere, the last first.
    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        lock(&self.refusals).lately()
    }
}
