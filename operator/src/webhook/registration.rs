//! The CA in the webhooks' configurations, without which the API server trusts nobody at their address. The configurations themselves are
//! the chart's; only `caBundle` is ours, by server-side apply, so that neither takes anything from the other.

use crate::certificate::Certificates;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often they are looked at: an upgrade of the chart, or a hand, may have taken the CA out.
const LOOKS: Duration = Duration::from_secs(30);

/// See the file's page.
pub(crate) struct Registration {
    /// The API server.
    pub(crate) client: Client,
    /// Whose bundle it is.
    pub(crate) certificates: Arc<Certificates>,
    /// The configurations' name.
    pub(crate) name: String,
    /// Whether this replica writes. The bundles of others may be older or newer for hours after a CA has turned: were all to write, they
    /// would overwrite each other for as long.
    pub(crate) leads: watch::Receiver<bool>,
    /// Whether the one for pods is ours to write.
    pub(crate) injects: bool,
    /// The same of the one for our objects.
    pub(crate) warns: bool,
}

/// One webhook of a configuration, as far as it matters here.
struct Hook {
    name: String,
    bundle: Option<ByteString>,
}

impl Hook {
    fn new(name: &str, config: &WebhookClientConfig) -> Self {
        Hook {
            name: name.to_owned(),
            bundle: config.ca_bundle.clone(),
        }
    }
}

impl Registration {
    /// Keeps the bundle there for as long as the process lives.
    pub(crate) async fn run(mut self) {
        while self.leads.wait_for(|leads| *leads).await.is_ok() {
            if self.injects {
                self.keep(of_pods).await;
            }
            if self.warns {
                self.keep(of_objects).await;
            }
            tokio::time::sleep(LOOKS).await;
        }
    }

    async fn keep<K>(&self, hooks: impl Fn(&K) -> Vec<Hook>)
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let kind = K::kind(&());
        match self.written(hooks).await {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!(name = self.name, %kind, "the webhook's configuration carries the CA")
            }
            Err(error) => {
                tracing::warn!(name = self.name, %kind, %error, "writing the CA into the webhook's configuration; tried again")
            }
        }
    }

    /// Says whether something had to be.
    async fn written<K>(&self, hooks: impl Fn(&K) -> Vec<Hook>) -> kube::Result<bool>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let api: Api<K> = Api::all(self.client.clone());
        let Some(found) = api.get_opt(&self.name).await? else {
            return Ok(false);
        };
        let bundle = ByteString(self.certificates.bundle().as_bytes().to_vec());
        let Some(webhooks) = patch(&hooks(&found), &bundle) else {
            return Ok(false);
        };
        let patch = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {"name": self.name},
            "webhooks": webhooks,
        });
        let params = PatchParams::apply(purser_crds::FIELD_MANAGER).force();
        api.patch(&self.name, &params, &Patch::Apply(patch)).await?;
        Ok(true)
    }
}

fn of_pods(found: &MutatingWebhookConfiguration) -> Vec<Hook> {
    let hooks = found.webhooks.iter().flatten();
    hooks
        .map(|one| Hook::new(&one.name, &one.client_config))
        .collect()
}

fn of_objects(found: &ValidatingWebhookConfiguration) -> Vec<Hook> {
    let hooks = found.webhooks.iter().flatten();
    hooks
        .map(|one| Hook::new(&one.name, &one.client_config))
        .collect()
}

/// What is to be applied; `None`: it is there.
fn patch(hooks: &[Hook], bundle: &ByteString) -> Option<Vec<Value>> {
    if hooks
        .iter()
        .all(|hook| hook.bundle.as_ref() == Some(bundle))
    {
        return None;
    }
    let patched = hooks
        .iter()
        .map(|hook| json!({"name": hook.name, "clientConfig": {"caBundle": bundle}}));
    Some(patched.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, Response};
    use kube::client::Body;
    use std::convert::Infallible;
    use tokio::sync::mpsc;

    /// An API server that has nothing, takes everything, and tells which paths are read.
    fn server(reads: mpsc::UnboundedSender<String>) -> Client {
        let service = tower::service_fn(move |request: Request<Body>| {
            let is_read = request.method() == http::Method::GET;
            let (code, text) = match is_read {
                true => (
                    404,
                    r#"{"kind": "Status", "metadata": {}, "status": "Failure", "message": "none", "reason": "NotFound", "code": 404}"#,
                ),
                false => (
                    201,
                    r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {}}"#,
                ),
            };
            if is_read {
                let _ = reads.send(request.uri().path().to_owned());
            }
            let answer = Response::builder().status(code);
            let answer = answer.body(Body::from(text.as_bytes().to_vec())).unwrap();
            async move { Ok::<_, Infallible>(answer) }
        });
        Client::new(service, "ops")
    }

    #[tokio::test]
    async fn a_replica_that_does_not_lead_leaves_the_configurations_to_the_one_that_does() {
        let (tell, mut read) = mpsc::unbounded_channel();
        let client = server(tell);
        let own = Api::namespaced(client.clone(), "ops");
        let life = Duration::from_secs(80);
        let certificates = Certificates::open(own, vec!["localhost".into()], life);
        let certificates = Arc::new(certificates.await.unwrap());
        while read.try_recv().is_ok() {}
        let (lead, leads) = watch::channel(false);
        let registration = Registration {
            client,
            certificates,
            leads,
            name: "purser".to_owned(),
            injects: true,
            warns: false,
        };
        tokio::spawn(registration.run());
        tokio::task::yield_now().await;
        assert!(read.try_recv().is_err());
        lead.send_replace(true);
        let path = read.recv().await.unwrap();
        assert!(
            path.ends_with("/mutatingwebhookconfigurations/purser"),
            "{path}"
        );
    }

    #[test]
    fn every_webhook_gets_the_bundle_and_one_that_has_it_is_not_written() {
        let bundle = |text: &str| ByteString(text.as_bytes().to_vec());
        let hook = |name: &str, has: Option<&str>| Hook {
            name: name.to_owned(),
            bundle: has.map(bundle),
        };
        let new = bundle("new");
        assert_eq!(patch(&[hook("a", Some("new"))], &new), None);
        assert_eq!(patch(&[], &new), None);
        let hooks = [
            hook("a", Some("new")),
            hook("b", Some("old")),
            hook("c", None),
        ];
        let patched = patch(&hooks, &new).unwrap();
        let names: Vec<_> = patched
            .iter()
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            ["a", "b", "c"],
            "an apply leaves out what it is not told"
        );
    }
}
