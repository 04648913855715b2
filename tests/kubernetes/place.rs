//! A test's own corner of the cluster: a namespace, and plans under names that no other test has. Writes objects as people do.

use super::cluster::{API, condition};
use super::operator::World;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The ServiceAccount of a test's pods.
pub(super) const ACCOUNT: &str = "app";
const JUDGED_BY_THEN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// A namespace of one test.
pub(super) struct Place {
    pub(super) world: Arc<World>,
    pub(super) namespace: String,
}

impl Place {
    /// A namespace of that name, and of this run of the tests.
    pub(super) async fn new(world: &Arc<World>, name: &str) -> Self {
        let place = Place {
            world: Arc::clone(world),
            namespace: format!("{name}-{}", std::process::id()),
        };
        let namespace = json!({"metadata": {"name": place.namespace}});
        let cluster = &world.cluster;
        cluster.create("/api/v1/namespaces", &namespace).await;
        place.account().await;
        place
    }

    /// One that is there, with the pods' account.
    pub(super) async fn existing(world: &Arc<World>, namespace: &str) -> Self {
        let place = Place {
            world: Arc::clone(world),
            namespace: namespace.to_owned(),
        };
        let path = place.core("serviceaccounts", ACCOUNT);
        if world.cluster.get(&path).await.is_null() {
            place.account().await;
        }
        place
    }

    async fn account(&self) {
        let account = json!({"metadata": {"name": ACCOUNT}});
        let path = self.core("serviceaccounts", "");
        self.world.cluster.create(&path, &account).await;
    }

    /// A cluster-wide name of this test's own.
    pub(super) fn wide(&self, name: &str) -> String {
        format!("{}-{name}", self.namespace)
    }

    /// `kubectl apply` of these documents. Channels among them are judged then, unless there is no operator to do it: a key may be
    /// known some moments before them, and calls find no model.
    pub(super) async fn apply(&self, documents: &[String]) {
        self.world.cluster.apply(&documents.join("\n---\n")).await;
        let begun = Instant::now();
        let of_channels = |one: &String| one.contains("kind: ProviderChannel");
        let mut waits = documents.iter().any(of_channels);
        while waits && begun.elapsed() < JUDGED_BY_THEN {
            let path = self.ours("providerchannels", "");
            let channels = self.world.cluster.get(path.trim_end_matches('/')).await;
            let mut channels = channels["items"].as_array().into_iter().flatten();
            waits = channels.any(|one| condition(one, "Accepted").is_empty());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// A Plan; `spec` is what stands between the braces.
    pub(super) fn plan(&self, name: &str, spec: &str) -> String {
        let name = self.wide(name);
        object("Plan", &format!("name: {name}"), spec)
    }

    /// A ProviderChannel that asks for no credential.
    pub(super) fn channel(&self, name: &str, url: &str, models: &str) -> String {
        let spec = format!("provider: OpenAICompatible, baseURL: \"{url}\", models: [{models}]");
        object("ProviderChannel", &self.named(name), &spec)
    }

    /// An ApiKey, and before it the Secret with its value.
    pub(super) fn key(&self, name: &str, plan: &str) -> [String; 2] {
        let spec = format!("plan: {}", self.wide(plan));
        let key = object("ApiKey", &self.named(name), &spec);
        [self.secret(&format!("{name}-key"), &self.value(name)), key]
    }

    /// A Secret that a person wrote.
    pub(super) fn secret(&self, name: &str, value: &str) -> String {
        let metadata = self.named(name);
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{{metadata}}}\nstringData: {{apiKey: {value}}}"
        )
    }

    /// The value of the key of that name.
    pub(super) fn value(&self, name: &str) -> String {
        format!(
            "sk-{}-{name}-7Qm2xV9bT4kR8nZ3wY6dJ5fH1cL0pS2g",
            self.namespace
        )
    }

    /// One of ours.
    pub(super) fn object(&self, kind: &str, name: &str, spec: &str) -> String {
        object(kind, &self.named(name), spec)
    }

    fn named(&self, name: &str) -> String {
        format!("name: {name}, namespace: {}", self.namespace)
    }

    /// The path of one of ours: `apikeys`, `providerchannels`.
    pub(super) fn ours(&self, plural: &str, name: &str) -> String {
        format!("{API}/namespaces/{}/{plural}/{name}", self.namespace)
    }

    /// The path of one of Kubernetes' own.
    pub(super) fn core(&self, plural: &str, name: &str) -> String {
        let path = format!("/api/v1/namespaces/{}/{plural}/{name}", self.namespace);
        path.trim_end_matches('/').to_owned()
    }

    /// The path of a Plan.
    pub(super) fn plan_path(&self, name: &str) -> String {
        format!("{API}/plans/{}", self.wide(name))
    }

    /// Waits until a key's `Accepted` is so.
    pub(super) async fn until_key(&self, name: &str, accepted: &str) -> Value {
        let path = self.ours("apikeys", name);
        let so = |object: &Value| condition(object, "Accepted") == accepted;
        let what = format!("key {name} is Accepted={accepted}");
        self.world.cluster.until(&what, &path, so).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // The operator works with exactly the rights that rbac.yaml gives it.
        let log = self.world.log();
        let denied = log.lines().find(|line| line.contains("orbidden"));
        assert_eq!(denied, None, "the operator was denied something");
    }
}

fn object(kind: &str, metadata: &str, spec: &str) -> String {
    format!(
        "apiVersion: purser.dev/v1alpha1\nkind: {kind}\nmetadata: {{{metadata}}}\nspec: {{{spec}}}"
    )
}
