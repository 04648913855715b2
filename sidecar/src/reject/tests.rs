//! Waits and verdicts as SDKs read them.

use super::*;

#[test]
fn a_wait_is_told_so_that_every_sdk_honours_it() {
    let rate = |millis| {
        Reject::OverRate {
            limit: 20,
            by: Limited::Minute,
            retry: Duration::from_millis(millis),
            plan: "free".into(),
        }
        .headers()
    };
    for (millis, seconds, told) in [
        (1, "1", "1"),
        (2_500, "3", "2500"),
        (60_074, "60", "59999"),
        (59_999, "60", "59999"),
    ] {
        let headers = rate(millis);
        assert_eq!(headers["retry-after"], seconds, "{millis}");
        assert_eq!(headers["retry-after-ms"], told, "{millis}");
        assert!(!headers.contains_key("x-should-retry"));
    }
    let long = rate(3_600_000);
    assert_eq!(
        (
            long["retry-after"].to_str().unwrap(),
            long["x-should-retry"].to_str().unwrap()
        ),
        ("3600", "false")
    );
}

#[test]
fn what_cannot_succeed_by_waiting_is_not_retried() {
    let plan = || "free".to_owned();
    let poor = Reject::NoCredits {
        left: 500_000,
        needed: 2_000_000,
        plan: plan(),
    };
    assert_eq!((poor.status(), poor.code()), (402, "insufficient_quota"));
    assert_eq!(poor.headers()["x-should-retry"], "false");
    assert!(
        poor.message().contains("may cost 2 and 0.5 are left"),
        "{}",
        poor.message()
    );
    let large = |retry| Reject::OverTokens {
        limit: 100,
        needed: 101,
        retry,
        left: None,
        plan: plan(),
    };
    assert_eq!(large(None).should_retry(), Some(false));
    assert_eq!(
        large(Some(Duration::from_secs(2))).headers()["retry-after"],
        "2"
    );
    assert_eq!((large(None).status(), large(None).kind()), (429, "tokens"));
}

#[test]
fn spans_read_as_openai_writes_them() {
    for (millis, text) in [
        (12, "12ms"),
        (1_000, "1s"),
        (1_500, "1.5s"),
        (360_000, "6m0s"),
        (61_250, "1m1.25s"),
    ] {
        assert_eq!(render::span(Duration::from_millis(millis)), text);
    }
}

#[test]
fn refusals_of_a_known_key_are_not_retried() {
    assert_eq!(
        Reject::Refused(Refusal::PlanNotFound, "no".into()).should_retry(),
        Some(false)
    );
    assert_eq!(Reject::KeyExpired(0).headers()["x-should-retry"], "false");
    assert_eq!(Reject::Unauthenticated("no".into()).should_retry(), None);
}
