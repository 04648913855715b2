//! Entries that an administrator writes as annotations of an ApiKey: `credit.purser.dev/<id>: "500"` adds credits, and
//! `renew.purser.dev/<id>: ""` begins the key's time on its plan anew. `apply` calls it; it is the only writer of an ApiKey's metadata,
//! and removes nothing but these annotations.
//!
//! ```text
//! annotations -> wish (pure) -> guard: may anybody else have written them? -> ledger -> annotation removed -> news for `status`
//! ```
//! Invariant: an annotation is acted on only while the API server lets nobody write it but callers with verb `credit` on that key. One
//! that was found without that guard is removed, so that a guard made later does not make it believed.
//! Invariant: an entry is made once for ever, by its id, whatever fails between the ledger and the removal.

mod guard;
mod wish;

use crate::apply::News;
use crate::clock::Clock;
use crate::reconcile::Publication;
use crate::serve::Hub;
use crate::watch::name_of;
use guard::Guard;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Resource};
use purser_authority::ledger::{Renewal, Renewed, Sale, TopUp, TopUpRefused};
use purser_config::Name;
use purser_config::calendar::moment;
use purser_crds::{ApiKey, CreditedReason};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
pub(crate) use wish::decimal;
use wish::{Entry, Wish, entries};

/// How long after a failure it is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// How long an answer of the ledger is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// So much is remembered of what was told, so that what is applied again and again is told once.
const MOST_TOLD: usize = 10_000;
/// Who made an entry, as the ledger keeps it; the API server's audit log knows the person.
const BY: &str = "annotation";

/// See the file's page.
pub(crate) struct Creditor {
    /// The API server.
    pub(crate) client: Client,
    /// Where the ledger is.
    pub(crate) hub: Arc<Hub>,
    /// For the guard's age.
    pub(crate) clock: Clock,
    /// What was told: of which object (by its uid), of which annotation and value, with which reason.
    pub(crate) told: HashSet<(String, String, String, CreditedReason)>,
}

/// What came of one entry.
enum Made {
    /// The ledger has it.
    Kept(CreditedReason, String),
    /// It cannot be made.
    Refused(String),
    /// The ledger cannot be asked now; and why, where it said so.
    Later(Option<String>),
}

impl Creditor {
    /// Does what annotations ask for. Returns what to tell, and when to come again.
    pub(crate) async fn look(
        &mut self,
        publication: &Publication,
    ) -> (Vec<News>, Option<Duration>) {
        let (mut news, mut again) = (Vec::new(), None);
        let asking = publication.objects.keys.iter();
        let asking = asking.filter(|key| !entries(key).is_empty());
        let asking: Vec<_> = asking.cloned().collect();
        if asking.is_empty() {
            return (news, None);
        }
        if self.told.len() > MOST_TOLD {
            self.told.clear();
        }
        let guard = match guard::found(&self.client, self.clock.unix_ms()).await {
            Ok(guard) => guard,
            Err(error) => {
                tracing::warn!(%error, "looking for the policy that guards credit annotations; they wait");
                return (news, Some(AGAIN));
            }
        };
        for key in asking {
            let (told, waits) = self.serve(&key, &guard).await;
            news.extend(told);
            again = again.or(waits.then_some(AGAIN));
        }
        (news, again)
    }

    /// One key's entries; says what to tell, and whether something must wait.
    async fn serve(&mut self, key: &ApiKey, guard: &Guard) -> (Vec<News>, bool) {
        let name = name_of(key);
        let (mut news, mut waits, mut over) = (Vec::new(), false, Vec::new());
        for entry in entries(key) {
            let (reason, note) = match guard {
                Guard::Open { why } => {
                    over.push(entry.annotation.clone());
                    let note = format!(
                        "{} was removed and not acted on: {why}; kubectl apply -f operator/credit-policy.yaml, then annotate again",
                        entry.annotation
                    );
                    (CreditedReason::NotGuarded, note)
                }
                Guard::Shut => match self.make_soon(&name, key, &entry).await {
                    Made::Kept(reason, note) => {
                        over.push(entry.annotation.clone());
                        (reason, note)
                    }
                    Made::Refused(note) => (CreditedReason::Refused, note),
                    Made::Later(why) => {
                        waits = true;
                        let Some(why) = why else { continue };
                        let note = format!("{} waits: {why}", entry.annotation);
                        (CreditedReason::Waiting, note)
                    }
                },
            };
            let uid = key.meta().uid.clone().unwrap_or_default();
            let told = (uid, entry.annotation, entry.value, reason);
            if self.told.insert(told) {
                news.push(News::credited(name.clone(), reason, note));
            }
        }
        if !over.is_empty()
            && let Err(error) = self.remove(&name, key, &over).await
        {
            tracing::warn!(key = %name, %error, "removing credit annotations; tried again");
            waits = true;
        }
        (news, waits)
    }

