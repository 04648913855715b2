//! What only one operator does, whoever else serves: writing Secrets and statuses. Started by `lead`; begins anew, with nothing
//! remembered, each time that this process is the one.

use crate::apply::{self, Applier};
use crate::certificate::Certificates;
use crate::clock::Clock;
use crate::credit::Creditor;
use crate::metrics::Metrics;
use crate::reconcile::{Publication, effects};
use crate::secrets::Secrets;
use crate::serve::Hub;
use crate::status::{self, Budgets, Pods, Read, Reporter, Usage};
use crate::watch::Watched;
use kube::Client;
use kube::runtime::events::{Recorder, Reporter as Source};
use purser_console::Webhook;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// What the writers need.
pub(super) struct Effects {
    pub(super) client: Client,
    pub(super) hub: Arc<Hub>,
    pub(super) watched: Arc<Watched>,
    pub(super) certificates: Arc<Certificates>,
    pub(super) secrets: Secrets,
    pub(super) metrics: Arc<Metrics>,
    pub(super) report: Arc<Notify>,
    pub(super) clock: Clock,
    pub(super) identity: String,
    pub(super) usage_every: Duration,
    pub(super) webhook: Option<Webhook>,
    /// Where the shared gateway runs.
    pub(super) gateway_in: Option<String>,
}

impl Effects {
    /// Writes whenever `leads` says so.
    pub(super) async fn run(
        self,
        publications: watch::Receiver<Option<Arc<Publication>>>,
        mut leads: watch::Receiver<bool>,
    ) {
        while leads.wait_for(|leads| *leads).await.is_ok() {
            let mut publications = publications.clone();
            publications.mark_changed();
            let (report, (accounts, read)) = (Arc::clone(&self.report), watch::channel(None));
            tokio::select! {
                () = effects(publications, report, self.applier(), self.reporter(accounts)) => return,
                () = self.budgets().run(read) => return,
                () = self.pods().run() => return,
                _ = leads.wait_for(|leads| !*leads) => {}
            }
        }
    }

    fn applier(&self) -> Applier {
        Applier {
            client: self.client.clone(),
            hub: Arc::clone(&self.hub),
            certificates: Arc::clone(&self.certificates),
            secrets: self.secrets.clone(),
            metrics: Arc::clone(&self.metrics),
            clock: self.clock,
            gateway_in: self.gateway_in.clone(),
            creditor: Creditor {
                client: self.client.clone(),
                hub: Arc::clone(&self.hub),
                clock: self.clock,
                told: HashSet::new(),
            },
            memory: apply::Memory::default(),
        }
    }

    fn events(&self) -> Recorder {
        let source = Source {
            controller: "purser-operator".into(),
            instance: Some(self.identity.clone()),
        };
        Recorder::new(self.client.clone(), source)
    }

    fn budgets(&self) -> Budgets {
        Budgets {
            ledger: self.hub.authority().ledger().clone(),
            events: self.events(),
            metrics: Arc::clone(&self.metrics),
            webhook: self.webhook.clone(),
            clock: self.clock,
        }
    }

    fn pods(&self) -> Pods {
        Pods {
            watched: Arc::clone(&self.watched),
            events: self.events(),
            metrics: Arc::clone(&self.metrics),
        }
    }

    fn reporter(&self, budgets: watch::Sender<Option<Read>>) -> Reporter {
        Reporter {
            events: self.events(),
            client: self.client.clone(),
            hub: Arc::clone(&self.hub),
            definitions: self.watched.definitions.clone(),
            metrics: Arc::clone(&self.metrics),
            clock: self.clock,
            usage: Usage::new(self.usage_every),
            budgets,
            memory: status::Memory::default(),
        }
    }
}
