//! The sidecar's side of the operator's stream, spoken by the test itself: it sees every byte that the operator tells, and may
//! say what no sidecar would.

use super::cluster::SOON;
use super::operator::World;
use bytes::{Bytes, BytesMut};
use http::Request;
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use purser_config::stream::{FromOperator, FromSidecar, Hello, PATH, Version};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

/// An open stream.
pub(super) struct Stream {
    lines: mpsc::UnboundedSender<Bytes>,
    body: Incoming,
    unread: BytesMut,
    /// All that was told so far.
    pub(super) told: String,
}

impl Stream {
    /// Opens one with this token; else the status and the body that refuse it.
    pub(super) async fn open(world: &World, token: &str) -> Result<Self, (u16, String)> {
        let mut sender = http2(world, world.stream).await;
        let (lines, mut waiting) = mpsc::unbounded_channel::<Bytes>();
        let frames = futures::stream::poll_fn(move |context| {
            let line = waiting.poll_recv(context);
            line.map(|line| line.map(|line| Ok::<_, Infallible>(Frame::data(line))))
        });
        let body: BoxBody<Bytes, Infallible> = BoxBody::new(StreamBody::new(frames));
        let request = Request::post(format!("https://{}{PATH}", world.stream))
            .header("authorization", format!("Bearer {token}"))
            .body(body)
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let status = answer.status().as_u16();
        if status != 200 {
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            return Err((status, String::from_utf8_lossy(&body).into_owned()));
        }
        Ok(Stream {
            lines,
            body: answer.into_body(),
            unread: BytesMut::new(),
            told: String::new(),
        })
    }

    /// Says Hello as an instance that knows nothing, and waits for the snapshot.
    pub(super) async fn hello(&mut self, instance: &str) -> FromOperator {
        self.hello_with(instance, "").await
    }

    /// The same, as the owner of a spool.
    pub(super) async fn hello_with(&mut self, instance: &str, spool: &str) -> FromOperator {
        self.say_hello((instance, spool), None);
        self.until(|message| matches!(message, FromOperator::Snapshot { .. }))
            .await
    }

    /// Says Hello as one that has this version.
    pub(super) fn say_hello(&self, (instance, spool): (&str, &str), version: Option<Version>) {
        self.say(&FromSidecar::Hello(Hello {
            instance: instance.to_owned(),
            version,
            uses: vec![],
            shares: vec![],
            holds: Vec::new(),
            tokens: Vec::new(),
            spool: spool.to_owned(),
        }));
    }

    /// Sends a message.
    pub(super) fn say(&self, message: &FromSidecar) {
        let mut line = serde_json::to_vec(message).unwrap();
        line.push(b'\n');
        self.lines.send(line.into()).unwrap();
    }

    /// The first message from now on that is so. Pings meanwhile, as every sidecar does.
    pub(super) async fn until(&mut self, so: impl Fn(&FromOperator) -> bool) -> FromOperator {
        let waiting = async {
            loop {
                let message = self.heard().await;
                if so(&message) {
                    return message;
                }
            }
        };
        tokio::time::timeout(SOON, waiting)
            .await
            .expect("a message that did not come")
    }

    /// The next message. Says first that this side is here, as every sidecar does that is silent.
    pub(super) async fn heard(&mut self) -> FromOperator {
        self.say(&FromSidecar::Ping);
        self.next().await
    }

    /// Waits until the operator ends it.
    pub(super) async fn ends(mut self) {
        let ending = async {
            while let Some(Ok(_)) = self.body.frame().await {
                // A stream that was reset takes no more lines.
                let _ = self.lines.send("\"ping\"\n".into());
            }
        };
        tokio::time::timeout(SOON, ending).await.expect("its end")
    }

    async fn next(&mut self) -> FromOperator {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.unread) {
                let line = self.unread.split_to(end + 1);
                self.told.push_str(&String::from_utf8_lossy(&line));
                return serde_json::from_slice(&line).unwrap();
            }
            let frame = self.body.frame().await.expect("the stream goes on");
            if let Ok(data) = frame.unwrap().into_data() {
                self.unread.extend_from_slice(&data);
            }
        }
    }
}

/// A connection to what has a certificate of the operator's CA.
pub(super) async fn http2<B>(world: &World, address: SocketAddr) -> SendRequest<B>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    let tls = TlsConnector::from(Arc::new(trusting(world)));
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let socket = tls.connect(name, socket).await.unwrap();
    let http = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket));
    let (sender, connection) = http.await.unwrap();
    tokio::spawn(connection);
    sender
}

fn trusting(world: &World) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&world.ca).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let mut tls = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    tls
}
