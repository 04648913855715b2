//! A key's life by calls: made, used, seen, suspended, rotated, topped up, deleted.

use super::setup::House;
use serde_json::json;

#[tokio::test]
async fn a_key_is_made_used_suspended_rotated_topped_up_and_deleted() {
    let house = House::start().await;
    let wish = json!({"name": "CI bot", "namespace": "demo", "plan": "free", "models": ["demo-*"]});
    let made = house.admin("POST", "/api/token/", Some(wish)).data();
    let (id, key) = (made["id"].as_u64().unwrap(), made["key"].as_str().unwrap());
    assert_eq!(
        (&made["name"], &made["display_name"]),
        (&"ci-bot".into(), &"CI bot".into())
    );
    assert_eq!(house.chat(key).status, 200);
    let at = |rest: &str| format!("/api/token/{id}{rest}");
    assert!(
        house.admin("GET", &at(""), None).data()["key"].is_null(),
        "told once"
    );

    let post = |rest: &str, body| house.admin("POST", &at(rest), Some(body)).data();
    let suspended = post("/suspend", json!({"suspended": true}));
    assert_eq!(suspended["status"], 2);
    assert_eq!(house.chat(key).status, 403);
    post("/suspend", json!({"suspended": false}));

    let rotated = post("/rotate", json!({"overlap_seconds": 0}));
    let new = rotated["key"].as_str().unwrap();
    assert_eq!((house.chat(key).status, house.chat(new).status), (401, 200));

    let before = post("/suspend", json!({"suspended": false}))["remain_quota"]
        .as_u64()
        .unwrap();
    for _ in 0..2 {
        post("/topup", json!({"amount": 7_000_000, "id": "invoice-1"}));
    }
    let used = house
        .ask(
            "GET",
            "/api/usage/token/",
            Some(&format!("Bearer {new}")),
            None,
        )
        .json();
    let left = used["data"]["total_available"].as_u64().unwrap();
    assert!(
        left <= before + 7_000_000 && left > before,
        "{left} after {before}"
    );
    let other = json!({"amount": 8_000_000, "id": "invoice-1"});
    assert_eq!(house.admin("POST", &at("/topup"), Some(other)).status, 409);

    assert_eq!(house.admin("DELETE", &at(""), None).status, 200);
    assert_eq!(house.admin("GET", &at(""), None).status, 404);
    assert_eq!(house.chat(new).status, 401);
}

#[tokio::test]
async fn a_channel_is_made_tested_and_its_credential_never_told() {
    let house = House::start().await;
    let steady = house
        .admin("GET", "/api/channel/demo%2Fsteady", None)
        .data();
    let tested = house
        .admin("GET", &format!("/api/channel/test/{}", steady["id"]), None)
        .json();
    assert_eq!(tested["success"], true, "{tested}");
    let wish = json!({"channel": {"name": "dead", "namespace": "shop", "type": 1, "key": "sk-provider",
        "base_url": "http://127.0.0.1:9/v1", "models": "gpt-4o,gpt-4o-mini"}});
    let made = house.admin("POST", "/api/channel/", Some(wish));
    assert_eq!(made.data()["models"], json!(["gpt-4o", "gpt-4o-mini"]));
    assert!(!made.text.contains("sk-provider"));
    let file = house.file("providerchannel-shop-dead.yaml");
    assert!(
        file.contains("purser.dev/credential") && file.contains("sk-provider"),
        "{file}"
    );
    let id = &made.data()["id"];
    let dead = house
        .admin("GET", &format!("/api/channel/test/{id}"), None)
        .json();
    assert_eq!(dead["success"], false);
    let told = house.admin("GET", "/api/channel/?keyword=gpt-4o", None);
    assert_eq!(told.data()["total"], 1);
    assert!(!told.text.contains("sk-provider"));

    let elsewhere = json!({"id": id, "base_url": "http://localhost:8/v1"});
    let refused = house.admin("PUT", "/api/channel/", Some(elsewhere));
    assert_eq!(refused.status, 422, "a key is of one host: {refused:?}");
    let wish = json!({"id": id, "key": "sk-replaced", "base_url": "http://127.0.0.1:8/v1"});
    let changed = house.admin("PUT", "/api/channel/", Some(wish));
    assert_eq!(changed.status, 200, "{changed:?}");
    assert!(!changed.text.contains("sk-replaced"));
    let file = house.file("providerchannel-shop-dead.yaml");
    let replaced = file.contains("sk-replaced") && !file.contains("sk-provider");
    assert!(replaced && file.contains("127.0.0.1:8"), "{file}");
    let wish = json!({"id": "demo/steady", "key": "sk-mine"});
    let first = house.admin("PUT", "/api/channel/", Some(wish));
    assert_eq!(
        first.status, 200,
        "a channel without any is given one: {first:?}"
    );
    let gone = house.admin("DELETE", &format!("/api/channel/{id}"), None);
    assert_eq!(gone.status, 200, "{gone:?}");
    let file = house.file("providerchannel-shop-dead.yaml");
    assert!(
        !file.contains("sk-replaced"),
        "its Secret goes with it: {file}"
    );
}
