//! What RBAC must allow somebody whom the cluster knows, so that a change of theirs is made here: the verbs that they would need to make it
//! with `kubectl`. Asked by `permit` before each of their changes, because the change itself is made as the operator, who may do more, and
//! whom the policy for named Secrets lets pass. Pure; it must never read a Secret.

use crate::calls::merged;
use crate::house::{Change, Seen, own_credential};
use crate::ids::name_of;
use purser_compile::ObjectRef;
use purser_config::Name;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// Something that RBAC lets somebody do, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// Such as `patch`.
    pub verb: &'static str,
    /// Such as `apikeys`.
    pub resource: &'static str,
    /// Empty: of the whole cluster.
    pub namespace: String,
    /// Which object; empty: any of them, as for what is to be made.
    pub name: String,
}

impl Right {
    /// This verb on one object, or with an empty name on any.
    pub(crate) fn new(
        verb: &'static str,
        resource: &'static str,
        (namespace, name): (&str, &str),
    ) -> Self {
        Right {
            verb,
            resource,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// This verb on an object.
    pub(crate) fn on(verb: &'static str, of: &ObjectRef) -> Self {
        match of {
            ObjectRef::Plan(name) => Right::new(verb, "plans", ("", name)),
            ObjectRef::ApiKey(key) => Right::new(verb, "apikeys", (key.namespace(), key.name())),
            ObjectRef::ProviderChannel(channel) => {
                let at = (channel.namespace(), channel.name());
                Right::new(verb, "providerchannels", at)
            }
        }
    }

    /// The resource's API group.
    pub fn group(&self) -> &'static str {
        match self.resource {
            "secrets" => "",
            _ => purser_crds::GROUP,
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.group().is_empty() {
            write!(f, ".{}", self.group())?;
        }
        if !self.name.is_empty() {
            write!(f, " {:?}", self.name)?;
        }
        match self.namespace.is_empty() {
            true => f.write_str(" in the cluster"),
            false => write!(f, " in namespace {}", self.namespace),
        }
    }
}

/// All that this change needs.
pub(crate) fn of(change: &Change, seen: &Seen) -> Vec<Right> {
    match change {
        Change::Create { object, secret } => created(object, secret.is_some()),
        Change::Patch {
            of, patch, secret, ..
        } => {
            let mut rights = vec![Right::on("patch", of)];
            if let ObjectRef::ProviderChannel(channel) = of {
                rights.extend(patched(channel, &patch["spec"], secret.is_some(), seen));
            }
            rights
        }
        Change::Delete { of } => vec![Right::on("delete", of)],
        Change::Rotate { key, .. } => {
            let mut keys = seen.keys.iter();
            let found = keys.find(|one| name_of(&one.metadata) == *key);
            let patch = Right::on("patch", &ObjectRef::ApiKey(key.clone()));
            let secret = found.map(|found| found.spec.secret_name_of(key.name()));
            let secret = secret.unwrap_or_default();
            let get = Right::new("get", "secrets", (key.namespace(), &secret));
            vec![patch, get]
        }
    }
}

/// To have a channel send these Secrets.
pub(crate) fn sent(namespace: &str, secrets: &BTreeSet<String>) -> Vec<Right> {
    let get = |secret: &String| Right::new("get", "secrets", (namespace, secret.as_str()));
    secrets.iter().map(get).collect()
}

fn created(object: &Value, has_secret: bool) -> Vec<Right> {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let resource = match object["kind"].as_str() {
        Some("Plan") => "plans",
        Some("ApiKey") => "apikeys",
        _ => "providerchannels",
    };
    let mut rights = vec![Right::new("create", resource, (namespace, ""))];
    if has_secret {
        rights.push(Right::new("create", "secrets", (namespace, "")));
    }
    if resource == "providerchannels" {
        rights.extend(sent(namespace, &secrets_in(&object["spec"])));
    }
    rights
}

/// As `secret-policy.yaml` has it of whoever writes a channel: a Secret that is named anew, sent to another address or offered to other
/// namespaces, they may get.
fn patched(channel: &Name, patch: &Value, has_secret: bool, seen: &Seen) -> Vec<Right> {
    let mut channels = seen.channels.iter();
    let found = channels.find(|one| name_of(&one.metadata) == *channel);
    let before = found.and_then(|found| serde_json::to_value(&found.spec).ok());
    let before = before.unwrap_or_default();
    let after = merged(&before, patch);
    let turned = ["provider", "baseURL", "namespaces"]
        .into_iter()
        .any(|member| before[member] != after[member]);
    let (known, named) = (references_in(&before), references_in(&after));
    let news = named.iter().filter(|one| turned || !known.contains(one));
    let mut used: BTreeSet<String> = news.map(|(secret, _)| (*secret).to_owned()).collect();
    let mut rights = Vec::new();
    if has_secret {
        let own = own_credential(channel);
        let (verb, name) = match secrets_in(&before).contains(&own) {
            true => ("patch", own.as_str()),
            false => ("create", ""),
        };
        rights.push(Right::new(verb, "secrets", (channel.namespace(), name)));
        used.insert(own);
    }
    rights.extend(sent(channel.namespace(), &used));
    rights
}

/// The Secrets that a channel with this spec sends.
pub(crate) fn secrets_in(spec: &Value) -> BTreeSet<String> {
    let references = references_in(spec).into_iter();
    references.map(|(secret, _)| secret.to_owned()).collect()
}

/// Each with what of it is sent; empty: its usual part.
fn references_in(spec: &Value) -> BTreeSet<(&str, &str)> {
    let listed = ["credentials", "headers"].into_iter();
    let listed = listed.filter_map(|member| spec[member].as_array());
    let references = listed.flatten().map(|one| &one["secretRef"]);
    let references = references.chain([&spec["tls"]["caSecretRef"]]);
    references
        .filter_map(|one| {
            Some((
                one["name"].as_str()?,
                one["key"].as_str().unwrap_or_default(),
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_crds::ProviderChannel;
    use serde_json::json;
    use std::sync::Arc;

    fn seen() -> Seen {
        let channel = json!({
            "apiVersion": "purser.dev/v1alpha1", "kind": "ProviderChannel",
            "metadata": {"name": "one", "namespace": "shop"},
            "spec": {
                "provider": "OpenAI", "models": [{"name": "m"}],
                "credentials": [{"secretRef": {"name": "one-credential"}}],
                "headers": [{"name": "x-org", "secretRef": {"name": "org"}}],
            },
        });
        let channel: ProviderChannel = serde_json::from_value(channel).unwrap();
        Seen {
            channels: vec![Arc::new(channel)],
            ..Seen::default()
        }
    }

    fn asked(spec: Value, secret: Option<Value>) -> Vec<String> {
        let change = Change::Patch {
            of: ObjectRef::ProviderChannel(Name::new("shop", "one")),
            patch: json!({ "spec": spec }),
            version: None,
            secret,
        };
        let rights = of(&change, &seen());
        rights.iter().map(ToString::to_string).collect()
    }

    const PATCH: &str = "patch providerchannels.purser.dev \"one\" in namespace shop";
    const OWN: &str = "get secrets \"one-credential\" in namespace shop";
    const ORG: &str = "get secrets \"org\" in namespace shop";

    #[test]
    fn what_turns_a_channel_elsewhere_needs_every_secret_that_it_sends() {
        assert_eq!(asked(json!({"weight": 2}), None), [PATCH]);
        let elsewhere = json!({"baseURL": "https://elsewhere.example"});
        assert_eq!(asked(elsewhere, None), [PATCH, OWN, ORG]);
        assert_eq!(asked(json!({"provider": "XAI"}), None), [PATCH, OWN, ORG]);
        let offered = json!({"namespaces": {"from": "All"}});
        assert_eq!(asked(offered, None), [PATCH, OWN, ORG]);
    }

    #[test]
    fn what_names_a_secret_anew_needs_that_one_wherever_it_is_named() {
        let one = |name: &str| format!("get secrets {name:?} in namespace shop");
        let headers = json!({"headers": [{"name": "a", "secretRef": {"name": "other"}}]});
        assert_eq!(asked(headers, None), [PATCH.to_owned(), one("other")]);
        let part =
            json!({"headers": [{"name": "x-org", "secretRef": {"name": "org", "key": "b"}}]});
        assert_eq!(asked(part, None), [PATCH, ORG]);
        let tls = json!({"tls": {"caSecretRef": {"name": "ca"}}});
        assert_eq!(asked(tls, None), [PATCH.to_owned(), one("ca")]);
        let replaces = "patch secrets \"one-credential\" in namespace shop";
        assert_eq!(asked(json!({}), Some(json!({}))), [PATCH, replaces, OWN]);
    }

    #[test]
    fn a_new_channel_needs_its_secret_to_be_made_and_read() {
        let spec = json!({"credentials": [{"secretRef": {"name": "one-credential"}}]});
        let object =
            json!({"kind": "ProviderChannel", "metadata": {"namespace": "shop"}, "spec": spec});
        let secret = Some(json!({}));
        let rights = of(&Change::Create { object, secret }, &Seen::default());
        let rights: Vec<String> = rights.iter().map(ToString::to_string).collect();
        let [channel, made] = ["create providerchannels.purser.dev", "create secrets"]
            .map(|verb| format!("{verb} in namespace shop"));
        assert_eq!(rights, [channel, made, OWN.to_owned()]);
    }
}
