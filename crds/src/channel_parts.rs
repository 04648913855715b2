//! Who may use a ProviderChannel, and what its calls carry: namespaces, headers, TLS. Used by `provider_channel.rs`; the compiler
//! reads them. Never holds a secret's value.

use crate::{SecretRef, Selector};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which namespaces' keys a channel serves, and how. The keys' plans must list the channel's namespace, too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("(self.from == 'Selector') == has(self.selector)")
        .message("set selector when from is Selector, and only then"),
    validation = Rule::new("self.from != 'Same' || self.via == 'Gateway'")
        .message("via: Sidecar copies credentials to other namespaces, and from: Same offers to none; remove via, or change from")
)]
#[serde(rename_all = "camelCase")]
pub struct ChannelNamespaces {
    /// Its own, all, or those that `selector` chooses. Default Same.
    #[serde(default)]
    pub from: ChannelNamespacesFrom,
    /// Labels that the namespace must have, for from: Selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// How other namespaces use it: through the shared gateway, which alone holds the credentials, or from their own
    /// sidecars, which are given a copy that the pods' owners can read. Default Gateway.
    #[serde(default)]
    pub via: Via,
}

/// Which namespaces a channel offers itself to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ChannelNamespacesFrom {
    /// Its own.
    #[default]
    Same,
    /// Every one.
    All,
    /// Its own, and those whose labels match.
    Selector,
}

/// How other namespaces use a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Via {
    /// Through the shared gateway; credentials stay where they are.
    #[default]
    Gateway,
    /// From their own sidecars; credentials are copied there.
    Sidecar,
}

/// One header added to every call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.value) != has(self.secretRef)").message("a header takes value or secretRef; set one of them"),
    validation = Rule::new("!(self.name.lowerAscii() in ['host', 'connection', 'content-length', 'content-type', 'transfer-encoding', 'authorization', 'te', 'upgrade', 'expect', 'trailer', 'keep-alive', 'proxy-authorization', 'proxy-connection'])")
        .message("this header belongs to the connection or to credentials and cannot be set here")
)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// Its name: letters, digits and hyphens.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9-]+$"))]
    pub name: String,
    /// Its value, for what is no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024), regex(pattern = "^[ -~]*$"))]
    pub value: Option<String>,
    /// The Secret that holds its value; it needs the label purser.dev/credential: "true", as credentials do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
}

/// How a channel's certificate is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// The Secret with the PEM certificates of the authority, used in place of the public ones.
    pub ca_secret_ref: CaSecretRef,
}

/// PEM certificates in a Secret of the same namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaSecretRef {
    /// The Secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The data key. Default ca.crt.
    #[serde(default = "ca_crt")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

fn ca_crt() -> String {
    "ca.crt".into()
}
