//! Errors: ours in three dialects, and providers' as they write them.

use purser_dialects::upstream_error::{self, Told, read, sanitise};
use purser_dialects::{Dialect, ErrorBody, render, render_event, render_responses_event};

const ERROR: ErrorBody<'static> = ErrorBody {
    status: 429,
    kind: "requests",
    code: Some("rate_limit_exceeded"),
    param: None,
    message: "slow \"down\"\n",
    request_id: "req_1",
};

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn our_errors_are_in_the_callers_dialect() {
    let openai = r#"{"error":{"message":"slow \"down\"\n","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;
    let anthropic = r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow \"down\"\n"},"request_id":"req_1"}"#;
    let gemini =
        r#"{"error":{"code":429,"message":"slow \"down\"\n","status":"RESOURCE_EXHAUSTED"}}"#;
    for (dialect, body, name) in [
        (Dialect::OpenAI, openai, ""),
        (Dialect::Anthropic, anthropic, "event: error\n"),
        (Dialect::Gemini, gemini, ""),
    ] {
        assert_eq!(text(render(dialect, &ERROR)), body);
        assert_eq!(
            text(render_event(dialect, &ERROR)),
            format!("{name}data: {body}\n\n")
        );
    }
    let event = text(render_responses_event(&ERROR, 4));
    assert_eq!(
        event,
        "event: error\ndata: {\"type\":\"error\",\"sequence_number\":4,\"code\":\"rate_limit_exceeded\",\
         \"message\":\"slow \\\"down\\\"\\n\",\"param\":null}\n\n"
    );
}

