//! What the cluster holds, as plain data: the stores' objects, past the guard, and the Secrets that they name. `reconcile`
//! builds it before each compilation.

use crate::guard::Guard;
use crate::secrets::Read;
use crate::watch::{Watched, name_of};
use kube::ResourceExt;
use purser_authority::Activations;
use purser_compile::{ObjectRef, World};
use purser_config::Name;
use purser_crds::{ApiKey, Plan, ProviderChannel};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Everything but Secrets, at one moment.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    /// Plans.
    pub(crate) plans: Vec<Arc<Plan>>,
    /// ApiKeys.
    pub(crate) keys: Vec<Arc<ApiKey>>,
    /// ProviderChannels.
    pub(crate) channels: Vec<Arc<ProviderChannel>>,
    /// Labels of every namespace.
    pub(crate) namespaces: BTreeMap<String, BTreeMap<String, String>>,
    /// Namespaces with a pod that asked for a sidecar.
    pub(crate) injected: BTreeSet<String>,
    /// Uids of these pods.
    pub(crate) pods: HashSet<String>,
    /// Objects that are there only because their vanishing is not believed.
    pub(crate) held: usize,
}

/// What was believed before, by kind.
#[derive(Default)]
pub(crate) struct Guards {
    plans: Guard<Plan>,
    keys: Guard<ApiKey>,
    channels: Guard<ProviderChannel>,
    force: bool,
}

impl Guards {
    /// With `force`, everything is believed.
    pub(crate) fn new(force: bool) -> Self {
        Guards {
            force,
            ..Guards::default()
        }
    }

    /// Reads the stores.
    pub(crate) fn objects(&mut self, watched: &Watched) -> Objects {
        let deleted = watched.take_deleted();
        let plans = watched
            .plans
            .all()
            .map(|plan| (plan.name_any(), plan))
            .collect();
        let keys = watched
            .keys
            .all()
            .map(|key| (name_of(&*key).to_string(), key))
            .collect();
        let channels = watched
            .channels
            .all()
            .map(|channel| (name_of(&*channel).to_string(), channel))
            .collect();
        let named = |name: &str, make: fn(Name) -> ObjectRef| {
            name.parse().is_ok_and(|name| deleted.contains(&make(name)))
        };
        let (plans, plans_held) = self.plans.judge(
            plans,
            &|name| deleted.contains(&ObjectRef::Plan(name.to_owned())),
            self.force,
        );
        let (keys, keys_held) =
            self.keys
                .judge(keys, &|name| named(name, ObjectRef::ApiKey), self.force);
        let (channels, channels_held) = self.channels.judge(
            channels,
            &|name| named(name, ObjectRef::ProviderChannel),
            self.force,
        );
        Objects {
            plans,
            keys,
            channels,
            namespaces: namespaces(watched),
            injected: watched
                .pods
                .all()
                .filter_map(|pod| pod.namespace())
                .collect(),
            pods: watched.pods.all().filter_map(|pod| pod.uid()).collect(),
            held: plans_held + keys_held + channels_held,
        }
    }
}

/// The labels of every namespace.
pub(crate) fn namespaces(watched: &Watched) -> BTreeMap<String, BTreeMap<String, String>> {
    let labelled = watched.namespaces.all().map(|namespace| {
        let labels = namespace.metadata.labels.clone().unwrap_or_default();
        (namespace.name_any(), labels)
    });
    labelled.collect()
}

impl Objects {
    /// The Secrets that objects name, with a fingerprint of the objects that do.
    pub(crate) fn named_secrets(&self) -> BTreeMap<Name, u64> {
        let mut named: BTreeMap<Name, DefaultHasher> = BTreeMap::new();
        let mut name = |namespace: &str, secret: &str, by: (Option<String>, Option<i64>)| {
            by.hash(named.entry(Name::new(namespace, secret)).or_default());
        };
        // Sorted, as the guard gives them: equal worlds give equal fingerprints.
        for key in self.keys.iter().filter(|key| key.spec.key_hash.is_none()) {
            name(
                &key.namespace().unwrap_or_default(),
                &secret_name(key),
                (key.uid(), key.metadata.generation),
            );
        }
        for channel in &self.channels {
            for secret in channel_secrets(channel) {
                name(
                    &channel.namespace().unwrap_or_default(),
                    secret,
                    (channel.uid(), channel.metadata.generation),
                );
            }
        }
        named
            .into_iter()
            .map(|(name, hasher)| (name, hasher.finish()))
            .collect()
    }

