//! A channel's own Secret: made before its channel, so that a channel never uses one that somebody else wrote under that name, and
//! replaced only where the channel owns it. Called by `write`. What it knows of a Secret that is there is whose it is, and no more.

use super::ClusterHouse;
use super::write::{api, patching, posting, refused, unfit};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::{Resource, ResourceExt};
use purser_compile::ObjectRef;
use purser_config::Name;
use purser_console::{House, Refused, name_of};
use purser_crds::ProviderChannel;
use serde_json::{Value, json};

/// What a channel's Secret is to become, found good so far.
pub(super) struct Credential {
    secrets: Api<Secret>,
    secret: Secret,
    is_new: bool,
}

impl ClusterHouse {
    /// Makes a channel and its Secret; or neither, where one of them cannot be.
    pub(super) async fn made_with_secret(
        &self,
        (of, object): (&ObjectRef, &DynamicObject),
        secret: Value,
    ) -> Result<DynamicObject, Refused> {
        let secret: Secret = serde_json::from_value(secret).map_err(unfit)?;
        let namespace = object.namespace().unwrap_or_default();
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &namespace);
        let kept = secrets.create(&posting(), &secret).await.map_err(refused)?;
        let name = kept.name_any();
        let channels = api(&self.client, of);
        let made = match channels.create(&posting(), object).await {
            Ok(made) => made,
            Err(error) => {
                undone(&secrets, (&name, kept.uid())).await;
                return Err(refused(error));
            }
        };
        // With it the cluster deletes its Secret.
        let owner = owner(&made.name_any(), made.metadata.uid.as_deref());
        let owns = json!({"metadata": {"ownerReferences": [owner]}});
        let owned = secrets.patch(&name, &patching(), &Patch::Merge(owns)).await;
        if let Err(error) = owned {
            undone(&channels, (&made.name_any(), made.uid())).await;
            undone(&secrets, (&name, kept.uid())).await;
            return Err(refused(error));
        }
        Ok(made)
    }

    /// What is to become of the Secret of this channel, as far as the API server would take it; nothing is written yet.
    pub(super) async fn credential(
        &self,
        channel: &Name,
        secret: Value,
    ) -> Result<Credential, Refused> {
        let mut secret: Secret = serde_json::from_value(secret).map_err(unfit)?;
        let seen = self.seen();
        let mut channels = seen.channels.iter();
        let found = channels.find(|one| name_of(&one.metadata) == *channel);
        let gone = || Refused::Gone(format!("there is no ProviderChannel {channel}"));
        let uid = found.ok_or_else(gone)?.metadata.uid.clone();
        let name = secret.name_any();
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), channel.namespace());
        let there = secrets.get_metadata_opt(&name).await.map_err(refused)?;
        let is_new = there.is_none();
        match there {
            None => {
                secret.metadata.owner_references =
                    owner(channel.name(), uid.as_deref()).map(|owner| vec![owner]);
            }
            Some(there) => {
                let mut owners = there.owner_references().iter();
                if !owners.any(|one| Some(&one.uid) == uid.as_ref()) {
                    return Err(Refused::Conflict(format!(
                        "Secret {name} is not ProviderChannel {channel}'s own; replace the credential in it where it is written"
                    )));
                }
                secret.metadata.resource_version = there.metadata.resource_version;
            }
        }
        let credential = Credential {
            secrets,
            secret,
            is_new,
        };
        credential.put(true).await?;
        Ok(credential)
    }
}

impl Credential {
    /// Writes it; or only asks whether it would be taken.
    pub(super) async fn put(&self, is_rehearsal: bool) -> Result<(), Refused> {
        let put = match self.is_new {
            true => {
                let mut params = posting();
                params.dry_run = is_rehearsal;
                self.secrets.create(&params, &self.secret).await
            }
            false => {
                let params = PatchParams {
                    dry_run: is_rehearsal,
                    ..patching()
                };
                let patch = Patch::Merge(&self.secret);
                let name = self.secret.name_any();
                self.secrets.patch(&name, &params, &patch).await
            }
        };
        put.map(drop).map_err(refused)
    }
}

/// Deletes what was just made, and nothing that came in its place.
async fn undone<K>(api: &Api<K>, (name, uid): (&str, Option<String>))
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let preconditions = Preconditions {
        uid,
        ..Preconditions::default()
    };
    let params = DeleteParams::default().preconditions(preconditions);
    if let Err(error) = api.delete(name, &params).await {
        tracing::error!(%error, name, "what was made of a channel that could not be made whole is still there; delete it");
    }
}

/// Of a channel's own Secret.
fn owner(channel: &str, uid: Option<&str>) -> Option<OwnerReference> {
    Some(OwnerReference {
        api_version: ProviderChannel::api_version(&()).into_owned(),
        kind: ProviderChannel::kind(&()).into_owned(),
        name: channel.to_owned(),
        uid: uid?.to_owned(),
        ..OwnerReference::default()
    })
}
