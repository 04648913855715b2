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
