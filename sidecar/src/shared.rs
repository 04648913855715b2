//! The shared gateway's door: sidecars of any namespace come in by TLS, each with its pod's token and the name of a key of its namespace.
//! Called by `server`, which carries what it vouches for like every other call. It must never let a key be named by a pod of another
//! namespace, nor let a caller in whose token the operator does not know.

mod certificate;
mod review;

use crate::identity::Vouched;
use crate::link::Endpoint;
use crate::names;
use crate::reject::Reject;
use certificate::Certificates;
use http::{HeaderMap, Request, header};
use purser_config::Name;
use review::Reviews;
use std::borrow::Cow;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

const WHO: &str = "This is the shared gateway, which answers sidecars: it needs a pod's ServiceAccount token (audience purser.dev/operator) as `Authorization: Bearer`, and the key as `x-purser-key: NAMESPACE/NAME`. An application calls its own sidecar.";
const NOT_YOURS: &str =
    "This pod's namespace has no such key: a pod names keys of its own namespace alone.";

/// See the file's page.
pub struct Shared {
    operator: Endpoint,
    certificates: Arc<Certificates>,
    acceptor: TlsAcceptor,
    reviews: Reviews,
}

impl Shared {
    /// A door whose certificate and whose callers this operator vouches for.
    pub fn new(operator: Endpoint) -> Self {
        let certificates = Arc::new(Certificates::default());
        let mut tls = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(
                Arc::clone(&certificates) as Arc<dyn rustls::server::ResolvesServerCert>
            );
        tls.alpn_protocols = vec![b"h2".to_vec()];
        Shared {
            operator,
            certificates,
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            reviews: Reviews::default(),
        }
    }

    /// Gets a certificate, and another one in time, for ever. Resolves never.
    pub async fn keep(&self) {
        self.certificates.keep(&self.operator).await;
    }

    /// Whether there is a certificate to present.
    pub(crate) fn is_open(&self) -> bool {
        self.certificates.is_there()
    }

    /// The connection behind TLS; none when the other side breaks off.
    pub(crate) async fn tls(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await.ok()
    }

    /// Says with the request on whose behalf it comes, or why that is not known. What proved it goes no further.
    pub(crate) async fn vouch<B>(&self, request: &mut Request<B>) {
        let vouched = self.named(request.headers()).await;
        let headers = request.headers_mut();
        headers.remove(header::AUTHORIZATION);
        headers.remove(&names::KEY);
        request.extensions_mut().insert(Vouched(vouched));
    }

    async fn named(&self, headers: &HeaderMap) -> Result<Name, Reject> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let token = text(&header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let key = text(&names::KEY).and_then(|value| value.parse::<Name>().ok());
        let (Some(token), Some(key)) = (token, key) else {
            return Err(Reject::Unauthenticated(Cow::Borrowed(WHO)));
        };
        let namespace = self.reviews.namespace(&self.operator, token).await?;
        match *namespace == *key.namespace() {
            true => Ok(key),
            false => Err(Reject::Unauthenticated(Cow::Borrowed(NOT_YOURS))),
        }
    }
}
