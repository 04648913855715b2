//! What the admin port shows, and that nothing a process prints or shows holds a secret.

use super::setup::{CREDENTIAL, KEY, SOON, Sidecar, channel, chat, configuration, serve};
use purser_config::Channel;
use purser_tests::port::reserve;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;

async fn world(behaviour: Behaviour, arguments: &[&str]) -> (Sidecar, [Provider; 2]) {
    let one = Provider::start(behaviour).await.unwrap();
    let other = Provider::start(Behaviour::healthy()).await.unwrap();
    let mut first = channel(&one);
    // However slow the machine, one that is shut is not tried again.
    (first.health.cooldown_ms, first.health.max_cooldown_ms) = (60_000, 60_000);
    let second = Channel {
        priority: 1,
        ..channel(&other)
    };
    let all = configuration(&[("one", first), ("other", second)]);
    (Sidecar::start_with(&all, arguments).await, [one, other])
}

#[tokio::test]
async fn the_pages_tell_what_is_in_force_and_what_happened() {
    let (sidecar, _providers) = world(Behaviour::status(500), &[]).await;
    assert_eq!(sidecar.page("/healthz").await, (200, "ok\n".into()));
    assert_eq!(sidecar.page("/readyz").await, (200, "ready\n".into()));
    assert_eq!(sidecar.page("/nothing").await.0, 404);
    for call in 0..10 {
        let answer = sidecar.chat(call % 2 == 0).await;
        assert_eq!(answer.status(), 200);
        answer.body().await.unwrap();
    }
    assert_eq!(sidecar.ask(Call::get("/v1/models")).await.status(), 401);
    let shown = sidecar.configz().await;
    assert_eq!(shown["version"]["hash"].as_str().unwrap().len(), 64);
    assert_eq!((&shown["loads"], &shown["keys"]), (&1.into(), &1.into()));
    assert_eq!(shown["plans"], serde_json::json!(["open"]));
    assert_eq!(
        shown["channels"],
        serde_json::json!(["shop/one", "shop/other"])
    );
    assert_eq!(
        (&shown["faults"], &shown["error"]),
        (&serde_json::json!([]), &().into())
    );
    let (_, metrics) = sidecar.page("/metrics").await;
    for line in [
        r#"purser_requests_total{channel="shop/other",model="m",plan="open",status="200"} 10"#,
        r#"purser_attempts_total{channel="shop/other",outcome="answered"} 10"#,
        r#"purser_attempts_total{channel="shop/one",outcome="failed"} 5"#,
        r#"purser_failovers_total{channel="shop/one",reason="failed"} 5"#,
        r#"purser_stream_ends_total{end="done"} 5"#,
        r#"purser_tokens_total{direction="input",model="m",plan="open"}"#,
        r#"purser_request_duration_seconds_count{channel="shop/other",plan="open"} 10"#,
        r#"purser_channel_shut{channel="shop/one"} 1"#,
        r#"purser_channel_shut{channel="shop/other"} 0"#,
        "purser_requests_in_flight 0",
        "purser_config_loads 1",
        "purser_operator_connected 0",
        "purser_spool_at_fault 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let (_, metrics) = sidecar.page_of_met("/metrics").await;
    let refused = r#"purser_rejects_total{reason="invalid_api_key"} 1"#;
    assert!(metrics.contains(refused), "{metrics}");
}

#[tokio::test]
async fn without_an_operator_no_usage_waits_for_one() {
    let (sidecar, _providers) = world(Behaviour::healthy(), &[]).await;
    sidecar.chat(false).await.body().await.unwrap();
    let (_, metrics) = sidecar.page("/metrics").await;
    for line in ["purser_spool_waiting 0", "purser_spool_oldest_seconds 0"] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn without_a_configuration_it_lives_is_not_ready_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let (mut process, address, admin) = serve(&["--config", path.to_str().unwrap()]).await;
    let page = async |path| Call::get(path).send(admin).await.unwrap();
    assert_eq!(page("/healthz").await.status(), 200);
    let ready = page("/readyz").await;
    assert_eq!(ready.status(), 503);
    let why = ready.body().await.unwrap();
    assert!(
        String::from_utf8_lossy(&why).contains("config.json"),
        "{why:?}"
    );
    let refused = chat(false).send(address).await.unwrap();
    assert_eq!(
        (refused.status(), refused.header("retry-after")),
        (503, Some("1"))
    );
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let all = configuration(&[("one", channel(&provider))]);
    std::fs::write(&path, serde_json::to_vec(&all).unwrap()).unwrap();
    process
        .until_answers(address, &chat(false), SOON)
        .await
        .unwrap();
    assert_eq!(page("/readyz").await.status(), 200);
}

#[tokio::test]
async fn a_shared_gateway_without_a_certificate_is_not_ready_and_says_why() {
    let nobody = format!("--operator=https://{}", reserve().unwrap());
    let shared = ["--shared=127.0.0.1:0", &nobody];
    let (sidecar, _providers) = world(Behaviour::healthy(), &shared).await;
    let (status, why) = sidecar.page("/readyz").await;
    assert!(status == 503 && why.contains("certificate"), "{why}");
    assert_eq!(sidecar.chat(false).await.status(), 200);
}

#[tokio::test]
async fn the_port_for_others_shows_health_and_numbers_and_no_configuration() {
    let port = reserve().unwrap();
    let address = port.to_string();
    let (_sidecar, _providers) = world(Behaviour::healthy(), &["--metrics", &address]).await;
    for (path, status) in [
        ("/healthz", 200),
        ("/metrics", 200),
        ("/configz", 404),
        ("/readyz", 200),
    ] {
        assert_eq!(
            Call::get(path).send(port).await.unwrap().status(),
            status,
            "{path}"
        );
    }
}

#[tokio::test]
async fn no_secret_is_printed_or_shown_whatever_goes_wrong() {
    let (sidecar, [one, _other]) = world(Behaviour::healthy(), &["--log", "debug"]).await;
    let quoted = format!("Incorrect API key provided: {CREDENTIAL}, at http://10.0.0.7/internal");
    let mut shown = String::new();
    for fault in [
        Behaviour::healthy(),
        Behaviour::error(400, "invalid_request_error", &quoted),
        Behaviour::error(401, "invalid_api_key", &quoted),
        Behaviour::error(422, "invalid_request_error", &quoted),
        Behaviour::error(500, "server_error", &quoted),
        Behaviour::error(400, CREDENTIAL, "code"),
        Behaviour::Redirect(302, format!("http://127.0.0.1:1/{CREDENTIAL}")),
        Behaviour::Raw(format!("HTTP/1.1 200 OK\r\n{CREDENTIAL}\r\n\r\n").into_bytes()),
    ] {
        one.set(fault).await.unwrap();
        for stream in [false, true] {
            let answer = sidecar.chat(stream).await;
            shown += &format!("{:?}", answer.head);
            shown += &String::from_utf8_lossy(&answer.body().await.unwrap());
        }
    }
    for call in [
        Call::chat("m", "x", false).header("authorization", KEY),
        Call::chat("m", "x", false).key(&format!(" {KEY}")),
        Call::chat("m", "x", false)
            .key(KEY)
            .header("x-api-key", CREDENTIAL),
        Call::chat("m", "x", false).key(CREDENTIAL),
        Call::post(&format!("/v1/nothing?key={KEY}"), "{}"),
        Call::post("/v1/chat/completions", "{").key(KEY),
    ] {
        let answer = sidecar.ask(call).await;
        assert!((400..500).contains(&answer.status()));
        shown += &String::from_utf8_lossy(&answer.body().await.unwrap());
    }
    sidecar.write_bytes(format!("{{\"keys\": \"{CREDENTIAL}\"").as_bytes());
    sidecar
        .until_configz("the broken file", |shown| shown["error"].is_string())
        .await;
    shown += &sidecar.page("/configz").await.1;
    shown += &sidecar.page("/metrics").await.1;
    shown += &sidecar.printed();
    assert!(
        shown.contains("attempt failed"),
        "the log was not looked at"
    );
    let lines = shown.lines().filter(|line| line.contains("canary"));
    assert_eq!(lines.collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(!shown.contains("10.0.0.7"), "an inner address is shown");
}
