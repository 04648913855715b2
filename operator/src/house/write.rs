//! A person's change, made at the API server under a field manager of its own, and waited for until it is seen. It must never read a
//! Secret but that of a key whose value was made with this very change.

use super::ClusterHouse;
use crate::apply::{Turned, turn};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::{Client, Resource, ResourceExt};
use purser_compile::{ObjectRef, Rotation, Step};
use purser_config::{Name, SecretText};
use purser_console::{Change, Refused, Written, version};
use purser_crds::{
    ApiKey, ApiKeySpec, KEY_DATA, Plan, PlanSpec, ProviderChannel, ProviderChannelSpec,
};
use serde::Deserialize;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Who wrote a field, as the API server remembers it.
const MANAGER: &str = "purser-console";
/// How long a change may take to be seen; it is made whether or not.
const SEEN_WITHIN: Duration = Duration::from_secs(10);
const LOOKS_EVERY: Duration = Duration::from_millis(50);
/// How long a value works beside one that replaced it by hand, where its key does not say.
const OVERLAP_MS: u64 = 86_400_000;
/// How often an object is looked at that is written meanwhile.
const LOOKS: u32 = 5;

impl ClusterHouse {
    pub(super) async fn written(&self, change: Change) -> Result<Written, Refused> {
        match change {
            Change::Create { object, secret } => self.created(object, secret).await,
            Change::Patch {
                of,
                patch,
                version,
                secret,
            } => self.patched(&of, patch, (version, secret)).await,
            Change::Delete { of } => self.deleted(&of).await,
            Change::Rotate { key, overlap_ms } => self.rotated(&key, overlap_ms).await,
        }
    }

    async fn created(&self, object: Value, secret: Option<Value>) -> Result<Written, Refused> {
        let object: DynamicObject = serde_json::from_value(object).map_err(unfit)?;
        let kind = object.types.as_ref().map(|types| types.kind.clone());
        let namespace = object.namespace().unwrap_or_default();
        let of = reference(&kind.unwrap_or_default(), &namespace, &object.name_any())?;
        let made = match secret {
            Some(secret) => self.made_with_secret((&of, &object), secret).await?,
            None => {
                let made = api(&self.client, &of).create(&posting(), &object).await;
                made.map_err(refused)?
            }
        };
        self.seen_as(&of, made.metadata.generation).await;
        let told = match &of {
            ObjectRef::ApiKey(key) => self.value(key).await,
            _ => None,
        };
        Ok(written(told))
    }

    async fn patched(
        &self,
        of: &ObjectRef,
        patch: Value,
        (version, secret): (Option<String>, Option<Value>),
    ) -> Result<Written, Refused> {
        let credential = match (of, secret) {
            (ObjectRef::ProviderChannel(channel), Some(secret)) => {
                Some(self.credential(channel, secret).await?)
            }
            _ => None,
        };
        let made = match version {
            Some(version) => self.patched_as(of, patch, &version).await?,
            None => {
                let (api, patch) = (api(&self.client, of), Patch::Merge(patch));
                let patched = api.patch(name(of), &patching(), &patch).await;
                patched.map_err(refused)?
            }
        };
        if let Some(credential) = credential {
            let put = credential.put(false).await;
            put.map_err(|why| Refused::Failed(format!(
                "the channel was changed and its credential was not ({why:?}); send the same change again"
            )))?;
        }
        self.seen_as(of, made.metadata.generation).await;
        Ok(Written::default())
    }

    /// The change of an object that still says what it said in this version. Statuses are written all the time and change no version;
    /// but one that is written just now makes the API server refuse, and the object is looked at again.
    async fn patched_as(
        &self,
        of: &ObjectRef,
        mut patch: Value,
        version: &str,
    ) -> Result<DynamicObject, Refused> {
        let api = api(&self.client, of);
        let one = ListParams::default().fields(&format!("metadata.name={}", name(of)));
        for _ in 0..LOOKS {
            // A list of one: whoever may watch may list.
            let found = api.list(&one).await.map_err(refused)?.items.pop();
            let gone = || Refused::Gone(format!("there is no {} any more", name(of)));
            let found = found.ok_or_else(gone)?;
            if version_of(of, &found.data["spec"]).map_err(unfit)? != version {
                return Err(Refused::Conflict(format!(
                    "{} has changed since it was read; read it again and decide anew",
                    name(of)
                )));
            }
            patch["metadata"]["resourceVersion"] = found.resource_version().into();
            let patched = Patch::Merge(&patch);
            match api.patch(name(of), &patching(), &patched).await {
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                answer => return answer.map_err(refused),
            }
        }
        Err(Refused::Failed(format!(
            "{} is being written too often to be changed; try again",
            name(of)
        )))
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
            Ok(Turned::Replaced { .. }) => Ok(written(self.value(key).await)),
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

    /// The value in the key's Secret, which `apply` makes soon after the key; and that Secret.
    async fn value(&self, key: &Name) -> Option<(SecretText, Name)> {
        let name = self.spec(key)?.spec.secret_name_of(key.name());
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), key.namespace());
        let until = Instant::now() + SEEN_WITHIN;
        while Instant::now() < until {
            let secret = secrets.get_opt(&name).await.ok().flatten();
            let value = secret.and_then(|secret| secret.data?.remove(KEY_DATA));
            if let Some(value) = value {
                let value = String::from_utf8(value.0).ok().map(SecretText::new);
                return Some((value?, Name::new(key.namespace(), &name)));
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

fn written(told: Option<(SecretText, Name)>) -> Written {
    let (value, secret) = told.unzip();
    Written {
        place: "the cluster".to_owned(),
        value,
        secret,
    }
}

/// The version of an object with this spec.
fn version_of(of: &ObjectRef, spec: &Value) -> serde_json::Result<String> {
    Ok(match of {
        ObjectRef::Plan(_) => version(&PlanSpec::deserialize(spec)?),
        ObjectRef::ApiKey(_) => version(&ApiKeySpec::deserialize(spec)?),
        ObjectRef::ProviderChannel(_) => version(&ProviderChannelSpec::deserialize(spec)?),
    })
}

pub(super) fn posting() -> PostParams {
    PostParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PostParams::default()
    }
}

pub(super) fn patching() -> PatchParams {
    PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

pub(super) fn api(client: &Client, of: &ObjectRef) -> Api<DynamicObject> {
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

pub(super) fn unfit(error: serde_json::Error) -> Refused {
    Refused::Invalid(error.to_string())
}

/// What the API server said.
pub(super) fn refused(error: kube::Error) -> Refused {
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
