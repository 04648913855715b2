//! Kind ProviderChannel: where calls can go, and how. Namespaced. Written by whoever has an account with a provider, read by
//! the operator and `purser up`. Never holds a credential's value.

use crate::{ChannelModel, ChannelNamespaces, Header, Health, KEY_DATA, Timeouts, Tls};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An account with a provider: its address, credentials and models, and how long to wait for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "purser.dev",
    version = "v1alpha1",
    kind = "ProviderChannel",
    plural = "providerchannels",
    shortname = "chan",
    category = "purser",
    namespaced,
    status = "ProviderChannelStatus",
    derive = "PartialEq",
    doc = "An account with a provider: where calls can go, with which credentials and models.",
    printcolumn(name = "Provider", type_ = "string", json_path = ".spec.provider"),
    printcolumn(
        name = "Priority",
        type_ = "integer",
        json_path = ".spec.priority",
        description = "the lower number is tried first"
    ),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Accepted\")].status"
    ),
    printcolumn(
        name = "Healthy",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Healthy\")].status"
    ),
    printcolumn(
        name = "Enforced",
        type_ = "string",
        json_path = ".status.enforced",
        description = "sidecars that run it / sidecars that should"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Accepted\")].reason",
        priority = 1
    ),
    printcolumn(
        name = "Base URL",
        type_ = "string",
        json_path = ".spec.baseURL",
        priority = 1
    )
)]
#[cfg_attr(test, kube(cel))]
#[x_kube(
    validation = Rule::new("self.provider != 'AzureOpenAI' || has(self.baseURL)")
        .message("provider AzureOpenAI needs baseURL (https://<resource>.openai.azure.com)"),
    validation = Rule::new("self.provider == 'AzureOpenAI' || !has(self.azure)")
        .message("azure is for provider AzureOpenAI only; remove it, or change provider"),
    validation = Rule::new("self.provider != 'OpenAICompatible' || has(self.baseURL)")
        .message("provider OpenAICompatible has no address of its own; set baseURL"),
    validation = Rule::new("self.provider == 'OpenAICompatible' || (has(self.credentials) && self.credentials.size() > 0)")
        .message("this provider asks for a credential; add credentials[].secretRef")
)]
#[serde(rename_all = "camelCase")]
pub struct ProviderChannelSpec {
    /// Whose API it is.
    pub provider: Provider,
    /// Where calls go: http or https, host, port and the path before /chat/completions, /messages or /models.
    /// Default: the provider's own; required for AzureOpenAI and OpenAICompatible.
    #[serde(rename = "baseURL", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 512))]
    #[x_kube(
        validation = Rule::new("self.matches('^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\\\\[[0-9A-Fa-f:.]+\\\\])(:[0-9]{1,5})?(/[A-Za-z0-9._~%/-]*)?$')")
            .message("baseURL must be http:// or https://, a host, and at most a port and a path: no user, query, fragment or spaces")
    )]
    pub base_url: Option<String>,
    /// For provider AzureOpenAI: its older API, which names a version. Absent: /openai/v1, which names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure: Option<Azure>,
    /// The account's keys; several are used in turn, and one that is refused is left out for a while. At most 16. The Secrets
    /// need the label purser.dev/credential: "true".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub credentials: Vec<CredentialSource>,
    /// The models it serves. At most 256, one entry a name.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub models: Vec<ChannelModel>,
    /// The lower number is tried first. Default 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub priority: u32,
    /// Its share of the calls among channels of equal priority; 0 takes only what the others cannot. Default 100.
    #[serde(default = "hundred")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub weight: u32,
    /// How long to wait for it. Default: connect 3s, firstByte 30s, idle 60s, request 600s.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// When it counts as broken, and for how long.
    #[serde(default)]
    pub health: Health,
    /// What the provider allows this account. Absent: not limited here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ChannelLimits>,
    /// Which namespaces' keys it serves. Default: its own.
    #[serde(default)]
    pub namespaces: ChannelNamespaces,
    /// Headers added to every call. At most 32, one entry a name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub headers: Vec<Header>,
    /// How its certificate is judged. Absent: by the public authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

fn hundred() -> u32 {
    100
}

/// Whose API a channel speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the names are the providers' own")]
pub enum Provider {
    OpenAI,
    AzureOpenAI,
    Anthropic,
    Gemini,
    Mistral,
    DeepSeek,
    XAI,
    DashScope,
    OpenAICompatible,
}

impl Provider {
    /// Where the provider's own API is; none where every account has its own address.
    pub fn default_base_url(self) -> Option<&'static str> {
        match self {
            Provider::OpenAI => Some("https://api.openai.com/v1"),
            Provider::Anthropic => Some("https://api.anthropic.com/v1"),
            Provider::Gemini => Some("https://generativelanguage.googleapis.com/v1beta"),
            Provider::Mistral => Some("https://api.mistral.ai/v1"),
            Provider::DeepSeek => Some("https://api.deepseek.com/v1"),
            Provider::XAI => Some("https://api.x.ai/v1"),
            // Accounts outside China set baseURL to dashscope-intl.aliyuncs.com.
            Provider::DashScope => Some("https://dashscope.aliyuncs.com/compatible-mode/v1"),
            Provider::AzureOpenAI | Provider::OpenAICompatible => None,
        }
    }
}

/// For provider AzureOpenAI.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Azure {
    /// The api-version of every call, such as 2024-10-21.
    #[schemars(
        length(min = 10, max = 32),
        regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$")
    )]
    pub api_version: String,
}

/// One credential of the account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialSource {
    /// The Secret that holds it, in the channel's namespace.
    pub secret_ref: SecretRef,
}

/// A value in a Secret of the same namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// The Secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The data key. Default apiKey.
    #[serde(default = "key_data")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

fn key_data() -> String {
    KEY_DATA.into()
}

/// What the provider allows the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelLimits {
    /// The most requests in any 60 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub requests_per_minute: Option<u32>,
    /// The most requests under way at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub concurrent_requests: Option<u32>,
}

/// What became of the channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderChannelStatus {
    /// The generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Accepted, Programmed, Healthy and NotYetEnforced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Whether calls to it succeed, as most sidecars see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy: Option<bool>,
    /// Sidecars that run this generation and sidecars that should, such as 3/3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub enforced: Option<String>,
}
