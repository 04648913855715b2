//! A provider that speaks HTTP/2 over TLS. Called by the tests of `pool`.

use super::*;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// A call as a provider sees it: at which connection, counted from 0, and where its answer is awaited.
type Seen = (usize, oneshot::Sender<Response<Answered>>);
type Answered = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;

/// A provider, its connections and its calls.
struct Provider {
    seen: mpsc::UnboundedReceiver<Seen>,
    accepted: mpsc::UnboundedReceiver<JoinHandle<()>>,
    pool: Arc<Pool>,
    to: String,
}

impl Provider {
    async fn new() -> Self {
        let certified = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let pem = certified.cert.pem();
        let key = rustls_pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der());
        let mut tls = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key.unwrap())
            .unwrap();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = format!("https://{}/v1/chat", listener.local_addr().unwrap());
        let (calls, seen) = mpsc::unbounded_channel();
        let (connections, accepted) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let tls = TlsAcceptor::from(Arc::new(tls));
            for at in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let task = tokio::spawn(connection(at, stream, tls.clone(), calls.clone()));
                let _ = connections.send(task);
            }
        });
        let dial = Dial::new(Duration::from_secs(30), Some(&pem)).unwrap();
        let pool = Pool::new(dial);
        Provider {
            seen,
            accepted,
            pool,
            to,
        }
    }

    /// Starts a call; its answer, when it has one.
    fn call(&self) -> JoinHandle<Result<Response<Incoming>, Failure>> {
        let (pool, request) = (Arc::clone(&self.pool), request(&self.to));
        tokio::spawn(async move { pool.request(request).await })
    }

    /// A call, answered whole; at which connection.
    async fn answered(&mut self) -> usize {
        let call = self.call();
        let (at, answer) = self.seen.recv().await.unwrap();
        answer.send(ok()).unwrap();
        assert_eq!(whole(call.await.unwrap().unwrap()).await, "ok");
        at
    }
}

async fn connection(
    at: usize,
    stream: TcpStream,
    tls: TlsAcceptor,
    calls: mpsc::UnboundedSender<Seen>,
) {
    let service = service_fn(|_| {
        let calls = calls.clone();
        async move {
            let (answer, answered) = oneshot::channel();
            calls.send((at, answer)).unwrap();
            // Who drops it ends its stream with an error.
            answered.await
        }
    });
    let stream = TokioIo::new(tls.accept(stream).await.unwrap());
    let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _ = serving.serve_connection(stream, service).await;
}

fn ok() -> Response<Answered> {
    Response::new(Full::from("ok").boxed_unsync())
}

#[tokio::test]
async fn calls_at_once_share_one_connection() {
    let mut provider = Provider::new().await;
    assert_eq!(provider.answered().await, 0);
    let calls = [provider.call(), provider.call(), provider.call()];
    let mut answers = Vec::new();
    while answers.len() < calls.len() {
        let (at, answer) = provider.seen.recv().await.unwrap();
        assert_eq!(at, 0);
        answers.push(answer);
    }
    // All are under way before the first is answered.
    for answer in answers {
        answer.send(ok()).unwrap();
    }
    for call in calls {
        assert_eq!(whole(call.await.unwrap().unwrap()).await, "ok");
    }
}

#[tokio::test]
async fn a_connection_that_died_is_replaced() {
    let mut provider = Provider::new().await;
    assert_eq!(provider.answered().await, 0);
    let call = provider.call();
    let (_, answer) = provider.seen.recv().await.unwrap();
    let connection = provider.accepted.recv().await.unwrap();
    connection.abort();
    let _ = connection.await;
    // A provider saw this call: it is not sent again here.
    let failure = call.await.unwrap().map(drop).unwrap_err();
    assert!(matches!(failure, Failure::Broken { closing: false, .. }));
    drop(answer);
    assert_eq!(provider.answered().await, 1);
}

#[tokio::test]
async fn a_call_that_is_cancelled_ends_no_other() {
    let mut provider = Provider::new().await;
    assert_eq!(provider.answered().await, 0);
    let left = provider.call();
    let (_, mut forgotten) = provider.seen.recv().await.unwrap();
    let stays = provider.call();
    let (_, answer) = provider.seen.recv().await.unwrap();
    left.abort();
    // The provider hears that nobody waits for it.
    forgotten.closed().await;
    answer.send(ok()).unwrap();
    assert_eq!(whole(stays.await.unwrap().unwrap()).await, "ok");
    assert_eq!(provider.answered().await, 0);
}

#[tokio::test]
async fn an_answer_that_is_dropped_ends_no_other() {
    let mut provider = Provider::new().await;
    let dropped = provider.call();
    let (_, answer) = provider.seen.recv().await.unwrap();
    let (more, pieces) = mpsc::unbounded_channel::<Result<Frame<Bytes>, Infallible>>();
    let pieces = futures::stream::unfold(pieces, |mut pieces| async {
        pieces.recv().await.map(|piece| (piece, pieces))
    });
    let endless = http_body_util::StreamBody::new(pieces).boxed_unsync();
    answer.send(Response::new(endless)).unwrap();
    drop(dropped.await.unwrap().unwrap());
    more.closed().await;
    assert_eq!(provider.answered().await, 0);
}
