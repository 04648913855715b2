//! Streams that break after their first content, and streams that are silent for long: an honest end, and no silence.

use super::setup::{Sidecar, channel, chat, configuration};
use purser_config::Channel;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::{End, Stream};
use std::time::Duration;

/// Two channels with such providers, the first tried first.
async fn pair(first: Behaviour, second: Behaviour) -> (Sidecar, [Provider; 2]) {
    let (first, second) = (
        Provider::start(first).await.unwrap(),
        Provider::start(second).await.unwrap(),
    );
    let mut one = channel(&first);
    one.timeouts.request_ms = 17_000;
    let other = Channel {
        priority: 1,
        ..channel(&second)
    };
    let sidecar = Sidecar::start(&configuration(&[("one", one), ("other", other)])).await;
    (sidecar, [first, second])
}

/// What was sent stays, one error event follows, and it does not end as if it were whole.
fn is_honest(stream: &Stream, text: &str) {
    assert_eq!(stream.text(), text, "{stream:?}");
    assert_eq!(stream.errors().len(), 1, "{stream:?}");
    assert_eq!(stream.end, End::Quiet, "{stream:?}");
    assert!(stream.events.last().unwrap().json()["error"].is_object());
}

#[tokio::test]
async fn a_stream_that_is_cut_ends_with_one_error_event_and_is_not_tried_again() {
    let (sidecar, [_first, second]) = pair(Behaviour::DiesMidStream(3), Behaviour::healthy()).await;
    for _ in 0..4 {
        let answer = sidecar.chat(true).await;
        assert_eq!(answer.header("x-purser-channel"), Some("shop/one"));
        is_honest(&answer.stream().await, "word0 word1 word2 ");
    }
    assert_eq!(second.calls(), 0);
}

#[tokio::test]
async fn a_stream_that_ends_without_its_last_event_is_not_passed_off_as_whole() {
    let event = |text: &str| {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    };
    let (one, two) = (event("a "), event("b "));
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
    let length = one.len() + two.len();
    let sized = format!("{head}content-length: {length}\r\n\r\n{one}{two}");
    let half = &two[..two.len() - 9];
    let within = format!("{head}connection: close\r\n\r\n{one}{half}");
    for (bytes, text) in [(sized, "a b "), (within, "a ")] {
        let (sidecar, _providers) =
            pair(Behaviour::Raw(bytes.into_bytes()), Behaviour::healthy()).await;
        let stream = sidecar.chat(true).await.stream().await;
        assert_eq!(stream.end, End::Quiet);
        assert_eq!(stream.text(), text);
        assert_eq!(stream.errors().len(), 1, "{stream:?}");
    }
}

#[tokio::test]
async fn an_error_of_the_provider_within_a_stream_passes_once_and_as_it_is() {
    let (sidecar, _providers) = pair(Behaviour::StreamErrorAfter(2), Behaviour::healthy()).await;
    let stream = sidecar.chat(true).await.stream().await;
    is_honest(&stream, "word0 word1 ");
    assert_eq!(stream.errors()[0]["code"], "overloaded");
}

#[tokio::test]
async fn a_stream_that_falls_silent_after_its_first_content_ends_with_one_error_event() {
    let provider = Provider::start(Behaviour::Answers {
        chunks: 2,
        interval: Duration::from_secs(60),
    });
    let provider = provider.await.unwrap();
    let mut one = channel(&provider);
    one.timeouts.idle_ms = 300;
    let sidecar = Sidecar::start(&configuration(&[("one", one)])).await;
    is_honest(&sidecar.chat(true).await.stream().await, "word0 ");
    let left = provider.until("the silent call to be cancelled", |counts| {
        counts.abandoned == 1
    });
    left.await.unwrap();
}

#[tokio::test]
async fn an_answer_without_events_that_is_cut_after_its_first_mebibyte_ends_its_connection() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4000000\r\n";
    let bytes = format!("{head}\r\n{{\"choices\":[\"{}", "x".repeat(2 << 20));
    let (sidecar, _providers) =
        pair(Behaviour::Raw(bytes.into_bytes()), Behaviour::healthy()).await;
    let answer = sidecar.chat(false).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.body().await.is_err(), "it looked whole");
}

#[tokio::test]
async fn a_caller_s_own_mistake_is_told_as_such_even_inside_a_200() {
    let error = r#"{"error":{"message":"too long","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}}"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n";
    let bytes = format!("{head}\r\ndata: {error}\n\n");
    let (sidecar, [_first, second]) =
        pair(Behaviour::Raw(bytes.into_bytes()), Behaviour::healthy()).await;
    let answer = sidecar.chat(true).await;
    assert_eq!(answer.status(), 400);
    let body = answer.json().await.unwrap();
    assert_eq!(body["error"]["code"], "context_length_exceeded", "{body}");
    assert_eq!(second.calls(), 0);
}

#[tokio::test]
async fn a_silent_search_is_kept_alive_after_15_s_and_still_fails_over() {
    let (hangs, good) = (Behaviour::AcceptsAndHangs, Behaviour::healthy());
    let (found, found_by) = pair(hangs.clone(), good).await;
    let (lost, lost_by) = pair(hangs, Behaviour::status(500)).await;
    let (found, lost) = tokio::join!(found.ask(chat(true)), lost.ask(chat(true)));
    assert_eq!((found.status(), lost.status()), (200, 200));
    let (found, lost) = tokio::join!(found.stream(), lost.stream());
    let first = &found.events[0];
    assert!(first.comment.is_some(), "{first:?}");
    let due = Duration::from_secs(15)..Duration::from_secs(17);
    assert!(due.contains(&first.after), "{first:?}");
    assert_eq!(found.end, End::Done);
    assert_eq!(found.text(), "word0 word1 word2 word3 word4 ");
    assert!(lost.events[0].comment.is_some());
    is_honest(&lost, "");
    assert_eq!((found_by[1].calls(), lost_by[0].calls()), (1, 1));
}