/// Status, body; money, rate limited, model unknown.
const JUDGED: [(u16, &str, bool, bool, bool); 16] = [
    (
        429,
        r#"{"error":{"message":"m","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
        true,
        false,
        false,
    ),
    (
        429,
        r#"{"error":{"message":"m","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
        false,
        true,
        false,
    ),
    (
        400,
        r#"{"error":{"message":"m","type":"invalid_request_error","code":"billing_hard_limit_reached"}}"#,
        true,
        false,
        false,
    ),
    (
        402,
        r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","code":"invalid_request_error"}}"#,
        true,
        false,
        false,
    ),
    (
        403,
        r#"{"error":{"code":"Arrearage","message":"m"}}"#,
        true,
        false,
        false,
    ),
    (
        404,
        r#"{"error":{"message":"m","type":"invalid_request_error","code":"model_not_found"}}"#,
        false,
        false,
        true,
    ),
    (
        404,
        r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","param":null,"code":404}"#,
        false,
        false,
        true,
    ),
    (
        404,
        r#"{"error":{"message":"The model `x` does not exist.","type":"NotFoundError","param":null,"code":404}}"#,
        false,
        false,
        true,
    ),
    (
        400,
        r#"{"object":"error","message":"Invalid model: x","type":"invalid_model","param":null,"code":"1500"}"#,
        false,
        false,
        true,
    ),
    (
        404,
        r#"{"error":{"code":"DeploymentNotFound","message":"m"}}"#,
        false,
        false,
        true,
    ),
    (
        400,
        r#"{"error":{"message":"Model Not Exist","type":"invalid_request_error","code":"invalid_request_error"}}"#,
        false,
        false,
        true,
    ),
    (404, r#"{"detail":"Not Found"}"#, false, false, false),
    (404, "<html>404</html>", false, false, false),
    (429, "", false, true, false),
    (
        500,
        r#"{"error":{"code":500,"message":"slot unavailable","type":"server_error"}}"#,
        false,
        false,
        false,
    ),
    (
        200,
        r#"[{"error":{"code":"insufficient_quota"}}]"#,
        true,
        false,
        false,
    ),
];

#[test]
fn providers_errors_are_judged_by_their_fields() {
    for (status, body, money, rate, model) in JUDGED {
        let found = read(status, body.as_bytes());
        assert_eq!(
            (found.money, found.rate_limited, found.model_unknown),
            (money, rate, model),
            "{status} {body}"
        );
    }
}

#[test]
fn what_is_refused_for_its_content_is_told_from_a_refused_account_or_place() {
    for (body, policy) in [
        (
            r#"{"error":{"message":"m","type":"invalid_request_error","code":"content_policy_violation"}}"#,
            true,
        ),
        (
            r#"{"error":{"message":"m","type":"content_filter","code":null}}"#,
            true,
        ),
        (
            r#"{"code":"unsupported_country_region_territory","message":"m","param":null,"type":"request_forbidden"}"#,
            false,
        ),
        (
            r#"{"error":{"code":403,"message":"m","metadata":{"reasons":["violence"],"flagged_input":"x"}}}"#,
            true,
        ),
        (
            r#"{"error":{"code":403,"message":"m","metadata":{"provider_name":"p","raw":"flagged_input"}}}"#,
            false,
        ),
        (
            r#"{"error":{"message":"content_filter moderation_blocked safety","type":"permission_error"}}"#,
            false,
        ),
        (r#"{"error":"content_policy_violation"}"#, false),
        ("content_filter", false),
    ] {
        assert_eq!(read(403, body.as_bytes()).policy, policy, "{body}");
    }
}

/// As api.x.ai answers a key that it does not know, to `/v1/chat/completions`.
const XAI: &str = r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: up***56. You can obtain an API key from https://console.x.ai."}"#;

#[test]
fn a_key_that_xai_does_not_know_is_ours_and_no_part_of_it_is_told() {
    assert!(read(400, XAI.as_bytes()).bad_key);
    let told = Told::of(XAI.as_bytes()).message;
    assert!(
        told.starts_with("Incorrect API key provided: [redacted]. You"),
        "{told}"
    );
    for quoted in [
        r#"{"code":"Client specified an invalid argument","error":"Your prompt: Incorrect API key provided: a"}"#,
        r#"{"code":"Client specified an invalid argument","error":"Model not found: x"}"#,
    ] {
        assert!(!read(400, quoted.as_bytes()).bad_key, "{quoted}");
    }
}

#[test]
fn a_quoted_prompt_does_not_disable_a_channel() {
    for body in [
        r#"{"error":{"message":"insufficient_quota","type":"invalid_request_error","param":"insufficient_quota","code":null}}"#,
        r#"{"error":"insufficient_quota billing_hard_limit_reached"}"#,
        r#"{"detail":[{"input":{"code":"insufficient_quota"},"msg":"m"}]}"#,
        r#"{"error":{"message":"Your prompt: {\"code\":\"insufficient_quota\"} model_not_found Model Not Exist"}}"#,
        "insufficient_quota",
    ] {
        let found = read(400, body.as_bytes());
        assert!(
            !found.money && !found.model_unknown && !found.rate_limited,
            "{body}"
        );
    }
}

#[test]
fn messages_are_found_wherever_providers_put_them() {
    for (body, message, code) in [
        (r#"{"error":{"message":"a","code":"b"}}"#, "a", Some("b")),
        (r#"{"error":"a"}"#, "a", None),
        (
            r#"{"object":"error","message":"a","code":"3280"}"#,
            "a",
            Some("3280"),
        ),
        (
            r#"{"object":"error","message":{"detail":[1]}}"#,
            r#"{"detail":[1]}"#,
            None,
        ),
        (r#"{"detail":"a"}"#, "a", None),
        (r#"{"detail":[{"msg":"a"}]}"#, r#"[{"msg":"a"}]"#, None),
        (
            r#"[{"error":{"code":400,"message":"a","status":"INVALID_ARGUMENT"}}]"#,
            "a",
            None,
        ),
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"a"}}"#,
            "a",
            None,
        ),
        (" a ", "a", None),
    ] {
        let found = read(400, body.as_bytes());
        assert_eq!(
            (found.message.as_str(), found.code.as_deref()),
            (message, code),
            "{body}"
        );
    }
}

#[test]
fn what_is_passed_on_has_openais_shape_and_none_of_our_secrets() {
    for (body, clean) in [
        (
            r#"{"error":{"message":"bad","type":"invalid_request_error","param":"messages[0]","code":"invalid_value","extra":1}}"#,
            r#"{"error":{"message":"bad","type":"invalid_request_error","param":"messages[0]","code":"invalid_value"}}"#,
        ),
        (
            r#"{"object":"error","message":"at http://10.0.0.1/ key sk-1234567890","type":"BadRequestError","code":400}"#,
            r#"{"error":{"message":"at [redacted] key [redacted]","type":"BadRequestError","param":null,"code":null}}"#,
        ),
        (
            "too big",
            r#"{"error":{"message":"too big","type":"invalid_request_error","param":null,"code":null}}"#,
        ),
        (
            "<html>nginx</html>",
            r#"{"error":{"message":"The provider refused the request.","type":"invalid_request_error","param":null,"code":null}}"#,
        ),
    ] {
        assert_eq!(text(sanitise(body.as_bytes())), clean);
    }
    assert!(sanitise("é".repeat(100_000).as_bytes()).len() < 2_200);
}

#[test]
fn a_refusal_of_any_api_is_told_in_any_other() {
    let anthropic = br#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"},"request_id":"req_theirs"}"#;
    let gemini = br#"{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT","details":[{"reason":"projects/123456"}]}}"#;
    let openai = br#"{"error":{"message":"no such tool in org-AbCdEf0123456789","type":"invalid_request_error","param":"tools[0]","code":"invalid_value"}}"#;
    let cases: [(&[u8], Dialect, &str); 6] = [
        (
            anthropic,
            Dialect::OpenAI,
            r#"{"error":{"message":"prompt is too long: 210000 tokens > 200000 maximum","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}}"#,
        ),
        (
            anthropic,
            Dialect::Gemini,
            r#"{"error":{"code":400,"message":"prompt is too long: 210000 tokens > 200000 maximum","status":"INVALID_ARGUMENT"}}"#,
        ),
        (
            gemini,
            Dialect::OpenAI,
            r#"{"error":{"message":"Request contains an invalid argument.","type":"invalid_request_error","param":null,"code":null}}"#,
        ),
        (
            gemini,
            Dialect::Anthropic,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Request contains an invalid argument."},"request_id":"req_ours"}"#,
        ),
        (
            openai,
            Dialect::Anthropic,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"no such tool in [redacted]"},"request_id":"req_ours"}"#,
        ),
        (
            openai,
            Dialect::OpenAI,
            r#"{"error":{"message":"no such tool in [redacted]","type":"invalid_request_error","param":"tools[0]","code":"invalid_value"}}"#,
        ),
    ];
    for (body, dialect, told) in cases {
        assert_eq!(
            text(Told::of(body).render(dialect, (400, "req_ours"))),
            told
        );
    }
}

#[test]
fn what_anthropic_and_gemini_refuse_is_judged_by_what_it_is_about() {
    let overloaded = r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#;
    assert!(read(429, overloaded.as_bytes()).rate_limited);
    let credit = r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."}}"#;
    assert!(read(400, credit.as_bytes()).money);
    let quoted = r#"{"type":"error","error":{"type":"invalid_request_error","message":"bad prompt: Your credit balance is too low to access the Anthropic API"}}"#;
    assert!(!read(400, quoted.as_bytes()).money);
    let model =
        r#"{"type":"error","error":{"type":"not_found_error","message":"model: claude-9"}}"#;
    assert!(read(404, model.as_bytes()).model_unknown);
    let model = r#"{"error":{"code":404,"message":"models/x is not found","status":"NOT_FOUND"}}"#;
    assert!(read(404, model.as_bytes()).model_unknown);
    let key = r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
    assert!(read(400, key.as_bytes()).bad_key);
    let busy = r#"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}"#;
    let busy = read(429, busy.as_bytes());
    assert!(busy.rate_limited && !busy.money);
    assert_eq!(busy.retry_after.unwrap().as_secs(), 7);
}

/// Anthropic's by anthropics/claude-code #38035, #2127 and #72457, which say 400 `invalid_request_error` as for any fault of a request.
#[test]
fn what_is_wrong_with_our_account_is_not_the_callers_where_only_the_message_says_so() {
    let means = |said: &str| {
        let body = format!(r#"{{"error":{{"type":"invalid_request_error","message":"{said}"}}}}"#);
        let read = read(400, body.as_bytes());
        let means = [
            ("money", read.money),
            ("key", read.bad_key),
            ("not for us", read.model_unknown),
        ];
        means.into_iter().find_map(|(what, is)| is.then_some(what))
    };
    for (said, what) in [
        (
            "You have reached your specified API usage limits. You will regain access on 2026-12-01.",
            "money",
        ),
        ("This organization has been disabled.", "key"),
        (
            "Your organization must be verified to stream this model. Please go to",
            "not for us",
        ),
        (
            "User location is not supported for the API use.",
            "not for us",
        ),
    ] {
        assert_eq!(means(said), Some(what), "{said}");
        assert_eq!(means(&format!("bad prompt: {said}")), None);
    }
}

#[test]
fn an_error_within_a_stream_loses_what_is_ours_and_the_content_before_it_stays() {
    let content = "data: {\"choices\":[{\"delta\":{\"content\":\"sk-abcdefghijkl\"}}]}\n\n";
    let error =
        "data: {\"error\":{\"message\":\"key sk-abcdefghijkl of org-AbCdEf0123456789\"}}\n\n";
    let clean = "data: {\"error\":{\"message\":\"key [redacted] of [redacted]\"}}\n\n";
    let chunk = format!("{content}{error}");
    let cleaned = upstream_error::clean_chunk(chunk.into());
    assert_eq!(cleaned, format!("{content}{clean}"));
    let harmless = "event: error\ndata: {\"error\":{\"message\":\"overloaded\"}}\n\n";
    assert_eq!(upstream_error::clean_chunk(harmless.into()), harmless);
}
