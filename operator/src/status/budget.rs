//! Tells of keys whose credits run out: an Event on the ApiKey, a count, and the webhook where one is wanted. Beside the reporter, which
//! hands over each reading of the accounts and waits for none of this. What is new the console's `Alarms` say, which mark it in the ledger.

use super::usage::Accounts;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::reconcile::Publication;
use kube::Resource;
use kube::runtime::events::{Event, EventType, Recorder};
use purser_authority::ledger::Ledger;
use purser_console::{Alarm, Alarms, Webhook};
use std::sync::Arc;
use tokio::sync::watch;

/// Accounts that were read, and what was published then.
pub(crate) type Read = (Arc<Publication>, Arc<Accounts>);

/// See the file's page.
pub(crate) struct Budgets {
    /// Remembers what was told.
    pub(crate) ledger: Ledger,
    /// Writes Events.
    pub(crate) events: Recorder,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Who else is told.
    pub(crate) webhook: Option<Webhook>,
    /// This process's clock.
    pub(crate) clock: Clock,
}

/// Hands accounts over that were not handed over before.
pub(super) fn hand_over(
    to: &watch::Sender<Option<Read>>,
    publication: &Arc<Publication>,
    accounts: &Arc<Accounts>,
) {
    let fresh = |before: &mut Option<Read>| {
        let known = before.as_ref();
        let fresh = known.is_none_or(|(_, known)| !Arc::ptr_eq(known, accounts));
        if fresh {
            *before = Some((Arc::clone(publication), Arc::clone(accounts)));
        }
        fresh
    };
    to.send_if_modified(fresh);
}

impl Budgets {
    /// Looks at each reading, for ever.
    pub(crate) async fn run(self, mut read: watch::Receiver<Option<Read>>) {
        let mut alarms = Alarms::default();
        while read.changed().await.is_ok() {
            let Some((publication, accounts)) = read.borrow_and_update().clone() else {
                continue;
            };
            let of = (&*accounts, self.clock.unix_ms());
            let news = alarms
                .look(&self.ledger, &publication.configuration, of)
                .await;
            match news {
                Ok(news) => {
                    for alarm in &news {
                        self.tell(&publication, alarm).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "looking at budgets; tried again with the next accounts")
                }
            }
        }
    }

    async fn tell(&self, publication: &Publication, alarm: &Alarm) {
        tracing::warn!(key = %alarm.key, percent = alarm.percent, "{}", alarm.sentence());
        self.metrics.alarmed(alarm.percent);
        if let Some(webhook) = &self.webhook {
            webhook.tell(alarm);
        }
        let Some(key) = publication.key(&alarm.key) else {
            return;
        };
        let event = Event {
            type_: match alarm.percent {
                100 | 80 => EventType::Warning,
                _ => EventType::Normal,
            },
            reason: "BudgetReached".to_owned(),
            note: Some(alarm.sentence()),
            action: "Charge".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.events.publish(&event, &key.object_ref(&())).await {
            tracing::warn!(key = %alarm.key, %error, "publishing an event");
        }
    }
}
