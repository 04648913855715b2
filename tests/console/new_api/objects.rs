//! Rows about objects: keys, channels, models and prices.

use super::{good, has, refused};
use crate::console::setup::House;
use serde_json::{Value, json};

#[tokio::test]
async fn they_make_find_change_and_delete_keys() {
    let house = House::start().await;
    let wish = |name: &str| {
        json!({"name": name, "namespace": "demo", "plan": "free", "expired_time": -1,
            "unlimited_quota": true, "remain_quota": 0, "model_limits_enabled": true, "model_limits": "demo-chat"})
    };
    let made = house.post("/api/token/", wish("One of theirs"));
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("sk-"), "{made}");
    assert_eq!(house.chat(key).status, 200);
    let id = made["id"].clone();
    let page = house.get("/api/token/?p=1&size=100");
    assert!(
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["id"] == id)
    );
    let found = house.get("/api/token/search?keyword=theirs");
    assert_eq!(
        (&found["total"], &found["items"][0]["id"]),
        (&1.into(), &id)
    );
    let one = house.get(&format!("/api/token/{id}"));
    has(
        &one,
        "name status created_time expired_time unlimited_quota used_quota",
    );
    assert!(one["key"].is_null(), "its value is told once");
    let off = json!({"id": id, "status": 2});
    assert_eq!(
        good(&house.admin("PUT", "/api/token/", Some(off)))["status"],
        2
    );
    assert_eq!(house.chat(key).status, 403);
    let gone = house.admin("DELETE", &format!("/api/token/{id}"), None);
    good(&gone);
    assert_eq!(house.chat(key).status, 401);
    let ids: Vec<Value> = ["two", "three"]
        .into_iter()
        .map(|name| house.post("/api/token/", wish(name))["id"].clone())
        .collect();
    assert_eq!(house.post("/api/token/batch", json!({"ids": ids})), 2);
    assert_eq!(house.get("/api/token/search?keyword=demo")["total"], 1);
}

#[tokio::test]
async fn they_make_find_change_and_delete_channels() {
    let house = House::start().await;
    let bare = json!({"name": "bare", "namespace": "shop", "type": 1, "key": "sk-one", "models": "gpt-4o,gpt-4o-mini"});
    let wrapped = json!({"mode": "single", "channel": {"name": "wrapped", "namespace": "shop", "type": 14, "key": "sk-two", "models": "claude"}});
    let [one, other] = [bare, wrapped].map(|wish| house.post("/api/channel/", wish));
    assert_eq!(
        (&one["type"], &one["provider"]),
        (&1.into(), &"OpenAI".into())
    );
    assert_eq!(
        (&other["type"], &other["provider"]),
        (&14.into(), &"Anthropic".into())
    );
    has(&house.get("/api/channel/?p=1&page_size=100"), "total items");
    let found = house.get("/api/channel/search?keyword=bare&model=gpt-4o");
    assert_eq!(
        (&found["total"], &found["items"][0]["id"]),
        (&1.into(), &one["id"])
    );
    let change = json!({"id": one["id"], "priority": 7, "models": "gpt-4o"});
    let changed = good(&house.admin("PUT", "/api/channel/", Some(change)));
    assert_eq!(
        (&changed["priority"], &changed["models"]),
        (&7.into(), &json!(["gpt-4o"]))
    );
    let at = format!("/api/channel/{}", one["id"]);
    assert_eq!(house.get(&at)["name"], "bare");
    good(&house.admin("DELETE", &at, None));
    refused(&house.admin("GET", &at, None), 404);
}

#[tokio::test]
async fn they_test_a_channel() {
    let house = House::start().await;
    let steady = house.get("/api/channel/demo%2Fsteady")["id"].clone();
    let tested = house.admin("GET", &format!("/api/channel/test/{steady}"), None);
    assert_eq!(tested.status, 200);
    let tested = tested.json();
    assert_eq!(tested["success"], true, "{tested}");
    assert!(tested["message"].is_string() && tested["time"].is_number());
}

#[tokio::test]
async fn they_ask_which_models_there_are_at_which_price_and_what_this_is() {
    let house = House::start().await;
    let models = house.get("/api/models");
    let models = models.as_array().unwrap();
    assert!(models.iter().any(|one| one["model_name"] == "demo-chat"));
    let pricing = house.get("/api/pricing");
    has(
        &pricing[0],
        "model_name quota_type enable_groups supported_endpoint_types",
    );
    let status = good(&house.ask("GET", "/api/status", None, None));
    has(&status, "version start_time system_name quota_per_unit");
}

#[tokio::test]
async fn they_are_told_of_a_limit_that_no_key_here_can_have() {
    let house = House::start().await;
    let ask = |method: &str, more: Value| {
        let mut wish = json!({"name": "bound", "namespace": "demo", "id": "demo/kept"});
        wish.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        house.admin(method, "/api/token/", Some(wish))
    };
    let kept = json!({"name": "kept", "plan": "free", "allow_ips": "", "subnet": null, "group": "", "cross_group_retry": false});
    good(&ask("POST", kept));
    for more in [
        json!({"allow_ips": "10.0.0.0/8"}),
        json!({"subnet": "10.0.0.0/8"}),
        json!({"remain_quota": 500_000}),
        json!({"remain_quota": 500_000, "unlimited_quota": false}),
        json!({"group": "vip"}),
        json!({"group": "team", "plan": "free"}),
    ] {
        let name = more.as_object().unwrap().keys().next().unwrap();
        let mut made = more.clone();
        made["plan"] = more["plan"].as_str().unwrap_or("team").into();
        for answer in [ask("POST", made), ask("PUT", more.clone())] {
            // The other name of the plan that it is on already asks for nothing.
            if name == "group" && answer.status == 200 {
                assert_eq!(answer.data()["plan"], "team");
                continue;
            }
            refused(&answer, 422);
            let message = answer.message();
            assert!(message.contains(name.as_str()), "{name}: {message}");
        }
    }
    let listed = house.get("/api/token/search?keyword=bound");
    assert_eq!(listed["total"], 0, "nothing is made by half: {listed}");
}

#[tokio::test]
async fn they_name_models_and_the_plan_as_either_of_them_does() {
    let house = House::start().await;
    let wish = json!({"name": "theirs", "namespace": "demo", "group": "free", "models": "demo-chat, text-*"});
    let made = house.post("/api/token/", wish);
    assert_eq!(
        (&made["plan"], &made["models"]),
        (&"free".into(), &json!(["demo-chat", "text-*"]))
    );
    let put = |more: Value| {
        let mut key = house.get("/api/token/demo%2Ftheirs");
        key.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        good(&house.admin("PUT", "/api/token/", Some(key)))
    };
    assert_eq!(put(json!({"group": "team"}))["plan"], "team");
    let narrowed = put(json!({"model_limits": "demo-chat"}));
    assert_eq!(narrowed["models"], json!(["demo-chat"]));
}
