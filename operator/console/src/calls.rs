//! What answers, one file a noun. Each call takes an `Ask` that was admitted and answers data or a failure; `routes` names them.

pub(crate) mod audit;
pub(crate) mod billing;
pub(crate) mod channel;
pub(crate) mod data;
pub(crate) mod log;
pub(crate) mod model;
pub(crate) mod openapi;
pub(crate) mod payment;
pub(crate) mod plan;
pub(crate) mod refused;
pub(crate) mod statement;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod user;

use crate::answer::Failure;
use crate::house::Refused;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use purser_compile::Verdict;
use purser_crds::{AcceptedReason, ConditionType};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// One condition of an object, as `kubectl describe` shows it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Said {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
    message: String,
}

/// What is said of an object: what was decided here, and what its status has beside.
pub(crate) fn conditions(verdict: Option<&Verdict>, status: &[Condition]) -> Vec<Said> {
    let mut said = Vec::new();
    if let Some(verdict) = verdict {
        let (is, reason, message) = match &verdict.refused {
            None => (
                "True",
                AcceptedReason::Accepted,
                verdict.warnings.join("; "),
            ),
            Some((reason, message)) => ("False", *reason, message.clone()),
        };
        said.push(Said {
            kind: ConditionType::Accepted.as_str().to_owned(),
            status: is.to_owned(),
            reason: reason.as_str().to_owned(),
            message,
        });
        if !verdict.not_yet_enforced.is_empty() {
            said.push(Said {
                kind: ConditionType::NotYetEnforced.as_str().to_owned(),
                status: "True".to_owned(),
                reason: "FieldsSet".to_owned(),
                message: verdict.not_yet_enforced.join(", "),
            });
        }
    }
    for condition in status {
        if !said.iter().any(|known| known.kind == condition.type_) {
            said.push(Said {
                kind: condition.type_.clone(),
                status: condition.status.clone(),
                reason: condition.reason.clone(),
                message: condition.message.clone(),
            });
        }
    }
    said
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Gone(why) => Failure::new(404, why),
            Refused::Conflict(why) => Failure::new(409, why),
            Refused::Forbidden(why) => Failure::new(403, why),
            Refused::Invalid(why) => Failure::new(422, why),
            Refused::Failed(why) => Failure {
                retry_after: Some(5),
                ..Failure::new(503, why)
            },
        }
    }
}

/// The patch that makes one value of another: what is not in the new one is removed.
pub(crate) fn replacing(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return new.clone();
    };
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    let mut patch: Map<String, Value> = gone.map(|name| (name.clone(), Value::Null)).collect();
    for (name, value) in new {
        let patched = old
            .get(name)
            .map_or_else(|| value.clone(), |old| replacing(old, value));
        patch.insert(name.clone(), patched);
    }
    Value::Object(patch)
}

/// What a patch makes of a value, as RFC 7386 merges them.
pub(crate) fn merged(old: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else {
        return patch.clone();
    };
    let mut new = old.as_object().cloned().unwrap_or_default();
    for (name, value) in patch {
        if value.is_null() {
            new.remove(name);
            continue;
        }
        let merged = merged(new.get(name).unwrap_or(&Value::Null), value);
        new.insert(name.clone(), merged);
    }
    Value::Object(new)
}

/// Whether Kubernetes takes this as a name.
///
/// # Errors
/// 422.
pub(crate) fn fits(field: &str, name: &str) -> Result<(), Failure> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inner = |byte: u8| plain(byte) || byte == b'-' || byte == b'.';
    let ends = [name.bytes().next(), name.bytes().last()];
    let fits = (1..=253).contains(&name.len())
        && name.bytes().all(inner)
        && ends.into_iter().flatten().all(plain);
    match fits {
        true => Ok(()),
        false => Err(Failure::new(
            422,
            format!(
                "{field} must be lower-case letters, digits, hyphens and dots, at most 253, with a letter or digit at both ends"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_replacing_patch_removes_what_is_gone() {
        let patch = replacing(
            &json!({"a": 1, "b": {"c": 1, "d": 2}}),
            &json!({"b": {"c": 3}, "e": []}),
        );
        assert_eq!(patch, json!({"a": null, "b": {"c": 3, "d": null}, "e": []}));
        let old = json!({"a": 1, "b": {"c": 1, "d": 2}});
        assert_eq!(merged(&old, &patch), json!({"b": {"c": 3}, "e": []}));
        assert_eq!(merged(&old, &json!({"a": {"x": null}}))["a"], json!({}));
    }
}
