//! Each behaviour, seen by a client that hides nothing.

use super::*;
use crate::sse_client::{Answer, Call, End};

async fn ask(provider: &Provider, stream: bool) -> anyhow::Result<Answer> {
    Call::chat("gpt-x", "hello", stream)
        .key("sk-1")
        .send(provider.address())
        .await
}

async fn meets(behaviour: Behaviour) -> Provider {
    Provider::start(behaviour).await.unwrap()
}

async fn is_silent(answer: impl Future) -> bool {
    tokio::time::timeout(Duration::from_millis(50), answer)
        .await
        .is_err()
}

#[tokio::test]
async fn answers_every_endpoint_and_logs_what_came() {
    let provider = meets(Behaviour::healthy()).await;
    for path in [
        "chat/completions",
        "completions",
        "responses",
        "embeddings",
        "images/generations",
        "moderations",
        "audio/transcriptions",
    ] {
        let answer = Call::post(&format!("/v1/{path}"), r#"{"model":"m"}"#)
            .send(provider.address())
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.json().await.unwrap().is_object(), "{path}");
    }
    let speech = Call::post("/v1/audio/speech", "{}")
        .send(provider.address())
        .await
        .unwrap();
    assert_eq!(speech.body().await.unwrap(), answers::SPEECH);
    assert_eq!(
        Call::get("/v1/models")
            .send(provider.address())
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(
        Call::get("/v1/nothing")
            .send(provider.address())
            .await
            .unwrap()
            .status(),
        404
    );
    ask(&provider, false).await.unwrap().json().await.unwrap();
    let last = provider.last().unwrap();
    assert_eq!(
        (last.method.as_str(), last.path.as_str()),
        ("POST", "/v1/chat/completions")
    );
    assert_eq!(
        (last.header("Authorization"), &last.json()["model"]),
        (Some("Bearer sk-1"), &"gpt-x".into())
    );
    assert_eq!(provider.until_calls(11).await.unwrap().calls, 11);
}

#[tokio::test]
async fn a_stream_says_the_same_as_a_plain_answer() {
    let provider = meets(Behaviour::Answers {
        chunks: 3,
        interval: Duration::from_millis(1),
    })
    .await;
    let plain = ask(&provider, false).await.unwrap().json().await.unwrap();
    let stream = ask(&provider, true).await.unwrap().stream().await;
    assert_eq!(stream.end, End::Done);
    assert_eq!(
        Some(stream.text().as_str()),
        plain["choices"][0]["message"]["content"].as_str()
    );
    assert_eq!(stream.text(), "word0 word1 word2 ");
}

#[tokio::test]
async fn a_refused_port_comes_back_at_the_same_address() {
    let provider = meets(Behaviour::healthy()).await;
    ask(&provider, false).await.unwrap();
    provider.set(Behaviour::Refuses).await.unwrap();
    let error = ask(&provider, false).await.unwrap_err();
    let kind = error
        .downcast_ref::<std::io::Error>()
        .map(std::io::Error::kind);
    assert_eq!(
        kind,
        Some(std::io::ErrorKind::ConnectionRefused),
        "{error:#}"
    );
    provider.set(Behaviour::healthy()).await.unwrap();
    assert_eq!(ask(&provider, false).await.unwrap().status(), 200);
}

#[tokio::test]
async fn closing_the_port_cuts_the_calls_in_hand() {
    let provider = meets(Behaviour::PingsOnly(Duration::from_millis(1))).await;
    let mut answer = ask(&provider, true).await.unwrap();
    assert!(answer.next().await.unwrap().is_some());
    provider.set(Behaviour::Refuses).await.unwrap();
    assert!(matches!(answer.stream().await.end, End::Cut(_)));
    assert_eq!(provider.counts().at_once, 0);
}

#[tokio::test]
async fn statuses_carry_their_headers() {
    for (behaviour, code) in [
        (Behaviour::status(503), 503),
        (Behaviour::out_of_money(), 429),
        (Behaviour::bad_credential(), 401),
        (Behaviour::unknown_model(), 404),
    ] {
        assert_eq!(
            ask(&meets(behaviour).await, false).await.unwrap().status(),
            code
        );
    }
    let limited = ask(&meets(Behaviour::rate_limited(7)).await, false)
        .await
        .unwrap();
    assert_eq!(
        (limited.status(), limited.header("Retry-After")),
        (429, Some("7"))
    );
    let redirect = ask(
        &meets(Behaviour::Redirect(302, "http://10.0.0.1/".into())).await,
        false,
    )
    .await
    .unwrap();
    assert_eq!(
        (redirect.status(), redirect.header("location")),
        (302, Some("http://10.0.0.1/"))
    );
    let page = ask(&meets(Behaviour::Html200).await, false).await.unwrap();
    assert_eq!(
        (page.status(), page.header("content-type")),
        (200, Some("text/html"))
    );
}

#[tokio::test]
async fn hangs_and_slowness_are_silence_until_the_caller_leaves() {
    let provider = meets(Behaviour::AcceptsAndHangs).await;
    assert!(is_silent(ask(&provider, false)).await);
    provider
        .until("the caller to leave", |counts| counts.abandoned == 1)
        .await
        .unwrap();

    provider
        .set(Behaviour::SlowFirstByte(Duration::from_millis(100)))
        .await
        .unwrap();
    assert!(is_silent(ask(&provider, true)).await);
    assert_eq!(
        ask(&provider, true).await.unwrap().stream().await.end,
        End::Done
    );

    provider.set(Behaviour::RoleOnlyThenHang).await.unwrap();
    let mut answer = ask(&provider, true).await.unwrap();
    assert_eq!(
        answer.next().await.unwrap().unwrap().json()["choices"][0]["delta"]["role"],
        "assistant"
    );
    assert!(is_silent(answer.next()).await);

    provider
        .set(Behaviour::PingsOnly(Duration::from_millis(1)))
        .await
        .unwrap();
    let mut answer = ask(&provider, true).await.unwrap();
    for _ in 0..3 {
        assert_eq!(
            answer.next().await.unwrap().unwrap().comment.as_deref(),
            Some("ping")
        );
    }
}

#[tokio::test]
async fn heads_and_bodies_break_where_they_should() {
    let provider = meets(Behaviour::DiesInHeaders).await;
    assert!(format!("{:#}", ask(&provider, false).await.unwrap_err()).contains("inside a head"));
    provider.set(Behaviour::TruncatedBody).await.unwrap();
    assert!(ask(&provider, false).await.unwrap().body().await.is_err());
    provider
        .set(vec![Behaviour::Refuses, Behaviour::healthy()])
        .await
        .unwrap();
    assert!(
        ask(&provider, false).await.is_err(),
        "in a script a refusal is a reset"
    );
    assert_eq!(ask(&provider, false).await.unwrap().status(), 200);
    provider
        .set(Behaviour::Raw(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
        ))
        .await
        .unwrap();
    assert_eq!(
        ask(&provider, false).await.unwrap().body().await.unwrap(),
        "{}"
    );
}

#[tokio::test]
async fn streams_break_where_they_should() {
    let provider = meets(Behaviour::DiesMidStream(2)).await;
    let stream = ask(&provider, true).await.unwrap().stream().await;
    assert_eq!(stream.text(), "word0 word1 ");
    assert!(matches!(stream.end, End::Cut(_)), "{:?}", stream.end);

    provider.set(Behaviour::StreamErrorFirst).await.unwrap();
    let stream = ask(&provider, true).await.unwrap().stream().await;
    assert_eq!(
        (stream.events.len(), stream.errors().len(), stream.end),
        (1, 1, End::Quiet)
    );
    assert!(ask(&provider, false).await.unwrap().json().await.unwrap()["error"].is_object());

    provider.set(Behaviour::StreamErrorAfter(1)).await.unwrap();
    let stream = ask(&provider, true).await.unwrap().stream().await;
    assert_eq!(
        (stream.text().as_str(), stream.errors().len(), stream.end),
        ("word0 ", 1, End::Quiet)
    );

    provider.set(Behaviour::EmptyStream).await.unwrap();
    assert_eq!(
        ask(&provider, true).await.unwrap().stream().await.events,
        []
    );

    provider.set(Behaviour::HugeLine(2 << 20)).await.unwrap();
    assert_eq!(
        ask(&provider, true)
            .await
            .unwrap()
            .stream()
            .await
            .text()
            .len(),
        2 << 20
    );
}

#[tokio::test]
async fn a_trickle_arrives_whole_and_an_echo_untouched() {
    let provider = meets(Behaviour::Trickle(Duration::from_micros(10))).await;
    assert!(ask(&provider, false).await.unwrap().json().await.is_ok());
    provider.set(Behaviour::Echo).await.unwrap();
    let odd = "{ \"b\":1,\r\n\"a\" : 1.0e2, \"model\":\"m\\u0061\" }";
    let answer = Call::post("/v1/chat/completions", odd)
        .header("x-odd", "a  b")
        .send(provider.address())
        .await
        .unwrap();
    assert_eq!(answer.header("x-echo-x-odd"), Some("a  b"));
    assert_eq!(answer.body().await.unwrap(), odd);
}

#[tokio::test]
async fn calls_in_hand_are_counted() {
    let provider = meets(Behaviour::SlowFirstByte(Duration::from_millis(50))).await;
    let (one, other) = tokio::join!(ask(&provider, false), ask(&provider, false));
    assert!(one.is_ok() && other.is_ok());
    let counts = provider
        .until("both answered", |counts| counts.answered == 2)
        .await
        .unwrap();
    assert_eq!(counts.most_at_once, 2);
}

#[tokio::test]
async fn the_book_has_what_was_said_of_answers_whose_caller_left_too() {
    let provider = meets(Behaviour::healthy()).await;
    let call = |stream| Call::chat("m", "hello", stream);
    let whole = call(false).send(provider.address()).await.unwrap();
    whole.body().await.unwrap();
    provider.set(Behaviour::status(500)).await.unwrap();
    let failed = call(false).send(provider.address()).await.unwrap();
    failed.body().await.unwrap();
    provider.set(Behaviour::CountsThenHangs(2)).await.unwrap();
    let mut left = call(true).send(provider.address()).await.unwrap();
    for _ in 0..3 {
        left.next().await.unwrap().unwrap();
    }
    drop(left);
    let over = provider.until("both to be over", |counts| counts.abandoned == 1);
    over.await.unwrap();
    let expected = Book {
        calls: 2,
        left: 1,
        input: 14,
        cached: 0,
        output: 5 + 2,
    };
    assert_eq!(provider.book(), expected);
}
