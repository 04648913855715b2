//! The two curl lines that the FAQ of the hosted service prints, as they stand there, with another host.

use super::setup::{House, PASSWORD, SOON};
use std::process::Command;

const LINES: &str = r#"
# 1. Login to get a session token
TOKEN=$(curl -s -X POST https://api.bluesminds.com/api/user/login \
-H "Content-Type: application/json" \
-d '{"username":"you","password":"pass"}' | jq -r '.data.token')
# 2. Query logs
curl -H "Authorization: $TOKEN" https://api.bluesminds.com/api/log/
"#;

#[tokio::test]
async fn the_lines_of_the_faq_print_the_log_of_calls_just_made() {
    let mut house = House::start().await;
    let key = house.demo_key();
    for _ in 0..3 {
        assert_eq!(house.chat(&key).status, 200);
    }
    let host = format!("http://{}", house.console);
    let lines = LINES.replace("https://api.bluesminds.com", &host);
    let lines = lines.replace("\"pass\"", &format!("\"{PASSWORD}\""));
    let look = async |_: &_| {
        let printed = Command::new("bash").args(["-c", &lines]).output().unwrap();
        let log: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
        (log["data"]["total"] == 3).then_some(log)
    };
    let log = house
        .process
        .until("three calls in the log", SOON, look)
        .await
        .unwrap();
    let item = &log["data"]["items"][0];
    assert_eq!(
        (&item["token_name"], &item["status"]),
        (&"demo/you".into(), &200.into())
    );
    assert_eq!(item["endpoint"], "Chat");
    for name in [
        "id",
        "timestamp",
        "usage",
        "latency_ms",
        "user_metadata",
        "created_at",
        "quota",
    ] {
        assert!(!item[name].is_null(), "{name} is missing: {item}");
    }
}
