//! The seam to the network, and the network: opens the stream by TCP, TLS by the operator's own CA, HTTP/2, and the token of this pod's ServiceAccount. The CA and the
//! token are read anew each time, because both rotate.

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use purser_config::stream::{HEARS_OF_SPOOLS, HEARS_OF_USES, INQUIRES, PATH};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// For one question beside the stream, and its longest answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
const LONGEST_ANSWER: usize = 1 << 20;

/// How many bytes may come before what came is taken: of one answer, and of all that a connection carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    /// Of one.
    pub(crate) each: u32,
    /// Of all together.
    pub(crate) all: u32,
}

/// For one stream that is always read.
const WINDOWS: Windows = Windows {
    each: 1 << 20,
    all: 2 << 20,
};

/// Where the operator is, and how each side is known to the other.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `https://host:port`.
    pub uri: Uri,
    /// A PEM file of CA certificates, or the folder of a bundle whose index carries them.
    pub ca: PathBuf,
    /// The file with this pod's token.
    pub token: PathBuf,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uri)
    }
}

/// A stream that could not be opened, or broke.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// A file that is needed is not there, or is not what it should be.
    #[error("reading {0}")]
    File(PathBuf, #[source] std::io::Error),
    /// The CA file holds no certificate.
    #[error("{0} holds no PEM certificate of the operator's CA")]
    NoCa(PathBuf),
    /// The address cannot be connected to.
    #[error("the operator's address {0} must read https://host:port")]
    Address(Uri),
    /// TCP or TLS.
    #[error("connecting")]
    Connect(#[source] std::io::Error),
    /// Nothing came of it in time.
    #[error("connecting took longer than {CONNECT_WITHIN:?}")]
    Slow,
    /// HTTP/2.
    #[error("speaking HTTP/2")]
    Http(#[from] hyper::Error),
    /// The operator says no.
    #[error(
        "the operator refused the stream with status {0}; is the token's audience purser.dev/operator?"
    )]
    Refused(StatusCode),
    /// A line that is not a message.
    #[error("reading a message: {0}")]
    Message(String),
    /// A line without end.
    #[error("a message longer than {} MiB", purser_config::stream::MAX_LINE >> 20)]
    TooLong,
    /// Nothing was heard for too long.
    #[error("the operator fell silent")]
    Silent,
}

impl From<serde_json::Error> for LinkError {
    fn from(error: serde_json::Error) -> Self {
        LinkError::Message(crate::source::without_value(&error))
    }
}

/// The request's body.
type Outgoing = UnsyncBoxBody<Bytes, Infallible>;
/// Lines to the operator.
pub type Lines = mpsc::Sender<Bytes>;
/// The answer that lines come from.
pub type Incoming = UnsyncBoxBody<Bytes, LinkError>;
/// A stream that is open.
pub struct Opened {
    /// Where lines go.
    pub lines: Lines,
    /// Where they come from.
    pub incoming: Incoming,
    /// What the operator understands beside what all of them do.
    pub hears: Hears,
}

/// Of which matters an operator can be told.
#[derive(Clone, Copy, Debug)]
pub struct Hears {
    /// How the usage spool is.
    pub spools: bool,
    /// What was used of shares while it did not answer in time.
    pub uses: bool,
}

/// A stream that is being opened.
pub type Opening<'a> = Pin<Box<dyn Future<Output = Result<Opened, LinkError>> + Send + 'a>>;

/// Whoever opens streams to the operator: an endpoint, or a simulated network.
pub trait Connector: fmt::Display + Send + Sync {
    /// Opens one, or says within seconds why not.
    fn open(&self) -> Opening<'_>;
}

impl Connector for Endpoint {
    fn open(&self) -> Opening<'_> {
        let opening = tokio::time::timeout(CONNECT_WITHIN, self.try_open());
        Box::pin(async { opening.await.map_err(|_| LinkError::Slow)? })
    }
}

impl Endpoint {
    async fn try_open(&self) -> Result<Opened, LinkError> {
        let mut sender = self.http2::<Outgoing>(WINDOWS).await?;
        let (lines, receiver) = mpsc::channel(256);
        let response = sender.send_request(self.request(receiver)?).await?;
        match response.status() {
            StatusCode::OK => {
                let says = |name| response.headers().contains_key(name);
                let hears = Hears {
                    spools: says(HEARS_OF_SPOOLS),
                    uses: says(HEARS_OF_USES),
                };
                let incoming = response.into_body().map_err(LinkError::Http);
                let incoming = incoming.boxed_unsync();
                Ok(Opened {
                    lines,
                    incoming,
                    hears,
                })
            }
            status => Err(LinkError::Refused(status)),
        }
    }

