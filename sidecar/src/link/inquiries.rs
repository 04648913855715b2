//! What people ask of providers through this sidecar: the operator hands the question on, and is told what came of it. Owned by `session`,
//! and over with its connection. It must never have more than a few under way, nor let one wait for another.

use super::Surroundings;
use purser_config::Name;
use purser_config::stream::Inquired;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Questions under way; one more is answered at once.
const MOST: usize = 8;

/// See the file's page.
#[derive(Default)]
pub(super) struct Inquiries(JoinSet<Inquired>);

impl Inquiries {
    /// Asks this channel's provider.
    pub(super) fn begin(&mut self, around: &Surroundings, (id, channel): (u64, Name)) {
        let is_busy = self.0.len() >= MOST;
        let (store, clock) = (Arc::clone(&around.store), around.clock);
        self.0.spawn(async move {
            if is_busy {
                let message = "its sidecar is asking several providers; try again shortly";
                return Inquired {
                    id,
                    works: false,
                    message: message.to_owned(),
                    took_ms: 0,
                };
            }
            let asked = crate::inquiry::inquire(&store, &channel, &clock).await;
            Inquired {
                id,
                works: asked.works,
                message: asked.message,
                took_ms: asked.took_ms,
            }
        });
    }

    /// What came of one; waits while there is none. May be dropped while it waits, and loses nothing.
    pub(super) async fn next(&mut self) -> Inquired {
        while let Some(ended) = self.0.join_next().await {
            if let Ok(inquired) = ended {
                return inquired;
            }
        }
        std::future::pending().await
    }
}