    /// Statuses and Secrets must not wait long for the ledger; an entry that was made all the same is found made the next time.
    async fn make_soon(&self, name: &Name, key: &ApiKey, entry: &Entry) -> Made {
        let made = tokio::time::timeout(PATIENCE, self.make(name, key, entry));
        made.await.unwrap_or(Made::Later(None))
    }

    async fn make(&self, name: &Name, key: &ApiKey, entry: &Entry) -> Made {
        let (key_name, id, by) = (name.clone(), entry.id.clone(), BY.to_owned());
        let wall_ms = self.clock.unix_ms();
        if !self.hub.answers() {
            return Made::Later(None);
        }
        let result = match &entry.wish {
            Err(why) => return Made::Refused(format!("{}: {why}", entry.annotation)),
            Ok(Wish::Credit { micros }) => {
                let top_up = TopUp {
                    key: key_name,
                    amount: *micros,
                    id,
                    by,
                    wall_ms,
                };
                let made = self.hub.authority().ledger().top_up(top_up).await;
                made.map(|made| credited(entry, *micros, made.map(|made| made.left)))
            }
            Ok(Wish::Renew) => {
                let renewal = Renewal {
                    key: key_name,
                    plan: key.spec.plan.clone(),
                    id,
                    by,
                    at_ms: wall_ms,
                    // The authority knows for how much.
                    sale: Sale {
                        at_ms: wall_ms,
                        price: None,
                    },
                };
                let made = self.hub.authority().renew(renewal).await;
                made.map(|made| renewed(entry, &key.spec.plan, made))
            }
        };
        result.unwrap_or_else(|error| {
            tracing::error!(key = %name, annotation = entry.annotation, %error, "an administrator's entry waits for the ledger");
            Made::Later(Some(error.to_string()))
        })
    }

    /// On top of the version that was acted on: what was written meanwhile is looked at first.
    async fn remove(&self, name: &Name, key: &ApiKey, annotations: &[String]) -> kube::Result<()> {
        let gone = annotations.iter().map(|name| (name.clone(), Value::Null));
        let gone: Map<String, Value> = gone.collect();
        let meta = key.meta();
        let metadata = json!({
            "uid": meta.uid, "resourceVersion": meta.resource_version, "annotations": gone,
        });
        let api: Api<ApiKey> = Api::namespaced(self.client.clone(), name.namespace());
        let params = PatchParams {
            field_manager: Some(purser_crds::FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patch = Patch::Merge(json!({"metadata": metadata}));
        api.patch_metadata(name.name(), &params, &patch)
            .await
            .map(drop)
    }
}

fn credited(entry: &Entry, micros: i64, made: Result<u64, TopUpRefused>) -> Made {
    let amount = decimal(micros.unsigned_abs());
    let what = match micros {
        0.. => format!("{amount} credits were added"),
        _ => format!("{amount} credits were taken"),
    };
    match made {
        Ok(left) => {
            let note = format!("{what} ({}); {} can be used now", entry.id, decimal(left));
            Made::Kept(CreditedReason::Credited, note)
        }
        Err(refused) => Made::Refused(format!("{}: {}", entry.annotation, why(&refused))),
    }
}

fn why(refused: &TopUpRefused) -> String {
    match refused {
        TopUpRefused::OtherEntry => {
            "an entry of this id was made before and says something else; choose another id"
                .to_owned()
        }
        TopUpRefused::TooMuch => "no account can hold so much; add less".to_owned(),
        TopUpRefused::BelowZero { left } => {
            format!("only {} can be taken; take less", decimal(*left))
        }
    }
}

fn renewed(entry: &Entry, plan: &str, made: Renewed) -> Made {
    match made {
        Renewed::At { at_ms, .. } => {
            let note = format!(
                "its time on plan {plan} began anew at {} ({})",
                moment(at_ms),
                entry.id
            );
            Made::Kept(CreditedReason::Renewed, note)
        }
        Renewed::OtherEntry => {
            let why = why(&TopUpRefused::OtherEntry);
            Made::Refused(format!("{}: {why}", entry.annotation))
        }
    }
}
