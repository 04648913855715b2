//! Looks whether credits run out, and says so in the log and to the webhook where one is wanted. Started by `up`, with a console or
//! without. It decides nothing: a call is refused by the authority alone.

use super::authority::Local;
use purser_console::{Alarms, Seen, Webhook};
use purser_sidecar::clock::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often accounts are read.
const EVERY: Duration = Duration::from_secs(5);

/// For ever.
pub(super) async fn watch(
    authority: &Local,
    seen: watch::Receiver<Arc<Seen>>,
    (clock, webhook): (Clock, Option<Webhook>),
) {
    let (ledger, mut alarms) = (authority.ledger(), Alarms::default());
    loop {
        tokio::time::sleep(EVERY).await;
        let configuration = Arc::clone(&seen.borrow().configuration);
        let unix_ms = clock.wall_ms();
        let news = match ledger.accounts(unix_ms).await {
            Ok(accounts) => {
                let of = (&accounts, unix_ms);
                alarms.look(&ledger, &configuration, of).await
            }
            Err(error) => Err(error),
        };
        match news {
            Ok(news) => news.iter().for_each(|alarm| {
                tracing::warn!("{}", alarm.sentence());
                webhook.iter().for_each(|webhook| webhook.tell(alarm));
            }),
            Err(error) => tracing::warn!(%error, "budgets are not looked at for now"),
        }
    }
}
