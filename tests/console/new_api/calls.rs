//! Rows about calls on record: the log, its sums, series, and what a key used.

use super::{good, has, refused};
use crate::console::setup::House;

#[tokio::test]
async fn they_list_the_log_and_find_their_fields() {
    let mut house = House::start().await;
    house.called(2).await;
    let viewer = house.person("viewer", 1, &["shop"]);
    for path in ["/api/log/", "/api/log/self"] {
        let page = house.get(path);
        assert_eq!(page["total"], 2);
        let item = &page["items"][0];
        has(
            item,
            "id user_id created_at type content username ip request_id upstream_request_id token_name token_id model_name quota prompt_tokens completion_tokens use_time is_stream channel group other",
        );
        assert_eq!(
            (&item["type"], &item["model_name"]),
            (&2.into(), &"demo-chat".into())
        );
        let seen = good(&house.ask("GET", path, Some(&viewer), None));
        assert_eq!(seen["total"], 0, "each person sees what they may");
    }
}

#[tokio::test]
async fn they_narrow_the_log_and_its_sums_by_filters() {
    let mut house = House::start().await;
    house.called(2).await;
    let now = house.get("/api/log/")["items"][0]["created_at"]
        .as_u64()
        .unwrap();
    for (filter, total) in [
        ("type=2".to_owned(), 2),
        ("type=5".to_owned(), 0),
        ("token_name=you".to_owned(), 2),
        ("token_name=other".to_owned(), 0),
        ("model_name=demo-chat".to_owned(), 2),
        ("model_name=gpt-4o".to_owned(), 0),
        (
            format!("start_timestamp={}&end_timestamp={}", now - 60, now + 60),
            2,
        ),
        (format!("start_timestamp={}", now + 60), 0),
        ("p=2&page_size=1".to_owned(), 2),
        ("group=free".to_owned(), 2),
        ("group=vip".to_owned(), 0),
        ("group=free&plan=team".to_owned(), 0),
        ("username=you".to_owned(), 0),
        ("username=&upstream_request_id=".to_owned(), 2),
        ("upstream_request_id=req-of-a-provider".to_owned(), 0),
        ("type=1".to_owned(), 0),
        ("type=3".to_owned(), 0),
        ("type=4".to_owned(), 0),
        ("type=6".to_owned(), 0),
    ] {
        assert_eq!(
            house.get(&format!("/api/log/?{filter}"))["total"],
            total,
            "{filter}"
        );
        if !filter.contains("page") {
            let stat = house.get(&format!("/api/log/stat?{filter}"));
            assert_eq!(stat["calls"], total, "sums of {filter}");
        }
    }
    refused(&house.admin("GET", "/api/log/?type=7", None), 400);
}

#[tokio::test]
async fn they_ask_for_sums_of_the_log() {
    let mut house = House::start().await;
    house.called(2).await;
    for path in ["/api/log/stat", "/api/log/self/stat"] {
        let stat = house.get(&format!("{path}?type=2"));
        has(&stat, "quota rpm tpm");
        assert_eq!((&stat["rpm"], &stat["calls"]), (&2.into(), &2.into()));
    }
}

#[tokio::test]
async fn a_key_reads_its_own_calls() {
    let mut house = House::start().await;
    let key = house.called(2).await;
    let bearer = format!("Bearer {key}");
    let items = good(&house.ask("GET", "/api/log/token", Some(&bearer), None));
    let items = items.as_array().unwrap();
    assert_eq!(items.len(), 2);
    for item in items {
        assert_eq!(item["token_name"], "demo/you");
    }
}

#[tokio::test]
async fn they_draw_series() {
    let mut house = House::start().await;
    house.called(2).await;
    let points = house.get("/api/data/?start_timestamp=0");
    let points = points.as_array().unwrap();
    has(&points[0], "model_name created_at count quota token_used");
    let counts = points.iter().map(|point| point["count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), 2);
    let by_key = house.get("/api/data/?by=key");
    assert_eq!(by_key[0]["key"], "demo/you");
}

#[tokio::test]
async fn a_key_reads_what_it_used_and_may_spend() {
    let house = House::start().await;
    let bearer = format!("Bearer {}", house.demo_key());
    let ask = |path: &str| {
        let answer = house.ask("GET", path, Some(&bearer), None);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    let used = ask("/api/usage/token/");
    assert_eq!(
        (&used["code"], &used["data"]["object"]),
        (&true.into(), &"token_usage".into())
    );
    has(
        &used["data"],
        "name total_granted total_used total_available unlimited_quota model_limits expires_at",
    );
    let may = ask("/dashboard/billing/subscription");
    assert_eq!(may["object"], "billing_subscription");
    has(
        &may,
        "hard_limit_usd soft_limit_usd system_hard_limit_usd access_until",
    );
    let spent = ask("/dashboard/billing/usage?start_date=2026-01-01&end_date=2026-12-31");
    assert_eq!(spent["object"], "list");
    assert!(spent["total_usage"].is_number());
}
