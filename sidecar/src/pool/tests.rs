//! The pool against providers that are TCP listeners: which connection carries which call. Called by `cargo test`; waits for no time.

mod http2;

use super::*;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const SHORT: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const ENDLESS: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// A provider's connections as they are accepted, and a pool of connections to it.
async fn provider() -> (mpsc::UnboundedReceiver<TcpStream>, Arc<Pool>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("http://{}/v1/chat", listener.local_addr().unwrap());
    let (sender, accepted) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = sender.send(stream);
        }
    });
    let dial = Dial::new(Duration::from_secs(30), None).unwrap();
    (accepted, Pool::new(dial), to)
}

fn request(to: &str) -> Sent {
    let request = Request::post(to).header("host", "provider");
    request.body(Full::from("{}")).unwrap()
}

/// Reads one request and answers it.
async fn serve(stream: &mut TcpStream, answer: &[u8]) -> String {
    let (mut read, mut piece) = (Vec::new(), [0; 1024]);
    while !read.ends_with(b"{}") {
        let length = stream.read(&mut piece).await.unwrap();
        assert!(length > 0, "closed instead of a request");
        read.extend_from_slice(&piece[..length]);
    }
    stream.write_all(answer).await.unwrap();
    String::from_utf8(read).unwrap()
}

async fn whole(response: Response<Incoming>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn a_connection_whose_answer_was_read_carries_the_next_call() {
    let (mut accepted, pool, to) = provider().await;
    let calls = async {
        for _ in 0..3 {
            let response = pool.request(request(&to)).await.unwrap();
            assert_eq!(whole(response).await, "ok");
        }
    };
    let serving = async {
        let mut stream = accepted.recv().await.unwrap();
        for _ in 0..3 {
            let head = serve(&mut stream, SHORT).await;
            assert!(head.starts_with("POST /v1/chat HTTP/1.1\r\n"), "{head}");
        }
    };
    tokio::join!(calls, serving);
    assert!(accepted.try_recv().is_err(), "a second connection");
}

#[tokio::test]
async fn calls_at_once_have_a_connection_each() {
    let (mut accepted, pool, to) = provider().await;
    let calls = async {
        let calls =
            (0..8).map(|_| async { whole(pool.request(request(&to)).await.unwrap()).await });
        futures::future::join_all(calls).await
    };
    let serving = async {
        let mut all = Vec::new();
        while all.len() < 8 {
            all.push(accepted.recv().await.unwrap());
        }
        for stream in &mut all {
            serve(stream, SHORT).await;
        }
    };
    let (answers, ()) = tokio::join!(calls, serving);
    assert!(answers.iter().all(|answer| answer == "ok"));
}

#[tokio::test]
async fn every_piece_of_a_stream_is_there_when_it_was_sent() {
    let (mut accepted, pool, to) = provider().await;
    let (go, mut may) = mpsc::unbounded_channel();
    let call = async move {
        let mut body = pool.request(request(&to)).await.unwrap().into_body();
        let mut pieces = 0;
        // The next piece is sent only when the one before was read.
        go.send(()).unwrap();
        while let Some(frame) = body.frame().await {
            assert_eq!(frame.unwrap().into_data().unwrap(), "piece");
            pieces += 1;
            go.send(()).unwrap();
        }
        pieces
    };
    let serving = async {
        let mut stream = accepted.recv().await.unwrap();
        serve(&mut stream, ENDLESS).await;
        for _ in 0..100 {
            may.recv().await.unwrap();
            stream.write_all(b"5\r\npiece\r\n").await.unwrap();
        }
        may.recv().await.unwrap();
        stream.write_all(b"0\r\n\r\n").await.unwrap();
    };
    let (pieces, ()) = tokio::join!(tokio::spawn(call), serving);
    assert_eq!(pieces.unwrap(), 100);
}

#[tokio::test]
async fn a_connection_whose_stream_was_read_to_its_end_carries_the_next_call() {
    let (mut accepted, pool, to) = provider().await;
    let stream = [ENDLESS, b"2\r\nok\r\n0\r\n\r\n"].concat();
    let calls = async {
        for _ in 0..3 {
            let response = pool.request(request(&to)).await.unwrap();
            assert_eq!(whole(response).await, "ok");
        }
    };
    let serving = async {
        let mut connection = accepted.recv().await.unwrap();
        for _ in 0..3 {
            serve(&mut connection, &stream).await;
        }
    };
    tokio::join!(calls, serving);
    assert!(accepted.try_recv().is_err(), "a second connection");
}

#[tokio::test]
async fn what_a_provider_says_unasked_is_no_answer_to_the_next_call() {
    let (mut accepted, pool, to) = provider().await;
    let twice = [SHORT, b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad"].concat();
    let calls = async {
        for _ in 0..2 {
            let response = pool.request(request(&to)).await.unwrap();
            assert_eq!(whole(response).await, "ok");
        }
    };
    let serving = async {
        let mut first = accepted.recv().await.unwrap();
        serve(&mut first, &twice).await;
        let mut second = accepted.recv().await.unwrap();
        serve(&mut second, SHORT).await;
        (first, second)
    };
    let _open = tokio::join!(calls, serving);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_to_its_end_closes_its_connection() {
    let (mut accepted, pool, to) = provider().await;
    let call = async { drop(pool.request(request(&to)).await.unwrap()) };
    let serving = async {
        let mut stream = accepted.recv().await.unwrap();
        serve(&mut stream, ENDLESS).await;
        stream
    };
    let ((), mut stream) = tokio::join!(call, serving);
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_rested_is_replaced() {
    let (mut accepted, pool, to) = provider().await;
    let first = async { whole(pool.request(request(&to)).await.unwrap()).await };
    let serving = async {
        let mut stream = accepted.recv().await.unwrap();
        serve(&mut stream, SHORT).await;
        stream
    };
    let (answer, stream) = tokio::join!(first, serving);
    assert_eq!(answer, "ok");
    drop(stream);
    let second = async { pool.request(request(&to)).await };
    let serving = async {
        let mut stream = accepted.recv().await.unwrap();
        serve(&mut stream, SHORT).await;
    };
    // Where the end has not been seen yet, the call is told that its connection was closing: it may be sent again.
    let (answer, ()) = match futures::future::select(Box::pin(second), Box::pin(serving)).await {
        futures::future::Either::Left((Err(failure), _)) => {
            assert!(matches!(failure, Failure::Broken { closing: true, .. }));
            return;
        }
        futures::future::Either::Left((answer, serving)) => (answer, serving.await),
        futures::future::Either::Right(((), second)) => (second.await, ()),
    };
    assert_eq!(whole(answer.unwrap()).await, "ok");
}

#[tokio::test]
async fn who_cannot_be_reached_was_sent_nothing() {
    let (accepted, pool, _) = provider().await;
    drop(accepted);
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("http://{}/", free.local_addr().unwrap());
    drop(free);
    let failure = pool.request(request(&to)).await.map(drop).unwrap_err();
    assert!(matches!(failure, Failure::Unreachable(_)));
}
