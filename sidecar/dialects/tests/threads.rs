//! Anthropic's threads: its SDKs' tool runners begin one by themselves, and go on without it where they are told so in Anthropic's own words
//! (anthropic-python 2.14, lib/threads/_thread_state.py).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

use purser_dialects::upstream_error::{Told, read};
use purser_dialects::{Dialect, ErrorBody, render};
use serde_json::{Value, json};

fn details(body: &[u8]) -> Value {
    let body: Value = serde_json::from_slice(body).unwrap();
    body["error"]["details"].clone()
}

#[test]
fn a_thread_that_cannot_be_carried_is_said_so_that_the_sdk_goes_on_without() {
    let error = |param| ErrorBody {
        status: 400,
        kind: "invalid_request_error",
        code: Some("unsupported_parameter"),
        param,
        message: "m",
        request_id: "r",
    };
    let told = details(&render(Dialect::Anthropic, &error(Some("thread"))));
    let expected = json!({"error_code": "thread_unsupported_request", "unsupported": ["thread"]});
    assert_eq!(told, expected);
    for other in [Some("tools"), None] {
        let told = details(&render(Dialect::Anthropic, &error(other)));
        assert!(told.is_null(), "{told}");
    }
}

#[test]
fn what_anthropic_says_of_a_thread_reaches_the_sdk_and_is_no_missing_model() {
    let said = br#"{"type":"error","error":{"type":"not_found_error","message":"no such thread","details":{"error_code":"thread_not_found"}}}"#;
    let told = Told::of(said).render(Dialect::Anthropic, (404, "r"));
    assert_eq!(details(&told), json!({"error_code": "thread_not_found"}));
    assert!(!read(404, said).model_unknown);
}
