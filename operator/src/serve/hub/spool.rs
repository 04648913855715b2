//! How sidecars' usage spools are, on its way through the hub: heard of them, kept with their connection, counted by the census.

use super::{Hub, Seat};
use crate::serve::spools;
use purser_config::stream::SpoolHealth;
use std::sync::Arc;

impl Hub {
    /// A sidecar says how its usage spool is.
    pub(crate) fn spool_is(&self, seat: &Seat, told: SpoolHealth) {
        self.heard(seat, |sidecar| {
            sidecar.ailing = spools::heard(&sidecar.caller, told).map(Arc::new);
        });
    }
}
