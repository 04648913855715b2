//! Every route of the table, asked by whoever was right once, or is right elsewhere: a session whose time is over, another team's session,
//! a signature by another secret. `doors` asks them by whoever never was.

use super::setup::{Answer, House, PASSWORD, SOON};
use purser_authority::ledger::{Ledger, Session};
use purser_console::{Door, doors};
use purser_tests::plain::send;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

const HOUR_MS: u64 = 3_600_000;
const OVER: &str = "ps-the-session-of-the-day-before-yesterday-0000";
const OPEN: &str = "ps-the-session-that-is-put-beside-it-to-compare";
/// What is in the namespaces of others, and by which name it would be known.
const THEIRS: [&str; 4] = ["other/second", "demo/you", "demo/steady", "demo/flaky"];

fn now_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since_epoch.as_millis()).unwrap()
}

/// Two sessions of the first administrator: one that is over, one that is not.
async fn open_sessions(ledger: &Path) {
    let ledger = Ledger::sqlite(ledger).await.unwrap();
    let now_ms = now_ms();
    for (token, made_ms, ends_ms) in [
        (OPEN, now_ms, now_ms + 12 * HOUR_MS),
        (OVER, now_ms - 13 * HOUR_MS, now_ms - HOUR_MS),
    ] {
        let digest = Sha256::digest(token.as_bytes());
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let session = Session {
            digest,
            user: 1,
            made_ms,
            seen_ms: made_ms,
            ends_ms,
        };
        ledger.open_session(session).await.unwrap();
    }
}

#[tokio::test]
async fn no_route_answers_a_session_whose_time_is_over() {
    let data = tempfile::tempdir().unwrap();
    let kept = ["--data-dir", data.path().to_str().unwrap()];
    let arguments = [&["--console", "127.0.0.1:0"][..], &kept].concat();
    let mut house = House::up(&arguments, &[]).await;
    let line = "          no user exists yet";
    let told = house.process.until_prints(line, SOON).await.unwrap();
    let setup =
        json!({"token": told.rsplit(' ').next().unwrap(), "username": "you", "password": PASSWORD});
    house
        .ask("POST", "/api/user/setup", None, Some(setup))
        .data();
    assert!(house.process.end(SOON).await.unwrap().success());
    open_sessions(&data.path().join("ledger.db")).await;
    let house = House::up(&arguments, &[]).await;
    let own = |token: &str| house.ask("GET", "/api/user/self", Some(token), None);
    assert_eq!(
        own(OPEN).data()["username"],
        "you",
        "else this proves nothing"
    );
    let mut walked = 0;
    for door in doors() {
        if door.who == "anyone" {
            continue;
        }
        let path = door.path.replace("{id}", "1");
        for credential in [OVER.to_owned(), format!("Bearer {OVER}")] {
            let answer = house.ask(&door.method, &path, Some(&credential), Some(json!({})));
            assert_eq!(answer.status, 401, "{door:?}: {answer:?}");
        }
        walked += 1;
    }
    assert!(walked > 30, "{walked} doors");
}

/// What a door is asked for that is another team's: its path, and a body that would do if it were theirs.
fn theirs(door: &Door) -> Vec<(String, serde_json::Value)> {
    let ids = match door.path {
        path if path.starts_with("/api/token") => "other%2Fsecond",
        path if path.starts_with("/api/channel") => "demo%2Fsteady",
        _ => "1",
    };
    let path = door.path.replace("{id}", ids);
    let body = json!({
        "id": "other/second", "ids": ["shop/first", "other/second"], "name": "theirs", "namespace": "other",
        "plan": "team", "suspended": true, "display_name": "Mine",
    });
    let queries: &[&str] = match door.path {
        "/api/log" | "/api/log/self" | "/api/log/stat" | "/api/log/self/stat" => &[
            "?namespace=demo",
            "?token_name=demo/you",
            "?channel=demo/steady",
            "?after=@0",
        ],
        "/api/log/refused" => &["?namespace=demo", "?token_name=demo/you"],
        "/api/data" => &[
            "?by=key,channel,namespace",
            "?by=key&namespace=demo",
            "?by=channel&channel=demo/steady",
        ],
        "/api/token" | "/api/token/search" if door.method == "GET" => {
            &["?namespace=other", "?keyword=second", "?page_size=100"]
        }
        "/api/channel" | "/api/channel/search" if door.method == "GET" => {
            &["?namespace=demo", "?keyword=steady", "?model=demo-chat"]
        }
        "/api/statement" => &[
            "?of=key",
            "?of=key&name=demo/you",
            "?of=namespace&name=demo",
            "?format=csv",
        ],
        _ => &[],
    };
    let asked = queries.iter().map(|query| format!("{path}{query}"));
    let mut asked: Vec<String> = asked.collect();
    asked.push(path.clone());
    asked.into_iter().map(|path| (path, body.clone())).collect()
}

