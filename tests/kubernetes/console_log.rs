//! The log at the operator's console, of calls that sidecars made: by the lines of the hosted service's FAQ, and live.

use super::console::setup_tokens;
use super::operator::World;
use super::place::Place;
use super::pressure::figure;
use super::sidecar::Sidecar;
use super::stream::Stream;
use purser_config::stream::{FromOperator, FromSidecar};
use purser_tests::plain::{Answer, send};
use purser_tests::port::reserve;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::seed;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const PASSWORD: &str = "correct horse battery";
const SOON: Duration = Duration::from_secs(30);
/// How late a call may be shown, nineteen times of twenty.
const LIVE: Duration = Duration::from_secs(1);
const CALLS: usize = 20;

/// A cluster with an operator that has a console, its administrator `you`, and a sidecar whose key can call.
struct Scene {
    console: SocketAddr,
    token: String,
    place: Place,
    sidecar: Sidecar,
    provider: Provider,
}

impl Scene {
    async fn set() -> Scene {
        let console = reserve().unwrap();
        let world = World::own(&[&format!("--listen-console={console}")]).await;
        let setup = setup_tokens(&world, 1).await.remove(0);
        let body = json!({"token": setup, "username": "you", "password": PASSWORD});
        let made = send(console, "POST /api/user/setup", "", &body.to_string());
        let token = made.data()["token"].as_str().unwrap().to_owned();
        let place = Place::new(&world, "logged").await;
        let provider = Provider::start(Behaviour::healthy()).await.unwrap();
        let [secret, key] = place.key("key", "plan");
        let plan = place.plan("plan", "models: {allow: ['m']}");
        let channel = place.channel("one", &provider.url(), "{name: m}");
        place.apply(&[plan, channel, secret, key]).await;
        place.until_key("key", "True").await;
        let mut sidecar = place.sidecar("pod-0", &[]).await;
        sidecar.until_connected().await;
        let scene = Scene {
            console,
            token,
            place,
            sidecar,
            provider,
        };
        scene.until_callable().await;
        scene
    }

