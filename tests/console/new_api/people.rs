//! Rows about people: sessions, oneself, users.

use super::{good, has, refused};
use crate::console::setup::{House, PASSWORD};
use serde_json::{Value, json};

#[tokio::test]
async fn they_log_in_and_find_the_token_under_both_names() {
    let house = House::start().await;
    let login = json!({"username": "you", "password": PASSWORD});
    let data = good(&house.ask("POST", "/api/user/login", None, Some(login)));
    has(&data, "id username display_name role status group");
    let token = data["token"].as_str().unwrap();
    assert_eq!(data["access_token"], token);
    for written in [token.to_owned(), format!("Bearer {token}")] {
        let own = house.ask("GET", "/api/user/self", Some(&written), None);
        assert_eq!(good(&own)["username"], "you");
    }
    let wrong = json!({"username": "you", "password": "not the password"});
    refused(
        &house.ask("POST", "/api/user/login", None, Some(wrong)),
        401,
    );
}

#[tokio::test]
async fn they_read_and_change_themselves_and_log_out() {
    let house = House::start().await;
    assert_eq!(house.get("/api/user/self")["role"], 10);
    let name = json!({"display_name": "The purser"});
    let changed = good(&house.admin("PUT", "/api/user/self", Some(name)));
    assert_eq!(changed["display_name"], "The purser");
    assert_eq!(house.get("/api/user/self")["display_name"], "The purser");
    house.get("/api/user/logout");
    refused(&house.admin("GET", "/api/user/self", None), 401);
}

#[tokio::test]
async fn they_make_list_read_and_manage_users() {
    let house = House::start().await;
    let wish = json!({"username": "mate", "password": PASSWORD, "display_name": "First mate"});
    let made = house.post("/api/user/", wish);
    let id = &made["id"];
    assert_eq!((&made["role"], &made["status"]), (&1.into(), &1.into()));
    let page = house.get("/api/user/?p=1&page_size=1");
    assert_eq!(
        (&page["total"], &page["page"], &page["page_size"]),
        (&2.into(), &1.into(), &1.into())
    );
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let read = |id: &Value| house.get(&format!("/api/user/{id}"));
    assert_eq!(read(id)["username"], "mate");
    for (action, name, expected) in [
        ("promote", "role", 5),
        ("demote", "role", 1),
        ("disable", "status", 2),
        ("enable", "status", 1),
    ] {
        let managed = house.post("/api/user/manage", json!({"id": id, "action": action}));
        assert_eq!(
            (&managed[name], &read(id)[name]),
            (&expected.into(), &expected.into()),
            "{action}"
        );
    }
    house.post("/api/user/manage", json!({"id": id, "action": "delete"}));
    refused(&house.admin("GET", &format!("/api/user/{id}"), None), 404);
    let register = json!({"username": "x", "password": PASSWORD});
    refused(
        &house.ask("POST", "/api/user/register", None, Some(register)),
        405,
    );
}
