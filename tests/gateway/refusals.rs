//! Every refusal of DESIGN 6 that needs no authority: status, code, shape and headers, over HTTP/1.1 and HTTP/2.

mod asking;

use super::setup::{KEY, Sidecar, channel, configuration, key, model, plan};
use asking::{Request, Told, over_http1, over_http2, post, sent_over_http2};
use purser_config::{Configuration, Name, Refusal, Standing};
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Reads one answer of this socket: its head and its body.
async fn answer(socket: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split_once("content-length: ").unwrap().1;
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if body.len() >= length {
                return text;
            }
        }
        assert_ne!(socket.read_buf(&mut read).await.unwrap(), 0, "{text}");
    }
}

fn head(length: usize) -> Vec<u8> {
    let wrong = "authorization: Bearer sk-nobody";
    format!("POST {CHAT} HTTP/1.1\r\nhost: a\r\n{wrong}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn a_refusal_that_needs_no_body_leaves_the_connection_to_the_next_call() {
    let (sidecar, _provider) = world().await;
    let mut socket = TcpStream::connect(sidecar.address).await.unwrap();
    for _ in 0..3 {
        socket.write_all(&head(GOOD.len())).await.unwrap();
        // Once another is answered, the head was seen: as callers do that write a head and its body apart.
        sidecar.ask(Call::get("/v1/models").key(KEY)).await;
        socket.write_all(GOOD.as_bytes()).await.unwrap();
        let told = answer(&mut socket).await;
        assert!(told.starts_with("http/1.1 401"), "{told}");
        assert!(!told.contains("connection: close"), "{told}");
    }
}

#[tokio::test]
async fn one_whose_body_is_too_long_to_wait_for_says_that_the_connection_ends() {
    let (sidecar, _provider) = world().await;
    let mut socket = TcpStream::connect(sidecar.address).await.unwrap();
    socket.write_all(&head(8 << 20)).await.unwrap();
    let told = answer(&mut socket).await;
    assert!(told.starts_with("http/1.1 401"), "{told}");
    assert!(told.contains("connection: close"), "{told}");
}

const GOOD: &str = r#"{"model":"m"}"#;
const CHAT: &str = "/v1/chat/completions";

/// A request and what it must be told.
struct Case {
    request: Request,
    status: u16,
    code: &'static str,
    /// Part of the message.
    says: &'static str,
}

impl Request {
    fn told(self, status: u16, code: &'static str, says: &'static str) -> Case {
        Case {
            request: self,
            status,
            code,
            says,
        }
    }
}

async fn world() -> (Sidecar, Provider) {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let mut one = channel(&provider);
    let names = ["secret", "meta-llama/Llama-3.1", "org/a b"];
    one.models.extend(names.map(model));
    let mut all = configuration(&[("one", one)]);
    let mut allowed = plan(&["*"]);
    allowed.deny = vec!["secret".into()];
    all.plans.insert("open".into(), allowed);
    refused_keys(&mut all);
    (Sidecar::start(&all).await, provider)
}

fn refused_keys(all: &mut Configuration) {
    let channels: Vec<Name> = all.channels.keys().cloned().collect();
    let mut add = |name: &str, standing, expires_at_ms| {
        let mut key = key(&format!("sk-{name}"), channels.clone());
        key.standing = standing;
        key.expires_at_ms = expires_at_ms;
        all.keys.insert(Name::new("shop", name), key);
    };
    let refused = |code, message: &str| Standing::Refused {
        code,
        message: message.into(),
    };
    add(
        "suspended",
        refused(Refusal::ApiKeySuspended, "It is suspended."),
        None,
    );
    add(
        "planless",
        refused(Refusal::PlanNotFound, "There is no plan gold."),
        None,
    );
    add(
        "foreign",
        refused(Refusal::PlanNotAllowed, "Not in this namespace."),
        None,
    );
    add(
        "early",
        refused(Refusal::NotYetEnforced, "It has credits."),
        None,
    );
    add("expired", Standing::Good, Some(1_000));
}

fn bodies() -> Vec<Case> {
    let form = "/v1/audio/transcriptions";
    let json = |body: &str, says| post(CHAT, body).told(400, "invalid_json", says);
    vec![
        json("", "empty"),
        json("{", "line 1"),
        json(r#"{"model":"m"} x"#, "trailing"),
        json(r#"{"model":"m","n":NaN}"#, "line 1"),
        json("\u{feff}{\"model\":\"m\"}", "byte order mark"),
        json(r#"[{"model":"m"}]"#, "an array"),
        json(r#""m""#, "a string"),
        json(r#"{"model":"m","model":"secret"}"#, "more than once"),
        json(r#"{"model":"m","mod\u0065l":"secret"}"#, "more than once"),
        json(r#"{"model":7}"#, "a number"),
        json(&"[".repeat(100_000), ""),
        json(&format!(r#"{{"model":"m","a":{}"#, "[".repeat(100_000)), ""),
        post(CHAT, "{}").told(400, "missing_required_parameter", "'model'"),
        post(CHAT, GOOD).with("content-type", "text/plain").told(
            415,
            "unsupported_media_type",
            "application/json",
        ),
        post(CHAT, GOOD).with("content-type", "").told(
            415,
            "unsupported_media_type",
            "application/json",
        ),
        post(CHAT, GOOD).and("content-encoding", "gzip").told(
            415,
            "unsupported_media_type",
            "encod",
        ),
        post(form, GOOD).told(415, "unsupported_media_type", "multipart/form-data"),
        post(CHAT, r#"{"model":"nobody"}"#).told(404, "model_not_found", "`nobody`"),
        post(CHAT, r#"{"model":"../m"}"#).told(404, "model_not_found", "`../m`"),
        post(CHAT, r#"{"model":"M"}"#).told(404, "model_not_found", "`M`"),
        post(CHAT, r#"{"model":"secret"}"#).told(404, "model_not_found", "plan `open`"),
        post("/v1/moderations", r#"{"input":"x"}"#).told(
            400,
            "missing_required_parameter",
            "`omni-moderation-latest`",
        ),
        post("/v1/embeddings", GOOD).told(404, "model_not_found", "endpoint"),
    ]
}

fn paths() -> Vec<Case> {
    let unknown = |path: &str, says| post(path, GOOD).told(404, "unknown_url", says);
    let method = |method, path: &str, says| {
        let request = post(path, "").method(method).with("content-type", "");
        request.told(405, "method_not_allowed", says)
    };
    vec![
        unknown("/", "/v1"),
        unknown("/v1/nothing", "/v1/nothing"),
        unknown("/chat/completions", "/v1/chat/completions"),
        unknown("/v1/v1/chat/completions", "twice"),
        unknown("/v1/%63hat/completions", ""),
        unknown("/api/user", "/api/user"),
        method("GET", CHAT, "POST"),
        method("DELETE", CHAT, "POST"),
        method("PUT", "/v1/models", "GET"),
        method("OPTIONS", CHAT, "POST"),
    ]
}

fn credentials() -> Vec<Case> {
    let wrong = |value: &str, says| {
        let request = post(CHAT, GOOD).with("authorization", value);
        request.told(401, "invalid_api_key", says)
    };
    let forbidden = |name: &str, code, says| {
        let request = post(CHAT, GOOD).with("authorization", &format!("Bearer sk-{name}"));
        request.told(403, code, says)
    };
    let spaced = KEY.replace("sk-", "sk- ");
    let long = format!("Bearer sk-{}", "x".repeat(8_000));
    let twice = post(CHAT, GOOD).and("x-api-key", "sk-other");
    vec![
        wrong("", "didn't provide"),
        wrong("Bearer sk-purser-pod", "no key of its own"),
        wrong("Bearer sk-unknown", "Incorrect API key"),
        wrong(&format!("Bearer {spaced}"), "contains a space"),
        wrong(&format!("Bearer  {KEY}"), "contains a space"),
        wrong(KEY, "Bearer"),
        wrong(&format!("Basic {KEY}"), "Bearer"),
        wrong(&long, "Incorrect API key"),
        twice.told(401, "invalid_api_key", "differ"),
        post(&format!("{CHAT}?key=sk-other"), GOOD).told(401, "invalid_api_key", "differ"),
        forbidden("suspended", "api_key_suspended", "It is suspended."),
        forbidden("planless", "plan_not_found", "There is no plan gold."),
        forbidden("foreign", "plan_not_allowed", "Not in this namespace."),
        forbidden("early", "not_yet_enforced", "It has credits."),
        forbidden("expired", "api_key_expired", "1970-01-01"),
    ]
}

fn judged(case: &Case, told: &Told) {
    let what = format!(
        "{} {} {:.80}: {}",
        case.request.method, case.request.path, case.request.body, told.body
    );
    assert_eq!(told.status, case.status, "{what}");
    let error = told.body["error"].as_object().unwrap();
    for member in ["message", "type", "param", "code"] {
        assert!(error.contains_key(member), "no {member}: {what}");
    }
    assert_eq!(error["code"], case.code, "{what}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(case.says), "{what}");
    assert!(!message.contains("canary"), "{what}");
    assert!(error["type"].is_string(), "{what}");
    let header = |name: &str| told.headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("content-type"), Some("application/json"), "{what}");
    assert!(
        header("x-request-id").is_some_and(|id| id.starts_with("req_")),
        "{what}"
    );
    let retry = (case.status == 403).then_some("false");
    assert_eq!(header("x-should-retry"), retry, "{what}");
    assert_eq!(
        header("allow"),
        (case.status == 405).then_some(case.says),
        "{what}"
    );
}

#[tokio::test]
async fn every_refusal_has_its_status_its_code_and_a_sentence() {
    let (sidecar, provider) = world().await;
    for case in [bodies(), paths(), credentials()].into_iter().flatten() {
        judged(&case, &over_http1(sidecar.address, &case.request).await);
        judged(&case, &over_http2(sidecar.address, &case.request).await);
    }
    assert_eq!(provider.calls(), 0, "a refused call reached a provider");
}

#[tokio::test]
async fn other_apis_are_refused_in_their_own_shape() {
    let (sidecar, _provider) = world().await;
    for path in ["/v1/messages", "/messages", "/v1/v1/messages"] {
        let told = over_http1(sidecar.address, &post(path, r#"{"model":"nobody"}"#)).await;
        assert_eq!((told.status, &told.body["type"]), (404, &"error".into()));
        assert_eq!(told.body["error"]["type"], "not_found_error");
        assert!(told.body["error"]["message"].is_string() && told.body["request_id"].is_string());
    }
    let path = "/v1beta/models/nobody:generateContent";
    let told = over_http2(sidecar.address, &post(path, GOOD)).await;
    assert_eq!(
        (told.status, &told.body["error"]["code"]),
        (404, &404.into())
    );
    assert_eq!(told.body["error"]["status"], "NOT_FOUND");
}

#[tokio::test]
async fn a_path_that_is_written_carelessly_routes_as_the_tidy_one() {
    let (sidecar, provider) = world().await;
    let paths = [
        "/v1/chat/completions/",
        "/v1//chat/completions",
        "//v1/chat//completions//",
    ];
    for path in paths {
        for case in [
            post(path, GOOD),
            post(path, GOOD)
                .with("authorization", "")
                .and("x-api-key", KEY),
        ] {
            assert_eq!(
                over_http1(sidecar.address, &case).await.status,
                200,
                "{path}"
            );
            assert_eq!(
                over_http2(sidecar.address, &case).await.status,
                200,
                "{path}"
            );
        }
    }
    assert_eq!(provider.last().unwrap().path, CHAT);
}

#[tokio::test]
async fn models_are_listed_and_shown_by_whatever_id_they_have() {
    let (sidecar, _provider) = world().await;
    let mut models = sidecar.models().await;
    models.sort();
    assert_eq!(models, ["m", "meta-llama/Llama-3.1", "org/a b"]);
    let get = |path: &str| post(path, "").method("GET").with("content-type", "");
    for (path, id) in [
        ("m", "m"),
        ("m/", "m"),
        ("meta-llama/Llama-3.1", "meta-llama/Llama-3.1"),
        ("meta-llama%2FLlama-3.1", "meta-llama/Llama-3.1"),
        ("org/a%20b", "org/a b"),
    ] {
        let told = over_http1(sidecar.address, &get(&format!("/v1/models/{path}"))).await;
        assert_eq!((told.status, &told.body["id"]), (200, &id.into()), "{path}");
        assert_eq!(told.body["object"], "model");
    }
    for path in ["secret", "nobody", "%2e%2e/m"] {
        let told = over_http2(sidecar.address, &get(&format!("/v1/models/{path}"))).await;
        assert_eq!(
            (told.status, &told.body["error"]["code"]),
            (404, &"model_not_found".into())
        );
    }
}

#[tokio::test]
async fn a_key_is_found_wherever_an_sdk_puts_it() {
    let (sidecar, _provider) = world().await;
    let bare = post(CHAT, GOOD).with("authorization", "");
    for name in ["x-api-key", "x-goog-api-key", "api-key"] {
        let told = over_http1(sidecar.address, &bare.clone().and(name, KEY)).await;
        assert_eq!(told.status, 200, "{name}");
    }
    let mut query = bare;
    query.path = format!("{CHAT}?key={KEY}");
    assert_eq!(over_http2(sidecar.address, &query).await.status, 200);
}

#[tokio::test]
async fn a_refusal_arrives_though_a_large_body_is_still_on_its_way() {
    let (sidecar, provider) = world().await;
    let body = format!(r#"{{"model":"m","input":"{}"}}"#, "x".repeat(10 << 20));
    for _ in 0..5 {
        let call = Call::post(CHAT, body.clone()).key("sk-wrong");
        let answer = sidecar.ask(call).await;
        assert_eq!(answer.status(), 401);
        let told = answer.json().await.unwrap();
        assert_eq!(told["error"]["code"], "invalid_api_key");
    }
    assert_eq!(provider.calls(), 0);
}

#[tokio::test]
async fn a_stream_over_http2_is_the_stream_over_http1() {
    let (sidecar, _provider) = world().await;
    let request = post(CHAT, r#"{"model":"m","stream":true}"#);
    let call = Call::post(CHAT, request.body.clone()).key(KEY);
    let over_1 = sidecar.ask(call).await.body().await.unwrap();
    let (parts, over_2) = sent_over_http2(sidecar.address, &request).await;
    assert_eq!(parts.status, 200);
    assert_eq!(parts.headers["content-type"], "text/event-stream");
    assert_eq!(over_2, over_1);
}
