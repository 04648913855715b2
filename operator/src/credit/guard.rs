//! Whether anybody without the verb `credit` could have written a credit annotation: the ValidatingAdmissionPolicy of
//! `operator/credit-policy.yaml` and its binding, as they lie in the cluster. Compared whole: a policy that says anything else, however
//! much alike, is none.

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy as Policy, ValidatingAdmissionPolicyBinding as Binding,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::Value;

const NAME: &str = "purser-credit";
const WANTED: &str = include_str!("../../credit-policy.yaml");
/// How long API servers take at most until they obey a policy that was just made.
const OBEYED_MS: u64 = 5_000;

/// How credit annotations are guarded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Only callers with the verb write them.
    Shut,
    /// Others may.
    Open {
        /// What is missing.
        why: String,
    },
}

/// What the cluster has.
pub(crate) async fn found(client: &Client, now_ms: u64) -> kube::Result<Guard> {
    let policies: Api<Policy> = Api::all(client.clone());
    let bindings: Api<Binding> = Api::all(client.clone());
    let policy = policies.get_opt(NAME).await?;
    let binding = bindings.get_opt(NAME).await?;
    let open = judged(policy.as_ref(), binding.as_ref(), now_ms).err();
    Ok(open.map_or(Guard::Shut, |why| Guard::Open { why }))
}

fn judged(policy: Option<&Policy>, binding: Option<&Binding>, now_ms: u64) -> Result<(), String> {
    let (wanted_policy, wanted_binding) = wanted()?;
    let policy = policy.ok_or("the ValidatingAdmissionPolicy purser-credit is missing")?;
    let binding = binding.ok_or("the ValidatingAdmissionPolicyBinding purser-credit is missing")?;
    if policy.spec != wanted_policy.spec {
        return Err("the ValidatingAdmissionPolicy purser-credit says something else".to_owned());
    }
    if binding.spec != wanted_binding.spec {
        return Err(
            "the ValidatingAdmissionPolicyBinding purser-credit says something else".to_owned(),
        );
    }
    if is_new(&policy.metadata, now_ms) || is_new(&binding.metadata, now_ms) {
        return Err(
            "the policy purser-credit was made a moment ago and may not be obeyed yet".to_owned(),
        );
    }
    Ok(())
}

fn is_new(of: &ObjectMeta, now_ms: u64) -> bool {
    let made = of.creation_timestamp.as_ref();
    let made = made.and_then(|made| u64::try_from(made.0.as_millisecond()).ok());
    made.is_none_or(|made| now_ms < made + OBEYED_MS)
}

fn wanted() -> Result<(Policy, Binding), String> {
    let (policy, binding) = WANTED.split_once("\n---\n").unwrap_or_default();
    Ok((read(policy)?, read(binding)?))
}

/// By way of a value: Kubernetes' kinds read from JSON are in this program anyway; read from YAML they were a twelfth of it.
fn read<T: DeserializeOwned>(yaml: &str) -> Result<T, String> {
    let odd = |why: String| format!("the policy in this program cannot be read: {why}");
    let value: Value = serde_yaml::from_str(yaml).map_err(|error| odd(error.to_string()))?;
    serde_json::from_value(value).map_err(|error| odd(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    fn there() -> (Policy, Binding) {
        let (mut policy, mut binding) = wanted().unwrap();
        let made = Some(Time(Timestamp::from_second(100).unwrap()));
        policy.metadata.creation_timestamp.clone_from(&made);
        binding.metadata.creation_timestamp = made;
        (policy, binding)
    }

    #[test]
    fn the_policy_as_it_is_written_guards() {
        let (policy, binding) = there();
        assert_eq!(judged(Some(&policy), Some(&binding), 105_000), Ok(()));
        assert!(
            judged(Some(&policy), Some(&binding), 104_999).is_err(),
            "too new"
        );
        assert!(judged(None, Some(&binding), 105_000).is_err());
        assert!(judged(Some(&policy), None, 105_000).is_err());
    }

    #[test]
    fn a_policy_that_was_weakened_guards_nothing() {
        let (policy, binding) = there();
        let mut weak = policy.clone();
        weak.spec.as_mut().unwrap().failure_policy = Some("Ignore".into());
        assert!(judged(Some(&weak), Some(&binding), 105_000).is_err());
        let mut weak = policy.clone();
        let validations = weak.spec.as_mut().unwrap().validations.as_mut().unwrap();
        validations[0].expression = "true".into();
        assert!(judged(Some(&weak), Some(&binding), 105_000).is_err());
        let mut weak = binding.clone();
        weak.spec.as_mut().unwrap().validation_actions = Some(vec!["Audit".into()]);
        assert!(judged(Some(&policy), Some(&weak), 105_000).is_err());
    }
}
