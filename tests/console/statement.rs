//! Statements and invoices as a finance desk fetches them: what a plan was sold for stays what it was, whatever becomes of the plan.

use super::setup::{House, SOON, get};
use purser_tests::process::Process;
use serde_json::{Value, json};

fn spec(price: &str, currency: &str) -> Value {
    json!({"price": {"amount": price, "currency": currency}, "validity": {"months": 1},
        "models": {"allow": ["*"]}, "channels": {"namespaces": ["demo"]}})
}

/// A house where a key began its time on the plan `pass`, for 9.99 EUR.
async fn sold() -> House {
    let mut house = House::start().await;
    let plan = json!({"name": "pass", "spec": spec("9.99", "EUR")});
    house.admin("POST", "/api/plan", Some(plan)).data();
    let wish = json!({"name": "buyer", "namespace": "demo", "plan": "pass"});
    let made = house.admin("POST", "/api/token/", Some(wish)).data();
    assert_eq!(house.chat(made["key"].as_str().unwrap()).status, 200);
    let (console, token) = (house.console, house.token.clone());
    let kept = async |_: &Process| {
        let log = get(console, "/api/log/", &token).data();
        (log["total"] == 1).then_some(())
    };
    let kept = house.process.until("the call on record", SOON, kept);
    kept.await.unwrap();
    house
}

fn told(house: &House) -> Value {
    let told = house.admin("GET", "/api/statement?of=plan&name=pass", None);
    told.data()
}

#[tokio::test]
async fn a_price_that_changes_and_a_plan_that_goes_change_no_statement() {
    let house = sold().await;
    let before = told(&house);
    let row = &before["rows"][0];
    assert_eq!(
        (&row["terms"], &row["price"], &before["currency"]),
        (&json!(1), &json!(9_990_000), &json!("EUR"))
    );
    let dearer = json!({"name": "pass", "spec": spec("99", "USD")});
    house.admin("PUT", "/api/plan", Some(dearer)).data();
    let same = |after: Value| {
        for part in ["rows", "total", "currency"] {
            assert_eq!(after[part], before[part], "{part}");
        }
    };
    same(told(&house));
    let gone = house.admin("DELETE", "/api/plan/pass", None);
    assert_eq!(gone.status, 200, "{gone:?}");
    same(told(&house));
}

#[tokio::test]
async fn an_invoice_is_a_page_with_its_number_both_addresses_and_what_was_sold() {
    let house = sold().await;
    let path = "/api/statement?of=key&name=demo%2Fbuyer&format=html&number=2026-117\
        &seller=Purser%20GmbH%0A1%20Quay%20%26%20Co&buyer=%3Cb%3EShip%3C%2Fb%3E%20Ltd&note=Payable%20within%2014%20days.";
    let answer = house.admin("GET", path, None);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        answer.head.contains("content-type: text/html"),
        "{}",
        answer.head
    );
    for part in [
        "<title>Invoice 2026-117</title>",
        "Purser GmbH\n1 Quay &amp; Co",
        "&lt;b&gt;Ship&lt;/b&gt; Ltd",
        "Payable within 14 days.",
        "<td>demo/buyer</td>",
        "Price (EUR)",
        "<td>9.990000</td>",
    ] {
        assert!(answer.text.contains(part), "{part} in {}", answer.text);
    }
    let odd = house.admin("GET", "/api/statement?format=pdf", None);
    assert_eq!(odd.status, 400);
}
