//! `bench-floor`: the least that a hyper gateway can do, and the unit of the bench's ratios. A key map, the body buffered, `model`
//! read by serde_json, the provider's key swapped in, a pooled HTTP/1.1 client, the answer streamed. No feature may be added
//! here, and no work left out: research/performance.md measured this program.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use clap::Parser;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};

#[derive(Parser)]
struct Args {
    /// Where to listen; port 0 lets the system choose. Printed as `listening ADDRESS`.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The provider's address.
    #[arg(long)]
    provider: SocketAddr,
    /// The one key that may call.
    #[arg(long)]
    key: String,
}

struct Floor {
    /// A caller's `Authorization` to the provider's.
    keys: HashMap<HeaderValue, HeaderValue>,
    provider: Uri,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// What is read of a body; everything else is skipped.
#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    model: std::borrow::Cow<'a, str>,
}

type Answer = Response<Either<Incoming, Full<Bytes>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(connector);
    let keys = HashMap::from([(
        format!("Bearer {}", args.key).parse()?,
        HeaderValue::from_static("Bearer sk-provider"),
    )]);
    let floor = Arc::new(Floor {
        keys,
        provider: format!("http://{}", args.provider).parse()?,
        client,
    });
    let listener = TcpListener::bind(args.listen).await?;
    println!("listening {}", listener.local_addr()?);
    // Not a LocalSet with Rc: its second queue costs more than the atomics that it saves.
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::spawn(converse(socket, floor.clone()));
    }
}

async fn converse(socket: TcpStream, floor: Arc<Floor>) {
    let service = service_fn(move |request| {
        let floor = floor.clone();
        async move { Ok::<_, std::convert::Infallible>(floor.answer(request).await) }
    });
    // A caller that leaves is the end of its connection and no fault of ours.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

impl Floor {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        self.relay(request).await.unwrap_or_else(|status| {
            let mut refused = Response::new(Either::Right(Full::default()));
            *refused.status_mut() = status;
            refused
        })
    }

    async fn relay(&self, request: Request<Incoming>) -> Result<Answer, StatusCode> {
        let (mut head, body) = request.into_parts();
        let key = head
            .headers
            .get(AUTHORIZATION)
            .and_then(|key| self.keys.get(key))
            .ok_or(StatusCode::UNAUTHORIZED)?;
        head.headers.insert(AUTHORIZATION, key.clone());
        let body = body
            .collect()
            .await
            .map_err(|_| StatusCode::BAD_REQUEST)?
            .to_bytes();
        let asked: Asked<'_> =
            serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
        if asked.model.is_empty() {
            return Err(StatusCode::BAD_REQUEST);
        }
        let mut to = self.provider.clone().into_parts();
        to.path_and_query = head.uri.path_and_query().cloned();
        head.uri = Uri::from_parts(to).map_err(|_| StatusCode::BAD_REQUEST)?;
        head.headers.remove(CONNECTION);
        let request = Request::from_parts(head, Full::new(body));
        let answer = self
            .client
            .request(request)
            .await
            .map_err(|_| StatusCode::BAD_GATEWAY)?;
        debug_assert!(
            answer.headers().contains_key(CONTENT_TYPE),
            "the mock names its type"
        );
        Ok(answer.map(Either::Left))
    }
}
