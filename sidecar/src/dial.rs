//! The one place that opens connections to providers: TCP, TLS and their time limit. Called by the pools in `lane`. It
//! must never be given an address that did not come from configuration.

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Opening = Pin<Box<dyn Future<Output = Result<Wire, Failure>> + Send>>;

/// Opens connections within a limit that covers DNS, TCP and TLS together.
#[derive(Clone)]
pub struct Dial {
    inner: HttpsConnector<HttpConnector>,
    limit: Duration,
}

/// A certificate that could not be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "reading the CA certificates of a channel: {0}; tls.caSecretRef must hold PEM certificates"
)]
pub struct InvalidCa(String);

impl Dial {
    /// A dialler that trusts the public roots, or only `ca_pem`.
    ///
    /// # Errors
    /// When `ca_pem` holds no usable certificate.
    pub fn new(limit: Duration, ca_pem: Option<&str>) -> Result<Self, InvalidCa> {
        let tls = match ca_pem {
            Some(pem) => client_config(private_roots(pem)?),
            None => public_config(),
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        let inner = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        Ok(Dial { inner, limit })
    }
}

fn client_config(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Built once, when the first channel with public TLS appears: most laptops and tests never need it.
pub(crate) fn public_config() -> ClientConfig {
    static PUBLIC: OnceLock<ClientConfig> = OnceLock::new();
    PUBLIC
        .get_or_init(|| {
            client_config(RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            })
        })
        .clone()
}

fn private_roots(pem: &str) -> Result<RootCertStore, InvalidCa> {
    use rustls_pki_types::pem::PemObject;
    let mut roots = RootCertStore::empty();
    for certificate in rustls_pki_types::CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| InvalidCa(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| InvalidCa(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(InvalidCa("no certificate found".into()));
    }
    Ok(roots)
}

impl tower_service::Service<Uri> for Dial {
    type Response = Wire;
    type Error = Failure;
    type Future = Opening;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Opening {
        let (opening, limit) = (self.inner.call(uri), self.limit);
        Box::pin(async move {
            match tokio::time::timeout(limit, opening).await {
                Ok(Ok(stream)) => Ok(Wire {
                    stream,
                    used: Used::default(),
                }),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(format!("no connection within {} ms", limit.as_millis()).into()),
            }
        })
    }
}

/// What a connection has done: an error on one that has carried an answer before, and nothing of the next, means that
/// the provider was closing it, and the request can be sent again.
#[derive(Clone, Debug, Default)]
pub struct Used(Arc<Turns>);

#[derive(Debug, Default)]
struct Turns {
    /// Requests that were written, counted to 2.
    requests: AtomicU8,
    /// Times that something, or the end, was read since the last of them, counted to 2.
    reads: AtomicU8,
}

impl Used {
    fn wrote(&self) {
        let Turns { requests, reads } = &*self.0;
        let count = requests.load(Ordering::Relaxed);
        if count == 0 || reads.load(Ordering::Relaxed) > 0 {
            requests.store((count + 1).min(2), Ordering::Relaxed);
            reads.store(0, Ordering::Relaxed);
        }
    }

    fn read(&self) {
        let reads = &self.0.reads;
        let count = reads.load(Ordering::Relaxed);
        if count < 2 {
            reads.store(count + 1, Ordering::Relaxed);
        }
    }

    /// Whether it had carried an answer before, and nothing of this one but its end: one read that found no bytes.
    pub fn was_closing(&self) -> bool {
        let Turns { requests, reads } = &*self.0;
        requests.load(Ordering::Relaxed) == 2 && reads.load(Ordering::Relaxed) < 2
    }
}

/// One connection.
pub struct Wire {
    stream: MaybeHttpsStream<TokioIo<TcpStream>>,
    used: Used,
}

impl Wire {
    /// What it has done, to be asked while it is elsewhere.
    pub fn used(&self) -> &Used {
        &self.used
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = read {
            self.used.read();
        }
        read
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.used.wrote();
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.used.wrote();
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }
}
