//! Keys that the operator makes for an ApiKey whose Secret does not exist. `apply` calls it.
//!
//! Invariant: a Secret is made by POST only: what a person wrote, even a moment before, is followed and never overwritten.
//! Invariant: the value goes into the Secret and nowhere else: no log, no event, no status.

use super::rotate::written;
use crate::clock::{NoRandomness, random};
use crate::serve::hex;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, Resource, ResourceExt};
use purser_compile::{WantedSecret, WorldSecret};
use purser_config::Name;
use purser_crds::{ApiKey, KEY_DATA, MANAGED_BY, ROTATED_AT_ANNOTATION};
use sha2::{Digest, Sha256};

/// Label that names the ApiKey whose value a Secret holds.
pub(crate) const KEY_LABEL: &str = "purser.dev/key";
/// The digest of the value that was made here: while it fits, the value is ours.
pub(crate) const GENERATED: &str = purser_crds::GENERATED_ANNOTATION;
/// Of base 62; 32 of them have 190 bits.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX: usize = 8;
const BODY: usize = 32;
const LONGEST_LABEL: usize = 63;

/// A key could not be made or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The API server refused it.
    #[error("writing the secret")]
    Write(#[from] kube::Error),
}

/// What came of a wanted Secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// It was made here.
    Made,
    /// Someone was faster; theirs counts.
    Found,
}

/// `sk-<8>-<32>`: 8 to be found by and 32, of 190 random bits, to be secret.
pub(super) fn value() -> Result<String, NoRandomness> {
    let mut text = String::from("sk-");
    let mut digits = Vec::with_capacity(PREFIX + BODY);
    while digits.len() < PREFIX + BODY {
        // 248 is the largest multiple of 62 in a byte: the rest is thrown away, or some digits would come more often.
        let fair = random::<64>()?.into_iter().filter(|byte| *byte < 248);
        digits.extend(fair.map(|byte| char::from(DIGITS[usize::from(byte % 62)])));
    }
    text.extend(&digits[..PREFIX]);
    text.push('-');
    text.extend(&digits[PREFIX..PREFIX + BODY]);
    Ok(text)
}

pub(super) fn digest(value: &str) -> String {
    format!("sha256:{}", hex(&Sha256::digest(value)))
}

fn secret(wanted: &WantedSecret, key: &ApiKey, (value, now): (String, String)) -> Secret {
    let managed = (MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned());
    // A label is shorter than a name may be.
    let of_key = (wanted.key.name().len() <= LONGEST_LABEL)
        .then(|| (KEY_LABEL.to_owned(), wanted.key.name().to_owned()));
    let annotations = [
        (GENERATED.to_owned(), digest(&value)),
        (ROTATED_AT_ANNOTATION.to_owned(), now),
    ];
    Secret {
        metadata: ObjectMeta {
            name: Some(wanted.secret.name().to_owned()),
            labels: Some([managed].into_iter().chain(of_key).collect()),
            annotations: Some(annotations.into()),
            owner_references: key.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        string_data: Some([(KEY_DATA.to_owned(), value)].into()),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}

/// Makes the Secret that a key wants.
pub(crate) async fn make(
    client: &Client,
    wanted: &WantedSecret,
    key: &ApiKey,
    now_ms: u64,
) -> Result<Made, Failure> {
    let api: Api<Secret> = Api::namespaced(client.clone(), wanted.secret.namespace());
    let params = PostParams {
        field_manager: Some(purser_crds::FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    let secret = secret(wanted, key, (value()?, written(now_ms)));
    match api.create(&params, &secret).await {
        Ok(_) => Ok(Made::Made),
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(Made::Found),
        Err(error) => Err(error.into()),
    }
}

/// Whether a person has put their own value into a Secret that was made here: then it is theirs.
pub(crate) fn is_taken_over(secret: &WorldSecret) -> bool {
    let Some(made) = secret.annotations.get(GENERATED) else {
        return false;
    };
    secret
        .data
        .get(KEY_DATA)
        .is_none_or(|value| digest(value.reveal()) != *made)
}

/// Stops owning a Secret, so that it outlives its ApiKey as its new owner expects.
pub(crate) async fn let_go(client: &Client, name: &Name) -> kube::Result<()> {
    let api: Api<Secret> = Api::namespaced(client.clone(), name.namespace());
    let Some(secret) = api.get_opt(name.name()).await? else {
        return Ok(());
    };
    let others: Vec<_> = secret
        .owner_references()
        .iter()
        .filter(|owner| owner.kind != ApiKey::kind(&()))
        .collect();
    let patch = serde_json::json!({"metadata": {
        "resourceVersion": secret.metadata.resource_version,
        "ownerReferences": others,
        "annotations": {GENERATED: null},
        "labels": {KEY_LABEL: null, MANAGED_BY.0: null},
    }});
    let params = PatchParams {
        field_manager: Some(purser_crds::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch_metadata(name.name(), &params, &Patch::Merge(patch))
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::SecretText;

    #[test]
    fn a_key_has_a_prefix_to_be_found_by_and_190_random_bits() {
        let (one, other) = (value().unwrap(), value().unwrap());
        assert_ne!(one, other);
        let parts: Vec<&str> = one.split('-').collect();
        assert_eq!(
            (parts[0], parts[1].len(), parts[2].len()),
            ("sk", PREFIX, BODY)
        );
        assert!(
            one.bytes()
                .all(|byte| byte == b'-' || DIGITS.contains(&byte) || byte == b's' || byte == b'k')
        );
    }

    #[test]
    fn the_secret_goes_with_its_key() {
        let key = serde_json::json!({"apiVersion": "purser.dev/v1alpha1", "kind": "ApiKey",
            "metadata": {"name": "a", "namespace": "shop", "uid": "1"}, "spec": {"plan": "free"}});
        let key: ApiKey = serde_json::from_value(key).unwrap();
        let wanted = WantedSecret {
            secret: Name::new("shop", "a-key"),
            key: Name::new("shop", "a"),
        };
        let secret = secret(&wanted, &key, ("sk-x".into(), written(0)));
        let owner = &secret.metadata.owner_references.unwrap()[0];
        assert_eq!((owner.uid.as_str(), owner.controller), ("1", Some(true)));
        assert_eq!(secret.metadata.labels.unwrap()[KEY_LABEL], "a");
    }

    #[test]
    fn a_value_that_is_not_the_one_made_here_is_its_writers() {
        let with = |value: &str| WorldSecret {
            annotations: [(GENERATED.to_owned(), digest("sk-made"))].into(),
            data: [(KEY_DATA.to_owned(), SecretText::new(value))].into(),
            ..WorldSecret::default()
        };
        assert!(!is_taken_over(&with("sk-made")));
        assert!(is_taken_over(&with("sk-mine")));
        assert!(
            !is_taken_over(&WorldSecret::default()),
            "a person's from the start was never ours"
        );
    }
}
