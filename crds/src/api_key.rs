//! Kind ApiKey: who may call. Namespaced. Written by teams, read by the operator and `purser up`. Never holds a key's value.

use crate::Span;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// A key on a plan. Its value lies in a Secret of the same namespace: written there if there is none, followed if there is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "purser.dev",
    version = "v1alpha1",
    kind = "ApiKey",
    plural = "apikeys",
    shortname = "key",
    shortname = "keys",
    category = "purser",
    namespaced,
    status = "ApiKeyStatus",
    derive = "PartialEq",
    doc = "A key on a plan: who may call. Its value lies in a Secret of the same namespace.",
    validation = Rule::new("has(self.spec.secretName) || has(self.spec.keyHash) || self.metadata.name.size() <= 249")
        .message("the default secretName, this name and -key, would be longer than 253 characters; set spec.secretName"),
    printcolumn(name = "Plan", type_ = "string", json_path = ".spec.plan"),
    printcolumn(name = "Prefix", type_ = "string", json_path = ".status.prefix", description = "the first characters of the live value"),
    printcolumn(name = "Accepted", type_ = "string", json_path = ".status.conditions[?(@.type==\"Accepted\")].status"),
    printcolumn(name = "Enforced", type_ = "string", json_path = ".status.enforced", description = "sidecars that run it / sidecars that should"),
    printcolumn(name = "Requests", type_ = "integer", json_path = ".status.requestsUsed"),
    printcolumn(name = "Last Used", type_ = "date", json_path = ".status.lastUsed"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Accepted\")].reason", priority = 1),
    printcolumn(name = "Suspended", type_ = "boolean", json_path = ".spec.suspended", priority = 1),
    printcolumn(name = "Secret", type_ = "string", json_path = ".status.secretName", priority = 1),
    printcolumn(name = "Credits Left", type_ = "string", json_path = ".status.creditsLeft", priority = 1),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.expires", priority = 1)
)]
#[cfg_attr(test, kube(cel))]
#[x_kube(
    validation = Rule::new("!(has(self.secretName) && has(self.keyHash))")
        .message("set secretName (the value lies in a Secret) or keyHash (bring your own), not both"),
    validation = Rule::new("!(has(self.rotation) && has(self.keyHash))")
        .message("a key given by keyHash cannot be rotated, its value is not known here; remove rotation or keyHash")
)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeySpec {
    /// The name of the Plan.
    #[schemars(length(min = 1, max = 253))]
    pub plan: String,
    /// A name for people, at most 128 characters. Default: the object's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub display_name: Option<String>,
    /// Whether its calls are refused for now, with 403 api_key_suspended. Default false.
    #[serde(default)]
    pub suspended: bool,
    /// When it stops working, such as 2036-01-01T00:00:00Z. Absent: never by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Narrows the plan's models; * stands for any characters. Absent: all of the plan's. At most 256.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 256)))]
    pub models: Vec<String>,
    /// The Secret whose data key apiKey is this key's value. Default: the object's name and -key. Exclusive with keyHash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    )]
    pub secret_name: Option<String>,
    /// For a value that stays with its owner: sha256: and the 64 lower-case hexadecimal digits of its SHA-256. The value must
    /// have at least 160 random bits. Exclusive with secretName.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 71, max = 71), regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub key_hash: Option<String>,
    /// Replaces the value from time to time. Absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// ServiceAccounts of this namespace: pods under them are this key and hold no secret. At most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub service_accounts: Vec<String>,
}

/// When the value is replaced, and how long the old one still works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("duration(self.overlap) < duration(self.every)").message("overlap must be shorter than every")
)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// How often a new value is made, such as 720h.
    pub every: Span,
    /// How long the old value still works beside the new one. Default 24h.
    #[serde(default = "a_day")]
    pub overlap: Span,
}

fn a_day() -> Span {
    Span::new("24h")
}

/// What became of the key. A report, never the source of truth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyStatus {
    /// The generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Accepted, Programmed and NotYetEnforced; PlanChanged and Credited once there was cause to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The plan that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub plan: Option<String>,
    /// The first characters of the live value, fit to be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub prefix: Option<String>,
    /// The Secret that holds the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub secret_name: Option<String>,
    /// When its validity began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated: Option<Time>,
    /// When it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
    /// Calls that counted, since it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_used: Option<u64>,
    /// Calls that are left today, where the plan limits a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_left: Option<u64>,
    /// Credits that were spent, a decimal number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub credits_used: Option<String>,
    /// Credits that are left, a decimal number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub credits_left: Option<String>,
    /// When it was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Time>,
    /// Sidecars that run this generation and sidecars that should, such as 3/3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub enforced: Option<String>,
}

impl ApiKeySpec {
    /// The Secret that holds the value of the key of this name: the one it names, else `<name>-key`.
    pub fn secret_name_of(&self, name: &str) -> String {
        let default = || format!("{name}-key");
        self.secret_name.clone().unwrap_or_else(default)
    }
}
