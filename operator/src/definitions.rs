//! Whether the cluster's definitions of our kinds are as new as this operator. Owns what is known of them and says it: in the log, on
//! `/readyz`, to `status`, which writes no field that the cluster would refuse, and to `watch`, which does not wait for a kind that is not
//! there. `run` starts it.
//!
//! An operator that is newer than its definitions serves: a field that they lack is one that nobody can have written, and a kind that they
//! lack has no objects. What nobody may say is that nothing is wrong.
//!
//! Invariant: a definition is read and never written; whoever upgrades does that first. One that may not be read counts as whole.

mod compared;

use crate::admin::{Part, Ready};
use compared::{keep_known, lacks, schema};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use kube::{Api, Client, ResourceExt};
use purser_compile::ObjectRef;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often they are looked at, and how often while one is old.
const LOOKS: Duration = Duration::from_secs(60);
const LOOKS_AGAIN: Duration = Duration::from_secs(5);
/// Longer lists say how many more there are.
const NAMED: usize = 8;
const MEND: &str = "what such fields say is lost until the definitions are this version's: `kubectl apply --server-side -f crds/`, or `helm upgrade purser-crds` with its chart";

/// What is known of one definition.
#[derive(Clone, Debug, PartialEq)]
enum Found {
    /// It is not there, or not in our version.
    Missing,
    /// It lacks these fields; and what it has of a status.
    There {
        lacks: Vec<String>,
        status: Option<Box<JSONSchemaProps>>,
    },
}

/// By name; one of which nothing is known is not in it.
type Known = BTreeMap<String, Found>;

/// See the file's page.
#[derive(Clone, Default)]
pub(crate) struct Definitions(Arc<watch::Sender<Known>>);

impl Definitions {
    /// Looks at them for as long as the process lives.
    pub(crate) async fn run(self, client: Client, ready: Ready) {
        let api: Api<CustomResourceDefinition> = Api::all(client);
        let ours = purser_crds::all();
        let mut told = None;
        loop {
            for definition in &ours {
                self.look(&api, definition).await;
            }
            let trouble = trouble(&self.0.borrow());
            if trouble != told {
                match &trouble {
                    Some(trouble) => tracing::warn!(
                        trouble,
                        "the cluster's definitions are older than this operator, which serves all the same"
                    ),
                    None => tracing::info!("the cluster's definitions are this operator's"),
                }
                ready.suffers(Part::Definitions, trouble.clone());
                told.clone_from(&trouble);
            }
            tokio::time::sleep(if trouble.is_some() {
                LOOKS_AGAIN
            } else {
                LOOKS
            })
            .await;
        }
    }

    async fn look(&self, api: &Api<CustomResourceDefinition>, ours: &CustomResourceDefinition) {
        let name = ours.name_any();
        let found = match api.get_opt(&name).await {
            Ok(Some(theirs)) => found(ours, &theirs),
            Ok(None) => Found::Missing,
            Err(error) => {
                tracing::warn!(name, %error, "reading a definition; what was known of it stays");
                return;
            }
        };
        self.0
            .send_if_modified(|known| known.insert(name, found.clone()) != Some(found));
    }

    /// Waits until it is known that there is no such kind, by its plural.
    pub(crate) async fn until_missing(&self, plural: &str) {
        let name = format!("{plural}.{}", purser_crds::GROUP);
        let mut known = self.0.subscribe();
        let missing = known.wait_for(|known| known.get(&name) == Some(&Found::Missing));
        if missing.await.is_err() {
            std::future::pending().await
        }
    }

    /// Takes out of a status what its definition does not have: the API server would refuse all of it.
    pub(crate) fn keep_known(&self, object: &ObjectRef, status: &mut Map<String, Value>) {
        let plural = match object {
            ObjectRef::Plan(_) => "plans",
            ObjectRef::ApiKey(_) => "apikeys",
            ObjectRef::ProviderChannel(_) => "providerchannels",
        };
        let known = self.0.borrow();
        let found = known.get(&format!("{plural}.{}", purser_crds::GROUP));
        if let Some(Found::There {
            status: Some(schema),
            lacks,
        }) = found
            && !lacks.is_empty()
        {
            keep_known(status, schema);
        }
    }
}

