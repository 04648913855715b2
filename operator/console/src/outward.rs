//! The one place from which this crate calls somebody else: HTTP/1.1 within a time limit, following no redirect, reading no more than it
//! was told to. Called by `webhook` and
//! `oidc`. It must never be given an address that neither an administrator wrote nor the issuer said whom they named.

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::time::Duration;

/// The longest answer, in bytes.
const LONGEST: usize = 1 << 20;

/// See the file's page.
#[derive(Clone, Debug)]
pub(crate) struct Outward {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    within: Duration,
}

impl Outward {
    /// Trusts the public roots and this machine's own (`SSL_CERT_FILE` names others).
    pub(crate) fn new(within: Duration) -> Self {
        let tls = ClientConfig::builder()
            .with_root_certificates(roots())
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Outward {
            client: Client::builder(TokioExecutor::new()).build(connector),
            within,
        }
    }

    /// The whole answer; or, in words, why there is none.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, String> {
        let asked = async {
            let answer = self.client.request(request).await;
            let (head, body) = answer.map_err(|error| chain(&error))?.into_parts();
            let body = Limited::new(body, LONGEST).collect().await;
            let body = body.map_err(|error| chain(&*error))?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        let late = |_| format!("no answer within {} s", self.within.as_secs());
        tokio::time::timeout(self.within, asked)
            .await
            .unwrap_or_else(|elapsed| Err(late(elapsed)))
    }
}

fn roots() -> RootCertStore {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let own = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(own.certs);
    roots
}

/// An address that can be called.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn web_address(text: &str) -> Result<Uri, String> {
    let wrong = || format!("{text:?} is no address such as https://host/path");
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let called = matches!(uri.scheme_str(), Some("http" | "https"));
    let named = uri
        .authority()
        .is_some_and(|who| !who.as_str().contains('@'));
    (called && named).then_some(uri).ok_or_else(wrong)
}

/// An error and what caused it.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let (mut text, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host_and_no_password() {
        assert!(web_address("https://hooks.example/x?y=1").is_ok());
        assert!(web_address("http://127.0.0.1:9/").is_ok());
        for wrong in ["", "/x", "hooks.example/x", "ftp://h/", "https://a:b@h/"] {
            assert!(web_address(wrong).is_err(), "{wrong}");
        }
    }
}
