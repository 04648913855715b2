//! What the API changes is what the files say, and the other way round.

use super::setup::{House, SOON};
use serde_json::json;

#[tokio::test]
async fn a_change_is_an_edit_that_keeps_every_comment_outside_the_object() {
    let house = House::start().await;
    let suspend = Some(json!({"suspended": true}));
    let changed = house.admin("POST", "/api/token/shop%2Ffirst/suspend", suspend);
    assert_eq!(changed.data()["status"], 2);
    let file = house.file("all.yaml");
    for kept in [
        "# plans of the house\n",
        "spec: # sixty a minute\n",
        "# the shop's first key\n",
        "# the end\n",
        "metadata: {name: second, namespace: other}\n",
    ] {
        assert!(file.contains(kept), "{kept:?} is gone:\n{file}");
    }
    assert!(file.contains("suspended: true"), "{file}");
}

#[tokio::test]
async fn a_change_by_hand_shows_and_one_decided_on_old_facts_is_a_conflict() {
    let mut house = House::start().await;
    let before = house.admin("GET", "/api/token/shop%2Ffirst", None).data();
    let text = house.file("all.yaml").replace(
        "name: first, namespace: shop}\nspec: {plan: team}",
        "name: first, namespace: shop}\nspec: {plan: team, displayName: By hand}",
    );
    std::fs::write(house.folder.path().join("all.yaml"), text).unwrap();
    let late = json!({"id": before["id"], "version": before["version"], "display_name": "Late"});
    let conflict = house.admin("PUT", "/api/token/", Some(late.clone()));
    assert_eq!(conflict.status, 409, "{conflict:?}");
    let (address, token) = (house.console, house.token.clone());
    let seen = async |_: &_| {
        let client = super::setup::get(address, "/api/token/shop%2Ffirst", &token);
        (client.data()["display_name"] == "By hand").then_some(())
    };
    house
        .process
        .until("the change by hand", SOON, seen)
        .await
        .unwrap();
    let now = house.admin("GET", "/api/token/shop%2Ffirst", None).data();
    let again = json!({"id": before["id"], "version": now["version"], "display_name": "In time"});
    assert_eq!(
        house.admin("PUT", "/api/token/", Some(again)).data()["display_name"],
        "In time"
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_nothing_is_written() {
    let house = House::start().await;
    let before = house.file("all.yaml");
    let wrong = json!({"models": {"allow": "x"}});
    for (method, path, body, status) in [
        (
            "POST",
            "/api/plan/",
            json!({"name": "p", "spec": {"limits": {"requestsPerMinute": 0}}}),
            422,
        ),
        ("POST", "/api/plan/", json!({"name": "P!", "spec": {}}), 422),
        (
            "POST",
            "/api/plan/",
            json!({"name": "team", "spec": {"models": {"allow": ["*"]}}}),
            409,
        ),
        (
            "POST",
            "/api/token/",
            json!({"name": "first", "namespace": "shop", "plan": "team"}),
            409,
        ),
        (
            "POST",
            "/api/token/",
            json!({"name": "!!", "plan": "team"}),
            422,
        ),
        (
            "PUT",
            "/api/plan/",
            json!({"name": "team", "spec": wrong}),
            422,
        ),
        ("PUT", "/api/plan/", json!({"name": "no", "spec": {}}), 404),
        ("DELETE", "/api/plan/nowhere", json!({}), 404),
        ("POST", "/api/token/", json!([]), 422),
    ] {
        let answer = house.admin(method, path, Some(body));
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert_eq!(answer.json()["success"], false);
    }
    assert_eq!(house.file("all.yaml"), before);
    let plan = json!({"name": "new", "spec": {"models": {"allow": ["a", "on"]}, "limits": {"requestsPerMinute": 5}}});
    let made = house.admin("POST", "/api/plan/", Some(plan)).data();
    assert_eq!(made["limits"]["requestsPerMinute"], 5);
    assert!(house.file("plan-new.yaml").contains("requestsPerMinute: 5"));
    assert_eq!(house.admin("DELETE", "/api/plan/new", None).status, 200);
}
