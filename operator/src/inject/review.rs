//! One question of the API server and its answer, as JSON. Pure; called by `webhook`.

use super::pod::{Settings, Verdict, injected};
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview};
use serde_json::Value;

/// What cannot be answered: the API server takes it for a failure of the webhook.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Not an AdmissionReview.
    #[error("reading an AdmissionReview")]
    Read(#[from] serde_json::Error),
    /// An AdmissionReview without a request.
    #[error("reading an AdmissionReview: {0}")]
    Request(#[from] kube::core::admission::ConvertAdmissionReviewError),
    /// A patch that cannot be written.
    #[error("writing a patch")]
    Patch(#[from] kube::core::admission::SerializePatchError),
}

/// An answer, and what became of the pod, for metrics.
pub(crate) struct Answered {
    /// As JSON.
    pub(crate) body: Vec<u8>,
    /// `left`, `injected` or `refused`.
    pub(crate) outcome: &'static str,
}

/// Answers one question.
pub(crate) fn answer(body: &[u8], settings: &Settings) -> Result<Answered, Failure> {
    let review: AdmissionReview<DynamicObject> = serde_json::from_slice(body)?;
    let request: AdmissionRequest<DynamicObject> = review.try_into()?;
    let response = AdmissionResponse::from(&request);
    let namespace = request.namespace.clone().unwrap_or_default();
    let (response, outcome) = match &request.object {
        Some(object) => judged(
            response,
            &serde_json::to_value(object)?,
            (&namespace, settings),
        )?,
        None => (response, "left"),
    };
    let body = serde_json::to_vec(&response.into_review())?;
    Ok(Answered { body, outcome })
}

fn judged(
    mut response: AdmissionResponse,
    pod: &Value,
    (namespace, settings): (&str, &Settings),
) -> Result<(AdmissionResponse, &'static str), Failure> {
    Ok(match injected(pod, namespace, settings) {
        Verdict::Leave => (response, "left"),
        Verdict::Refuse(why) => (response.deny(why), "refused"),
        Verdict::Become(new, notes) => {
            if !notes.is_empty() {
                response.warnings = Some(notes);
            }
            let patch = json_patch::diff(pod, &new);
            (response.with_patch(patch)?, "injected")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(pod: &Value) -> Value {
        let settings = Settings {
            image: "i".into(),
            pull_policy: None,
            operator: "https://o:8443".into(),
            gateway: None,
            otlp: None,
            native: true,
        };
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u-1", "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"}, "name": "", "namespace": "shop",
            "operation": "CREATE", "userInfo": {}, "object": pod, "dryRun": false,
        }});
        let body = serde_json::to_vec(&review).unwrap();
        let answered = answer(&body, &settings).unwrap();
        serde_json::from_slice::<Value>(&answered.body).unwrap()["response"].clone()
    }

    #[test]
    fn the_patch_makes_of_the_pod_what_it_should_be() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "app-"}, "spec": {"containers": [{"name": "app"}]}});
        let response = asked(&pod);
        assert_eq!(
            (&response["uid"], &response["allowed"]),
            (&json!("u-1"), &json!(true))
        );
        // kube writes the bytes as numbers, which the API server reads as well as base64.
        let patch: Vec<u8> = serde_json::from_value(response["patch"].clone()).unwrap();
        let mut patched = pod;
        json_patch::patch(
            &mut patched,
            &serde_json::from_slice::<json_patch::Patch>(&patch).unwrap(),
        )
        .unwrap();
        assert_eq!(
            patched["spec"]["initContainers"][0]["name"],
            "purser-sidecar"
        );
        assert_eq!(patched["metadata"]["labels"]["purser.dev/inject"], "true");
    }

    #[test]
    fn a_refusal_says_why() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"hostNetwork": true, "containers": []}});
        let response = asked(&pod);
        assert_eq!(response["allowed"], false);
        assert!(
            response["status"]["message"]
                .as_str()
                .unwrap()
                .contains("hostNetwork")
        );
    }

    #[test]
    fn what_is_no_review_is_an_error() {
        let settings = Settings {
            image: String::new(),
            pull_policy: None,
            operator: String::new(),
            gateway: None,
            otlp: None,
            native: true,
        };
        for body in [
            "",
            "{}",
            "[]",
            "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\"}",
        ] {
            assert!(answer(body.as_bytes(), &settings).is_err(), "{body}");
        }
    }
}
