//! The compiled Secrets of one namespace, as they lie in the cluster. `apply` decides what they should be; this looks, writes and
//! removes.
//!
//! Invariant: each write and each removal is of exactly the Secret that was looked at: a new one is made by POST, an existing
//! one is applied or deleted under its uid, and one without our label is never touched. Server-side apply alone would take
//! over, by force, a Secret that a person made a moment before.

use super::bundle;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Label of a compiled Secret.
const CONFIG_LABEL: &str = "purser.dev/config";

/// What the Secrets hold: the content's hash and the CA beside it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) hash: String,
    pub(crate) ca: Arc<str>,
}

/// What lies under the name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lies {
    /// Nobody has looked.
    Unknown,
    /// No Secret.
    Nothing,
    /// Ours, in so many parts.
    Ours(Content, usize),
    /// A Secret that is not ours.
    Foreign,
}

pub(crate) async fn look(api: &Api<Secret>) -> kube::Result<Lies> {
    Ok(api
        .get_opt(bundle::NAME)
        .await?
        .as_ref()
        .map_or(Lies::Nothing, judged))
}

fn judged(secret: &Secret) -> Lies {
    if !is_ours(secret) {
        return Lies::Foreign;
    }
    match secret.data.as_ref().and_then(bundle::index) {
        Some(index) => {
            let parts = index.parts.len().min(bundle::MOST_PARTS);
            Lies::Ours(
                Content {
                    hash: index.version.hash,
                    ca: index.ca_pem.into(),
                },
                parts,
            )
        }
        // Ours and unreadable: differs from whatever should be there, and so is written anew.
        None => Lies::Ours(
            Content {
                hash: String::new(),
                ca: "".into(),
            },
            1,
        ),
    }
}

fn is_ours(secret: &Secret) -> bool {
    secret
        .labels()
        .get(CONFIG_LABEL)
        .is_some_and(|value| value == "true")
}

/// Writes each part into its Secret. Says whether all of them are ours to write; if not, none after the first foreign one is.
pub(crate) async fn write(
    api: &Api<Secret>,
    parts: Vec<BTreeMap<String, ByteString>>,
) -> kube::Result<bool> {
    // The index last: whoever reads it finds the parts that it names.
    for (number, data) in parts.into_iter().enumerate().rev() {
        let mut secret = secret(bundle::secret_name(number), data);
        let name = secret.name_any();
        match api.get_opt(&name).await? {
            Some(found) if !is_ours(&found) => return Ok(false),
            Some(found) => {
                secret.metadata.uid = found.metadata.uid;
                let params = PatchParams::apply(purser_crds::FIELD_MANAGER).force();
                api.patch(&name, &params, &Patch::Apply(&secret)).await?;
            }
            None => {
                let field_manager = Some(purser_crds::FIELD_MANAGER.to_owned());
                api.create(
                    &PostParams {
                        field_manager,
                        ..PostParams::default()
                    },
                    &secret,
                )
                .await?;
            }
        }
    }
    Ok(true)
}

fn secret(name: String, data: BTreeMap<String, ByteString>) -> Secret {
    let labels = [purser_crds::MANAGED_BY, (CONFIG_LABEL, "true")];
    let labels = labels
        .map(|(label, value)| (label.to_owned(), value.to_owned()))
        .into();
    let metadata = ObjectMeta {
        name: Some(name),
        labels: Some(labels),
        ..ObjectMeta::default()
    };
    Secret {
        metadata,
        data: Some(data),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}

/// Deletes the Secrets of these parts, as far as they are ours.
pub(crate) async fn remove(api: &Api<Secret>, parts: std::ops::Range<usize>) -> kube::Result<()> {
    for number in parts {
        let name = bundle::secret_name(number);
        let Some(found) = api.get_opt(&name).await?.filter(is_ours) else {
            continue;
        };
        let preconditions = Some(Preconditions {
            uid: found.metadata.uid,
            resource_version: None,
        });
        match api
            .delete(
                &name,
                &DeleteParams {
                    preconditions,
                    ..DeleteParams::default()
                },
            )
            .await
        {
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
            result => _ = result?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
