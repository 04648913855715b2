//! The management API over a cluster: what it makes are objects, what kubectl changes it shows, and Kubernetes tokens are let in as far as
//! RBAC lets them.

use super::cluster::{API, Cluster};
use super::operator::{World, decoded};
use super::place::Place;
use purser_tests::plain::{Answer, send};
use purser_tests::port::reserve;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PASSWORD: &str = "correct horse battery";
const PLAN: &str = "apiVersion: purser.dev/v1alpha1\nkind: Plan\nmetadata: {name: team}\nspec:\n  models: {allow: ['*']}\n";

/// A cluster of its own with an operator that has a console, and its administrator.
pub(super) struct Scene {
    pub(super) world: Arc<World>,
    console: SocketAddr,
    token: String,
}

/// The one-time tokens that the operator printed, once there are so many; it is ready before it prints one.
pub(super) async fn setup_tokens(world: &World, count: usize) -> Vec<String> {
    let until = Instant::now() + Duration::from_secs(40);
    let end = |letter: char| !(letter.is_ascii_alphanumeric() || "-_".contains(letter));
    loop {
        let log = world.log();
        let said = log.split("setup-").skip(1);
        let tokens = said.map(|rest| format!("setup-{}", rest.split(end).next().unwrap()));
        let tokens: Vec<String> = tokens.collect();
        if tokens.len() >= count {
            return tokens;
        }
        assert!(Instant::now() < until, "{log}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Scene {
    pub(super) async fn set() -> Scene {
        let console = reserve().unwrap();
        let world = World::own(&[&format!("--listen-console={console}")]).await;
        world.cluster.says(&["create", "namespace", "shop"]).await;
        let applied = world.cluster.kubectl(&["apply", "-f", "-"], PLAN).await;
        assert!(applied.good, "{applied:?}");
        let setup = setup_tokens(&world, 1).await.remove(0);
        let mut scene = Scene {
            world,
            console,
            token: String::new(),
        };
        let body = json!({"token": setup, "username": "you", "password": PASSWORD});
        let made = scene.ask("POST", "/api/user/setup", Some(body)).data();
        scene.token = made["token"].as_str().unwrap().to_owned();
        scene
    }

    pub(super) fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.ask_as(&self.token, (method, path), body)
    }

    pub(super) fn ask_as(
        &self,
        token: &str,
        (method, path): (&str, &str),
        body: Option<Value>,
    ) -> Answer {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let head = format!("authorization: {token}\r\n");
        send(self.console, &format!("{method} {path}"), &head, &body)
    }

    /// Channel `shop/one`, with a credential of its own.
    pub(super) fn makes_a_channel(&self) {
        let channel = json!({"name": "one", "namespace": "shop", "provider": "OpenAICompatible", "key": "sk-provider",
            "base_url": "http://127.0.0.1:9/v1", "models": ["m"]});
        let made = self.ask("POST", "/api/channel/", Some(channel));
        assert_eq!(made.status, 200, "{made:?}");
    }

    /// Asks until the answer's data is so.
    async fn until(&self, path: &str, so: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + Duration::from_secs(40);
        loop {
            let answer = self.ask("GET", path, None);
            if answer.status == 200 && so(&answer.data()) {
                return answer.data();
            }
            assert!(Instant::now() < until, "never so: {answer:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn what_the_console_makes_is_an_object_and_what_kubectl_changes_it_shows() {
    let scene = Scene::set().await;
    let cluster = &scene.world.cluster;
    scene
        .until("/api/plan/team", |plan| plan["status"] == 1)
        .await;
    let wish = json!({"name": "ci", "namespace": "shop", "plan": "team"});
    let made = scene.ask("POST", "/api/token/", Some(wish)).data();
    assert!(made["key"].as_str().unwrap().starts_with("sk-"), "{made}");
    let path = format!("{API}/namespaces/shop/apikeys/ci");
    assert_eq!(cluster.get(&path).await["spec"]["plan"], "team");

    let suspend = r#"{"spec":{"suspended":true}}"#;
    let patch = ["patch", "apikey", "ci", "-n", "shop", "--type=merge", "-p"];
    cluster.says(&[&patch[..], &[suspend]].concat()).await;
    scene
        .until("/api/token/shop%2Fci", |key| key["status"] == 2)
        .await;
    let late = json!({"id": "shop/ci", "version": made["version"], "suspended": false});
    assert_eq!(scene.ask("PUT", "/api/token/", Some(late)).status, 409);

    let rotated = scene
        .ask("POST", "/api/token/shop%2Fci/rotate", None)
        .data();
    assert_ne!(rotated["key"], made["key"]);
    let wrong = json!({"name": "p", "spec": {"limits": {"requestsPerMinute": 0}}});
    let refused = scene.ask("POST", "/api/plan/", Some(wrong));
    assert!(
        refused.status == 422 && refused.message().contains("requestsPerMinute"),
        "{refused:?}"
    );
    let asked = |method| scene.ask(method, "/api/token/shop%2Fci", None).status;
    assert_eq!((asked("DELETE"), asked("GET")), (200, 404));
    let deeds = scene.ask("GET", "/api/audit/", None).data();
    assert_eq!(deeds["items"][0]["what"], "delete key");
}

#[tokio::test]
async fn a_channels_credential_is_a_secret_that_the_channel_owns_and_nobody_elses_is_touched() {
    let scene = Scene::set().await;
    let cluster = &scene.world.cluster;
    scene.makes_a_channel();
    let secret = cluster
        .get("/api/v1/namespaces/shop/secrets/one-credential")
        .await;
    let labels = &secret["metadata"]["labels"];
    assert_eq!(labels["purser.dev/credential"], "true");
    let wish = json!({"id": "shop/one", "key": "sk-replaced"});
    let changed = scene.ask("PUT", "/api/channel/", Some(wish.clone()));
    assert_eq!(changed.status, 200, "{changed:?}");
    let path = "/api/v1/namespaces/shop/secrets/one-credential";
    let secret = cluster.get(path).await;
    assert_eq!(decoded(&secret["data"]["apiKey"]), b"sk-replaced");
    let owner = &secret["metadata"]["ownerReferences"][0];
    assert_eq!(
        (&owner["kind"], &owner["name"]),
        (&json!("ProviderChannel"), &json!("one"))
    );
    // One that somebody else wrote under that name stays as it is.
    cluster.delete(path).await;
    let theirs =
        json!({"metadata": {"name": "one-credential"}, "stringData": {"apiKey": "sk-theirs"}});
    cluster
        .create("/api/v1/namespaces/shop/secrets", &theirs)
        .await;
    let refused = scene.ask("PUT", "/api/channel/", Some(wish));
    assert_eq!(refused.status, 409, "{refused:?}");
    let secret = cluster.get(path).await;
    assert_eq!(decoded(&secret["data"]["apiKey"]), b"sk-theirs");
}

#[tokio::test]
async fn a_version_is_of_what_people_wrote_and_no_status_makes_another() {
    let scene = Scene::set().await;
    let cluster = &scene.world.cluster;
    let wish = json!({"name": "ci", "namespace": "shop", "plan": "team"});
    let made = scene.ask("POST", "/api/token/", Some(wish)).data();
    let path = format!("{API}/namespaces/shop/apikeys/ci");
    let until = Instant::now() + Duration::from_secs(40);
    while cluster.get(&path).await["status"]["conditions"].is_null() {
        assert!(Instant::now() < until, "it never has a status");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let named = |version: &Value, name: &str| {
        let change = json!({"id": "shop/ci", "version": version, "display_name": name});
        scene.ask("PUT", "/api/token/", Some(change))
    };
    let fresh = named(&made["version"], "One");
    assert_eq!(fresh.status, 200, "{fresh:?}");
    let version = fresh.data()["version"].clone();
    assert_ne!(version, made["version"]);
    let patch = ["patch", "apikey", "ci", "-n", "shop", "--type=merge", "-p"];
    let theirs = r#"{"spec":{"displayName":"Theirs"}}"#;
    cluster.says(&[&patch[..], &[theirs]].concat()).await;
    // At once: what the console has not seen yet is not overwritten either.
    let late = named(&version, "Two");
    assert_eq!(late.status, 409, "{late:?}");
    assert_eq!(cluster.get(&path).await["spec"]["displayName"], "Theirs");
    let shown = |key: &Value| key["display_name"] == "Theirs";
    let now = scene.until("/api/token/shop%2Fci", shown).await;
    assert_eq!(named(&now["version"], "Two").status, 200);
}

#[tokio::test]
async fn a_channel_is_made_whole_or_not_at_all_and_so_changed() {
    let scene = Scene::set().await;
    let cluster = &scene.world.cluster;
    let secrets = "/api/v1/namespaces/shop/secrets";
    let theirs = |name: &str| json!({"metadata": {"name": format!("{name}-credential")}, "stringData": {"apiKey": "sk-theirs"}});
    cluster.create(secrets, &theirs("one")).await;
    let wish = |name: &str| {
        json!({"name": name, "namespace": "shop", "provider": "OpenAICompatible", "key": "sk-provider",
            "base_url": "http://127.0.0.1:9/v1", "models": ["m"]})
    };
    let refused = scene.ask("POST", "/api/channel/", Some(wish("one")));
    assert_eq!(refused.status, 409, "{refused:?}");
    let channel = |name: &str| format!("{API}/namespaces/shop/providerchannels/{name}");
    assert!(cluster.get(&channel("one")).await.is_null());
    let theirs_path = format!("{secrets}/one-credential");
    let kept = cluster.get(&theirs_path).await;
    assert_eq!(decoded(&kept["data"]["apiKey"]), b"sk-theirs");

    let mut wrong = wish("two");
    wrong["provider"] = "Nobody".into();
    let refused = scene.ask("POST", "/api/channel/", Some(wrong));
    assert_eq!(refused.status, 422, "{refused:?}");
    let two = format!("{secrets}/two-credential");
    assert!(cluster.get(&two).await.is_null(), "its Secret went again");

    let made = scene.ask("POST", "/api/channel/", Some(wish("two")));
    assert_eq!(made.status, 200, "{made:?}");
    cluster.delete(&two).await;
    cluster.create(secrets, &theirs("two")).await;
    let change = json!({"id": "shop/two", "key": "sk-new", "weight": 7});
    let refused = scene.ask("PUT", "/api/channel/", Some(change));
    assert_eq!(refused.status, 409, "{refused:?}");
    let spec = cluster.get(&channel("two")).await["spec"].clone();
    assert_ne!(spec["weight"], 7, "{spec}");
}

#[tokio::test]
async fn a_channel_moves_to_another_host_with_that_hosts_key_alone() {
    let scene = Scene::set().await;
    let wish = json!({"name": "one", "namespace": "shop", "provider": "OpenAICompatible", "key": "sk-provider",
        "base_url": "http://127.0.0.1:9/v1", "models": ["m"]});
    let made = scene.ask("POST", "/api/channel/", Some(wish));
    assert_eq!(made.status, 200, "{made:?}");
    let put = |change: Value| scene.ask("PUT", "/api/channel/", Some(change));
    let refused = put(json!({"id": "shop/one", "base_url": "http://localhost:9/v1"}));
    let said = refused.message();
    let told = said.contains("127.0.0.1") && said.contains("send the account's key");
    assert!(refused.status == 422 && told, "{refused:?}");
    let moved =
        put(json!({"id": "shop/one", "base_url": "http://localhost:9/v1", "key": "sk-new"}));
    assert_eq!(moved.status, 200, "{moved:?}");
    let accepted = |channel: &Value| {
        let said = channel["conditions"].as_array();
        said.is_some_and(|said| {
            said.iter()
                .any(|one| one["type"] == "Accepted" && one["status"] == "True")
        })
    };
    scene.until("/api/channel/shop%2Fone", accepted).await;
}

#[tokio::test]
async fn the_first_administrators_token_is_every_replicas() {
    let console = reserve().unwrap();
    let world = World::own(&[&format!("--listen-console={console}")]).await;
    let first = setup_tokens(&world, 1).await.remove(0);
    world.kill();
    world.run().await;
    assert_eq!(setup_tokens(&world, 2).await, [&first[..], &first]);
    let scene = Scene {
        world,
        console,
        token: String::new(),
    };
    let setup = |token: &str| {
        let body = json!({"token": token, "username": "you", "password": PASSWORD});
        scene.ask("POST", "/api/user/setup", Some(body)).status
    };
    assert_eq!((setup("setup-other"), setup(&first)), (401, 200));
}

/// A ServiceAccount in `shop` that may do this with its keys; its token.
async fn account(cluster: &Cluster, name: &str, verbs: &str) -> String {
    let shop = ["-n", "shop"];
    let says = async |what: &[&str]| cluster.says(&[what, &shop].concat()).await;
    says(&["create", "serviceaccount", name]).await;
    if !verbs.is_empty() {
        let (verbs, of) = (format!("--verb={verbs}"), "--resource=apikeys.purser.dev");
        says(&["create", "role", name, &verbs, of]).await;
        let role = format!("--role={name}");
        let who = format!("--serviceaccount=shop:{name}");
        says(&["create", "rolebinding", name, &role, &who]).await;
    }
    let token = says(&["create", "token", name]).await;
    token.trim().to_owned()
}

#[tokio::test]
async fn a_kubernetes_token_may_here_what_rbac_lets_it_do() {
    let scene = Scene::set().await;
    let cluster = &scene.world.cluster;
    scene
        .until("/api/plan/team", |plan| plan["status"] == 1)
        .await;
    let tokens = [
        account(cluster, "writer", "get,list,create,patch,delete").await,
        account(cluster, "reader", "get,list").await,
        account(cluster, "nobody", "").await,
    ];
    let wish =
        |namespace: &str| Some(json!({"name": "mine", "namespace": namespace, "plan": "team"}));
    let make = |token: &str, namespace: &str| {
        scene
            .ask_as(token, ("POST", "/api/token/"), wish(namespace))
            .status
    };
    assert_eq!(
        (make(&tokens[0], "shop"), make(&tokens[0], "default")),
        (200, 403)
    );
    assert_eq!(make(&tokens[1], "shop"), 403);
    let list = |token: &str| scene.ask_as(token, ("GET", "/api/token/"), None);
    assert_eq!(list(&tokens[1]).data()["total"], 1);
    assert_eq!(list(&tokens[2]).status, 401);
    assert_eq!(list("eyJhbGciOiJub25lIn0.e30.").status, 401);
    let deeds = scene.ask("GET", "/api/audit/", None).data();
    assert_eq!(deeds["items"][0]["by"], "system:serviceaccount:shop:writer");
}

#[tokio::test]
async fn why_a_sidecar_refused_a_call_is_read_at_the_operators_console() {
    let scene = Scene::set().await;
    let place = Place::new(&scene.world, "refused").await;
    let [secret, key] = place.key("key", "plan");
    let plan = place.plan("plan", "models: {allow: ['m']}");
    place.apply(&[plan, secret, key]).await;
    place.until_key("key", "True").await;
    let sidecars = place.sidecars(2).await;
    for sidecar in [&sidecars[0], &sidecars[0], &sidecars[1]] {
        let judged = sidecar.judged("another", &place.value("key")).await;
        assert_eq!(judged, (404, "model_not_found".to_owned()));
    }
    let whole = |told: &Value| told[0]["times"] == 3;
    let told = scene.until("/api/log/refused", whole).await;
    let named = format!("{}/key", place.namespace);
    assert_eq!(
        (&told[0]["token_name"], &told[0]["status"]),
        (&json!(named), &json!(404))
    );
    assert!(
        told[0]["content"].as_str().unwrap().contains("another"),
        "{told}"
    );
    assert!(
        told[0]["request_id"].as_str().unwrap().starts_with("req"),
        "{told}"
    );
    // A sidecar that is gone is remembered, and another namespace's people see none of it.
    drop(sidecars);
    assert_eq!(scene.ask("GET", "/api/log/refused", None).data(), told);
    let elsewhere = scene.ask("GET", "/api/log/refused?namespace=shop", None);
    assert_eq!(elsewhere.data(), json!([]));
}