fn found(ours: &CustomResourceDefinition, theirs: &CustomResourceDefinition) -> Found {
    let (Some(ours), Some(theirs)) = (schema(ours), schema(theirs)) else {
        return Found::Missing;
    };
    let status = theirs.properties.as_ref();
    let status = status.and_then(|properties| properties.get("status"));
    Found::There {
        lacks: lacks(ours, theirs),
        status: status.cloned().map(Box::new),
    }
}

/// What is old, and what to do.
fn trouble(known: &Known) -> Option<String> {
    let old = known.iter().filter_map(|(name, found)| match found {
        Found::Missing => Some(format!("{name} is not there, so there are no such objects")),
        Found::There { lacks, .. } if lacks.is_empty() => None,
        Found::There { lacks, .. } => {
            let more = lacks.len().saturating_sub(NAMED);
            let more = (more > 0).then(|| format!(" and {more} more"));
            let named = lacks[..lacks.len().min(NAMED)].join(", ");
            Some(format!("{name} has no {named}{}", more.unwrap_or_default()))
        }
    });
    let old: Vec<String> = old.collect();
    (!old.is_empty()).then(|| format!("{}; {MEND}", old.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(kind: usize, path: &[&str]) -> CustomResourceDefinition {
        let mut definition = purser_crds::all()[kind].clone();
        let root = definition.spec.versions[0].schema.as_mut().unwrap();
        let mut at = root.open_api_v3_schema.as_mut().unwrap();
        let (last, before) = path.split_last().unwrap();
        for step in before {
            at = at.properties.as_mut().unwrap().get_mut(*step).unwrap();
        }
        assert!(at.properties.as_mut().unwrap().remove(*last).is_some());
        definition
    }

    fn known(found: Found) -> Known {
        [("plans.purser.dev".to_owned(), found)].into()
    }

    #[test]
    fn what_is_this_versions_is_no_trouble_and_what_is_unknown_is_none() {
        assert_eq!(trouble(&Known::new()), None);
        for definition in purser_crds::all() {
            assert_eq!(trouble(&known(found(&definition, &definition))), None);
        }
    }

    #[test]
    fn a_field_that_is_not_there_is_named_with_what_to_do() {
        let ours = &purser_crds::all()[0];
        let theirs = without(0, &["spec", "limits", "tokensPerMinute"]);
        let said = trouble(&known(found(ours, &theirs))).unwrap();
        assert!(
            said.starts_with("plans.purser.dev has no spec.limits.tokensPerMinute; "),
            "{said}"
        );
        assert!(
            said.contains("kubectl apply --server-side -f crds/"),
            "{said}"
        );
        let said = trouble(&known(Found::Missing)).unwrap();
        assert!(said.starts_with("plans.purser.dev is not there"), "{said}");
        let mut other = ours.clone();
        other.spec.versions[0].name = "v1beta9".into();
        assert_eq!(found(ours, &other), Found::Missing);
    }

    #[test]
    fn a_status_is_written_without_what_the_cluster_would_refuse() {
        let ours = &purser_crds::all()[1];
        let theirs = without(1, &["status", "requestsUsed"]);
        let definitions = Definitions::default();
        let whole = serde_json::json!({"requestsUsed": 7, "prefix": "sk-", "conditions": [{"type": "Accepted"}]});
        let Value::Object(whole) = whole else {
            panic!("a status is an object");
        };
        let object = ObjectRef::ApiKey(purser_config::Name::new("shop", "a"));
        let kept = |definitions: &Definitions| {
            let mut status = whole.clone();
            definitions.keep_known(&object, &mut status);
            status
        };
        assert_eq!(kept(&definitions), whole, "nothing is known");
        let name = "apikeys.purser.dev".to_owned();
        definitions
            .0
            .send_modify(|known| drop(known.insert(name, found(ours, &theirs))));
        let mut less = whole.clone();
        less.remove("requestsUsed");
        assert_eq!(kept(&definitions), less);
    }

    #[tokio::test(start_paused = true)]
    async fn a_kind_is_waited_for_until_it_is_known_to_be_missing() {
        let definitions = Definitions::default();
        let missing = definitions.until_missing("plans");
        assert!(tokio::time::timeout(LOOKS, missing).await.is_err());
        definitions.0.send_replace(known(Found::Missing));
        definitions.until_missing("plans").await;
    }
}
