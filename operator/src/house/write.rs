//! A person's change, made at the API server under a field manager of its own, and waited for until it is seen. It must never read a
//! Secret but that of a key whose value was made with this very change.

use super::ClusterHouse;
use crate::apply::{Turned, turn};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::{Client, Resource, ResourceExt};
use purser_compile::{ObjectRef, Rotation, Step};
use purser_config::{Name, SecretText};
use purser_console::{Change, House, Refused, Written, name_of};
use purser_crds::{ApiKey, KEY_DATA, Plan, ProviderChannel};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Who wrote a field, as the API server remembers it.
const MANAGER: &str = "purser-console";
/// How long a change may take to be seen; it is made whether or not.
const SEEN_WITHIN: Duration = Duration::from_secs(10);
const LOOKS_EVERY: Duration = Duration::from_millis(50);
/// How long a value works beside one that replaced it by hand, where its key does not say.
const OVERLAP_MS: u64 = 86_400_000;

impl ClusterHouse {
    pub(super) async fn written(&self, change: Change) -> Result<Written, Refused> {
        match change {
            Change::Create { object, secret } => self.created(object, secret).await,
            Change::Patch { of, patch, version } => self.patched(&of, patch, version).await,
            Change::Credential { channel, secret } => self.credential(&channel, secret).await,
            Change::Delete { of } => self.deleted(&of).await,
            Change::Rotate { key, overlap_ms } => self.rotated(&key, overlap_ms).await,
        }
    }

    async fn created(&self, object: Value, secret: Option<Value>) -> Result<Written, Refused> {
        let object: DynamicObject = serde_json::from_value(object).map_err(unfit)?;
        let kind = object.types.as_ref().map(|types| types.kind.clone());
        let namespace = object.namespace().unwrap_or_default();
        let of = reference(&kind.unwrap_or_default(), &namespace, &object.name_any())?;
        let params = posting();
        let made = api(&self.client, &of).create(&params, &object).await;
        let made = made.map_err(refused)?;
        if let Some(secret) = secret {
            let mut secret: Secret = serde_json::from_value(secret).map_err(unfit)?;
            if let ObjectRef::ProviderChannel(channel) = &of {
                // With it the cluster deletes its Secret.
                secret.metadata.owner_references =
                    owner(channel, made.metadata.uid.as_deref()).map(|owner| vec![owner]);
            }
            let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &namespace);
            secrets.create(&params, &secret).await.map_err(refused)?;
        }
        self.seen_as(&of, made.metadata.generation).await;
        let value = match &of {
            ObjectRef::ApiKey(key) => self.value(key).await,
            _ => None,
        };
        let place = "the cluster".to_owned();
        Ok(Written { place, value })
    }

    async fn patched(
        &self,
        of: &ObjectRef,
        mut patch: Value,
        version: Option<String>,
    ) -> Result<Written, Refused> {
        if let Some(version) = version {
            patch["metadata"]["resourceVersion"] = version.into();
        }
        let params = patching();
        let made = api(&self.client, of)
            .patch(name(of), &params, &Patch::Merge(patch))
            .await;
        let made = made.map_err(refused)?;
        self.seen_as(of, made.metadata.generation).await;
        Ok(Written::default())
    }

    /// What is known of a Secret that is there is whose it is, and no more.
    async fn credential(&self, channel: &Name, secret: Value) -> Result<Written, Refused> {
        let mut secret: Secret = serde_json::from_value(secret).map_err(unfit)?;
        let seen = self.seen();
        let mut channels = seen.channels.iter();
        let found = channels.find(|one| name_of(&one.metadata) == *channel);
        let gone = || Refused::Gone(format!("there is no ProviderChannel {channel}"));
        let uid = found.ok_or_else(gone)?.metadata.uid.clone();
        let owner = owner(channel, uid.as_deref());
        let name = secret.name_any();
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), channel.namespace());
        let there = secrets.get_metadata_opt(&name).await.map_err(refused)?;
        let Some(there) = there else {
            secret.metadata.owner_references = owner.map(|owner| vec![owner]);
            secrets.create(&posting(), &secret).await.map_err(refused)?;
            return Ok(Written::default());
        };
        let owned = there
            .owner_references()
            .iter()
            .any(|one| Some(&one.uid) == uid.as_ref());
        if !owned {
            return Err(Refused::Conflict(format!(
                "Secret {name} is not ProviderChannel {channel}'s own; replace the credential in it where it is written"
            )));
        }
        secret.metadata.resource_version = there.metadata.resource_version;
        let params = patching();
        let patched = secrets.patch(&name, &params, &Patch::Merge(secret)).await;
        patched.map_err(refused)?;
        Ok(Written::default())
    }

    async fn deleted(&self, of: &ObjectRef) -> Result<Written, Refused> {
        let gone = api(&self.client, of)
            .delete(name(of), &DeleteParams::default())
            .await;
        gone.map_err(refused)?;
        self.soon(of, |known| known.is_none()).await;
        Ok(Written::default())
    }

    async fn rotated(&self, key: &Name, overlap_ms: Option<u64>) -> Result<Written, Refused> {
        let spec = self
            .spec(key)
            .ok_or_else(|| Refused::Gone(format!("there is no ApiKey {key}")))?;
        let usual = spec.spec.rotation.as_ref();
        let usual = usual.and_then(|rotation| rotation.overlap.milliseconds().ok());
        let now_ms = self.clock.unix_ms();
        let rotation = Rotation {
            secret: Name::new(key.namespace(), &spec.spec.secret_name_of(key.name())),
            key: key.clone(),
            at_ms: now_ms,
            step: Step::Replace {
                overlap_ms: overlap_ms.or(usual).unwrap_or(OVERLAP_MS),
            },
        };
        match turn(&self.client, &rotation, now_ms).await {
            Ok(Turned::Replaced { .. }) => Ok(Written {
                place: "the cluster".to_owned(),
                value: self.value(key).await,
            }),
            Ok(_) => Err(Refused::Conflict(format!(
                "the value of ApiKey {key} was not made here, or one before it still works; replace it where it is written, or wait"
            ))),
            Err(error) => Err(Refused::Failed(format!(
                "replacing the value of ApiKey {key}: {error}"
            ))),
        }
    }

    fn spec(&self, key: &Name) -> Option<ApiKey> {
        let publication = self.publications.borrow().clone()?;
        publication.key(key).cloned()
    }

    /// The value in the key's Secret, which `apply` makes soon after the key.
    async fn value(&self, key: &Name) -> Option<SecretText> {
        let name = self.spec(key)?.spec.secret_name_of(key.name());
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), key.namespace());
        let until = Instant::now() + SEEN_WITHIN;
        while Instant::now() < until {
            let secret = secrets.get_opt(&name).await.ok().flatten();
            let value = secret.and_then(|secret| secret.data?.remove(KEY_DATA));
            if let Some(value) = value {
                return String::from_utf8(value.0).ok().map(SecretText::new);
            }
            tokio::time::sleep(LOOKS_EVERY).await;
        }
        None
    }

    /// Waits until what was written is published.
    async fn seen_as(&self, of: &ObjectRef, generation: Option<i64>) {
        let so = |known: Option<i64>| known.is_some_and(|known| known >= generation.unwrap_or(0));
        self.soon(of, so).await;
    }

    /// Waits until the published generation is so, and no longer than it may take.
    async fn soon(&self, of: &ObjectRef, so: impl Fn(Option<i64>) -> bool) {
        let until = Instant::now() + SEEN_WITHIN;
        while Instant::now() < until && !so(self.generation(of)) {
            tokio::time::sleep(LOOKS_EVERY).await;
        }
    }

    /// The generation that is published; none: there is no such object.
    fn generation(&self, of: &ObjectRef) -> Option<i64> {
        let publication = self.publications.borrow().clone()?;
        let objects = &publication.objects;
        let meta = match of {
            ObjectRef::Plan(name) => {
                let mut all = objects.plans.iter();
                all.find(|one| one.name_any() == *name)?.meta()
            }
            ObjectRef::ApiKey(name) => publication.key(name)?.meta(),
            ObjectRef::ProviderChannel(name) => {
                let mut all = objects.channels.iter();
                let is = |one: &&std::sync::Arc<ProviderChannel>| {
                    purser_console::name_of(one.meta()) == *name
                };
                all.find(is)?.meta()
            }
        };
        Some(meta.generation.unwrap_or(0))
    }
}

