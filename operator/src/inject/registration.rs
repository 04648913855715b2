//! The CA in the webhook's configuration, without which the API server trusts nobody at its address. The configuration itself is the
//! chart's; only `caBundle` is ours, by server-side apply, so that neither takes anything from the other.

use crate::certificate::Certificates;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked at: an upgrade of the chart, or a hand, may have taken the CA out.
const LOOKS: Duration = Duration::from_secs(30);

/// See the file's page.
pub(crate) struct Registration {
    /// The API server.
    pub(crate) client: Client,
    /// Whose bundle it is.
    pub(crate) certificates: Arc<Certificates>,
    /// The configuration's name.
    pub(crate) name: String,
}

impl Registration {
    /// Keeps the bundle there for as long as the process lives.
    pub(crate) async fn run(self) {
        loop {
            if let Err(error) = self.keep().await {
                tracing::warn!(name = self.name, %error, "writing the CA into the webhook's configuration; tried again");
            }
            tokio::time::sleep(LOOKS).await;
        }
    }

    async fn keep(&self) -> kube::Result<()> {
        let api: Api<MutatingWebhookConfiguration> = Api::all(self.client.clone());
        let Some(found) = api.get_opt(&self.name).await? else {
            return Ok(());
        };
        let bundle = self.certificates.bundle();
        let Some(patch) = patch(&found, &bundle) else {
            return Ok(());
        };
        let params = PatchParams::apply(purser_crds::FIELD_MANAGER).force();
        api.patch(&self.name, &params, &Patch::Apply(patch)).await?;
        tracing::info!(
            name = self.name,
            "the webhook's configuration carries the CA"
        );
        Ok(())
    }
}

/// What is to be applied; `None`: it is there.
fn patch(found: &MutatingWebhookConfiguration, bundle: &str) -> Option<Value> {
    let webhooks = found.webhooks.as_deref().unwrap_or_default();
    let carries = |bytes: Option<&[u8]>| bytes == Some(bundle.as_bytes());
    let there = webhooks.iter().all(|webhook| {
        let bytes = webhook.client_config.ca_bundle.as_ref();
        carries(bytes.map(|bytes| bytes.0.as_slice()))
    });
    if there {
        return None;
    }
    let bundle = k8s_openapi::ByteString(bundle.as_bytes().to_vec());
    let webhooks = webhooks.iter();
    let webhooks: Vec<Value> = webhooks
        .map(|webhook| json!({"name": webhook.name, "clientConfig": {"caBundle": bundle}}))
        .collect();
    Some(json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": found.name_any()},
        "webhooks": webhooks,
    }))
}