    /// Namespaces that need a compiled Secret.
    pub(crate) fn audiences(&self) -> BTreeSet<String> {
        let of_keys = self.keys.iter().filter_map(|key| key.namespace());
        of_keys
            .chain(self.injected.iter().cloned())
            .filter(|name| self.namespaces.contains_key(name))
            .collect()
    }

    /// As `compile` takes it.
    pub(crate) fn world(&self, read: &Read, begun: &Activations) -> World {
        World {
            plans: self.plans.iter().map(|plan| Plan::clone(plan)).collect(),
            keys: self.keys.iter().map(|key| ApiKey::clone(key)).collect(),
            channels: self
                .channels
                .iter()
                .map(|channel| ProviderChannel::clone(channel))
                .collect(),
            namespaces: self.namespaces.clone(),
            secrets: read
                .secrets
                .iter()
                .map(|(name, secret)| (name.clone(), (**secret).clone()))
                .collect(),
            activations: begun.clone(),
        }
    }
}

/// The Secrets that a channel names, of its own namespace.
pub(crate) fn channel_secrets(channel: &ProviderChannel) -> impl Iterator<Item = &str> {
    let spec = &channel.spec;
    let credentials = spec
        .credentials
        .iter()
        .map(|credential| credential.secret_ref.name.as_str());
    let headers = spec
        .headers
        .iter()
        .filter_map(|header| Some(header.secret_ref.as_ref()?.name.as_str()));
    let authority = spec.tls.iter().map(|tls| tls.ca_secret_ref.name.as_str());
    credentials.chain(headers).chain(authority)
}

/// The Secret that holds a key's value.
pub(crate) fn secret_name(key: &ApiKey) -> String {
    key.spec.secret_name_of(&key.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(generation: i64) -> Objects {
        let key = |name: &str, spec: serde_json::Value| {
            let metadata =
                serde_json::json!({"name": name, "namespace": "shop", "generation": generation});
            let object = serde_json::json!({"apiVersion": "purser.dev/v1alpha1", "kind": "ApiKey", "metadata": metadata, "spec": spec});
            Arc::new(serde_json::from_value::<ApiKey>(object).unwrap())
        };
        let hash = format!("sha256:{}", "0".repeat(64));
        let keys = vec![
            key("a", serde_json::json!({"plan": "free"})),
            key(
                "b",
                serde_json::json!({"plan": "free", "secretName": "mine"}),
            ),
            key("c", serde_json::json!({"plan": "free", "keyHash": hash})),
        ];
        let namespaces = [
            ("shop".to_owned(), BTreeMap::new()),
            ("idle".to_owned(), BTreeMap::new()),
        ]
        .into();
        Objects {
            keys,
            namespaces,
            injected: ["gone".to_owned()].into(),
            ..Objects::default()
        }
    }

    #[test]
    fn a_key_names_its_secret_or_the_default_or_none() {
        let names: Vec<String> = objects(1)
            .named_secrets()
            .keys()
            .map(Name::to_string)
            .collect();
        assert_eq!(names, ["shop/a-key", "shop/mine"]);
    }

    #[test]
    fn a_changed_object_changes_its_secrets_fingerprint() {
        assert_eq!(objects(1).named_secrets(), objects(1).named_secrets());
        assert_ne!(objects(1).named_secrets(), objects(2).named_secrets());
    }

    #[test]
    fn a_namespace_with_a_key_needs_a_secret_and_one_that_is_gone_does_not() {
        assert_eq!(objects(1).audiences(), ["shop".to_owned()].into());
    }
}
