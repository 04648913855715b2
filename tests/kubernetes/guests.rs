//! Kubernetes tokens at the console: each change is let through by the verb, the resource and the namespace that kubectl would need for
//! it, and what is refused says which these are.

use super::cluster::{API, Cluster};
use super::console::Scene;
use purser_tests::plain::Answer;
use serde_json::{Value, json};

/// What a token may do: verbs and resources, in `shop` or everywhere.
type Rules<'a> = &'a [(&'a str, &'a str)];

const KEYS: &str = "purser.dev/apikeys";
const PLANS: &str = "purser.dev/plans";
const CHANNELS: &str = "purser.dev/providerchannels";
const SECRETS: &str = "/secrets";

fn rules(rules: Rules<'_>) -> Value {
    let rule = |(verbs, resource): &(&str, &str)| {
        let (group, resource) = resource.split_once('/').unwrap();
        let verbs: Vec<&str> = verbs.split(',').collect();
        json!({"apiGroups": [group], "resources": [resource], "verbs": verbs})
    };
    rules.iter().map(rule).collect()
}

/// The token of a ServiceAccount in `shop` that may do this there, and that everywhere.
async fn account(cluster: &Cluster, name: &str, [there, everywhere]: [Rules<'_>; 2]) -> String {
    let shop = json!({"name": name, "namespace": "shop"});
    let subjects = json!([{"kind": "ServiceAccount", "name": name, "namespace": "shop"}]);
    let rbac = "rbac.authorization.k8s.io";
    let version = format!("{rbac}/v1");
    let of = |kind: &str| json!({"apiGroup": rbac, "kind": kind, "name": name});
    let all = [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": shop}),
        json!({"apiVersion": version, "kind": "Role", "metadata": shop, "rules": rules(there)}),
        json!({"apiVersion": version, "kind": "RoleBinding", "metadata": shop, "roleRef": of("Role"), "subjects": subjects}),
        json!({"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules(everywhere)}),
        json!({"apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": name}, "roleRef": of("ClusterRole"),
            "subjects": subjects}),
    ];
    let list = json!({"apiVersion": "v1", "kind": "List", "items": all});
    cluster.apply(&list.to_string()).await;
    let token = ["create", "token", name, "-n", "shop"];
    cluster.says(&token).await.trim().to_owned()
}

/// One account's calls.
struct Guest<'a>(&'a Scene, String);

impl Guest<'_> {
    fn asks(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.0.ask_as(&self.1, (method, path), body)
    }

    /// That this is refused for want of that right.
    fn lacks(&self, right: &str, (method, path): (&str, &str), body: Value) {
        let answer = self.asks(method, path, Some(body));
        let said = answer.message();
        let name = "system:serviceaccount:shop:";
        let told = said.contains(right) && said.contains(name);
        assert!(answer.status == 403 && told, "{method} {path}: {answer:?}");
    }
}

