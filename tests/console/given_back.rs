//! A key that is read, changed in one thing and given back whole, as programs do it: what they did not change stays what it was.

use super::setup::{Answer, House};
use serde_json::{Value, json};

const MONTH: &str = r#"{"name": "month", "spec": {"validity": {"months": 1}, "models": {"allow": ["*"]},
    "channels": {"namespaces": ["demo"]}}}"#;
const ONE_CALL: &str = r#"{"name": "once", "spec": {"credits": {"grant": "1"}, "models": {"allow": ["*"]},
    "prices": [{"models": ["*"], "perRequest": "1"}], "channels": {"namespaces": ["demo"]}}}"#;

impl House {
    fn plan(&self, plan: &str) {
        let plan = serde_json::from_str(plan).unwrap();
        self.admin("POST", "/api/plan/", Some(plan)).data();
    }

    fn new_key(&self, name: &str, plan: &str) -> Value {
        let wish = json!({"name": name, "namespace": "demo", "plan": plan});
        self.admin("POST", "/api/token/", Some(wish)).data()
    }

    fn key(&self, name: &str) -> Value {
        let path = format!("/api/token/demo%2F{name}");
        self.admin("GET", &path, None).data()
    }

    /// Gives it back with these members changed.
    fn give_back(&self, mut key: Value, changes: Value) -> Answer {
        let changes = changes.as_object().unwrap().clone();
        key.as_object_mut().unwrap().extend(changes);
        self.admin("PUT", "/api/token/", Some(key))
    }

    /// What people wrote, of the members that are something.
    fn written(&self, name: &str) -> Value {
        let mut spec = self.key(name)["spec"].clone();
        spec.as_object_mut().unwrap().retain(|_, value| {
            let is_empty = value.as_array().is_some_and(Vec::is_empty);
            !value.is_null() && !is_empty && *value != false
        });
        spec
    }
}

#[tokio::test]
async fn a_key_given_back_is_not_pinned_to_the_end_of_its_plan() {
    let house = House::start().await;
    house.plan(MONTH);
    let made = house.new_key("renewed", "month");
    assert_eq!(house.chat(made["key"].as_str().unwrap()).status, 200);
    let mut house = house;
    let (console, token) = (house.console, house.token.clone());
    let begun = async |_: &_| {
        let key = super::setup::get(console, "/api/token/demo%2Frenewed", &token);
        key.data()["plan_expires"].is_u64().then(|| key.data())
    };
    let until = super::setup::SOON;
    let key = house
        .process
        .until("the plan's time to begin", until, begun);
    let key = key.await.unwrap();
    assert_eq!(key["expired_time"], -1, "it has no end of its own: {key}");
    let changed = house.give_back(key, json!({"models": ["demo-*"]})).data();
    assert_eq!(changed["expired_time"], -1);
    let spec = json!({"plan": "month", "models": ["demo-*"]});
    assert_eq!(house.written("renewed"), spec);
    // An end of its own stays, and can be taken away.
    let ends = json!({"expired_time": 32_472_144_000_i64});
    let ending = house.give_back(house.key("renewed"), ends).data();
    assert_eq!(ending["expired_time"], 32_472_144_000_i64);
    let mine = json!({"display_name": "Mine"});
    house.give_back(ending, mine).data();
    let end = &house.written("renewed")["expiresAt"];
    assert_eq!(end, "2999-01-01T00:00:00Z");
    let never = json!({"expired_time": -1});
    house.give_back(house.key("renewed"), never).data();
    assert!(house.written("renewed")["expiresAt"].is_null());
}

#[tokio::test]
async fn a_key_that_cannot_call_is_given_back_as_it_is_shown() {
    let mut house = House::start().await;
    house.plan(ONE_CALL);
    house.new_key("refused", "nowhere");
    house.new_key("ended", "free");
    let past = json!({"expired_time": 1_600_000_000});
    house.give_back(house.key("ended"), past).data();
    let spent = house.new_key("spent", "once");
    assert_eq!(house.chat(spent["key"].as_str().unwrap()).status, 200);
    let (console, token) = (house.console, house.token.clone());
    for (name, status) in [("ended", 3), ("spent", 4), ("refused", 5)] {
        let shown = async |_: &_| {
            let path = format!("/api/token/demo%2F{name}");
            let key = super::setup::get(console, &path, &token).data();
            (key["status"] == status).then_some(key)
        };
        let what = format!("{name} to be {status}");
        let key = house.process.until(&what, super::setup::SOON, shown).await;
        let (key, before) = (key.unwrap(), house.written(name));
        house.give_back(key, json!({})).data();
        assert_eq!(house.written(name), before, "{name}");
        let other = json!({"status": if status == 3 { 4 } else { 3 }});
        let refused = house.give_back(house.key(name), other);
        assert_eq!(refused.status, 422, "no status is made so: {refused:?}");
    }
    let free = json!({"plan": "free"});
    let mended = house.give_back(house.key("refused"), free).data();
    assert_eq!(mended["plan"], "free");
    let later = json!({"expired_time": -1});
    assert_eq!(
        house.give_back(house.key("ended"), later).data()["status"],
        1
    );
}
