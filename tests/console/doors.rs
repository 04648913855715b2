//! No route answers without the right credential, whatever it is called with; and what every answer says to a browser.

use super::setup::House;
use purser_console::{Door, doors};
use serde_json::json;

/// A path that a door opens onto.
fn path(door: &Door) -> String {
    door.path.replace("{id}", "1")
}

#[tokio::test]
async fn no_route_answers_without_the_right_credential() {
    let house = House::start().await;
    let key = house.demo_key();
    let viewer = house.person("viewer", 1, &["shop"]);
    let team = house.person("team", 5, &["shop"]);
    let ended = house.person("gone", 10, &[]);
    let left = house.ask("GET", "/api/user/logout", Some(&ended), None);
    assert_eq!(left.status, 200);
    let bearer = format!("Bearer {key}");
    let mut walked = 0;
    for door in doors() {
        let ask = |credential: Option<&str>| {
            house
                .ask(&door.method, &path(&door), credential, Some(json!({})))
                .status
        };
        let wrong = [
            None,
            Some(""),
            Some("ps-wrong"),
            Some("Bearer ps-wrong"),
            Some("Basic eDp5"),
            Some(ended.as_str()),
        ];
        let refused = |wrong: &[Option<&str>], others: [&str; 2]| {
            for credential in wrong.iter().copied().chain(others.map(Some)) {
                assert_eq!(ask(credential), 401, "{door:?} with {credential:?}");
            }
        };
        match door.who {
            "anyone" => continue,
            "a signature" => assert_eq!(ask(Some(house.token.as_str())), 401, "{door:?}"),
            "an API key" => {
                refused(&wrong, [house.token.as_str(), "sk-wrong"]);
            }
            who => {
                refused(&wrong, [key.as_str(), bearer.as_str()]);
                if who != "session" {
                    assert_eq!(ask(Some(&viewer)), 403, "{door:?} as a viewer");
                }
                if who == "administrator" {
                    assert_eq!(ask(Some(&team)), 403, "{door:?} as a team");
                }
            }
        }
        walked += 1;
    }
    assert!(walked > 30, "{walked} doors");
}

#[tokio::test]
async fn each_refusal_says_which_credential_is_which() {
    let house = House::start().await;
    let key = house.demo_key();
    let on_api = house.ask("GET", "/api/log/", Some(&key), None);
    assert!(
        on_api.message().contains("this is an API key"),
        "{on_api:?}"
    );
    let on_v1 = house.chat(&house.token);
    assert_eq!(on_v1.status, 401);
    assert!(
        on_v1.text.contains("session token of the management API"),
        "{on_v1:?}"
    );
    let of_key = house.ask("GET", "/api/usage/token", Some(&house.token), None);
    assert!(
        of_key.message().contains("this is a session token"),
        "{of_key:?}"
    );
}

#[tokio::test]
async fn another_teams_session_sees_nothing_and_changes_nothing() {
    let house = House::start().await;
    let shop = house.person("shop", 5, &["shop"]);
    let ask = |method: &str, path: &str, body| house.ask(method, path, Some(&shop), body);
    let listed = ask("GET", "/api/token/", None).data();
    assert_eq!(
        (&listed["total"], &listed["items"][0]["name"]),
        (&1.into(), &"first".into())
    );
    let theirs = "other%2Fsecond";
    let suspend = Some(json!({"suspended": true}));
    for (method, path, body) in [
        ("GET", format!("/api/token/{theirs}"), None),
        ("DELETE", format!("/api/token/{theirs}"), None),
        ("POST", format!("/api/token/{theirs}/rotate"), None),
        ("POST", format!("/api/token/{theirs}/suspend"), suspend),
        (
            "PUT",
            "/api/token/".to_owned(),
            Some(json!({"id": "other/second", "plan": "x"})),
        ),
        (
            "POST",
            "/api/token/batch".to_owned(),
            Some(json!({"ids": ["other/second"]})),
        ),
        ("GET", "/api/channel/demo%2Fsteady".to_owned(), None),
    ] {
        assert_eq!(ask(method, &path, body).status, 404, "{method} {path}");
    }
    let into = Some(json!({"name": "new", "namespace": "other", "plan": "team"}));
    assert_eq!(ask("POST", "/api/token/", into).status, 403);
    house.chat(&house.demo_key());
    assert_eq!(ask("GET", "/api/log/", None).data()["total"], 0);
    assert_eq!(
        ask("GET", "/api/log/?namespace=demo", None).data()["total"],
        0
    );
}

#[tokio::test]
async fn no_other_site_can_frame_it_read_it_or_act_through_it() {
    let house = House::start().await;
    for path in ["/", "/page/app.js", "/api/status", "/api/log/", "/nothing"] {
        let answer = house.ask("GET", path, None, None);
        for header in [
            "content-security-policy: default-src 'self'",
            "frame-ancestors 'none'",
            "x-frame-options: deny",
            "x-content-type-options: nosniff",
        ] {
            assert!(
                answer.head.contains(header),
                "{path}: {header}: {}",
                answer.head
            );
        }
        for header in ["set-cookie", "access-control-allow"] {
            assert!(!answer.head.contains(header), "{path}: {}", answer.head);
        }
        let stored = !path.starts_with("/api") || answer.head.contains("cache-control: no-store");
        assert!(stored, "{path}: {}", answer.head);
    }
    assert_eq!(house.ask("OPTIONS", "/api/log/", None, None).status, 405);
    let long = json!({"username": "x".repeat(2 << 20), "password": ""});
    assert_eq!(
        house
            .ask("POST", "/api/user/login", None, Some(long))
            .status,
        413
    );
}