fn posting() -> PostParams {
    PostParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PostParams::default()
    }
}

fn patching() -> PatchParams {
    PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

/// Of a channel's own Secret.
fn owner(channel: &Name, uid: Option<&str>) -> Option<OwnerReference> {
    Some(OwnerReference {
        api_version: ProviderChannel::api_version(&()).into_owned(),
        kind: ProviderChannel::kind(&()).into_owned(),
        name: channel.name().to_owned(),
        uid: uid?.to_owned(),
        ..OwnerReference::default()
    })
}

fn api(client: &Client, of: &ObjectRef) -> Api<DynamicObject> {
    let client = client.clone();
    match of {
        ObjectRef::Plan(_) => Api::all_with(client, &ApiResource::erase::<Plan>(&())),
        ObjectRef::ApiKey(name) => {
            Api::namespaced_with(client, name.namespace(), &ApiResource::erase::<ApiKey>(&()))
        }
        ObjectRef::ProviderChannel(name) => {
            let kind = ApiResource::erase::<ProviderChannel>(&());
            Api::namespaced_with(client, name.namespace(), &kind)
        }
    }
}

fn name(of: &ObjectRef) -> &str {
    match of {
        ObjectRef::Plan(name) => name,
        ObjectRef::ApiKey(name) | ObjectRef::ProviderChannel(name) => name.name(),
    }
}

fn reference(kind: &str, namespace: &str, name: &str) -> Result<ObjectRef, Refused> {
    match kind {
        "Plan" => Ok(ObjectRef::Plan(name.to_owned())),
        "ApiKey" => Ok(ObjectRef::ApiKey(Name::new(namespace, name))),
        "ProviderChannel" => Ok(ObjectRef::ProviderChannel(Name::new(namespace, name))),
        _ => Err(Refused::Invalid(format!("kind {kind:?} is none of ours"))),
    }
}

fn unfit(error: serde_json::Error) -> Refused {
    Refused::Invalid(error.to_string())
}

/// What the API server said.
fn refused(error: kube::Error) -> Refused {
    match error {
        kube::Error::Api(status) => match status.code {
            404 => Refused::Gone(status.message.clone()),
            409 => Refused::Conflict(status.message.clone()),
            401 | 403 => Refused::Forbidden(status.message.clone()),
            400 | 422 => Refused::Invalid(status.message.clone()),
            _ => Refused::Failed(status.message.clone()),
        },
        error => Refused::Failed(format!("the API server cannot be asked: {error}")),
    }
}