/// Whether somebody of another team may be answered so.
fn tells_nothing(answer: &Answer) -> bool {
    let is_hidden = matches!(answer.status, 403 | 404);
    let tells = THEIRS.iter().any(|name| answer.text.contains(name));
    is_hidden || (answer.status == 200 && !tells)
}

#[tokio::test]
async fn no_route_shows_or_changes_what_is_another_teams() {
    let house = House::start().await;
    let key = house.demo_key();
    assert_eq!(house.chat(&key).status, 200);
    let shop = house.person("shop", 5, &["shop"]);
    let before = house.file("all.yaml");
    let mut walked = 0;
    for door in doors() {
        if !matches!(
            door.who,
            "session" | "session that may write" | "administrator"
        ) || matches!(door.path, "/api/user/logout")
        {
            continue;
        }
        for (path, body) in theirs(&door) {
            let body = (door.method != "GET").then_some(body);
            let answer = house.ask(&door.method, &path, Some(&shop), body);
            assert!(tells_nothing(&answer), "{door:?} at {path}: {answer:?}");
            if door.who == "administrator" {
                assert_eq!(answer.status, 403, "{door:?} at {path}");
            }
            walked += 1;
        }
    }
    assert!(walked > 50, "{walked} calls");
    assert_eq!(house.file("all.yaml"), before, "and nothing is changed");
    let first = house.admin("GET", "/api/token/shop%2Ffirst", None);
    assert_eq!(first.status, 200, "no batch is done by half");
}

#[tokio::test]
async fn no_payment_is_believed_by_another_secrets_signature() {
    let secrets = [
        ("PURSER_STRIPE_SECRET", "whsec_right"),
        ("PURSER_PAYMENT_SECRET", "right"),
    ];
    let house = House::start_at("127.0.0.1:0", &secrets).await;
    let signatures = doors().into_iter().filter(|door| door.who == "a signature");
    let now = now_ms() / 1000;
    let forged = "00".repeat(32);
    let heads = [
        String::new(),
        format!("stripe-signature: t={now},v1={forged}\r\n"),
        format!("x-signature: sha256={forged}\r\n"),
        format!("authorization: {}\r\n", house.token),
        "stripe-signature: \r\nx-signature: \r\n".to_owned(),
    ];
    let body = json!({"id": "p1", "created": now, "key": "shop/first", "amount": "5"}).to_string();
    let mut walked = 0;
    for door in signatures {
        for head in &heads {
            let line = format!("{} {}", door.method, door.path);
            let answer = send(house.console, &line, head, &body);
            assert_eq!(answer.status, 401, "{door:?} with {head:?}: {answer:?}");
            let scheme = door
                .path
                .rsplit('/')
                .next()
                .unwrap()
                .replace("hmac", "x-signature");
            if head.starts_with(&scheme) && head.contains(&forged) {
                let message = answer.message();
                assert!(
                    message.contains("not of this body and this secret"),
                    "{message}"
                );
            }
            walked += 1;
        }
    }
    assert_eq!(walked, 2 * heads.len());
}