async fn guest<'a>(scene: &'a Scene, name: &str, rules: [Rules<'_>; 2]) -> Guest<'a> {
    let token = account(&scene.world.cluster, name, rules).await;
    Guest(scene, token)
}

fn key(name: &str) -> Option<Value> {
    Some(json!({"name": name, "namespace": "shop", "plan": "team"}))
}

#[tokio::test]
async fn whoever_may_create_keys_may_for_that_not_change_rotate_credit_or_delete_them() {
    let scene = Scene::set().await;
    let maker = guest(&scene, "maker", [&[("list,create", KEYS)], &[]]).await;
    let made = maker.asks("POST", "/api/token/", key("mine")).data();
    assert!(made["key"].is_null(), "who may not read Secrets: {made}");
    let one = "/api/token/shop%2Fmine";
    let patch = "patch apikeys.purser.dev \"mine\" in namespace shop";
    let change = json!({"id": "shop/mine", "display_name": "Mine"});
    maker.lacks(patch, ("PUT", "/api/token/"), change);
    let suspend = json!({"suspended": true});
    maker.lacks(patch, ("POST", &format!("{one}/suspend")), suspend);
    maker.lacks(patch, ("POST", &format!("{one}/rotate")), json!({}));
    let delete = "delete apikeys.purser.dev \"mine\" in namespace shop";
    maker.lacks(delete, ("DELETE", one), json!({}));
    let batch = json!({"ids": ["shop/mine"]});
    maker.lacks(delete, ("POST", "/api/token/batch"), batch);
    let credit = "credit apikeys.purser.dev \"mine\" in namespace shop";
    let invoice = json!({"amount": 5, "id": "invoice"});
    maker.lacks(credit, ("POST", &format!("{one}/topup")), invoice.clone());

    let writer = guest(&scene, "writer", [&[("list,patch", KEYS)], &[]]).await;
    let get = "get secrets \"mine-key\" in namespace shop";
    writer.lacks(get, ("POST", &format!("{one}/rotate")), json!({}));
    let suspend = json!({"suspended": false});
    let suspended = writer.asks("POST", &format!("{one}/suspend"), Some(suspend));
    assert_eq!(suspended.status, 200, "{suspended:?}");

    let rules: Rules<'_> = &[("create,patch,delete,credit", KEYS), ("get", SECRETS)];
    let keeper = guest(&scene, "keeper", [rules, &[]]).await;
    let rotated = keeper.asks("POST", &format!("{one}/rotate"), None).data();
    assert!(
        rotated["key"].as_str().unwrap().starts_with("sk-"),
        "{rotated}"
    );
    let topped = keeper.asks("POST", &format!("{one}/topup"), Some(invoice));
    assert_eq!(topped.status, 200, "{topped:?}");
    assert_eq!(keeper.asks("DELETE", one, None).status, 200);
    let second = keeper.asks("POST", "/api/token/", key("second")).data();
    assert!(second["key"].is_string(), "{second}");
    let unseen = keeper.asks("GET", "/api/token/", None).status;
    assert_eq!(unseen, 401, "who may list nothing reads nothing");
}

#[tokio::test]
async fn plans_and_keys_everywhere_are_not_channels_users_credits_or_the_audit() {
    let scene = Scene::set().await;
    let every = "get,list,create,patch,delete";
    let rules: Rules<'_> = &[(every, PLANS), (every, KEYS)];
    let planner = guest(&scene, "planner", [&[], rules]).await;
    let channel = json!({"name": "one", "namespace": "shop", "provider": "OpenAICompatible",
        "base_url": "http://127.0.0.1:9/v1", "models": ["m"]});
    let create = "create providerchannels.purser.dev in namespace shop";
    planner.lacks(create, ("POST", "/api/channel/"), channel.clone());
    let made = scene.ask("POST", "/api/channel/", Some(channel));
    assert_eq!(made.status, 200, "{made:?}");
    let total = |path: &str| planner.asks("GET", path, None).data()["total"].clone();
    assert_eq!(total("/api/channel/"), 0, "nor are they seen");
    let at = "/api/channel/shop%2Fone";
    let status = |method: &str| planner.asks(method, at, None).status;
    assert_eq!((status("GET"), status("DELETE")), (404, 404));

    let plan = json!({"name": "other", "spec": {"models": {"allow": ["*"]}}});
    let plan = planner.asks("POST", "/api/plan/", Some(plan));
    assert_eq!(plan.status, 200, "{plan:?}");
    let made = planner.asks("POST", "/api/token/", key("a"));
    assert_eq!(made.status, 200, "{made:?}");
    let credit = "credit apikeys.purser.dev \"a\" in namespace shop";
    let invoice = json!({"amount": 5, "id": "invoice"});
    planner.lacks(credit, ("POST", "/api/token/shop%2Fa/topup"), invoice);
    let user = json!({"username": "eve", "password": "correct horse battery", "role": 10});
    for (method, path) in [
        ("POST", "/api/user/"),
        ("GET", "/api/user/"),
        ("GET", "/api/audit/"),
        ("PUT", "/api/user/self"),
    ] {
        let refused = planner.asks(method, path, Some(user.clone()));
        assert_eq!(refused.status, 403, "{method} {path}: {refused:?}");
        assert!(refused.message().contains("a Kubernetes token has no user"));
    }

    let reader = guest(&scene, "reader", [&[("list", KEYS)], &[]]).await;
    let plans = "list plans.purser.dev in the cluster";
    reader.lacks(plans, ("GET", "/api/plan/"), json!({}));
    let plan = json!({"name": "team", "spec": {"models": {"allow": ["x"]}}});
    let patch = "patch plans.purser.dev \"team\" in the cluster";
    reader.lacks(patch, ("PUT", "/api/plan/"), plan);
}

#[tokio::test]
async fn a_channel_is_turned_elsewhere_only_by_whoever_may_read_what_it_sends() {
    let scene = Scene::set().await;
    let cluster = &scene.world.cluster;
    scene.makes_a_channel();
    let every = "get,list,create,patch,delete";
    let editor = guest(&scene, "editor", [&[(every, CHANNELS)], &[]]).await;
    let listed = editor.asks("GET", "/api/channel/", None).data();
    assert_eq!(listed["total"], 1, "{listed}");
    let put = ("PUT", "/api/channel/");
    let weight = editor.asks(put.0, put.1, Some(json!({"id": "shop/one", "weight": 3})));
    assert_eq!(weight.data()["weight"], 3, "{weight:?}");

    let own = "get secrets \"one-credential\" in namespace shop";
    for turned in [
        json!({"base_url": "http://127.0.0.1:7/v1"}),
        json!({"spec": {"provider": "Mistral"}, "base_url": "http://127.0.0.1:9/v1"}),
    ] {
        let mut turned = turned;
        turned["id"] = "shop/one".into();
        editor.lacks(own, put, turned);
    }
    let replaced = json!({"id": "shop/one", "key": "sk-mine"});
    let patch = "patch secrets \"one-credential\" in namespace shop";
    editor.lacks(patch, put, replaced.clone());
    let theirs = json!([{"name": "x-a", "secretRef": {"name": "theirs"}}]);
    let named = json!({"id": "shop/one", "spec": {"headers": theirs}});
    editor.lacks("get secrets \"theirs\" in namespace shop", put, named);
    let elsewhere = json!({"name": "two", "namespace": "shop", "provider": "OpenAICompatible", "models": ["m"],
        "base_url": "http://127.0.0.1:7/v1", "spec": {"credentials": [{"secretRef": {"name": "theirs"}}]}});
    let post = ("POST", "/api/channel/");
    editor.lacks(
        "get secrets \"theirs\" in namespace shop",
        post,
        elsewhere.clone(),
    );
    let mut with_key = elsewhere;
    with_key["key"] = "sk-mine".into();
    editor.lacks("create secrets in namespace shop", post, with_key);
    let path = format!("{API}/namespaces/shop/providerchannels");
    let spec = cluster.get(&format!("{path}/one")).await["spec"].clone();
    assert_eq!(spec["baseURL"], "http://127.0.0.1:9/v1", "{spec}");
    assert!(cluster.get(&format!("{path}/two")).await.is_null());

    let rules: Rules<'_> = &[(every, CHANNELS), ("get,patch", SECRETS)];
    let keeper = guest(&scene, "keeper", [rules, &[]]).await;
    let turned = json!({"id": "shop/one", "base_url": "http://localhost:7/v1", "key": "sk-new"});
    let turned = keeper.asks(put.0, put.1, Some(turned));
    assert_eq!(turned.status, 200, "{turned:?}");
    assert_eq!(turned.data()["base_url"], "http://localhost:7/v1");
}
