//! The console's house over a cluster: what was published last is what is seen, and a change is a call to the API server. `lead` starts
//! it where a console is wanted. It writes what a person asked for and nothing else; everything else about these objects is `apply`'s and
//! `status`'s.
//!
//! Merge patches, not server-side apply: a person changes one field of an object that others own, and an apply of one field would give up
//! every field that this manager set before. A `version` makes the API server refuse what was decided on old facts.
//!
//! What the owner of a Kubernetes token may change is asked by SubjectAccessReview, not by impersonating them: an operator that may
//! impersonate may do what anybody may.

mod credential;
mod review;
mod write;

use crate::certificate::Certificates;
use crate::clock::Clock;
use crate::reconcile::Publication;
use crate::serve::{Census, Diagnosis, Hub};
use k8s_openapi::api::authentication::v1::UserInfo;
use kube::Client;
use purser_authority::ledger::Ledger;
use purser_config::Name;
use purser_config::refusals::Refusal;
use purser_console::{
    Change, Health, House, Later, PaymentSecrets, Refused, Reviewed, Right, Seen, Tested, Written,
};
pub(crate) use review::Reviews;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// What was published last.
pub(crate) type Publications = watch::Receiver<Option<Arc<Publication>>>;

/// See the file's page.
pub(crate) struct ClusterHouse {
    /// The API server.
    pub(crate) client: Client,
    /// This process's clock.
    pub(crate) clock: Clock,
    /// Where sidecars and ledger are.
    pub(crate) hub: Arc<Hub>,
    /// What is seen.
    pub(crate) publications: Publications,
    /// The last publication that was looked at, and what the console sees of it.
    pub(crate) looked: Mutex<Option<Looked>>,
    /// With what payments are signed.
    pub(crate) payment_secrets: PaymentSecrets,
    /// What replicas share that nobody else knows.
    pub(crate) certificates: Arc<Certificates>,
    /// Whose tokens are whose.
    pub(crate) reviews: Reviews,
}

/// A publication, as the console sees it.
pub(crate) type Looked = (Arc<Publication>, Arc<Seen>);

impl House for ClusterHouse {
    fn ledger(&self) -> Option<Ledger> {
        Some(self.hub.authority().ledger().clone())
    }

    fn wall_ms(&self) -> u64 {
        self.clock.unix_ms()
    }

    fn random(&self) -> Result<[u8; 32], String> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    fn setup_seed(&self) -> Option<[u8; 32]> {
        Some(self.certificates.seed("the console's first administrator"))
    }

    fn seen(&self) -> Arc<Seen> {
        let Some(publication) = self.publications.borrow().clone() else {
            return Arc::default();
        };
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, seen)) = looked.as_ref()
            && Arc::ptr_eq(known, &publication)
        {
            return Arc::clone(seen);
        }
        let seen = Arc::new(seen(&publication));
        *looked = Some((publication, Arc::clone(&seen)));
        seen
    }

    fn health(&self) -> BTreeMap<Name, Health> {
        let Ok(census) = self.hub.census() else {
            return BTreeMap::new();
        };
        let seen = self.seen();
        let channels = seen.channels.iter();
        let names = channels.map(|channel| purser_console::name_of(&channel.metadata));
        let known = names.filter_map(|name| Some((name.clone(), health(&census, &name)?)));
        known.collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        self.hub.refusals()
    }

    fn write(&self, change: Change) -> Later<'_, Result<Written, Refused>> {
        Box::pin(self.written(change))
    }

    fn payment_secrets(&self) -> PaymentSecrets {
        self.payment_secrets.clone()
    }

    fn review(&self, token: String) -> Later<'_, Result<Option<Reviewed>, String>> {
        let publication = self.publications.borrow().clone();
        let namespaces = publication.map(|publication| {
            let known = publication.objects.namespaces.keys();
            known.cloned().collect()
        });
        Box::pin(self.reviews.of(token, namespaces.unwrap_or_default()))
    }

    fn may<'a>(&'a self, who: &'a UserInfo, right: &'a Right) -> Later<'a, Result<bool, String>> {
        Box::pin(self.reviews.may(who, right))
    }

    fn test(&self, channel: Name) -> Later<'_, Tested> {
        Box::pin(async move {
            match self.hub.inquire(&channel).await {
                Ok(asked) => Tested {
                    works: asked.works,
                    message: asked.message,
                    took_ms: asked.took_ms,
                },
                Err(unasked) => Tested {
                    works: false,
                    message: unasked.to_string(),
                    took_ms: 0,
                },
            }
        })
    }
}

fn seen(publication: &Publication) -> Seen {
    Seen {
        plans: publication.objects.plans.clone(),
        keys: publication.objects.keys.clone(),
        channels: publication.objects.channels.clone(),
        verdicts: publication.verdicts.clone(),
        configuration: Arc::clone(&publication.configuration),
    }
}

/// How most sidecars find a channel; none: none has called it.
fn health(census: &Census, channel: &Name) -> Option<Health> {
    let Diagnosis { uses, works, ails } = census.diagnosis(channel);
    let troubles = ails.into_iter().map(|(ailment, ail)| {
        let about: Vec<String> = ail.about.into_iter().collect();
        let about = (!about.is_empty()).then(|| about.join(", "));
        (ailment, about, ail.since_ms)
    });
    (uses > 0).then(|| Health {
        works: works * 2 >= uses,
        troubles: troubles.collect(),
    })
}