    /// A connection for requests with such bodies, within seconds.
    pub(crate) async fn http2<B>(&self, windows: Windows) -> Result<SendRequest<B>, LinkError>
    where
        B: http_body::Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let address = || LinkError::Address(self.uri.clone());
        let host = self
            .uri
            .host()
            .ok_or_else(address)?
            .trim_matches(['[', ']']);
        let name = ServerName::try_from(host.to_owned()).map_err(|_| address())?;
        let connector = TlsConnector::from(Arc::new(self.tls()?));
        let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5));
        builder
            .initial_stream_window_size(windows.each)
            .initial_connection_window_size(windows.all);
        let opening = async {
            let stream = TcpStream::connect((host, self.uri.port_u16().unwrap_or(443)));
            let stream = stream.await.map_err(LinkError::Connect)?;
            let _ = stream.set_nodelay(true);
            let stream = connector.connect(name, stream).await;
            let stream = stream.map_err(LinkError::Connect)?;
            let opened = builder.handshake(TokioIo::new(stream)).await;
            opened.map_err(LinkError::Http)
        };
        let opened = tokio::time::timeout(CONNECT_WITHIN, opening).await;
        let (sender, connection) = opened.map_err(|_| LinkError::Slow)??;
        // Ends when its sender is dropped and the last of its requests is over.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the operator or the shared gateway ended");
            }
        });
        Ok(sender)
    }

    /// Asks one thing, and reads the answer whole.
    pub(crate) async fn post(
        &self,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), LinkError> {
        let asking = async {
            let mut request = Request::post(self.at(path)?)
                .body(Full::new(body))
                .map_err(|_| LinkError::Address(self.uri.clone()))?;
            request
                .headers_mut()
                .insert(header::AUTHORIZATION, self.authorization()?);
            let response = self.http2(WINDOWS).await?.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST_ANSWER)
                .collect()
                .await;
            let body = body.map_err(|_| LinkError::TooLong)?;
            Ok((status, body.to_bytes()))
        };
        let asking = tokio::time::timeout(ANSWERED_WITHIN, asking);
        asking.await.map_err(|_| LinkError::Slow)?
    }

    /// This path there.
    pub(crate) fn at(&self, path: &str) -> Result<Uri, LinkError> {
        let authority = self
            .uri
            .authority()
            .map_or("", |authority| authority.as_str());
        let uri = format!("https://{authority}{path}").parse();
        uri.map_err(|_| LinkError::Address(self.uri.clone()))
    }

    /// This pod's token as it is now, as a header.
    pub(crate) fn authorization(&self) -> Result<HeaderValue, LinkError> {
        let file = |error| LinkError::File(self.token.clone(), error);
        let token = std::fs::read_to_string(&self.token).map_err(file)?;
        let value = HeaderValue::from_str(&format!("Bearer {}", token.trim()));
        let mut value = value.map_err(|error| file(std::io::Error::other(error)))?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn request(&self, receiver: mpsc::Receiver<Bytes>) -> Result<Request<Outgoing>, LinkError> {
        let lines = futures::stream::unfold(receiver, |mut receiver| async {
            let line = receiver.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(line)), receiver))
        });
        let request = Request::post(self.at(PATH)?)
            .header(header::AUTHORIZATION, self.authorization()?)
            .header(header::CONTENT_TYPE, "application/jsonl")
            .header(INQUIRES, "1");
        request
            .body(Outgoing::new(StreamBody::new(lines)))
            .map_err(|_| LinkError::Address(self.uri.clone()))
    }

    fn tls(&self) -> Result<ClientConfig, LinkError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&self.ca_pem()?).flatten() {
            // One that cannot be used does not hold up the others.
            let _ = roots.add(certificate);
        }
        if roots.is_empty() {
            return Err(LinkError::NoCa(self.ca.clone()));
        }
        let mut config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    fn ca_pem(&self) -> Result<Vec<u8>, LinkError> {
        let path = if self.ca.is_dir() {
            self.ca.join(purser_config::bundle::INDEX)
        } else {
            self.ca.clone()
        };
        let bytes = std::fs::read(&path).map_err(|error| LinkError::File(path, error))?;
        if !self.ca.is_dir() {
            return Ok(bytes);
        }
        let index: purser_config::bundle::Index = serde_json::from_slice(&bytes)?;
        Ok(index.ca_pem.into_bytes())
    }
}