    /// Connected is a moment before configured.
    async fn until_callable(&self) {
        let (begun, key) = (Instant::now(), self.place.value("key"));
        while !self.sidecar.models(&key).await.contains(&"m".to_owned()) {
            assert!(begun.elapsed() < SOON, "the sidecar never knew its model");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let head = format!("authorization: {}\r\n", self.token);
        send(self.console, &format!("{method} {path}"), &head, body)
    }

    /// Tests the channel until the answer says this.
    async fn tested(&self, says: &str) -> Value {
        let path = format!("/api/channel/test/{}%2Fone", self.place.namespace);
        let begun = Instant::now();
        loop {
            let tested = self.get(&path).json();
            if tested["message"].as_str().unwrap().contains(says) {
                return tested;
            }
            assert!(begun.elapsed() < SOON, "never {says:?}: {tested}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// One call, to its last byte.
    async fn call(&self) {
        let answer = self.sidecar.chat("m", &self.place.value("key")).await;
        assert_eq!(answer.status(), 200);
        answer.body().await.unwrap();
    }

    /// Asks for what came after `after` until something did: that, and what to ask for next.
    async fn arrived(&self, after: &str) -> (Vec<Value>, String) {
        let begun = Instant::now();
        loop {
            let page = self.get(&format!("/api/log/?after={after}")).data();
            let items = page["items"].as_array().unwrap().clone();
            if !items.is_empty() {
                return (items, page["after"].as_str().unwrap().to_owned());
            }
            assert!(begun.elapsed() < SOON, "the call never came: {page}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn the_lines_of_the_faq_print_the_calls_that_a_sidecar_just_made() {
    let scene = Scene::set().await;
    for _ in 0..3 {
        scene.call().await;
    }
    let begun = Instant::now();
    let log = loop {
        let log = seed::lines(scene.console, PASSWORD).unwrap();
        if log["data"]["total"] == 3 {
            break log;
        }
        assert!(begun.elapsed() < SOON, "never three calls: {log}");
    };
    let key = format!("{}/key", scene.place.namespace);
    for item in log["data"]["items"].as_array().unwrap() {
        assert_eq!(
            (&item["token_name"], &item["model_name"], &item["status"]),
            (&key.as_str().into(), &"m".into(), &200.into())
        );
        for name in [
            "id",
            "timestamp",
            "usage",
            "latency_ms",
            "created_at",
            "quota",
        ] {
            assert!(!item[name].is_null(), "{name} is missing: {item}");
        }
    }
}

#[tokio::test]
async fn a_sidecars_call_is_in_the_live_tail_a_second_after_it_ended() {
    let scene = Scene::set().await;
    let page = scene.get("/api/log/").data();
    let mut after = page["after"].as_str().unwrap().to_owned();
    let mut shown = Vec::new();
    for _ in 0..CALLS {
        scene.call().await;
        let ended = Instant::now();
        let (items, next) = scene.arrived(&after).await;
        shown.push(ended.elapsed());
        assert_eq!(items.len(), 1, "one call, told once: {items:?}");
        after = next;
    }
    shown.sort();
    let late = shown[CALLS * 95 / 100 - 1];
    figure(&format!(
        "live tail in a cluster: {CALLS} calls shown after {:?} (median), {late:?} (p95), {:?} (latest)",
        shown[CALLS / 2],
        shown[CALLS - 1]
    ));
    assert!(late <= LIVE, "{shown:?}");
}

// The provider answers beside the test, which waits for the console meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_tested_by_a_sidecar_that_has_it_and_an_older_one_is_not_asked() {
    let mut scene = Scene::set().await;
    assert_eq!(scene.tested("lists").await["success"], true);
    let refuses = Behaviour::bad_credential();
    scene.provider.set(refuses).await.unwrap();
    let refused = scene.tested("401").await;
    assert_eq!(refused["success"], false, "{refused}");

    scene.sidecar.process.kill();
    let token = scene.place.token_of_pod("older").await;
    let world = &scene.place.world;
    let mut older = Stream::open(world, &token).await.ok().unwrap();
    let FromOperator::Snapshot { version, .. } = older.hello("older-1").await else {
        unreachable!("hello waits for a snapshot");
    };
    older.say(&FromSidecar::Ack(version));
    let nobody = scene.tested("no sidecar").await;
    assert_eq!(nobody["success"], false, "{nobody}");
    assert!(!older.told.contains("inquire"), "{}", older.told);
}

#[tokio::test]
async fn operator_and_sidecar_log_json_and_nothing_secret_of_a_walk_through_the_console() {
    let scene = Scene::set().await;
    let namespace = &scene.place.namespace;
    let user =
        json!({"username": "mate", "password": "canary-password", "role": 1, "namespaces": ["x"]});
    scene.ask("POST", "/api/user/", &user.to_string()).data();
    let plan = scene.place.wide("plan");
    let wish = json!({"name": "walked", "namespace": namespace, "plan": plan});
    let made = scene.ask("POST", "/api/token/", &wish.to_string()).data();
    let path = format!("/api/token/{namespace}%2Fwalked/rotate");
    let rotated = scene.ask("POST", &path, "").data();
    let wish = json!({"name": "walked", "namespace": namespace, "provider": "OpenAICompatible",
        "key": "sk-canary-credential", "base_url": "http://127.0.0.1:9/v1", "models": ["walked"]});
    scene.ask("POST", "/api/channel/", &wish.to_string()).data();
    scene.call().await;
    let value = scene.place.value("key");
    let secrets = [&made["key"], &rotated["key"]].map(|key| key.as_str().unwrap());
    let secrets = [&secrets[..], &["canary", &value, &scene.token]].concat();
    let logs = [scene.place.world.log(), scene.sidecar.process.stderr()];
    assert!(logs[0].contains("create key"), "{}", logs[0]);
    for line in logs.iter().flat_map(|log| log.lines()) {
        let read: Result<Value, _> = serde_json::from_str(line);
        assert!(read.is_ok_and(|line| line["level"].is_string()), "{line}");
        assert!(
            !secrets.iter().any(|secret| line.contains(secret)),
            "{line}"
        );
    }
}
