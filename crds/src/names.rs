//! Names that people and programs agree on: labels, annotations, data keys. Used by every crate that touches an object.
//! Never holds behaviour.

/// The API group of the three kinds.
pub const GROUP: &str = "purser.dev";
/// Their version.
pub const VERSION: &str = "v1alpha1";
/// The category under which `kubectl get purser` lists them.
pub const CATEGORY: &str = "purser";
/// The field manager of everything that the operator applies.
pub const FIELD_MANAGER: &str = "purser";
/// Label, and its value, of every Secret and Lease that the operator makes. `operator/fence-policy.yaml` holds it to Secrets that have it.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "purser");
/// Label of a Secret that may be sent to providers; its value must be `"true"`.
pub const CREDENTIAL_LABEL: &str = "purser.dev/credential";
/// Annotation of such a Secret: the hosts it may be sent to, separated by commas. Absent: any.
pub const HOSTS_ANNOTATION: &str = "purser.dev/hosts";
/// Label of a pod or namespace that wants a sidecar (`"true"`), or of a pod that does not (`"false"`).
pub const INJECT_LABEL: &str = "purser.dev/inject";
/// Annotation of a pod that names its ApiKey.
pub const API_KEY_ANNOTATION: &str = "purser.dev/api-key";
/// The data key of a Secret that holds a key or a credential, unless another is named.
pub const KEY_DATA: &str = "apiKey";
/// The data key of the value before, while a rotation overlaps.
pub const PREVIOUS_DATA: &str = "apiKeyPrevious";
/// Annotation of a Secret with a key: the digest of the value that was made here. While it fits, the value is ours.
pub const GENERATED_ANNOTATION: &str = "purser.dev/generated";
/// Annotation of such a Secret: when its value was made, such as 2026-11-22T10:00:00Z.
pub const ROTATED_AT_ANNOTATION: &str = "purser.dev/rotated-at";
/// Annotation of such a Secret: until when the value before works.
pub const PREVIOUS_UNTIL_ANNOTATION: &str = "purser.dev/previous-until";
/// Prefix of an annotation of an ApiKey that adds credits: behind it the entry's id, its value the amount, such as `"500"` or `"-20"`.
pub const CREDIT_ANNOTATION: &str = "credit.purser.dev/";
/// Prefix of an annotation of an ApiKey that begins its time on its plan anew: behind it the entry's id; its value is empty.
pub const RENEW_ANNOTATION: &str = "renew.purser.dev/";
