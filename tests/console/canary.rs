//! What is secret is in no log of `purser up`: a walk through the console with values that can be told, and a look at all that it said.

use super::setup::House;
use serde_json::json;

const PASSWORD: &str = "canary-password-of-a-person";
const CREDENTIAL: &str = "sk-canary-credential-of-a-channel";

#[tokio::test]
async fn no_password_key_or_credential_of_a_walk_through_the_console_is_logged() {
    let loud = [("PURSER_LOG", "debug")];
    let house = House::start_at("127.0.0.1:0", &loud).await;
    let user = json!({"username": "mate", "password": PASSWORD, "role": 5, "namespaces": ["demo"]});
    house.admin("POST", "/api/user/", Some(user)).data();
    let login = |password: &str| {
        let wish = json!({"username": "mate", "password": password});
        house.ask("POST", "/api/user/login", None, Some(wish))
    };
    let session = login(PASSWORD).data()["token"].as_str().unwrap().to_owned();
    assert_eq!(login("canary-password-that-is-wrong").status, 401);
    let changed = json!({"password": "canary-password-the-next", "original_password": PASSWORD});
    house
        .ask("PUT", "/api/user/self", Some(&session), Some(changed))
        .data();

    let wish = json!({"name": "walked", "namespace": "demo", "plan": "free"});
    let key = house
        .ask("POST", "/api/token/", Some(&session), Some(wish))
        .data();
    let path = "/api/token/demo%2Fwalked/rotate";
    let rotated = house.ask("POST", path, Some(&session), None).data();
    let values = [&key, &rotated].map(|key| key["key"].as_str().unwrap().to_owned());
    for value in &values {
        house.chat(value);
        house.ask("GET", "/api/log/", Some(value), None);
    }
    let channel = json!({"name": "walked", "namespace": "shop", "provider": "OpenAICompatible", "key": CREDENTIAL,
        "base_url": "http://127.0.0.1:9/v1", "models": ["walked"]});
    house.admin("POST", "/api/channel/", Some(channel)).data();
    house.admin("GET", "/api/channel/test/shop%2Fwalked", None);
    let next = json!({"id": "shop/walked", "key": format!("{CREDENTIAL}-next")});
    house.admin("PUT", "/api/channel/", Some(next)).data();

    let log = house.process.stderr();
    assert!(
        log.contains("create key"),
        "the log was not looked at: {log}"
    );
    let walked = [&values[0], &values[1], &session, &house.token];
    let secret = |line: &&str| {
        line.contains("canary") || walked.iter().any(|value| line.contains(value.as_str()))
    };
    assert_eq!(log.lines().find(secret), None);
    // It prints the values of keys for whoever started it, and nothing else of this.
    let printed = house.process.stdout();
    let mut others = printed.lines().filter(|line| !line.starts_with("key "));
    assert_eq!(others.find(secret), None);
}
