//! Rotation of a key's value: which value from before still works, and what is due for its Secret. Used by `keys`. Pure: whoever owns
//! Secrets does what is due. Never touches a value that a person wrote.

use crate::fault::{Fault, Faults};
use crate::world::{Rotation, Step};
use crate::{WorldSecret, secrets};
use k8s_openapi::jiff::Timestamp;
use purser_config::{Name, Previous};
use purser_crds::{
    ApiKeySpec, GENERATED_ANNOTATION, KEY_DATA, PREVIOUS_DATA, PREVIOUS_UNTIL_ANNOTATION,
    ROTATED_AT_ANNOTATION, Span,
};

/// The value before, where the Secret still holds one; or why it is not accepted.
pub(crate) fn previous(secret: &Name, data: &WorldSecret) -> Result<Option<Previous>, String> {
    if !data.data.contains_key(PREVIOUS_DATA) {
        return Ok(None);
    }
    let (digest, _) =
        secrets::key_value(secret, PREVIOUS_DATA, data).map_err(|fault| fault.message)?;
    let until_ms = moment(data, PREVIOUS_UNTIL_ANNOTATION).ok_or_else(|| format!("the value at {PREVIOUS_DATA} in Secret {secret} is not accepted, for nothing says until when; write that into the annotation {PREVIOUS_UNTIL_ANNOTATION}, such as 2036-01-01T00:00:00Z, or remove the value"))?;
    Ok(Some(Previous { digest, until_ms }))
}

/// What is due for a Secret, if its value was made here; or why nothing ever is, though it should be. `created_ms` is the age of a
/// value that says none.
pub(crate) fn due(
    (key, secret): (&Name, &Name),
    spec: &ApiKeySpec,
    data: &WorldSecret,
    created_ms: Option<u64>,
) -> Result<Option<Rotation>, String> {
    let at = |at_ms, step| Rotation {
        secret: secret.clone(),
        key: key.clone(),
        at_ms,
        step,
    };
    if !is_ours(secret, data) {
        return match spec.rotation {
            None => Ok(None),
            Some(_) => Err(format!(
                "rotation: the value in Secret {secret} was not made here and is never replaced; remove rotation, or delete the Secret and a value will be made"
            )),
        };
    }
    if data.data.contains_key(PREVIOUS_DATA) {
        let until = moment(data, PREVIOUS_UNTIL_ANNOTATION).unwrap_or(0);
        return Ok(Some(at(until, Step::Forget)));
    }
    let spans = spec.rotation.as_ref().and_then(|rotation| {
        let every = rotation.every.milliseconds().ok()?;
        Some((every, rotation.overlap.milliseconds().ok()?))
    });
    let made = moment(data, ROTATED_AT_ANNOTATION).or(created_ms);
    // A value of unknown age is too old.
    Ok(spans.map(|(every, overlap_ms)| {
        let due_ms = made.map_or(0, |made| made.saturating_add(every));
        at(due_ms, Step::Replace { overlap_ms })
    }))
}

/// By its digest, which a person who writes another value leaves behind.
fn is_ours(secret: &Name, data: &WorldSecret) -> bool {
    let made = data.annotations.get(GENERATED_ANNOTATION);
    let live = secrets::key_value(secret, KEY_DATA, data);
    made.zip(live.ok())
        .is_some_and(|(made, (live, _))| *made == live.to_string())
}

fn moment(data: &WorldSecret, annotation: &str) -> Option<u64> {
    let time: Timestamp = data.annotations.get(annotation)?.parse().ok()?;
    // Before 1970 is long ago whatever the year.
    Some(u64::try_from(time.as_millisecond()).unwrap_or(0))
}

/// What is wrong with the wish itself.
pub(crate) fn check(spec: &ApiKeySpec, faults: &mut Faults) {
    let Some(rotation) = &spec.rotation else {
        return;
    };
    faults.expect(spec.key_hash.is_none(), || "a key given by keyHash cannot be rotated, its value is not known here; remove rotation or keyHash".into());
    let mut span = |field: &str, span: &Span| {
        let length = span.milliseconds();
        faults.take(length.map_err(|error| Fault::invalid(format!("rotation.{field}: {error}"))))
    };
    let spans = span("every", &rotation.every).zip(span("overlap", &rotation.overlap));
    faults.expect(spans.is_none_or(|(every, overlap)| overlap < every), || {
        "rotation.overlap must be shorter than rotation.every".into()
    });
}
