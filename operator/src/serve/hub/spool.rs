//! How sidecars' usage spools are, on its way through the hub: heard of them, kept with their connection, counted by the census.

use super::{Hub, Seat, lock};
use crate::serve::spools;
use purser_config::stream::SpoolHealth;
use std::sync::Arc;

impl Hub {
    /// A sidecar says how its usage spool is.
    pub(crate) fn spool_is(&self, seat: &Seat, told: SpoolHealth) {
        if let Some(sidecar) = lock(&self.fleet)
            .connected
            .get_mut(&seat.name)
            .filter(|known| known.connection == seat.connection)
        {
            sidecar.ailing = spools::heard(&sidecar.caller, told).map(Arc::new);
        }
        self.report.notify_one();
    }
}
