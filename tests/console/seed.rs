//! The lines of the hosted service's FAQ over `purser up`; `kubernetes/console_log` runs them in a cluster.

use super::setup::{House, PASSWORD, SOON};
use purser_tests::seed;

#[tokio::test]
async fn the_lines_of_the_faq_print_the_log_of_calls_just_made() {
    let mut house = House::start().await;
    let key = house.demo_key();
    for _ in 0..3 {
        assert_eq!(house.chat(&key).status, 200);
    }
    let console = house.console;
    let look = async |_: &_| {
        let log = seed::lines(console, PASSWORD).unwrap();
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
