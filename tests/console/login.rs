//! Logging in, and what cannot be learned or kept by trying.

use super::setup::{House, PASSWORD};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn login(house: &House, name: &str, password: &str) -> super::setup::Answer {
    let body = json!({"username": name, "password": password});
    house.ask("POST", "/api/user/login", None, Some(body))
}

#[tokio::test]
async fn a_wrong_login_tells_nothing_about_who_exists() {
    let house = House::start().await;
    let mut took = [Duration::MAX; 2];
    for _ in 0..4 {
        for (at, name) in ["you", "nobody"].into_iter().enumerate() {
            let began = Instant::now();
            let answer = login(&house, name, "wrong");
            took[at] = took[at].min(began.elapsed());
            assert_eq!(
                (answer.status, answer.message()),
                (401, "username or password is wrong".into())
            );
        }
    }
    let [known, unknown] = took.map(|took| took.as_secs_f64());
    // Without the work for nobody it would be a hundredth.
    assert!(
        unknown > known / 3.0 && known > unknown / 3.0,
        "{known} s and {unknown} s"
    );
}

#[tokio::test]
async fn after_six_wrong_passwords_a_name_waits_whether_it_exists_or_not() {
    let house = House::start().await;
    for name in ["you", "nobody"] {
        for _ in 0..6 {
            assert_eq!(login(&house, name, "wrong").status, 401);
        }
        let locked = login(&house, name, PASSWORD);
        assert_eq!(locked.status, 429, "{name}");
        assert!(locked.head.contains("retry-after: 1"), "{}", locked.head);
    }
}

#[tokio::test]
async fn a_token_that_somebody_brought_along_never_becomes_a_session() {
    let house = House::start().await;
    let brought = "ps-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let body = json!({"username": "you", "password": PASSWORD});
    let answer = house.ask("POST", "/api/user/login", Some(brought), Some(body));
    assert_ne!(answer.data()["token"], brought);
    assert_eq!(
        house
            .ask("GET", "/api/user/self", Some(brought), None)
            .status,
        401
    );
}

#[tokio::test]
async fn the_first_administrator_is_made_once() {
    let house = House::start().await;
    let printed = house.process.stdout();
    let token = printed
        .split("one-time token ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    let body = json!({"token": token, "username": "other", "password": PASSWORD});
    assert_eq!(
        house
            .ask("POST", "/api/user/setup", None, Some(body))
            .status,
        409
    );
    assert_eq!(
        house.ask("GET", "/api/status", None, None).data()["setup"],
        false
    );
}

#[tokio::test]
async fn a_password_ends_the_other_sessions_and_a_disabled_user_has_none() {
    let house = House::start().await;
    let one = house.person("lee", 5, &["shop"]);
    let other = login(&house, "lee", PASSWORD).data()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let this = |token: &str| house.ask("GET", "/api/user/self", Some(token), None).status;
    let new = json!({"original_password": PASSWORD, "password": "another password"});
    assert_eq!(
        house
            .ask("PUT", "/api/user/self", Some(&one), Some(new))
            .status,
        200
    );
    assert_eq!((this(&one), this(&other)), (200, 401));
    let users = house.admin("GET", "/api/user/", None).data();
    let is_lee = |user: &&Value| user["username"] == "lee";
    let lee = users["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(is_lee)
        .unwrap()["id"]
        .clone();
    let disable = json!({"id": lee, "action": "disable"});
    assert_eq!(
        house
            .admin("POST", "/api/user/manage", Some(disable))
            .data()["status"],
        2
    );
    assert_eq!(this(&one), 401);
    assert_eq!(login(&house, "lee", "another password").status, 401);
    let deeds = house.admin("GET", "/api/audit/", None).data();
    assert!(
        deeds["items"][0]["detail"]
            .as_str()
            .unwrap()
            .starts_with("Disable"),
        "{deeds}"
    );
}
