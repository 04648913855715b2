//! What people may do who have `edit` or `view` in a namespace: the chart adds its kinds to those roles, and Kubernetes' own controller
//! puts them together.

use super::cluster::{Cluster, SOON, Said};
use super::installed::{Installed, Setup};
use std::time::Instant;

const OBJECTS: &str = "{apiVersion: v1, kind: Namespace, metadata: {name: team}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: other}}
";

fn key(name: &str, namespace: &str) -> String {
    format!(
        "{{apiVersion: purser.dev/v1alpha1, kind: ApiKey, metadata: {{name: {name}, namespace: {namespace}}}, spec: {{plan: open}}}}"
    )
}

fn channel(namespace: &str) -> String {
    let spec = "provider: OpenAICompatible, baseURL: 'http://there:1/v1', models: [{name: m}]";
    format!(
        "{{apiVersion: purser.dev/v1alpha1, kind: ProviderChannel, metadata: {{name: c, namespace: {namespace}}}, spec: {{{spec}}}}}"
    )
}

fn plan(name: &str) -> String {
    format!(
        "{{apiVersion: purser.dev/v1alpha1, kind: Plan, metadata: {{name: {name}}}, spec: {{models: {{allow: ['*']}}}}}}"
    )
}

/// Somebody with a role in the namespace `team`.
struct Person<'a> {
    cluster: &'a Cluster,
    name: &'static str,
}

impl<'a> Person<'a> {
    async fn with(cluster: &'a Cluster, role: &str, name: &'static str) -> Self {
        let (role, user) = (format!("--clusterrole={role}"), format!("--user={name}"));
        let bind = ["create", "rolebinding", name, &role, &user, "-n=team"];
        cluster.says(&bind).await;
        Person { cluster, name }
    }

    async fn does(&self, words: &[&str], input: &str) -> Said {
        let who = format!("--as={}", self.name);
        let words = [words, &[who.as_str()]].concat();
        self.cluster.kubectl(&words, input).await
    }

    /// Until the controller has put the role together.
    async fn may(&self, words: &[&str], input: &str) {
        let begun = Instant::now();
        loop {
            let said = self.does(words, input).await;
            if said.good {
                return;
            }
            assert!(begun.elapsed() < SOON, "{} {words:?}: {said:?}", self.name);
        }
    }

    async fn may_not(&self, words: &[&str], input: &str) {
        let said = self.does(words, input).await;
        let refused = !said.good && said.err.contains("orbidden");
        assert!(refused, "{} {words:?} {input}: {said:?}", self.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_edits_a_namespace_writes_its_keys_and_channels_and_who_views_it_reads_them() {
    let installed = Installed::set_up(&Setup {
        objects: OBJECTS,
        controllers: true,
        ..Setup::default()
    })
    .await;
    let cluster = &installed.world.cluster;
    cluster.apply(&plan("open")).await;
    cluster.apply(&key("there", "other")).await;
    let apply = ["apply", "--server-side", "-f", "-"];
    let editor = Person::with(cluster, "edit", "editor").await;
    let viewer = Person::with(cluster, "view", "viewer").await;

    editor.may(&apply, &key("k", "team")).await;
    editor.may(&apply, &channel("team")).await;
    for person in [&editor, &viewer] {
        person.may(&["get", "apikey", "k", "-n=team"], "").await;
        person.may(&["get", "plan", "open"], "").await;
        let there = ["get", "apikey", "there", "-n=other"];
        person.may_not(&there, "").await;
        person.may_not(&apply, &plan("free")).await;
        person.may_not(&apply, &plan("open")).await;
        person.may_not(&apply, &channel("other")).await;
        let asks = ["auth", "can-i", "credit", "apikeys.purser.dev", "-n=team"];
        assert!(!person.does(&asks, "").await.good, "{}", person.name);
    }
    viewer.may_not(&apply, &key("mine", "team")).await;
    viewer.may_not(&apply, &channel("team")).await;
    let credit = ["annotate", "apikey", "k", "-n=team"];
    let credit = [&credit[..], &["credit.purser.dev/gift=500"]].concat();
    editor.may_not(&credit, "").await;
}
