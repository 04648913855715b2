//! Replaces a key's value when its time has come, and forgets the one before when its overlap is over. `apply` calls it with what
//! `compile` found due; what is due is judged again here, by the Secret as it lies there.
//!
//! Invariant: only a value that was made here is replaced, and at most two lie in a Secret. Each write is on top of exactly the version
//! that was judged.
//! Invariant: a value goes into the Secret and nowhere else: no log, no event, no status.

use super::generated_key::{Failure, GENERATED, digest, value};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt};
use purser_compile::{Rotation, Step};
use purser_crds::{KEY_DATA, PREVIOUS_DATA, PREVIOUS_UNTIL_ANNOTATION, ROTATED_AT_ANNOTATION};
use serde_json::{Value, json};

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    /// There is a new value; the one before works until then.
    Replaced {
        /// As people read it.
        until: String,
    },
    /// The value before is gone.
    Forgotten,
    /// Nothing was due after all.
    Nothing,
}

/// Does what is due at `now_ms`.
pub(crate) async fn turn(
    client: &Client,
    rotation: &Rotation,
    now_ms: u64,
) -> Result<Turned, Failure> {
    let name = &rotation.secret;
    let api: Api<Secret> = Api::namespaced(client.clone(), name.namespace());
    let Some(secret) = api.get_opt(name.name()).await? else {
        return Ok(Turned::Nothing);
    };
    let (patch, turned) = match rotation.step {
        Step::Replace { overlap_ms } => {
            let until = written(now_ms.saturating_add(overlap_ms));
            let times = (written(now_ms), until.clone());
            let patch = replaced(&secret, (value()?, times), rotation.at_ms);
            (patch, Turned::Replaced { until })
        }
        Step::Forget => (forgotten(&secret, now_ms), Turned::Forgotten),
    };
    let Some(patch) = patch else {
        return Ok(Turned::Nothing);
    };
    let params = PatchParams {
        field_manager: Some(purser_crds::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch(name.name(), &params, &Patch::Merge(patch))
        .await?;
    Ok(turned)
}

/// A moment as an annotation holds it.
pub(super) fn written(unix_ms: u64) -> String {
    let ms = i64::try_from(unix_ms).unwrap_or(i64::MAX);
    let moment = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
    moment.to_string()
}

fn read(secret: &Secret, annotation: &str) -> Option<u64> {
    let moment: Timestamp = secret.annotations().get(annotation)?.parse().ok()?;
    u64::try_from(moment.as_millisecond()).ok()
}

fn datum<'a>(secret: &'a Secret, key: &str) -> Option<&'a ByteString> {
    secret.data.as_ref()?.get(key)
}

/// The patch that puts a new value in the place of one that was made here, at `due_ms` or before; `None`: it must not be.
fn replaced(
    secret: &Secret,
    (new, (now, until)): (String, (String, String)),
    due_ms: u64,
) -> Option<Value> {
    let live = datum(secret, KEY_DATA)?;
    let ours = secret.annotations().get(GENERATED)? == &digest(std::str::from_utf8(&live.0).ok()?);
    let done = read(secret, ROTATED_AT_ANNOTATION).is_some_and(|rotated| rotated > due_ms);
    if !ours || done || datum(secret, PREVIOUS_DATA).is_some() {
        return None;
    }
    let annotations = json!({
        GENERATED: digest(&new), ROTATED_AT_ANNOTATION: now, PREVIOUS_UNTIL_ANNOTATION: until,
    });
    let data = json!({KEY_DATA: ByteString(new.into_bytes()), PREVIOUS_DATA: live});
    Some(patch(secret, annotations, data))
}

/// The patch that removes the value before, if its time is over.
fn forgotten(secret: &Secret, now_ms: u64) -> Option<Value> {
    datum(secret, PREVIOUS_DATA)?;
    if read(secret, PREVIOUS_UNTIL_ANNOTATION).is_some_and(|until| until > now_ms) {
        return None;
    }
    let annotations = json!({PREVIOUS_UNTIL_ANNOTATION: null});
    Some(patch(secret, annotations, json!({PREVIOUS_DATA: null})))
}

fn patch(secret: &Secret, annotations: Value, data: Value) -> Value {
    let (uid, version) = (&secret.metadata.uid, &secret.metadata.resource_version);
    let metadata = json!({"uid": uid, "resourceVersion": version, "annotations": annotations});
    json!({"metadata": metadata, "data": data})
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn secret(data: &[(&str, &str)], annotations: &[(&str, &str)]) -> Secret {
        let mut secret = Secret::default();
        let data = data.iter().map(|(key, value)| {
            let value = ByteString(value.as_bytes().to_vec());
            ((*key).to_owned(), value)
        });
        secret.data = Some(data.collect());
        let annotations = annotations
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        secret.metadata.annotations = Some(annotations.collect::<BTreeMap<_, _>>());
        secret
    }

    fn replaced_at(secret: &Secret, due_ms: u64) -> Option<Value> {
        let times = (written(5_000), written(9_000));
        replaced(secret, ("sk-new".into(), times), due_ms)
    }

    #[test]
    fn a_value_made_here_is_replaced_and_works_on_as_the_one_before() {
        let made = digest("sk-old");
        let ours = secret(&[(KEY_DATA, "sk-old")], &[(GENERATED, &made)]);
        let patch = replaced_at(&ours, 0).unwrap();
        let data = &patch["data"];
        assert_eq!(data[KEY_DATA], json!(ByteString(b"sk-new".to_vec())));
        assert_eq!(data[PREVIOUS_DATA], json!(ByteString(b"sk-old".to_vec())));
        let annotations = &patch["metadata"]["annotations"];
        assert_eq!(annotations[GENERATED], digest("sk-new"));
        assert_eq!(
            annotations[PREVIOUS_UNTIL_ANNOTATION],
            "1970-01-01T00:00:09Z"
        );
    }

    #[test]
    fn a_persons_value_a_second_one_and_one_that_was_just_replaced_stay() {
        let made = digest("sk-old");
        let theirs = secret(&[(KEY_DATA, "sk-mine")], &[(GENERATED, &made)]);
        assert_eq!(replaced_at(&theirs, 0), None);
        let two = [(KEY_DATA, "sk-old"), (PREVIOUS_DATA, "sk-older")];
        assert_eq!(replaced_at(&secret(&two, &[(GENERATED, &made)]), 0), None);
        let fresh = [
            (GENERATED, made.as_str()),
            (ROTATED_AT_ANNOTATION, "1970-01-01T00:00:04Z"),
        ];
        let fresh = secret(&[(KEY_DATA, "sk-old")], &fresh);
        assert_eq!(replaced_at(&fresh, 3_999), None);
        assert!(replaced_at(&fresh, 4_000).is_some());
    }

    #[test]
    fn the_value_before_goes_when_its_time_is_over_and_not_sooner() {
        let until = [(PREVIOUS_UNTIL_ANNOTATION, "1970-01-01T00:00:09.500Z")];
        let two = secret(&[(KEY_DATA, "sk-new"), (PREVIOUS_DATA, "sk-old")], &until);
        assert_eq!(forgotten(&two, 9_499), None);
        let patch = forgotten(&two, 9_500).unwrap();
        assert_eq!(patch["data"], json!({PREVIOUS_DATA: null}));
        let one = secret(&[(KEY_DATA, "sk-new")], &until);
        assert_eq!(forgotten(&one, 9_500), None);
    }
}
