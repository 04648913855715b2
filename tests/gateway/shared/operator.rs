//! A stand-in for the operator: makes the shared gateway's certificate, and knows one pod. One for all tests of a process, on a thread of
//! its own. It opens no stream: whoever asks for one is told to come again, as by an operator that is about to end.

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use purser_config::SecretText;
use purser_config::stream::{CERTIFICATE_PATH, Certificate, REVIEW_PATH, Review, Reviewed};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::json;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

pub(super) const GATEWAY_TOKEN: &str = "token-of-the-gateway";
pub(super) const POD_TOKEN: &str = "token-of-the-pod";
/// Where the pod is, which is where the tests' keys are.
const NAMESPACE: &str = "shop";
/// Longer than any test.
const RENEW_AFTER_MS: u64 = 3_600_000;

pub(super) static OPERATOR: LazyLock<Operator> = LazyLock::new(Operator::start);

pub(super) struct Operator {
    pub(super) address: SocketAddr,
    pub(super) ca_pem: String,
}

/// What is shown at the operator's door and at the gateway's: both are 127.0.0.1 here.
struct Shown {
    chain_pem: String,
    key_pem: String,
}

impl Operator {
    fn start() -> Self {
        let (ca_pem, shown) = certified();
        let (say, said) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                say.send(listener.local_addr().unwrap()).unwrap();
                serve(listener, Arc::new(shown)).await;
            });
        });
        Operator {
            address: said.recv().unwrap(),
            ca_pem,
        }
    }

    /// Whether what is shown there is this operator's.
    pub(super) async fn knows(&self, door: SocketAddr) -> bool {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(self.ca_pem.as_bytes());
        roots.add(ca.unwrap()).unwrap();
        let tls = ClientConfig::builder().with_root_certificates(roots);
        let tls = TlsConnector::from(Arc::new(tls.with_no_client_auth()));
        let name = ServerName::try_from(door.ip().to_string()).unwrap();
        let Ok(socket) = TcpStream::connect(door).await else {
            return false;
        };
        tls.connect(name, socket).await.is_ok()
    }
}

/// A CA, and what it signs for this machine.
fn certified() -> (String, Shown) {
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    let name = "CA of a test's operator";
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let ca_pem = params.self_signed(&ca_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &Issuer::new(params, ca_key)).unwrap();
    let shown = Shown {
        chain_pem: leaf.pem(),
        key_pem: key.serialize_pem(),
    };
    (ca_pem, shown)
}

async fn serve(listener: TcpListener, shown: Arc<Shown>) {
    let chain = CertificateDer::from_pem_slice(shown.chain_pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(shown.key_pem.as_bytes()).unwrap();
    let tls = ServerConfig::builder().with_no_client_auth();
    let mut tls = tls.with_single_cert(vec![chain], key).unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let tls = TlsAcceptor::from(Arc::new(tls));
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let (tls, shown) = (tls.clone(), Arc::clone(&shown));
        tokio::spawn(async move {
            // Tests end processes in the middle of whatever they do.
            let Ok(stream) = tls.accept(socket).await else {
                return;
            };
            let answer = service_fn(|request| answer(request, Arc::clone(&shown)));
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    shown: Arc<Shown>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let bearer = format!("Bearer {GATEWAY_TOKEN}");
    let authorization = request.headers().get(header::AUTHORIZATION);
    let is_the_gateway = authorization.is_some_and(|value| *value == *bearer);
    let (status, body) = match request.uri().path() {
        CERTIFICATE_PATH if is_the_gateway => (StatusCode::OK, certificate(&shown)),
        REVIEW_PATH if is_the_gateway => {
            let body = request.into_body().collect().await;
            review(&body.map(|body| body.to_bytes()).unwrap_or_default())
        }
        CERTIFICATE_PATH | REVIEW_PATH => refused(StatusCode::FORBIDDEN, "not_the_gateway"),
        _ => refused(StatusCode::SERVICE_UNAVAILABLE, "not_ready"),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    Ok(response)
}

fn certificate(shown: &Shown) -> Vec<u8> {
    let made = Certificate {
        chain_pem: shown.chain_pem.clone(),
        key_pem: SecretText::new(shown.key_pem.as_str()),
        renew_after_ms: RENEW_AFTER_MS,
    };
    serde_json::to_vec(&made).unwrap()
}

fn review(body: &[u8]) -> (StatusCode, Vec<u8>) {
    let asked = serde_json::from_slice::<Review>(body).unwrap();
    if asked.token.reveal() != POD_TOKEN {
        return refused(StatusCode::UNAUTHORIZED, "unauthenticated");
    }
    let reviewed = Reviewed {
        namespace: NAMESPACE.into(),
        service_account: "default".into(),
    };
    (StatusCode::OK, serde_json::to_vec(&reviewed).unwrap())
}

fn refused(status: StatusCode, code: &str) -> (StatusCode, Vec<u8>) {
    let body = json!({"error": {"code": code, "message": "said by a test's stand-in"}});
    (status, body.to_string().into_bytes())
}
